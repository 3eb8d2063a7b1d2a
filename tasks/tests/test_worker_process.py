"""Real worker processes on the test's own database: stopped, killed, frozen and cut off in the middle of an attempt."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import connection

from agency.local import product, scratch
from agency.local.servers import Valkey
from tasks import dispatch, invariants, services
from tasks.actors import Actor
from tasks.models import AgencyTask, Worker
from tasks.tests.conftest import wait_for
from tasks.tests.factories import make_task
from tasks.tests.rows import sql
from tasks.tests.target import Target

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

GRACE_S = "1"
SETTINGS = {
    "LEASE_SECONDS": "2",
    "HEARTBEAT_SECONDS": "0.3",
    "POLL_SECONDS": "0.2",
    "SHUTDOWN_GRACE_SECONDS": GRACE_S,
    "OUTBOUND_ALLOW_CIDRS": "127.0.0.0/8",
    "OUTBOUND_ALLOW_HOSTS": "127.0.0.1",
    "OUTBOUND_HTTP": "*",
}

Spawn = Callable[[], "subprocess.Popen[bytes]"]


@pytest.fixture(scope="module")
def broker() -> Iterator[Valkey]:
    """A broker of this module's own: it may be emptied and frozen."""
    with scratch.folder() as home, Valkey(home / "valkey", durable=False) as valkey:
        yield valkey


@pytest.fixture
def spawn(broker: Valkey, tmp_path: Path, settings: Any) -> Iterator[Spawn]:
    """Starts an io worker as `make up` does and waits until it says that it lives."""
    settings.LEASE_SECONDS = 2.0
    started: list[subprocess.Popen[bytes]] = []
    program = product.worker("io")
    base = os.environ["DATABASE_URL"]
    database = base.replace("/agency?", f"/{connection.settings_dict['NAME']}?")
    environment = {**os.environ, **SETTINGS, **program.environment, "DATABASE_URL": database, "REDIS_URL": broker.url}

    def start() -> subprocess.Popen[bytes]:
        with (tmp_path / f"worker-{len(started)}.log").open("wb") as log:
            process = subprocess.Popen(
                program.command, env=environment, stdout=log, stderr=log, cwd=django_settings.BASE_DIR
            )
        started.append(process)
        wait_for(lambda: Worker.objects.filter(name__contains=f":{process.pid}:").exists(), 60)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


def call(target: Target, path: str, method: str = "GET", **task: Any) -> AgencyTask:
    return make_task(executionConfig={"apiEndpoint": target.url + path, "apiMethod": method}, **task)


def reached(task: AgencyTask, *statuses: str, seconds: float = 60.0) -> AgencyTask:
    """Ticks and rescues until the task stands in one of the statuses."""

    def stands() -> bool:
        dispatch.process_pending_tasks()
        dispatch.reap()
        task.refresh_from_db()
        return task.status in statuses

    wait_for(stands, seconds)
    return task


def running(task: AgencyTask, target: Target) -> None:
    wait_for(lambda: target.requests)
    task.refresh_from_db()
    assert task.status == "in_progress"


def test_a_stopping_worker_finishes_what_it_can(spawn: Spawn, target: Target) -> None:
    worker = spawn()
    task = call(target, "/slow?s=0.5")
    running(task, target)
    worker.send_signal(signal.SIGTERM)
    worker.wait(30)
    task.refresh_from_db()
    assert (task.status, task.attempt_count) == ("completed", 1)
    assert not Worker.objects.exists()


def test_a_stopping_worker_hands_back_what_takes_too_long(spawn: Spawn, target: Target) -> None:
    worker = spawn()
    task = call(target, "/gate")
    running(task, target)
    worker.send_signal(signal.SIGTERM)
    worker.wait(30)  # though the thread of the attempt still waits for its answer
    task.refresh_from_db()
    assert (task.status, task.error_count, task.crash_count, task.handback_count) == ("pending", 0, 0, 1)
    target.gate.set()
    spawn()
    assert reached(task, "completed").attempt_count == 2


def test_a_stopping_worker_says_what_it_does_not_know(spawn: Spawn, target: Target) -> None:
    worker = spawn()
    task = call(target, "/gate", "POST")
    running(task, target)
    worker.send_signal(signal.SIGTERM)
    worker.wait(30)
    task.refresh_from_db()
    assert (task.status, task.waiting_for["kind"]) == ("waiting_input", "outcome_unknown")
    assert list(target.effects.values()) == [1]


def test_killed_in_mid_attempt_it_runs_again_and_spends_no_error(spawn: Spawn, target: Target) -> None:
    worker = spawn()
    task = call(target, "/gate", "PUT")
    running(task, target)
    worker.kill()
    target.gate.set()
    spawn()
    task = reached(task, "completed")
    assert (task.error_count, task.crash_count, task.attempt_count) == (0, 1, 2)
    assert len(target.effects) == 1  # the same key twice
    assert [e.status for e in task.executions.order_by("attempt")] == ["lost", "success"]
    assert invariants.check() == []


def test_killed_after_it_sent_what_must_not_happen_twice_a_person_is_asked(spawn: Spawn, target: Target) -> None:
    worker = spawn()
    task = call(target, "/gate", "POST")
    running(task, target)
    worker.kill()
    target.gate.set()
    spawn()
    reached(task, "waiting_input")
    services.answer(task.pk, Actor("test"), {"answer": "happened"})
    assert reached(task, "completed").attempt_count == 1
    assert list(target.effects.values()) == [1]


def test_frozen_past_its_lease_its_late_answer_changes_nothing(spawn: Spawn, target: Target) -> None:
    frozen = spawn()
    task = call(target, "/gate")
    running(task, target)
    frozen.send_signal(signal.SIGSTOP)
    target.gate.set()
    spawn()
    task = reached(task, "completed")
    before = (task.version, task.result, task.completed_at)
    frozen.send_signal(signal.SIGCONT)
    first = task.executions.get(attempt=1)
    wait_for(lambda: first.refresh_from_db() or first.late_output or not _holds(frozen), 30)
    task.refresh_from_db()
    assert (task.version, task.result, task.completed_at) == before
    assert first.status == "lost"
    assert invariants.check() == []


def _holds(process: subprocess.Popen[bytes]) -> bool:
    """Its own row says that it has work; a thawed worker that dropped its attempt has none."""
    return bool(Worker.objects.filter(name__contains=f":{process.pid}:", busy__gt=0).exists())


def test_cut_off_from_the_database_it_writes_the_end_when_it_is_back(spawn: Spawn, target: Target) -> None:
    spawn()
    task = call(target, "/gate", "POST")
    running(task, target)
    for _ in range(3):
        sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'worker-io'")
    target.gate.set()
    task = reached(task, "completed", "waiting_input")
    assert list(target.effects.values()) == [1]
    assert (task.status, task.error_count) == ("completed", 0)


def test_work_goes_on_while_the_broker_is_frozen_or_emptied(spawn: Spawn, target: Target, broker: Valkey) -> None:
    spawn()
    assert broker.pid is not None
    os.kill(broker.pid, signal.SIGSTOP)
    try:
        reached(call(target, "/ok"), "completed")
    finally:
        os.kill(broker.pid, signal.SIGCONT)
    broker.kill()
    broker.start()  # empty
    reached(call(target, "/ok"), "completed")
