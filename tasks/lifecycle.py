"""Every change of a task's status. Nothing else writes `status`.

Each function is one conditional UPDATE with the expected old status in its WHERE; the trigger of migration 0002 adds the
audit row in the same transaction and refuses pairs outside tasks/states.py. A function answers what it changed; nothing
changed means that somebody was faster, and the caller decides whether that is a conflict.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from django.conf import settings
from django.db import connection, transaction
from django.dispatch import Signal
from psycopg.rows import dict_row

from tasks import sql
from tasks.actors import SYSTEM, Actor
from tasks.states import (
    CANCELLABLE,
    DEFERRABLE,
    REPLAYABLE,
    TERMINAL,
    Attempt,
    Status,
)

#: Sent inside the transaction that ends a task: task_id, status, and channel_id where it is known. Receivers write rows, never talk to the network.
task_finished = Signal()
#: Sent inside the transaction in which a task begins to wait for a person: task_id, kind ("input" or "review").
task_waiting = Signal()

Row = dict[str, Any]
_JSONB = 3802  # the type's oid, fixed in PostgreSQL's catalogue


def _rows(statement: str, params: Row) -> list[Row]:
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        if cursor.description is None:
            return []
        names = [column.name for column in cursor.description]
        jsons = [column.name for column in cursor.description if column.type_code == _JSONB]
        rows = [dict(zip(names, values, strict=True)) for values in cursor.fetchall()]
    for row in rows:
        for name in jsons:
            if isinstance(row[name], str):  # Django leaves jsonb of raw cursors as text
                row[name] = json.loads(row[name])
    return rows


def _hot(statement: str, params: Row) -> list[Row]:
    """A statement of the hot path, prepared by the server: planning these takes longer than running them."""
    connection.ensure_connection()
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection, row_factory=dict_row) as cursor:
        return cursor.execute(statement, params, prepare=True).fetchall()


def _execute(statement: str, params: Row) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        return int(cursor.rowcount)


def dumps(value: Any) -> str | None:
    """JSON for a jsonb parameter; None stays NULL."""
    return None if value is None else json.dumps(value)


def _move(
    ids: Iterable[int],
    sources: Iterable[Status],
    target: Status,
    actor: Actor,
    reason: str,
    *,
    also: str = "",
    where: str = "",
    **params: Any,
) -> list[int]:
    """One conditional UPDATE of `status`; `also` and `where` are SQL written in this module."""
    final = "completed_at = clock_timestamp()" if target in TERMINAL else "completed_at = NULL"
    statement = (
        "UPDATE agency_tasks SET status = %(target)s, status_reason = %(reason)s, status_actor = %(actor)s, "
        f"waiting_token = NULL, {final}{also} "
        f"WHERE id = ANY(%(ids)s) AND status = ANY(%(sources)s){where} RETURNING id"
    )
    values = {"ids": list(ids), "sources": list(sources), "target": target, "reason": reason, "actor": str(actor)}
    return [row["id"] for row in _rows(statement, values | params)]


def _ended(
    ids: Sequence[int], status: Status, channels: Mapping[int, int | None] | None = None, *, tell: bool = True
) -> None:
    """What follows from the end of tasks, inside the same transaction: dependents go on or are cancelled, receivers hear.

    `channels` names each task's channel where the caller knows it, so that receivers need not look.
    """
    if not ids:
        return
    freed = _hot(sql.MEET_DEPENDENCIES, {"ids": list(ids), "completed": status == Status.COMPLETED})
    if status != Status.COMPLETED:
        _ended([row["id"] for row in _rows(sql.CANCEL_DEPENDENTS, {"ids": list(ids)})], Status.CANCELLED)
    if freed:
        queue_ready([row["id"] for row in freed], SYSTEM, "All it waited for is done")
    for task_id in ids if tell else ():
        known = {} if channels is None else {"channel_id": channels[task_id]}
        task_finished.send(sender=None, task_id=task_id, status=status, **known)


# --- waiting and queueing -----------------------------------------------------------------------------------------


def queue_ready(ids: Sequence[int], actor: Actor, reason: str) -> list[int]:
    """pending → queued for those of `ids` that may run at once. Rings their queues on commit."""
    return _queued(sql.QUEUE_READY, {"ids": list(ids), "reason": reason, "actor": str(actor)})


def queue_due(limit: int) -> list[int]:
    """pending → queued for what has become due, oldest first, at most `limit`."""
    return _queued(sql.QUEUE_DUE, {"limit": limit, "reason": "Due", "actor": "dispatcher"})


def _queued(statement: str, params: Row) -> list[int]:
    from tasks import doorbell

    with transaction.atomic():
        rows = _rows(statement, params)
        doorbell.ring_on_commit({row["queue"] for row in rows})
    return [row["id"] for row in rows]


def queue_by_hand(task_id: int, actor: Actor) -> list[int]:
    """pending → queued for a manual trigger: neither execution type nor time hold it, review and dependencies do."""
    ready = (
        " AND review IN ('none', 'approved') AND (review = 'none' OR approved_digest = config_digest)"
        " AND unmet_dependencies = 0 AND cancel_requested_at IS NULL"
    )
    also = (
        ", run_at = least(run_at, clock_timestamp()), queued_at = clock_timestamp(),"
        " dispatched_at = clock_timestamp(), dispatch_count = 0"
    )
    return _move([task_id], [Status.PENDING], Status.QUEUED, actor, "Started by hand", also=also, where=ready)


def unqueue(task_id: int, actor: Actor, reason: str) -> list[int]:
    """queued → pending: an edit voids what was about to run."""
    return _move([task_id], [Status.QUEUED], Status.PENDING, actor, reason)


def defer(task_id: int, actor: Actor, until: Any, reason: str) -> list[int]:
    """pending or queued → deferred, until a time or (None) until somebody releases it."""
    return _move(
        [task_id], DEFERRABLE, Status.DEFERRED, actor, reason, also=", deferred_until = %(until)s", until=until
    )


def release(task_id: int, actor: Actor) -> list[int]:
    """deferred → pending by a person."""
    also = ", deferred_until = NULL, run_at = least(run_at, clock_timestamp())"
    return _move([task_id], [Status.DEFERRED], Status.PENDING, actor, "Released", also=also)


def release_due(limit: int) -> list[int]:
    """deferred → pending for those whose time has come."""
    return [row["id"] for row in _rows(sql.RELEASE_DEFERRED, {"limit": limit})]


def cancel(ids: Sequence[int], actor: Actor, reason: str, *, rejected: bool = False) -> list[int]:
    """Ends tasks that nobody is running. Running ones are asked to stop by `request_cancel`."""
    idle = CANCELLABLE - {Status.IN_PROGRESS}
    with transaction.atomic():
        where = " AND review = 'rejected'" if rejected else ""
        done = _move(ids, idle, Status.CANCELLED, actor, reason, also=", cancel_requested_at = NULL", where=where)
        _ended(done, Status.CANCELLED)
    return done


def request_cancel(task_id: int, actor: Actor) -> bool:
    """Asks the worker that runs the task to stop. It ends as cancelled within two heartbeats."""
    statement = (
        "UPDATE agency_tasks SET cancel_requested_at = coalesce(cancel_requested_at, clock_timestamp()) "
        "WHERE id = %(id)s AND status = 'in_progress'"
    )
    return _execute(statement, {"id": task_id}) == 1


def fail_unrunnable(task_id: int, reason: str) -> list[int]:
    """pending or queued → failed: it can never run."""
    with transaction.atomic():
        also = ", last_error = %(error)s"
        sources = [Status.PENDING, Status.QUEUED]
        done = _move([task_id], sources, Status.FAILED, SYSTEM, reason, also=also, error=reason)
        _ended(done, Status.FAILED)
    return done


def replay(task_id: int, actor: Actor) -> list[int]:
    """failed or cancelled → pending: a new run, with counters at zero and new idempotency keys."""
    also = (
        ", run_generation = run_generation + 1, error_count = 0, crash_count = 0, handback_count = 0,"
        " run_at = clock_timestamp(), cancel_requested_at = NULL, answer = NULL, deferred_until = NULL,"
        " queue = CASE WHEN queue = 'quarantine' THEN %(home)s ELSE queue END"
    )
    home = _home_queue(task_id)
    return _move([task_id], REPLAYABLE, Status.PENDING, actor, "Run again", also=also, home=home)


def _home_queue(task_id: int) -> str:
    from tasks.executors import registry

    rows = _rows("SELECT task_type FROM agency_tasks WHERE id = %(id)s", {"id": task_id})
    executor = registry.known().get(rows[0]["task_type"]) if rows else None
    return executor.queue if executor else "io"


# --- answers of people --------------------------------------------------------------------------------------------

_SAME_QUESTION = " AND waiting_token = %(token)s"


def answer(task_id: int, token: Any, actor: Actor, given: Any) -> list[int]:
    """waiting_input → queued, with the answer that the next attempt reads."""
    also = (
        ", answer = coalesce(answer, '{}'::jsonb) || %(given)s::jsonb, waiting_until = NULL, waiting_for = NULL,"
        " run_at = clock_timestamp(), queued_at = clock_timestamp(), dispatched_at = clock_timestamp(), dispatch_count = 0"
    )
    return _move(
        [task_id],
        [Status.WAITING_INPUT],
        Status.QUEUED,
        actor,
        "Answered",
        also=also,
        where=_SAME_QUESTION,
        token=token,
        given=dumps(given),
    )


def answer_run_again(task_id: int, token: Any, actor: Actor) -> list[int]:
    """waiting_input → queued as a new run: the target must not answer from memory."""
    also = (
        ", run_generation = run_generation + 1, waiting_until = NULL, waiting_for = NULL, run_at = clock_timestamp(),"
        " error_count = 0, queued_at = clock_timestamp(), dispatched_at = clock_timestamp(), dispatch_count = 0"
    )
    return _move(
        [task_id],
        [Status.WAITING_INPUT],
        Status.QUEUED,
        actor,
        "Run again",
        also=also,
        where=_SAME_QUESTION,
        token=token,
    )


def answer_happened(task_id: int, token: Any, actor: Actor, *, output: Any = None, note: str = "") -> list[int]:
    """waiting_input → completed: somebody (or late evidence) knows that the work took effect."""
    with transaction.atomic():
        also = (
            ", result = coalesce(%(output)s::jsonb, result), result_summary = %(note)s, waiting_until = NULL,"
            " waiting_for = NULL"
        )
        done = _move(
            [task_id],
            [Status.WAITING_INPUT],
            Status.COMPLETED,
            actor,
            note or "It happened",
            also=also,
            where=_SAME_QUESTION,
            token=token,
            output=dumps(output),
            note=note,
        )
        if done:
            _execute(
                "UPDATE task_executions SET status = 'success', updated_at = clock_timestamp() WHERE id = (SELECT id FROM"
                " task_executions WHERE task_id = %(id)s ORDER BY attempt DESC LIMIT 1)",
                {"id": task_id},
            )
        _ended(done, Status.COMPLETED)
    return done


def answer_failed(task_id: int, token: Any, actor: Actor, reason: str) -> list[int]:
    """waiting_input → failed by a person."""
    with transaction.atomic():
        also = ", last_error = %(error)s, waiting_until = NULL, waiting_for = NULL"
        done = _move(
            [task_id],
            [Status.WAITING_INPUT],
            Status.FAILED,
            actor,
            reason,
            also=also,
            where=_SAME_QUESTION,
            token=token,
            error=reason,
        )
        _ended(done, Status.FAILED)
    return done


def expire_waiting(limit: int) -> list[int]:
    """waiting_input → failed for questions nobody answered in time."""
    with transaction.atomic():
        done = [row["id"] for row in _rows(sql.EXPIRE_WAITING, {"limit": limit})]
        _ended(done, Status.FAILED)
    return done


# --- attempts -----------------------------------------------------------------------------------------------------


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
    rows = _hot(sql.CLAIM, params)
    for row in rows:
        for name in ("execution_config", "metadata", "answer"):
            row[name] = None if row[name] is None else json.loads(row[name])
    return rows


def held_by(owner: str) -> list[tuple[int, int]]:
    """(task id, epoch) of everything a worker holds."""
    return [(row["id"], row["epoch"]) for row in _rows(sql.HELD_BY, {"owner": owner})]


def heartbeat(owner: str, held: Sequence[tuple[int, int]]) -> dict[int, bool]:
    """Renews the leases of (task id, epoch) pairs; answers id → cancel requested. What is missing was lost."""
    params = {
        "owner": owner,
        "ids": [task_id for task_id, _ in held],
        "epochs": [epoch for _, epoch in held],
        "lease_s": settings.LEASE_SECONDS,
    }
    return {row["id"]: row["cancelled"] for row in _hot(sql.HEARTBEAT, params)}


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
        rows = _hot(sql.FINISH, params)
        for status in TERMINAL:
            ended = [row for row in rows if row["status"] == status]
            _ended(
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
        " human_reviewed_by_id = NULL, human_reviewed_at = NULL, config_digest = %(digest)s"
        " WHERE id = %(id)s AND status = 'pending'"
    )
    with transaction.atomic():
        if not finish(lease, end):
            return False
        if _execute(statement, {"id": lease.task_id, "digest": end.summary}):
            event = (
                "INSERT INTO task_events (task_id, at, kind, actor, from_status, to_status, reason, epoch, data, request_id)"
                " VALUES (%(id)s, clock_timestamp(), 'review_required', 'worker', '', '', %(reason)s, %(epoch)s, '{}', '')"
            )
            _execute(event, {"id": lease.task_id, "reason": end.reason, "epoch": lease.epoch})
            task_waiting.send(sender=None, task_id=lease.task_id, kind="review")
    return True


def record_late(lease: Lease, output: Any) -> None:
    """Keeps what a fenced attempt brought home, on its own execution only."""
    _rows(sql.LATE, {"id": lease.task_id, "epoch": lease.epoch, "output": dumps(output)})


def settle_late(lease: Lease, output: Any, summary: str) -> bool:
    """waiting_input → completed when the task only waits to learn whether this very attempt took effect."""
    asked = _rows(
        "SELECT waiting_token FROM agency_tasks WHERE id = %(id)s AND epoch = %(epoch)s AND status = 'waiting_input'"
        " AND waiting_for->>'kind' = 'outcome_unknown'",
        {"id": lease.task_id, "epoch": lease.epoch},
    )
    note = summary or "A late result says that it happened"
    late = Actor("late result")
    return bool(asked) and bool(
        answer_happened(lease.task_id, asked[0]["waiting_token"], late, output=output, note=note)
    )


def queue_late_evidence(limit: int) -> list[int]:
    """waiting_input → queued for tasks whose ledger learned, after they began to ask, that the work took effect."""
    return _queued(sql.LATE_EVIDENCE, {"limit": limit})


# --- rescue -------------------------------------------------------------------------------------------------------


def expired(limit: int, settles_s: float, skip: Sequence[int] = ()) -> list[Row]:
    """Attempts whose lease ran out, locked for this transaction; SKIP LOCKED keeps rescuers apart."""
    return _rows(sql.EXPIRED, {"limit": limit, "skip": list(skip), "settles_s": settles_s})


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
    if not _rows(sql.RESCUE, params):
        return False
    if end.to_status in TERMINAL:
        _ended([row["id"]], end.to_status)
    elif end.to_status == Status.WAITING_INPUT:
        task_waiting.send(sender=None, task_id=row["id"], kind="input")
    return True


def ring_stale(age_s: float) -> set[str]:
    """The queues whose first task nobody claimed since the last ring."""
    return {row["queue"] for row in _rows(sql.STALE_QUEUES, {"age_s": age_s, "queues": list(settings.SLOTS)})}


def what_is_due(age_s: float) -> Row:
    """Which parts of a tick have anything to do, in one statement: an idle system asks one question a second."""
    return _hot(sql.WHAT_IS_DUE, {"age_s": age_s, "queues": list(settings.SLOTS)})[0]


def what_is_lost() -> Row:
    """Which parts of a rescue have anything to do, in one statement."""
    return _hot(sql.WHAT_IS_LOST, {})[0]
