"""The states of a task, their named subsets and the table of allowed transitions. Pure: no database, no clock."""

from __future__ import annotations

from enum import StrEnum


class Status(StrEnum):
    """Where a task stands. The words are the wire format."""

    PENDING = "pending"
    QUEUED = "queued"
    IN_PROGRESS = "in_progress"
    WAITING_INPUT = "waiting_input"
    DEFERRED = "deferred"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Review(StrEnum):
    """Whether a person must decide, and what they decided."""

    NONE = "none"
    REQUIRED = "required"
    APPROVED = "approved"
    REJECTED = "rejected"


class Attempt(StrEnum):
    """How one execution stands or ended."""

    RUNNING = "running"
    SUCCESS = "success"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    LOST = "lost"
    HANDED_BACK = "handed_back"
    WAITING_INPUT = "waiting_input"
    CANCELLED = "cancelled"


TERMINAL = frozenset({Status.COMPLETED, Status.FAILED, Status.CANCELLED})
OPEN = frozenset(Status) - TERMINAL
#: No worker holds it and a person may still change what it will do.
EDITABLE = frozenset({Status.PENDING, Status.QUEUED, Status.DEFERRED})
#: A person may start it by hand.
STARTABLE = frozenset({Status.PENDING, Status.DEFERRED, Status.FAILED})
CANCELLABLE = frozenset({Status.PENDING, Status.QUEUED, Status.DEFERRED, Status.IN_PROGRESS, Status.WAITING_INPUT})
DEFERRABLE = frozenset({Status.PENDING, Status.QUEUED})
REPLAYABLE = frozenset({Status.FAILED, Status.CANCELLED})

#: Every allowed change of status. The trigger `agency_tasks_guard` holds the same pairs in the database; a test compares them.
TRANSITIONS: dict[Status, frozenset[Status]] = {
    Status.PENDING: frozenset({Status.QUEUED, Status.DEFERRED, Status.CANCELLED, Status.FAILED}),
    Status.QUEUED: frozenset({Status.IN_PROGRESS, Status.PENDING, Status.DEFERRED, Status.CANCELLED, Status.FAILED}),
    Status.IN_PROGRESS: frozenset(
        {
            Status.COMPLETED,
            Status.FAILED,
            Status.WAITING_INPUT,
            Status.CANCELLED,
            Status.PENDING,
            Status.DEFERRED,
        }
    ),
    Status.WAITING_INPUT: frozenset({Status.QUEUED, Status.COMPLETED, Status.FAILED, Status.CANCELLED}),
    Status.DEFERRED: frozenset({Status.PENDING, Status.CANCELLED}),
    Status.FAILED: frozenset({Status.PENDING}),
    Status.CANCELLED: frozenset({Status.PENDING}),
    Status.COMPLETED: frozenset(),
}


def allowed(source: Status, target: Status) -> bool:
    """Whether a task may go from `source` to `target`."""
    return target in TRANSITIONS[source]


def diagram() -> str:
    """The table of transitions as a mermaid state diagram: what docs/reliability.md shows."""
    arrows = [f"    {source} --> {target}" for source in Status for target in Status if allowed(source, target)]
    return "\n".join(["stateDiagram-v2", "    [*] --> pending", *arrows, "    completed --> [*]"])
