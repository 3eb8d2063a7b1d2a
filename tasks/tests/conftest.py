"""Fixtures of the tasks app: a real target, a real runner."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection

from tasks import dispatch
from tasks.models import AgencyTask
from tasks.runner import Runner
from tasks.tests.target import Target


@pytest.fixture(autouse=True)
def settled_database(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests' PostgreSQL has just started; the rescue need not wait for workers to prove that they live."""
    monkeypatch.setattr(dispatch, "SETTLES_S", 0.0)


@pytest.fixture
def target(settings: Any) -> Iterator[Target]:
    settings.OUTBOUND_ALLOW_CIDRS = ["127.0.0.0/8"]
    settings.OUTBOUND_ALLOW_HOSTS = ["127.0.0.1"]
    settings.OUTBOUND_HTTP = ["*"]
    server = Target().start()
    yield server
    server.stop()


@pytest.fixture
def runner(transactional_db: None, settings: Any) -> Iterator[Runner]:
    """A worker of queue io in this process, awake all the time."""
    settings.POLL_SECONDS = 0.05
    settings.HEARTBEAT_SECONDS = 0.2
    settings.RETRY_BASE_SECONDS = 0.05
    worker = Runner("io", 10)
    worker.start()
    yield worker
    worker.drain(5)


def wait_for(done: Callable[[], Any], seconds: float = 20.0) -> Any:
    """Polls until `done` answers something true; fails at the deadline."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        value = done()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"not within {seconds} s: {done}")


def wait_status(task: AgencyTask, *statuses: str, seconds: float = 20.0) -> AgencyTask:
    """Ticks the processor until the task has one of the statuses."""

    def reached() -> bool:
        dispatch.process_pending_tasks()
        task.refresh_from_db()
        return task.status in statuses

    try:
        wait_for(reached, seconds)
    except AssertionError:
        raise AssertionError(f"task is {task.status} ({task.status_reason}), expected {statuses}") from None
    finally:
        connection.close()
    return task
