"""The doctor on a healthy stack, and on every broken one it knows."""

from __future__ import annotations

import base64
import datetime as dt
import io
import json
from typing import Any

import pytest
import redis
from django.core.management import call_command
from django.db import connection
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from agency import credentials
from agency.credentials import keyring
from reports import rollups
from reports.doctor import configuration, rounds, services, work
from reports.doctor.finding import Finding, Level
from reports.tests import history
from reports.tests.history import START
from tasks.executors import registry
from tasks.tests.factories import make_task

pytestmark = pytest.mark.django_db


def all_well() -> None:
    second, _ = IntervalSchedule.objects.get_or_create(every=1, period=IntervalSchedule.SECONDS)
    PeriodicTask.objects.create(name="process pending tasks", interval=second, last_run_at=timezone.now())
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO task_workers (name, kind, slots, busy, boot, started_at, seen_at)"
            " SELECT kind, kind, 1, 0, gen_random_uuid(), now(), clock_timestamp()"
            " FROM unnest(ARRAY['io', 'browser', 'quarantine']) AS kind"
        )
    rollups.refresh()


def doctor(*options: str) -> tuple[int, str]:
    """Exit code and output."""
    out = io.StringIO()
    try:
        call_command("doctor", *options, stdout=out)
    except SystemExit as ended:
        return int(ended.code or 0), out.getvalue()
    return 0, out.getvalue()


def of(look: Any) -> dict[str, Finding]:
    return {finding.about: finding for finding in look()}


@pytest.fixture(autouse=True)
def _durable(monkeypatch: pytest.MonkeyPatch) -> None:
    """The servers of tests forget on purpose; the doctor is right to say so, but not here."""
    monkeypatch.setattr(services, "_durability", lambda setting: iter(()))


def test_a_healthy_stack_has_nothing_to_mend() -> None:
    all_well()
    code, said = doctor()
    assert code == 0, said
    assert "0 to mend" in said
    for about in ("database", "broker", "migrations", "clocks", "keys", "workers", "beat", "due work", "promises"):
        assert any(line.startswith(f"ok    {about}") for line in said.splitlines()), about


def test_programs_get_json_and_an_exit_code() -> None:
    code, said = doctor("--json")
    found = json.loads(said)
    assert code == 1
    assert found["healthy"] is False
    workers = next(one for one in found["findings"] if one["about"] == "workers")
    assert workers == {
        "level": "bad",
        "about": "workers",
        "found": "no worker for browser, io, quarantine",
        "do": "Start the missing ones; docs/deployment.md lists every process.",
    }


def test_notes_count_when_asked_for() -> None:
    all_well()
    assert doctor("--strict")[0] == 1  # mail goes nowhere in tests


def test_every_bad_finding_says_what_to_do(settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:9/0"
    for finding in rounds.examine():
        assert finding.level is Level.GOOD or finding.do, finding


def test_a_broker_that_is_away_is_found_and_the_rest_is_still_looked_at(settings: Any) -> None:
    all_well()
    settings.REDIS_URL = "redis://127.0.0.1:9/0"
    code, said = doctor()
    assert code == 1
    assert "does not answer (ConnectionError); work goes on slowly" in said
    assert "ok    promises" in said


def test_a_broker_that_may_not_be_asked_about_its_memory_is_no_broker_that_is_away(settings: Any) -> None:
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        client.acl_setuser("tenant", enabled=True, passwords=["+limited"], keys=["*"], commands=["+@all", "-config"])
    host = settings.REDIS_URL.rpartition("@")[2]
    settings.REDIS_URL = f"redis://tenant:limited@{host}"
    (seen,) = services.broker()
    assert seen.level is Level.NOTE
    assert "CONFIG GET is not allowed" in str(seen)


def test_a_missing_migration_ends_the_round_before_it_reads_tables() -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'sessions'")
    found = list(rounds.examine())
    assert next(f for f in found if f.about == "migrations").do == "Run `manage.py migrate`."
    assert not any(f.about == "promises" for f in found)


def test_a_clock_that_is_off_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    real = services.time.time
    monkeypatch.setattr(services.time, "time", lambda: real() - 300)
    finding = of(services.clocks)["clocks"]
    assert finding.level is Level.BAD
    assert finding.found == "this machine is 300.0 s behind the database"


def test_a_folder_that_cannot_be_written_is_found(settings: Any, tmp_path: Any) -> None:
    (tmp_path / "file").write_text("")
    settings.MEDIA_ROOT = tmp_path / "file"
    assert of(services.files)["files"].level is Level.BAD


def ring(**keys: bytes) -> str:
    return ",".join(f"{name}:{base64.b64encode(key * 32).decode()}" for name, key in keys.items())


def test_keys_that_are_missing_wrong_or_old_are_told_apart(settings: Any) -> None:
    settings.CREDENTIAL_KEYS = ring(k1=b"1")
    credentials.store("a secret of some length", name="n", kind="bearer", allowed_hosts=["x.example"])
    assert of(configuration.keys)["keys"].level is Level.GOOD
    settings.CREDENTIAL_KEYS = ring(k2=b"2", k1=b"1")
    assert of(configuration.keys)["keys"].do == "Run `manage.py rotate_credentials`."
    settings.CREDENTIAL_KEYS = ring(k2=b"2")
    assert "which CREDENTIAL_KEYS does not hold" in of(configuration.keys)["keys"].found
    settings.CREDENTIAL_KEYS = ring(k1=b"9")
    assert "other bytes under the same name" in next(configuration.keys()).do
    settings.CREDENTIAL_KEYS = "nonsense"
    assert of(configuration.keys)["keys"].level is Level.BAD
    assert keyring.known_keys is not None


def test_a_plugin_that_could_not_be_loaded_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.broken, "acme", "ImportError: no acme")
    assert of(configuration.plugins)["plugins"].found == "acme could not be loaded: ImportError: no acme"


def test_work_that_nobody_does_is_found() -> None:
    task = make_task()
    assert of(work.due)["due work"].level is Level.GOOD
    type(task).objects.filter(pk=task.pk).update(run_at=timezone.now() - dt.timedelta(minutes=5))
    finding = of(work.due)["due work"]
    assert finding.level is Level.BAD
    assert finding.found.startswith("1 tasks are due, the oldest for 30")


def test_full_health_says_that_due_work_is_late_and_ready_does_not_care(client: Any) -> None:
    all_well()
    assert client.get("/healthz?full=1").status_code == 200
    task = make_task()
    type(task).objects.filter(pk=task.pk).update(run_at=timezone.now() - dt.timedelta(minutes=5))
    answer = client.get("/healthz?full=1")
    assert answer.status_code == 503
    assert answer.json()["parts"]["due_work"].startswith("1 tasks are due, the oldest for 30")
    assert client.get("/readyz").status_code == 200


def test_messages_in_trouble_are_found() -> None:
    where = history.channel(is_active=False, disabled_at=timezone.now(), disabled_reason="410 Gone")
    history.sent(where, START, 1, "dead").save()
    history.received(where, START, "x", "received", next_try_at=START).save()
    found = of(work.messages)
    assert found["channels"].found == "1 switched off after failures"
    assert found["messages"].level is Level.NOTE
    assert found["inbox"].level is Level.BAD


def test_a_broken_promise_is_found_with_its_rows() -> None:
    task = make_task(executionType="manual_trigger")
    with history.as_written():
        type(task).objects.filter(pk=task.pk).update(status="completed", completed_at=timezone.now())
    finding = next(f for f in work.promises() if "completed_has_one_success" in f.found)
    assert finding.level is Level.BAD
    assert f"{task.pk}: completed with 0 successes" in finding.found


def test_a_look_that_fails_itself_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def stale_figures() -> Any:
        raise RuntimeError("odd")

    monkeypatch.setattr(rounds, "WITH_DATABASE", (stale_figures,))
    finding = list(rounds.examine())[-1]
    assert (finding.about, finding.found) == ("stale figures", "could not be examined: RuntimeError: odd")


def test_a_server_that_may_forget_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    setting = {"fsync": "off", "full_page_writes": "on", "synchronous_commit": "off", "autovacuum": "off"}
    found = {finding.about: finding for finding in services._durability(setting)}
    assert found["durability"].do == "Set fsync = on in postgresql.conf and reload."
    assert found["vacuum"].level is Level.BAD


def test_no_database_is_said_and_the_round_ends_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services.health, "database_problem", lambda: "database does not answer")
    found = list(rounds.examine())
    assert found[-1].about == "database"
    assert "make up" in found[-1].do
