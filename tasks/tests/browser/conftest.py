"""One warm browser and one site for the whole run; a context that keeps its ledger in memory; a worker for browser tasks."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tasks.executors.base import Cancelled, DeadlinePassed, PriorEffect, TaskSnapshot
from tasks.executors.browser import pool
from tasks.executors.browser.drivers import session_of
from tasks.executors.browser.sessions import BrowserSession
from tasks.runner import Runner
from tasks.tests.browser.site import Site, start_site

pytestmark = pytest.mark.browser


@pytest.fixture(scope="session")
def site() -> Iterator[Site]:
    running = start_site()
    yield running
    running.stop()


@pytest.fixture(autouse=True)
def _loopback_allowed(settings: Any, site: Site) -> None:
    """Only the test site's own port may be reached; every other one of this machine stays refused."""
    settings.OUTBOUND_ALLOW_HOSTS = [f"127.0.0.1:{site.port}"]
    settings.OUTBOUND_HTTP = ["*"]
    settings.BROWSER_PARK_SECONDS = 0
    settings.LLM_MODEL = ""
    site.forget()


@pytest.fixture
def session(site: Site) -> Iterator[BrowserSession]:
    """A fresh context in the warm browser."""
    with pool.shared_pool().lease() as lease:
        yield session_of(lease)


@pytest.fixture
def browser_worker(transactional_db: None, settings: Any) -> Iterator[Runner]:
    """A worker of queue browser in this process."""
    settings.POLL_SECONDS = 0.05
    settings.HEARTBEAT_SECONDS = 0.2
    settings.RETRY_BASE_SECONDS = 0.05
    worker = Runner("browser", 2)
    worker.start()
    yield worker
    worker.drain(10)


class MemoryContext:
    """A Context without a database, for the engine alone: ledger, steps and artifacts are lists."""

    def __init__(self, config: dict[str, Any], seconds: float = 60.0, **fields: Any) -> None:
        self.task = TaskSnapshot(
            id=1, uuid=uuid.uuid4(), title="t", type="browser_automation", config=config, run_generation=0, epoch=1,
            attempt=1, execution_id=1, **fields,
        )  # fmt: skip
        self._ends = time.monotonic() + seconds
        self.cancelled = False
        self.steps: list[dict[str, Any]] = []
        self.ledger: dict[str, PriorEffect] = {}
        self.artifacts: list[tuple[str, str, bytes]] = []
        self.sessions: list[dict[str, str]] = []

    def check(self) -> None:
        if self.cancelled:
            raise Cancelled
        if self.remaining_s() <= 0:
            raise DeadlinePassed

    def remaining_s(self) -> float:
        return max(0.0, self._ends - time.monotonic())

    def sleep(self, seconds: float) -> None:
        time.sleep(min(seconds, self.remaining_s()))
        self.check()

    def idempotency_key(self, step: str = "") -> str:
        return str(uuid.uuid5(self.task.uuid, step))

    def intend(self, step: str, request: Any, will_take_s: float) -> PriorEffect:
        return self.ledger.setdefault(step, PriorEffect("new"))

    def confirm(self, step: str, response: Any) -> None:
        self.ledger[step] = PriorEffect("confirmed", response)

    def reject(self, step: str, response: Any) -> None:
        self.ledger[step] = PriorEffect("rejected", response)

    def unknown(self, step: str) -> None:
        self.ledger[step] = PriorEffect("unknown")

    def record_step(self, index: int, total: int, name: str, status: str, **more: Any) -> None:
        self.steps.append({"index": index, "total": total, "name": name, "status": status, **more})

    def save_artifact(self, name: str, content_type: str, data: bytes) -> dict[str, Any]:
        self.artifacts.append((name, content_type, data))
        number = len(self.artifacts)
        return {
            "artifact": number,
            "name": name,
            "contentType": content_type,
            "bytes": len(data),
            "url": f"/a/{number}/",
        }

    def record_session(self, **links: str) -> None:
        self.sessions.append(links)


@pytest.fixture
def play(db: None) -> Callable[..., tuple[Any, MemoryContext]]:
    """Runs steps as an attempt does, and gives the outcome and what the context saw."""

    def run(
        steps: list[dict[str, Any]], *, seconds: float = 60.0, extracts: bool = False, **fields: Any
    ) -> tuple[Any, Any]:
        from tasks.executors.browser.attempting import attempt
        from tasks.executors.browser.config import BrowserConfig

        config = {"automationSteps": steps, **fields}
        ctx = MemoryContext(config, seconds)
        return attempt(BrowserConfig.model_validate(config), ctx, extracts=extracts), ctx  # type: ignore[arg-type]

    return run
