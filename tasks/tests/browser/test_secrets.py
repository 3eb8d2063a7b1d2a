"""A typed secret shows nowhere, also when the page shows it: records, files, memory, pictures, questions to a model."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.files.storage import default_storage

from agency import llm
from agency.models import Credential
from tasks import services
from tasks.actors import Actor
from tasks.executors.base import NeedsInput
from tasks.executors.browser import pictures
from tasks.models import Artifact, RememberedElement, TaskEffect, TaskEvent
from tasks.tests.browser.site import PAGES, Site
from tasks.tests.conftest import wait_status
from tasks.tests.factories import UserFactory, make_task

pytestmark = pytest.mark.browser
SECRET, NUMBER = "correct horse/battery", "8273645"


@pytest.fixture(autouse=True)
def _secrets(monkeypatch: pytest.MonkeyPatch, site: Site) -> None:
    for name, value in {"AGENCY_SECRET_SHOP": SECRET, "AGENCY_SECRET_PIN": NUMBER}.items():
        monkeypatch.setenv(name, value)
        monkeypatch.setenv(f"{name}_HOSTS", f"127.0.0.1:{site.port}")


def go(site: Site, path: str) -> dict[str, Any]:
    return {"type": "navigate", "config": {"url": site.url(path)}}


def types(name: str, selector: str = "#p") -> dict[str, Any]:
    return {"type": "type", "config": {"selector": selector, "value": {"env": name}}}


def browser_task(steps: list[dict[str, Any]]) -> Any:
    """A task that signs in: somebody has said yes to it."""
    task = make_task(title="Browse", taskType="data_extraction", executionConfig={"automationSteps": steps})
    services.approve(task.pk, Actor.user(UserFactory(is_staff=True, is_superuser=True), "api"))
    return task


def shown(task: Any) -> str:
    """All that is kept of a task, as text."""
    executions = task.executions.values("output", "step_results", "error", "error_trace", "current_step")
    tables = [
        *executions, *TaskEffect.objects.values("response", "step_key"), *RememberedElement.objects.values(),
        *TaskEvent.objects.values("data"), {"result": task.result, "summary": task.result_summary},
        {"error": task.last_error, "asked": task.waiting_for, "reason": task.status_reason},
    ]  # fmt: skip
    files = [
        default_storage.open(row.file.name).read().decode("utf-8", "replace")
        for row in Artifact.objects.filter(task=task).exclude(content_type__startswith="image/")
    ]
    return json.dumps(tables, default=str) + "".join(files) + " ".join(Artifact.objects.values_list("name", flat=True))


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("name", "secret"), [("AGENCY_SECRET_SHOP", SECRET), ("AGENCY_SECRET_PIN", NUMBER)])
def test_a_page_that_shows_the_secret_leaks_it_into_nothing_that_is_kept(
    browser_worker: Any, site: Site, settings: Any, tmp_path: Any, name: str, secret: str
) -> None:
    settings.MEDIA_ROOT = tmp_path
    task = browser_task(
        [
            go(site, "pages/echo"),
            types(name),
            {"type": "click", "config": {"instruction": "the Keep button"}},
            {"type": "extract", "config": {"instruction": "Extract name and word of each row"}},
            {"type": "click", "config": {"instruction": "Go"}},
            {"type": "extract", "config": {"instruction": "Extract the page title and main content"}},
            {"type": "assert", "config": {"title": "something else", "timeout": 100}, "continueOnError": True},
        ]
    )
    task = wait_status(task, "completed", "failed", "waiting_input")
    assert task.status == "completed", task.last_error
    assert f"p={secret[:3]}" in "".join(site.seen), "the page sent it in an address"
    assert Artifact.objects.filter(task=task, name="data.csv").exists()
    assert RememberedElement.objects.exists()
    kept = shown(task)
    assert "Ada" in kept
    assert "***" in kept
    for form in (secret, secret.replace(" ", "+").replace("/", "%2F"), secret.replace(" ", "%20")):
        assert form not in kept


@pytest.mark.django_db(transaction=True)
def test_a_secret_typed_before_the_question_is_masked_after_the_answer(
    browser_worker: Any, site: Site, settings: Any, tmp_path: Any
) -> None:
    settings.BROWSER_PARK_SECONDS = 30
    settings.MEDIA_ROOT = tmp_path
    steps = [
        go(site, "pages/echo"),
        types("AGENCY_SECRET_SHOP"),
        {"type": "click", "config": {"instruction": "Drop", "timeout": 500}},
        {"type": "extract", "config": {"instruction": "Extract name and word of each row"}},
    ]
    task = wait_status(browser_task(steps), "waiting_input", "failed", "completed")
    assert task.status == "waiting_input", task.last_error
    assert SECRET not in shown(task)
    services.answer(task.pk, Actor("test"), {"answer": "skip"})
    task = wait_status(task, "completed", "failed", "waiting_input")
    assert task.status == "completed", task.last_error
    assert [path for path in site.seen if path == "/pages/echo"] == ["/pages/echo"], "the browser was kept"
    assert task.result["data"][0] == {"name": "Ada", "word": "***"}
    assert SECRET not in shown(task)


def test_no_picture_shows_a_typed_secret_wherever_the_page_puts_it(
    site: Site, session: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.OUTBOUND_ALLOW_HOSTS = [*settings.OUTBOUND_ALLOW_HOSTS, f"localhost:{site.port}"]
    style = "<style>*{{font-family:monospace}}</style>"
    inner = style + "<p>{s}</p><input value='{s}'>"
    body = style + (
        "<p>a {s} b</p><p>{a}<b>{b}</b></p><input value='x{s}'><textarea>{s}</textarea>"
        "<input type=password value='{s}'><div id=d></div><iframe src='http://localhost:{port}/pages/inner-{n}'></iframe>"
        "<script>document.getElementById('d').attachShadow({{mode: 'open'}}).innerHTML = '<i>{s}</i><input value={s}>'</script>"
    )
    taken: dict[tuple[str, bool], bytes] = {}
    for n, secret in enumerate(("wonderland", "underworld")):
        filled = body.format(s=secret, a=secret[:4], b=secret[4:], n=n, port=site.port)
        monkeypatch.setitem(PAGES, f"inner-{n}", inner.format(s=secret))
        monkeypatch.setitem(PAGES, f"outer-{n}", filled)
        session.driver.get(site.url(f"pages/outer-{n}"))
        for known in (True, False):
            taken[secret, known] = pictures.take(session.driver, secrets=[secret] if known else []).data
    assert taken["wonderland", True] == taken["underworld", True], "what is covered cannot be told apart"
    assert taken["wonderland", False] != taken["underworld", False]
    left = "return [document.adoptedStyleSheets.length, CSS.highlights.size, document.querySelectorAll('[data-agency-covered]').length]"
    assert session.driver.execute_script(left) == [0, 0, 0], "the page is as it was"


def test_a_page_may_forbid_styles_and_passwords_are_still_covered(
    site: Site, session: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = "<meta http-equiv=Content-Security-Policy content=\"style-src 'none'\">"
    field = "<input data-agency-secret value='{s}'>"
    taken = []
    for secret in ("wonderland", "underworld"):
        monkeypatch.setitem(PAGES, "strict", policy + field.format(s=secret))
        session.driver.get(site.url("pages/strict"))
        taken.append(pictures.take(session.driver).data)
    assert taken[0] == taken[1]


def test_no_secret_goes_to_a_language_model(play: Any, site: Site) -> None:
    pytest.importorskip("pydantic_ai")
    from pydantic_ai.models.function import FunctionModel

    asked: list[str] = []

    def answer(messages: Any, info: Any) -> Any:
        asked.append(str(messages))
        raise RuntimeError("no answer")

    with llm.stand_in(FunctionModel(answer)):
        outcome, _ = play(
            [
                go(site, "pages/echo"),
                types("AGENCY_SECRET_SHOP"),
                {"type": "click", "config": {"instruction": "Drop", "timeout": 500}},
            ],
            engine="llm",
        )
    assert isinstance(outcome, NeedsInput), outcome
    assert "Keep" in asked[0]
    assert "horse" not in str(asked)


@pytest.mark.django_db
def test_a_password_written_into_a_step_is_moved_into_a_credential() -> None:
    steps = [
        {"type": "navigate", "config": {"url": "https://shop.example.com/login"}},
        {"type": "type", "config": {"instruction": "the password field", "value": "correct horse battery"}},
        {"action": "type", "selector": "#api-key", "value": "another secret thing"},
        {"type": "type", "config": {"instruction": "e-mail", "value": "ada@example.org"}},
    ]
    task = make_task(
        title="Browse", taskType="browser_automation", executionConfig={"automationSteps": steps},
        executionType="manual_trigger",
    )  # fmt: skip
    stored = task.execution_config["automationSteps"]
    assert set(stored[1]["config"]["value"]) >= {"credential", "hint"}
    assert "credential" in stored[2]["value"]
    assert stored[3]["config"]["value"] == "ada@example.org"
    assert "correct horse" not in str(task.execution_config)
    assert Credential.objects.get(pk=stored[1]["config"]["value"]["credential"]).allowed_hosts == ["shop.example.com"]
