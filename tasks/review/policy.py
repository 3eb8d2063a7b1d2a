"""Whether a person must look first. Rules may only add review, never take it away."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from tasks.executors.base import Executor


@dataclass(frozen=True)
class Requirement:
    """What must happen before a task may run; no reasons means that nobody needs to look."""

    reasons: list[str] = field(default_factory=list)
    approvals: int = 1
    four_eyes: bool = False

    @property
    def required(self) -> bool:
        """A person must decide."""
        return bool(self.reasons)


def assess(fields: dict[str, Any], executor: Executor[Any], config: Any, *, asked: bool) -> Requirement:
    """The review a task needs. `fields` are the task's columns; `asked` is what its creator said."""
    reasons = list(executor.review_reasons(config))
    if asked:
        reasons.insert(0, "Its creator asks for a review")
    return Requirement(reasons=reasons)


def with_reasons(need: Requirement, reasons: list[str]) -> Requirement:
    """The same requirement with further reasons."""
    return replace(need, reasons=[*need.reasons, *reasons])
