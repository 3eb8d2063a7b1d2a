"""Pages that need a person: the question, the picture, the candidates; and going on with the answer."""

from __future__ import annotations

from typing import Any

import pytest

from tasks import services, templates
from tasks.actors import Actor
from tasks.executors.base import Failed, Lost, NeedsInput, PriorEffect, Success
from tasks.executors.browser import parking
from tasks.models import Artifact, RememberedElement, TaskTemplate
from tasks.tests.browser.conftest import MemoryContext
from tasks.tests.browser.site import Site
from tasks.tests.conftest import wait_for, wait_status
from tasks.tests.factories import UserFactory, make_task

pytestmark = pytest.mark.browser


def go(site: Site, path: str) -> dict[str, Any]:
    return {"type": "navigate", "config": {"url": site.url(path)}}


def sign_in(site: Site) -> list[dict[str, Any]]:
    return [
        go(site, "account/index.html"),
        {"type": "type", "config": {"instruction": "e-mail", "value": "ada@example.org"}},
        {"type": "click", "config": {"instruction": "Sign in"}},
        {"type": "extract", "config": {"instruction": "List all orders with their date and total"}},
    ]


def browser_task(steps: list[dict[str, Any]], **fields: Any) -> Any:
    return make_task(
        title="Browse", taskType="browser_automation", executionConfig={"automationSteps": steps}, **fields
    )


@pytest.mark.django_db(transaction=True)
def test_a_login_code_is_asked_for_and_the_same_browser_goes_on(browser_worker: Any, site: Site, settings: Any) -> None:
    settings.BROWSER_PARK_SECONDS = 30
    task = wait_status(browser_task(sign_in(site)), "waiting_input", "failed")
    assert task.status == "waiting_input", task.last_error
    asked = task.waiting_for
    assert asked["kind"] == "login_code"
    assert "asks for a login code" in asked["question"]
    assert Artifact.objects.get(pk=asked["context"]["screenshot"]["artifact"]).content_type == "image/jpeg"
    before = len(site.posts)
    services.answer(task.pk, Actor("test"), {"answer": "123456"})
    task = wait_status(task, "completed", "failed", "waiting_input")
    assert task.status == "completed", task.last_error
    assert [post.get("code") for post in site.posts[before:]] == ["123456"], (
        "only the code was sent: nobody signed in twice"
    )
    assert task.result["data"][0] == {"order": "A-1001", "date": "2026-03-03", "total": 1234.5, "totalCurrency": "EUR"}
    execution = task.executions.order_by("-attempt").first()
    assert [step["status"] for step in execution.step_results] == ["success"] * 4
    assert (execution.steps_total, execution.steps_completed) == (4, 4)
    wait_for(lambda: not parking._parked)


@pytest.mark.django_db(transaction=True)
def test_without_the_browser_the_work_starts_over_with_the_answer(browser_worker: Any, site: Site) -> None:
    task = wait_status(browser_task(sign_in(site)), "waiting_input", "failed")
    before = len(site.posts)
    services.answer(task.pk, Actor("test"), {"answer": "654321"})
    task = wait_status(task, "completed", "failed", "waiting_input")
    assert task.status == "completed", task.last_error
    assert [post["path"] for post in site.posts[before:]] == ["/submit", "/submit"]
    assert site.posts[-1]["code"] == "654321"


@pytest.mark.django_db(transaction=True)
def test_an_ambiguous_instruction_is_answered_by_choosing_a_candidate(browser_worker: Any, site: Site) -> None:
    steps = [
        go(site, "tables/index.html"),
        {"type": "click", "config": {"instruction": "Delete", "timeout": 1000}},
        {"type": "assert", "config": {"title": "Delete Bob Lind", "timeout": 1000}},
    ]
    task = wait_status(browser_task(steps), "waiting_input", "failed")
    options = task.waiting_for["options"]
    assert [option["label"] for option in options[:3]] == ["Delete (button)"] * 3
    services.answer(task.pk, Actor("test"), {"answer": options[1]["value"]})
    task = wait_status(task, "completed", "failed", "waiting_input")
    assert task.status == "completed", task.last_error


def test_a_captcha_is_never_worked_around(play: Any, site: Site) -> None:
    outcome, _ = play([go(site, "account/captcha.html"), {"type": "extract", "config": {}}])
    assert isinstance(outcome, NeedsInput)
    assert outcome.kind == "captcha"
    assert [option["value"] for option in outcome.options] == ["go_on", "stop"]


def test_what_was_sent_is_not_sent_again_by_a_later_attempt(site: Site, db: None) -> None:
    from tasks.executors.browser.attempting import attempt
    from tasks.executors.browser.config import BrowserConfig

    steps = [
        go(site, "account/code.html"),
        {"type": "type", "config": {"instruction": "verification code", "value": "1"}},
        {"type": "click", "config": {"instruction": "Verify"}},
        {"type": "wait", "config": {"text": "never", "timeout": 300}},
    ]
    config = BrowserConfig.model_validate({"automationSteps": steps})
    ctx = MemoryContext({})
    outcome = attempt(config, ctx, extracts=False)  # type: ignore[arg-type]
    assert isinstance(outcome, Failed)
    assert not outcome.heals
    assert "had been done" in outcome.error
    assert len(site.posts) == 1
    again = MemoryContext({})
    again.ledger = {"step-3": PriorEffect("confirmed")}
    outcome = attempt(config, again, extracts=False)  # type: ignore[arg-type]
    assert isinstance(outcome, Lost)
    assert len(site.posts) == 1


def test_a_found_element_is_remembered_and_survives_small_changes_of_the_page(
    play: Any, site: Site, session: Any
) -> None:
    steps = [
        go(site, "shop/index.html"),
        {"type": "click", "config": {"instruction": "Add the Comet pendant to the cart"}},
    ]
    first, _ = play(steps)
    assert isinstance(first, Success)
    row = RememberedElement.objects.get()
    assert (row.engine, row.fingerprint["name"]) == ("deterministic", "Add to cart")
    _, ctx = play(steps)
    assert ctx.steps[-1]["detail"]["engine"] == "memory"
    row.refresh_from_db()
    assert row.uses == 2
    row.fingerprint = {**row.fingerprint, "row": "another lamp altogether £5", "name": "Add to cart"}
    row.save()
    third, ctx = play(steps)
    assert isinstance(third, Success)
    assert ctx.steps[-1]["detail"]["engine"] == "deterministic", "another row's button is another button"
    assert third.output["healed"] == ["Add the Comet pendant to the cart"]


@pytest.mark.django_db(transaction=True)
def test_data_extraction_tells_what_changed_since_the_last_run(browser_worker: Any, site: Site, tmp_path: Any) -> None:
    config = {
        "automationSteps": [
            go(site, "shop/index.html"),
            {"type": "extract", "config": {"instruction": "names and prices of all lamps"}},
        ]
    }
    task = make_task(title="Prices", taskType="data_extraction", executionConfig=config)
    task = wait_status(task, "completed", "failed")
    assert task.status == "completed", task.last_error
    assert task.result["count"] == 4
    assert task.result["csv"]["name"] == "data.csv"
    assert "diff" not in task.result
    assert task.result_summary.startswith("4 records from http://127.0.0.1")


def test_a_second_run_of_a_template_tells_what_is_new_gone_and_changed(browser_worker: Any, site: Site) -> None:
    steps = [
        {"type": "navigate", "config": {"url": "{{ url }}"}},
        {"type": "extract", "config": {"instruction": "names and prices of all lamps"}},
    ]
    template = TaskTemplate.objects.create(
        name="lamps", parameters={"properties": {"url": {"type": "string"}}, "required": ["url"]},
        task={"title": "Lamps", "taskType": "data_extraction", "executionConfig": {"automationSteps": steps}},
    )  # fmt: skip

    def run(query: str, actor: Actor) -> Any:
        task = templates.create_task(template, {"url": site.url(f"lamps/?{query}")}, actor)
        task = wait_status(task, "completed", "failed", "waiting_input")
        assert task.status == "completed", task.last_error
        return task.result

    assert "diff" not in run("Ash=10&Oak=20&Elm=30", Actor("test"))
    changes = run("Ash=10&Oak=25&Yew=40", Actor("test"))["diff"]
    assert changes["counts"] == {"added": 1, "removed": 1, "changed": 1}
    assert changes["changed"] == [{"key": "Lamp Oak", "before": {"price": 20}, "now": {"price": 25}}]
    assert [changes["added"][0]["name"], changes["removed"][0]["name"]] == ["Lamp Yew", "Lamp Elm"]
    stranger = run("Ash=10&Oak=25&Yew=40", Actor.user(UserFactory(is_superuser=True), "api"))
    assert "diff" not in stranger, "what others extracted shows to nobody else"


def test_a_typed_secret_shows_nowhere(play: Any, site: Site, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENCY_SECRET_SHOP", "correct horse battery")
    monkeypatch.setenv("AGENCY_SECRET_SHOP_HOSTS", f"127.0.0.1:{site.port}")
    outcome, ctx = play(
        [
            go(site, "account/index.html"),
            {"type": "type", "config": {"instruction": "e-mail", "value": "ada@example.org"}},
            {
                "type": "type",
                "config": {"instruction": "password", "value": {"env": "AGENCY_SECRET_SHOP"}},
                "screenshot": True,
            },
            {"type": "extract", "config": {"instruction": "Extract the page title and main content"}},
            {"type": "click", "config": {"instruction": "Sign in"}},
        ]
    )
    assert isinstance(outcome, NeedsInput), outcome
    assert site.posts[-1]["password"] == "correct horse battery"
    assert "correct horse" not in repr((outcome, ctx.steps, ctx.ledger))
