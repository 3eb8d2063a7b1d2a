"""One performer per kind of step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tasks.executors.browser.run import Run
from tasks.executors.browser.step_config import KINDS, Step

Performer = Callable[[Run, Any], dict[str, Any]]
PERFORMERS: dict[str, Performer] = {}


def performs(kind: str) -> Callable[[Performer], Performer]:
    """Registers the performer of a kind."""
    if kind not in KINDS:
        raise ValueError(f"{kind} is no kind of step")

    def register(performer: Performer) -> Performer:
        PERFORMERS[kind] = performer
        return performer

    return register


def perform(run: Run, step: Step) -> dict[str, Any]:
    """Does one step. Raises BrowserError."""
    return PERFORMERS[step.type](run, step)
