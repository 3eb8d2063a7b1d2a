"""What the tests of messages share: nothing is remembered from one test to the next."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest

from tasks.tests.conftest import runner, target
from webhooks import valkey, worker
from webhooks.inbound import door

__all__ = ["runner", "target"]  # fixtures of the tasks app


@pytest.fixture(autouse=True)
def _fresh_memory(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(valkey, "PREFIX", f"agency:test-{os.getpid()}:")  # runs side by side share one Valkey
    door.forget()
    valkey.forget_all()
    yield
    door.forget()


@pytest.fixture
def loopback(settings: Any) -> None:
    """Local servers may be called, as in no other place."""
    settings.OUTBOUND_ALLOW_CIDRS = ["127.0.0.0/8"]
    settings.OUTBOUND_ALLOW_HOSTS = ["127.0.0.1"]
    settings.OUTBOUND_HTTP = ["*"]
    settings.DELIVERY_TIMEOUT_SECONDS = 3.0
    settings.DELIVERY_PER_SECOND = 1000


@pytest.fixture
def loops(transactional_db: None, loopback: None, settings: Any) -> Iterator[dict[str, worker.Loop]]:
    """A worker's two loops in this process, awake all the time."""
    settings.POLL_SECONDS = 0.05
    running = worker.make_loops()
    for loop in running.values():
        loop.start()
    yield running
    for loop in running.values():
        loop.drain(5)
