"""What log lines carry, and that an id goes from the web request through the database and the worker to the target."""

from __future__ import annotations

import io
import json
import logging
import os
import re
import subprocess
import sys
from typing import Any

import pytest
from django.conf import settings as project
from django.db import connection, transaction
from django.test import Client

from agency import logs
from agency.celery import app
from agency.redaction import Redacting
from tasks.models import AgencyTask, TaskEvent
from tasks.runner import Runner
from tasks.tests.api_client import Api
from tasks.tests.conftest import runner as runner
from tasks.tests.conftest import target as target
from tasks.tests.conftest import wait_status
from tasks.tests.factories import make_task
from tasks.tests.target import Target


def written(form: str, logger: str = "agency.test", **names: Any) -> str:
    """One line as the product's handler writes it."""
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    text = logging.Formatter(project.LOGGING["formatters"]["text"]["format"])
    handler.setFormatter(logs.JsonFormatter() if form == "json" else text)
    for one in (Redacting(), logs.Context()):
        handler.addFilter(one)
    message, arguments = "[TaskExecution] Task %s (api_call): %s", (7, "Hi")
    with logs.bound(**names):
        handler.handle(logging.LogRecord(logger, logging.INFO, __file__, 1, message, arguments, None))
    return out.getvalue().rstrip("\n")


def test_the_handler_of_the_product_redacts_and_names() -> None:
    assert project.LOGGING["handlers"]["stderr"]["filters"] == ["redacting", "context"]
    assert set(project.LOGGING["filters"]) == {"redacting", "context"}


def test_a_text_line_ends_with_the_message_word_for_word() -> None:
    line = written("text", request_id="abc", task_id=7, nothing="")
    assert line.endswith("INFO agency.test request_id=abc task_id=7 [TaskExecution] Task 7 (api_call): Hi")
    assert written("text").endswith("INFO agency.test [TaskExecution] Task 7 (api_call): Hi")


def test_a_json_line_holds_the_names_beside_the_message() -> None:
    line = json.loads(written("json", request_id="abc", task_id=7))
    assert line["event"] == "[TaskExecution] Task 7 (api_call): Hi"
    assert (line["request_id"], line["task_id"], line["level"], line["logger"]) == ("abc", 7, "INFO", "agency.test")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", line["time"])


BACKGROUND = """
import logging, threading
from agency import logs
from agency.celery import app
from agency.redaction import Redacting

stderr = logging.StreamHandler()
stderr.setFormatter(logging.Formatter("%(prefix)s%(message)s"))
for one in (Redacting(), logs.Context()):
    stderr.addFilter(one)
logging.getLogger().addHandler(stderr)
logs.write_in_background()

def speak(number):
    with logs.bound(task_id=number):
        said = ["one"]
        logging.warning("password=hunter22 %s", said)
        said[0] = "another"

threads = [threading.Thread(target=speak, args=(number,)) for number in range(50)]
for thread in threads: thread.start()
for thread in threads: thread.join()
try:
    1 / 0
except ZeroDivisionError:
    logging.exception("broken")
"""


def test_lines_written_in_the_background_keep_their_names_and_no_secret_and_none_is_lost_at_the_end() -> None:
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "agency.settings"}
    done = subprocess.run(
        [sys.executable, "-c", BACKGROUND], env=environment, capture_output=True, text=True, timeout=60
    )
    lines = done.stderr.splitlines()
    assert sorted(lines[:50]) == sorted(f"task_id={number} password=*** ['one']" for number in range(50))
    assert lines[50:52] == ["broken", "Traceback (most recent call last):"]
    assert lines[-1] == "ZeroDivisionError: division by zero"


def test_celery_leaves_the_level_of_the_log_to_the_settings() -> None:
    before = logging.getLogger().level
    app.log.setup(loglevel="DEBUG")
    assert logging.getLogger().level == before != logging.DEBUG


def test_names_are_bound_only_inside() -> None:
    with logs.bound(task_id=1):
        with logs.bound(task_id=2, step="a"):
            assert logs.current() == {"task_id": 2, "step": "a"}
        assert logs.current() == {"task_id": 1}
    assert logs.current() == {}
    assert logs.request_id() == ""


@pytest.mark.django_db
def test_an_answer_is_one_line_with_its_route_and_never_its_address(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "agency.access")
    client.get("/livez")
    client.post("/webhooks/inbound/a-token-that-nobody-may-see/", b"{}", content_type="application/json")
    client.get("/no/such/a-token")
    lines = [record.getMessage() for record in caplog.records if record.name == "agency.access"]
    assert [re.sub(r"\d+ ms", "N ms", line) for line in lines] == [
        "POST /webhooks/inbound/<str:token>/ 404 N ms",
        "GET (no route) 404 N ms",
    ]


@pytest.mark.django_db(transaction=True)
def test_an_id_goes_from_the_request_to_the_audit_the_worker_and_the_target(
    runner: Runner, target: Target, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    caplog.handler.addFilter(logs.Context())
    config = {"apiEndpoint": f"{target.url}/ok", "apiMethod": "GET"}
    made = Api().post(
        "tasks/", {"title": "T", "taskType": "api_call", "executionConfig": config}, X_Request_ID="trace-me-12345"
    )
    assert made["X-Request-ID"] == "trace-me-12345"
    task = wait_status(AgencyTask.objects.get(pk=made.json()["id"]), "completed")
    created = TaskEvent.objects.filter(task_id=task.pk, kind="created").get()
    assert created.request_id == "trace-me-12345"
    assert target.requests[-1]["headers"]["X-Request-ID"] == "trace-me-12345"
    lines = [r for r in caplog.records if r.getMessage().startswith("[TaskExecution]")]
    assert len(lines) == 4
    assert {r.context["request_id"] for r in lines} == {"trace-me-12345"}
    assert {r.context["task_id"] for r in lines} == {task.pk}


@pytest.mark.django_db(transaction=True)
def test_an_attempt_that_no_request_caused_carries_its_own_name(runner: Runner, target: Target) -> None:
    config = {"apiEndpoint": f"{target.url}/ok", "apiMethod": "GET"}
    task = wait_status(make_task(executionConfig=config), "completed")
    assert target.requests[-1]["headers"]["X-Request-ID"] == f"task-{task.pk}-1"


@pytest.mark.django_db(transaction=True)
def test_changes_on_pages_are_audited_with_the_id_of_their_request() -> None:
    from agency.traced import _Announce

    with connection.execute_wrapper(_Announce("page-request-1")):
        with transaction.atomic():
            task = AgencyTask.objects.create(title="T", task_type="api_call")
        with transaction.atomic(), transaction.atomic():
            AgencyTask.objects.filter(pk=task.pk).update(status="cancelled", completed_at="2026-01-01T00:00:00Z")
        other = AgencyTask.objects.create(title="In autocommit", task_type="api_call")
    found = TaskEvent.objects.filter(task_id=task.pk).values_list("request_id", flat=True)
    assert list(found) == ["page-request-1", "page-request-1"]
    after = AgencyTask.objects.create(title="After", task_type="api_call")
    assert TaskEvent.objects.filter(task_id__in=[after.pk]).get().request_id == ""
    assert TaskEvent.objects.filter(task_id=other.pk).exists()
