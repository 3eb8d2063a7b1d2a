"""What a line of the demo has at hand, and how it says what it saw."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from agency.local.demo.api import Client
from agency.local.demo.target import Target
from agency.local.stage import Stage

POLL = 0.15  # seconds
WITHIN = 60.0  # seconds
FINAL = {"completed", "failed", "cancelled", "waiting_input", "deferred"}


@dataclass(frozen=True)
class Seen:
    """What one line of the table shows when all was as it should be."""

    status: str
    attempts: int
    ms: int | None
    what: str


class Unexpected(Exception):
    """Something was not as promised; the text says what."""


def expect(fact: bool, promise: str, found: object = None) -> None:
    """Raises Unexpected with the promise and what was found instead."""
    if not fact:
        raise Unexpected(f"expected: {promise}" + (f"; found: {found!r}" if found is not None else ""))


@dataclass(frozen=True)
class Line:
    type: str
    title: str
    act: Callable[[Play], Seen]
    alone: bool = False  # it breaks things the others stand on: run after them, one by one


LINES: list[Line] = []


def line(type: str, title: str, *, alone: bool = False) -> Callable[[Callable[[Play], Seen]], Callable[[Play], Seen]]:
    """Puts a function into the demo: one line of the table, run beside the others, or after them and alone."""

    def register(act: Callable[[Play], Seen]) -> Callable[[Play], Seen]:
        LINES.append(Line(type, title, act, alone))
        return act

    return register


@dataclass
class Play:
    """One line's view of the stack. `api` is the customer's program, `reviewer` another person who may approve."""

    stage: Stage
    target: Target
    api: Client
    reviewer: Client
    progress: Callable[[str], None] = field(default=lambda _: None)

    def create(self, **task: Any) -> dict[str, Any]:
        """Creates a task through the API; returns it as the API shows it."""
        made: dict[str, Any] = self.api.post("tasks/", task)
        self.progress(f"task {made['id']}")
        return made

    def call(self, title: str, path: str, /, method: str = "GET", **task: Any) -> dict[str, Any]:
        """Creates an api_call to a path of the target; `config` adds to its executionConfig."""
        config = {"apiEndpoint": self.target.url(path), "apiMethod": method, **task.pop("config", {})}
        return self.create(title=title, taskType="api_call", executionConfig=config, **task)

    def task(self, task: dict[str, Any]) -> dict[str, Any]:
        now: dict[str, Any] = self.api.get(f"tasks/{task['id']}/")
        return now

    def wait(self, task: dict[str, Any], status: str, within: float = WITHIN) -> dict[str, Any]:
        """Polls until the task has this status. Raises Unexpected: it ended otherwise, or not in time."""
        deadline = time.monotonic() + within
        while True:
            now = self.task(task)
            self.progress(f"task {task['id']} {now['status']}")
            if now["status"] == status:
                return now
            if now["status"] in FINAL or time.monotonic() > deadline:
                why = now.get("lastError") or now.get("statusReason")
                raise Unexpected(f"expected: task {task['id']} becomes {status}; found: {now['status']} ({why})")
            time.sleep(POLL)

    def until(self, fact: Callable[[], Any], promise: str, within: float = WITHIN) -> Any:
        """Polls until `fact()` is true; returns its value. Raises Unexpected: not in time."""
        deadline = time.monotonic() + within
        while True:
            value = fact()
            if value:
                return value
            if time.monotonic() > deadline:
                raise Unexpected(f"expected within {within:g} s: {promise}; found: {value!r}")
            time.sleep(POLL)

    def executions(self, task: dict[str, Any]) -> list[dict[str, Any]]:
        """The attempts at a task, newest first."""
        found = self.api.get(f"tasks/{task['id']}/executions/")
        return list(found["results"] if isinstance(found, dict) else found)

    def seen(self, task: dict[str, Any], what: str) -> Seen:
        """The line of a task: status, attempts and the time of the last one come from the API."""
        attempts = self.executions(task)
        ms = attempts[0].get("duration") if attempts else None
        return Seen(self.task(task)["status"], len(attempts), ms, what)
