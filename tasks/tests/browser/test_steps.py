"""Every kind of step on the bundled sites, in real Chromium."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.executors.base import Failed, Success
from tasks.tests.browser.site import Site

pytestmark = pytest.mark.browser


def go(site: Site, path: str) -> dict[str, Any]:
    return {"type": "navigate", "config": {"url": site.url(path)}}


def test_the_seeds_example_runs(play: Any, site: Site) -> None:
    outcome, ctx = play(
        [
            go(site, "account/form.html"),
            {"type": "click", "config": {"selector": "button[data-to=s2]"}},
            {"type": "extract", "config": {"instruction": "Extract the page title and main content"}},
        ]
    )
    assert isinstance(outcome, Success), outcome
    assert outcome.output["data"]["title"] == "Request a quote"
    assert [(s["index"], s["status"]) for s in ctx.steps] == [
        (0, "running"), (0, "success"), (1, "running"), (1, "success"), (2, "running"), (2, "success"),
    ]  # fmt: skip
    assert ctx.steps[-1]["total"] == 3


def test_both_spellings_and_the_flat_form_do_the_same(play: Any, site: Site) -> None:
    outcome, _ = play(
        [
            {"action": "navigate", "url": site.url("account/index.html")},
            {"action": "type", "config": {"selector": "#u", "value": "ada@example.org"}},
            {"type": "assert", "selector": "#u"},
        ]
    )
    assert isinstance(outcome, Success), outcome


def test_a_form_is_filled_and_sent_by_instruction(play: Any, site: Site) -> None:
    outcome, ctx = play(
        [
            go(site, "account/form.html"),
            {"type": "type", "config": {"instruction": "first name", "value": "Ada"}},
            {"type": "type", "config": {"instruction": "Enter the last name", "value": "Lovelace"}},
            {"type": "type", "config": {"instruction": "the e-mail address field", "value": "ada@example.org"}},
            {"type": "type", "config": {"instruction": "phone", "value": "+44 20 7946 0018"}},
            {"type": "click", "config": {"instruction": "Next"}},
            {"type": "type", "config": {"instruction": "the city field of the delivery address", "value": "Leeds"}},
            {"type": "type", "config": {"instruction": "Street in the billing address", "value": "1 High St"}},
            {"type": "select", "config": {"instruction": "Choose the room", "value": "Study"}},
            {"type": "type", "config": {"instruction": "number of lamps", "value": "3"}},
            {"type": "upload", "config": {"selector": "input[type=file]", "fileName": "plan.txt", "text": "a plan"}},
            {"type": "select", "config": {"instruction": "I agree to the terms", "value": "on"}},
            {"type": "click", "config": {"instruction": "send the request"}},
            {"type": "extract", "config": {"instruction": "Extract the reference"}},
        ]
    )
    assert isinstance(outcome, Success), outcome
    assert outcome.output["data"] == {"reference": "Q-2217"}
    sent = site.posts[-1]
    assert {k: sent[k] for k in ("first", "last", "email", "phone", "d_city", "b_street", "room", "n", "terms")} == {
        "first": "Ada", "last": "Lovelace", "email": "ada@example.org", "phone": "+44 20 7946 0018", "d_city": "Leeds",
        "b_street": "1 High St", "room": "Study", "n": "3", "terms": "on",
    }  # fmt: skip
    assert [name for name, effect in ctx.ledger.items() if effect.confirmed] == ["step-13"]


def test_products_are_extracted_over_three_pages(play: Any, site: Site) -> None:
    outcome, ctx = play(
        [
            go(site, "shop/index.html"),
            {"type": "extract", "config": {"instruction": "Extract all product names and prices", "maxPages": 3}},
        ],
        extracts=True,
    )
    assert isinstance(outcome, Success), outcome
    data = outcome.output["data"]
    assert len(data) == 10
    assert data[1] == {"name": "Birch floor lamp", "price": 119.5, "priceCurrency": "GBP"}
    assert data[-1] == {"name": "Juno lantern", "price": 72.8, "priceCurrency": "GBP"}
    assert outcome.output["sourceUrl"] == site.url("shop/index.html")
    assert len(outcome.output["extractions"][0]["sourceUrls"]) == 3
    name, kind, file = ctx.artifacts[-1]
    assert (name, kind) == ("data.csv", "text/csv; charset=utf-8")
    assert file.decode("utf-8-sig").splitlines()[0] == "name,price,priceCurrency"


WIDGETS = {
    "the Reviews tab": "tab Reviews", "turn on dark mode": "dark true", "newsletter checkbox": "news true",
    "hidden box": "hiddenbox true", "Load more": "more", "Show details": "details", "the trash icon": "trash",
    "2 stars": "2 stars", "close": "closed", "Continue": "continued",
}  # fmt: skip


def test_widgets_without_clean_markup_are_clicked(play: Any, site: Site) -> None:
    steps = [
        step
        for instruction, title in WIDGETS.items()
        for step in (
            go(site, "widgets/index.html"),
            {"type": "click", "config": {"instruction": instruction, "timeout": 5000}},
            {"type": "assert", "config": {"title": title, "timeout": 2000}},
        )
    ]
    outcome, _ = play(steps)
    assert isinstance(outcome, Success), outcome


def test_frames_and_shadow_roots_are_reached_by_instruction_and_by_selector(play: Any, site: Site) -> None:
    outcome, _ = play(
        [
            go(site, "frames/index.html"),
            {"type": "type", "config": {"instruction": "card number", "value": "4111"}},
            {"type": "click", "config": {"frame": "#one", "selector": "button"}},
            {"type": "assert", "config": {"title": "inner 4111"}},
            {"type": "frame", "config": {"selector": "#two"}},
            {"type": "frame", "config": {"index": 0}},
            {"type": "click", "config": {"selector": "text=Accept cookies"}},
            {"type": "frame", "config": {"to": "main"}},
            {"type": "assert", "config": {"title": "leaf"}},
            go(site, "shadow/index.html"),
            {"type": "click", "config": {"instruction": "buy Birch"}},
            {"type": "assert", "config": {"title": "bought Birch"}},
            {"type": "type", "config": {"selector": "login-box >>> #u", "value": "ada"}},
            {"type": "click", "config": {"selector": "login-box >>> inner-box >>> #go"}},
            {"type": "assert", "config": {"title": "logged in"}},
        ]
    )
    assert isinstance(outcome, Success), outcome


def test_alerts_questions_and_new_windows(play: Any, site: Site) -> None:
    outcome, _ = play(
        [
            go(site, "widgets/index.html"),
            {"type": "click", "config": {"instruction": "Delete everything", "once": False}},
            {"type": "alert", "config": {"accept": True}},
            {"type": "assert", "config": {"title": "deleted"}},
            {"type": "click", "config": {"instruction": "Say hello"}},
            {"type": "assert", "config": {"title": "said"}},
            {"type": "click", "config": {"instruction": "Open terms in a new window"}},
            {"type": "assert", "config": {"title": "Terms"}},
            {"type": "window", "config": {"to": "main"}},
            {"type": "assert", "config": {"selector": "#plain"}},
            {"type": "window", "config": {"to": "Terms"}},
            {"type": "window", "config": {"close": True}},
            {"type": "click", "config": {"instruction": "Open dialog"}},
            {"type": "click", "config": {"instruction": "Continue"}},
            {"type": "assert", "config": {"title": "dialog Continue"}},
        ]
    )
    assert isinstance(outcome, Success), outcome
    assert any("an alert was dismissed: Hello there" in warning for warning in outcome.output["warnings"])


def test_waits_scrolls_keys_and_pictures(play: Any, site: Site) -> None:
    outcome, ctx = play(
        [
            go(site, "late/300"),
            {"type": "wait", "config": {"text": "ready"}},
            {"type": "wait", "config": {"selector": "button"}},
            {"type": "wait", "config": {"duration": 50}},
            {"type": "scroll", "config": {"to": "bottom"}},
            {"type": "screenshot", "config": {"fullPage": True}},
            {"type": "navigate", "config": {"url": site.url("shop/index.html")}, "screenshot": True},
            {"type": "type", "config": {"instruction": "search box", "value": "lamp"}},
            {"type": "press", "config": {"key": "Enter"}},
            {"type": "wait", "config": {"url": "q=lamp"}},
        ]
    )
    assert isinstance(outcome, Success), outcome
    assert [kind for _, kind, _ in ctx.artifacts] == ["image/jpeg", "image/jpeg"]
    assert all(data[:3] == b"\xff\xd8\xff" and len(data) < 200_000 for _, _, data in ctx.artifacts)


def test_a_download_is_kept_under_a_safe_name_and_capped(play: Any, site: Site, settings: Any) -> None:
    outcome, ctx = play([{"type": "download", "config": {"url": site.url("file/1000")}}])
    assert isinstance(outcome, Success), outcome
    assert ctx.artifacts[0][0] == "evil.csv"
    assert len(ctx.artifacts[0][2]) == 1000
    settings.BROWSER_DOWNLOAD_MB = 1
    outcome, ctx = play([{"type": "download", "config": {"url": site.url("file/3000000"), "timeout": 10000}}])
    assert isinstance(outcome, Failed)
    assert "more than 1 MB" in outcome.error
    assert not [name for name, _, _ in ctx.artifacts if name == "evil.csv"]


def test_a_step_may_fail_and_be_passed_over(play: Any, site: Site) -> None:
    outcome, ctx = play(
        [
            go(site, "shop/index.html"),
            {"type": "click", "config": {"selector": "#nothing", "timeout": 300}, "continueOnError": True},
            {"type": "extract", "config": {"instruction": "all product names"}},
        ]
    )
    assert isinstance(outcome, Success), outcome
    assert [s["status"] for s in ctx.steps if s["status"] != "running"] == ["success", "failed", "success"]
    assert ctx.artifacts[0][0] == "step-2-failed.jpg"
    outcome, _ = play(
        [go(site, "shop/index.html"), {"type": "click", "config": {"selector": "#nothing", "timeout": 300}}]
    )
    assert isinstance(outcome, Failed)
    assert outcome.error == "step 2 (click “#nothing”): #nothing is not on the page after 0.3 s"


def test_pages_that_do_not_load_fail_with_the_reason(play: Any, site: Site) -> None:
    outcome, _ = play([go(site, "status/500")])
    assert isinstance(outcome, Failed)
    assert (outcome.error, outcome.heals, outcome.code) == (
        f"step 1 (open {site.url('status/500')}): 127.0.0.1 answered 500", True, "http_500",
    )  # fmt: skip
    outcome, _ = play([go(site, "status/404")])
    assert isinstance(outcome, Failed)
    assert not outcome.heals
    outcome, _ = play([go(site, "loop/")])
    assert isinstance(outcome, Failed)
    assert "too many redirects" in outcome.error
    outcome, _ = play([{"type": "navigate", "config": {"url": site.url("status/404"), "failOnHttpError": False}}])
    assert isinstance(outcome, Success)


def test_a_schema_gives_the_shape_and_is_enforced(play: Any, site: Site) -> None:
    schema = {
        "type": "object",
        "required": ["lamps"],
        "properties": {
            "lamps": {
                "type": "array",
                "minItems": 1,
                "items": {
                    "type": "object",
                    "required": ["title", "price"],
                    "properties": {
                        "title": {"type": "string"},
                        "price": {"type": "number"},
                        "rating": {"type": "number"},
                    },
                },
            }
        },
    }
    outcome, _ = play(
        [go(site, "shop/index.html"), {"type": "extract", "config": {"instruction": "the lamps", "schema": schema}}]
    )
    assert isinstance(outcome, Success), outcome
    assert outcome.output["data"]["lamps"][0] == {"title": "Aldgate desk lamp", "price": 48, "rating": 4.5}
    schema["properties"]["lamps"]["items"]["required"].append("isbn")  # type: ignore[index]
    schema["properties"]["lamps"]["items"]["properties"]["isbn"] = {"type": "string"}  # type: ignore[index]
    outcome, _ = play(
        [go(site, "shop/index.html"), {"type": "extract", "config": {"instruction": "the lamps", "schema": schema}}]
    )
    assert isinstance(outcome, Failed)
    assert "does not satisfy the schema: lamps/0: 'isbn' is a required property" in outcome.error
