from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from agency.celery import QUEUES, app
from agency.local.checkout import CHECKOUT
from agency.local.testing import TEST_ENVIRONMENT, UNREACHABLE

# Read by gunicorn's own configuration, not by settings.py.
ELSEWHERE = {"WEB_WORKERS", "WEB_THREADS"}
COMPLETE = {**TEST_ENVIRONMENT, **UNREACHABLE}


def evaluate(expression: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A setting as a fresh process with exactly this environment sees it."""
    code = f"from django.conf import settings; print({expression})"
    given = {"PATH": os.environ["PATH"], "DJANGO_SETTINGS_MODULE": "agency.settings", "ENV_FILE": os.devnull}
    return subprocess.run(
        [sys.executable, "-c", code], env={**given, **environment}, cwd=CHECKOUT, capture_output=True, text=True
    )


def documented() -> set[str]:
    return set(re.findall(r"^#?([A-Z][A-Z0-9_]+)=", (CHECKOUT / ".env.example").read_text(), re.MULTILINE))


def read_by_settings() -> set[str]:
    source = (CHECKOUT / "agency" / "settings.py").read_text()
    return set(re.findall(r"(?:\benv(?:\.\w+)?|_required)\(\s*\"([A-Z0-9_]+)\"", source))


def test_env_example_lists_exactly_what_settings_read():
    assert documented() - ELSEWHERE == read_by_settings()


@pytest.mark.parametrize("name", ["SECRET_KEY", "DATABASE_URL", "REDIS_URL", "CREDENTIAL_KEYS"])
def test_a_missing_setting_is_named_with_a_way_out(name):
    refused = evaluate("settings.DEBUG", **{**COMPLETE, name: ""})
    assert refused.returncode != 0
    assert f"{name} is not set" in refused.stderr
    assert "make up" in refused.stderr


def test_a_secret_may_come_from_a_file(tmp_path):
    (tmp_path / "key").write_text("from-a-file")
    environment = {name: value for name, value in COMPLETE.items() if name != "SECRET_KEY"}
    seen = evaluate("settings.SECRET_KEY", **environment, SECRET_KEY_FILE=str(tmp_path / "key"))
    assert seen.stdout.strip() == "from-a-file", seen.stderr


def test_https_follows_the_public_address():
    both = "settings.SESSION_COOKIE_SECURE, settings.SECURE_HSTS_SECONDS > 0"
    https = evaluate(both, **COMPLETE, PUBLIC_URL="https://a.example")
    http = evaluate(both, **COMPLETE, PUBLIC_URL="http://localhost:1")
    assert https.stdout.strip() == "True True", https.stderr
    assert http.stdout.strip() == "False False", http.stderr


def test_debug_is_off_unless_asked_for():
    assert evaluate("settings.DEBUG", **COMPLETE).stdout.strip() == "False"


def test_messages_are_json_acked_early_and_leave_no_result():
    assert app.conf.accept_content == ["json"]
    assert app.conf.task_acks_late is False
    assert app.conf.task_ignore_result is True
    assert app.conf.result_backend is None


def test_no_call_to_the_broker_can_hang():
    options = app.conf.broker_transport_options
    assert options["socket_timeout"] <= 5
    assert options["socket_connect_timeout"] <= 2
    assert app.conf.task_publish_retry_policy["max_retries"] == 1


def test_every_tick_of_beat_expires_within_its_interval_and_goes_to_a_known_queue():
    assert {"tasks.jobs.process_pending", "tasks.jobs.reap"} <= {e["task"] for e in app.conf.beat_schedule.values()}
    for entry in app.conf.beat_schedule.values():
        assert entry["options"]["queue"] in QUEUES
        assert entry["options"]["expires"] <= entry["schedule"]


def test_messages_are_published_on_the_anonymous_exchange_to_one_queue_each():
    for name in QUEUES:
        queue = app.amqp.queues[name]
        assert (queue.name, queue.routing_key, queue.exchange.type) == (name, name, "direct")
