"""What workers and the rescue make of a task: claim, prove that it is worked on, end the attempt."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import transaction

from tasks import sql
from tasks.actors import Actor
from tasks.lifecycle.moves import Row, after_end, dumps, execute, fetch, fetch_hot, task_waiting
from tasks.lifecycle.people import answer_happened
from tasks.states import TERMINAL, Attempt, Status


@dataclass(frozen=True)
class Lease:
    """The right of one worker to end one attempt: all three must match."""

    task_id: int
    epoch: int
    owner: str


@dataclass(frozen=True)
class End:
    """How an attempt ends: what FINISH writes. Times in seconds."""

    to_status: Status
    attempt: Attempt
    reason: str = ""
    output: Any = None
    summary: str = ""
    error: str = ""
    error_code: str = ""
    trace: str = ""
    errors: int = 0
    handbacks: int = 0
    wait_s: float | None = None
    waiting_for: Row | None = None
    duration_ms: int = 0
    sanitised: bool = False
    actor: str = "worker"


def claim(queue: str, owner: str, slots: int, types: Sequence[str]) -> list[Row]:
    """queued → in_progress for up to `slots` tasks in one statement: new epoch, lease, deadline and execution row."""
    params = {
        "queue": queue,
        "owner": owner,
        "slots": slots,
        "types": list(types),
        "lease_s": settings.LEASE_SECONDS,
    }
    rows = fetch_hot(sql.CLAIM, params)
    for row in rows:
        for name in ("execution_config", "metadata", "answer"):
            row[name] = None if row[name] is None else json.loads(row[name])
    return rows


def held_by(owner: str) -> list[tuple[int, int]]:
    """(task id, epoch) of everything a worker holds."""
    return [(row["id"], row["epoch"]) for row in fetch(sql.HELD_BY, {"owner": owner})]


def heartbeat(owner: str, held: Sequence[tuple[int, int]]) -> dict[int, bool]:
    """Renews the leases of (task id, epoch) pairs; answers id → cancel requested. What is missing was lost."""
    params = {
        "owner": owner,
        "ids": [task_id for task_id, _ in held],
        "epochs": [epoch for _, epoch in held],
        "lease_s": settings.LEASE_SECONDS,
    }
    return {row["id"]: row["cancelled"] for row in fetch_hot(sql.HEARTBEAT, params)}


def finish(lease: Lease, end: End) -> bool:
    """Ends one attempt. False: it was fenced off (epoch or owner differ) and nothing changed."""
    return bool(finish_many([(lease, end)]))


def finish_many(ends: Sequence[tuple[Lease, End]], *, tell: bool = True) -> set[tuple[int, int]]:
    """Ends attempts: executions, tasks, audit, dependents and follow-up messages in one transaction.

    Answers the (task id, epoch) pairs that were ended; a pair that is missing was fenced off and nothing of it changed.
    `tell=False` leaves out the receivers of `task_finished` and `task_waiting`.
    """
    params = {
        "ends": json.dumps([_end_row(lease, end) for lease, end in ends]),
        "answer_within_s": settings.ANSWER_WITHIN_SECONDS,
    }
    with transaction.atomic():
        rows = fetch_hot(sql.FINISH, params)
        for status in TERMINAL:
            ended = [row for row in rows if row["status"] == status]
            after_end(
                [row["id"] for row in ended], status, {row["id"]: row["source_webhook_id"] for row in ended}, tell=tell
            )
        for row in rows:
            if tell and row["status"] == Status.WAITING_INPUT:
                task_waiting.send(sender=None, task_id=row["id"], kind="input")
    return {(row["id"], row["epoch"]) for row in rows}


def _end_row(lease: Lease, end: End) -> Row:
    return {
        "id": lease.task_id,
        "epoch": lease.epoch,
        "owner": lease.owner,
        "to_status": end.to_status,
        "attempt": end.attempt,
        "reason": end.reason,
        "actor": end.actor,
        "output": end.output,
        "keep_result": end.to_status == Status.COMPLETED or (end.to_status == Status.FAILED and end.output is not None),
        "summary": end.summary,
        "error": end.error,
        "error_code": end.error_code,
        "trace": end.trace,
        "errors": end.errors,
        "handbacks": end.handbacks,
        "wait_s": end.wait_s,
        "waiting_for": end.waiting_for,
        "duration_ms": end.duration_ms,
        "sanitised": end.sanitised,
    }


def back_to_review(lease: Lease, end: End) -> bool:
    """in_progress → pending with the review asked for again: what was claimed is not what was approved."""
    statement = (
        "UPDATE agency_tasks SET review = 'required', requires_human_review = true, approved_digest = '',"
        " human_reviewed_by_id = NULL, human_reviewed_at = NULL, approved_until = NULL, config_digest = %(digest)s,"
        " review_expires_at = greatest(review_expires_at, clock_timestamp() + make_interval(hours => %(hours)s))"
        " WHERE id = %(id)s AND status = 'pending'"
    )
    with transaction.atomic():
        if not finish(lease, end):
            return False
        hours = settings.REVIEW_EXPIRES_HOURS
        if execute(statement, {"id": lease.task_id, "digest": end.summary, "hours": hours}):
            event = (
                "INSERT INTO task_events (task_id, at, kind, actor, from_status, to_status, reason, epoch, data, request_id)"
                " VALUES (%(id)s, clock_timestamp(), 'review_required', 'worker', '', '', %(reason)s, %(epoch)s, '{}', '')"
            )
            execute(event, {"id": lease.task_id, "reason": end.reason, "epoch": lease.epoch})
            task_waiting.send(sender=None, task_id=lease.task_id, kind="review")
    return True


def record_late(lease: Lease, output: Any) -> None:
    """Keeps what a fenced attempt brought home, on its own execution only."""
    fetch(sql.LATE, {"id": lease.task_id, "epoch": lease.epoch, "output": dumps(output)})


def settle_late(lease: Lease, output: Any, summary: str) -> bool:
    """waiting_input → completed when the task only waits to learn whether this very attempt took effect."""
    asked = fetch(
        "SELECT waiting_token FROM agency_tasks WHERE id = %(id)s AND epoch = %(epoch)s AND status = 'waiting_input'"
        " AND waiting_for->>'kind' = 'outcome_unknown'",
        {"id": lease.task_id, "epoch": lease.epoch},
    )
    note = summary or "A late result says that it happened"
    late = Actor("late result")
    return bool(asked) and bool(
        answer_happened(lease.task_id, asked[0]["waiting_token"], late, output=output, note=note)
    )


# --- rescue -------------------------------------------------------------------------------------------------------


def expired(limit: int, settles_s: float, skip: Sequence[int] = ()) -> list[Row]:
    """Attempts whose lease ran out, locked for this transaction; SKIP LOCKED keeps rescuers apart."""
    return fetch(sql.EXPIRED, {"limit": limit, "skip": list(skip), "settles_s": settles_s})


def rescue(row: Row, end: End, *, crashes: int, queue: str) -> bool:
    """Ends a lost attempt in its owner's place, under the row lock that `expired` took."""
    params: Row = {
        "id": row["id"],
        "epoch": row["epoch"],
        "generation": row["run_generation"],
        "to_status": end.to_status,
        "final": end.to_status in TERMINAL,
        "attempt": end.attempt,
        "reason": end.reason,
        "error": end.error,
        "code": end.error_code,
        "errors": end.errors,
        "crashes": crashes,
        "queue": queue,
        "wait_s": end.wait_s or 0.0,
        "waiting_for": dumps(end.waiting_for),
        "answer_within_s": settings.ANSWER_WITHIN_SECONDS,
    }
    if not fetch(sql.RESCUE, params):
        return False
    if end.to_status in TERMINAL:
        after_end([row["id"]], end.to_status)
    elif end.to_status == Status.WAITING_INPUT:
        task_waiting.send(sender=None, task_id=row["id"], kind="input")
    return True
