"""How a status changes: the statement, what follows from the end of a task, and who hears of it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import psycopg
from django.db import connection, transaction
from django.dispatch import Signal
from psycopg.rows import dict_row

from tasks import sql
from tasks.actors import SYSTEM, Actor
from tasks.states import TERMINAL, Status

#: Sent inside the transaction that ends a task: task_id, status, and channel_id where it is known. Receivers write rows,
#: and never talk to the network.
task_finished = Signal()
#: Sent inside the transaction in which a task begins to wait for a person: task_id, kind ("input" or "review").
task_waiting = Signal()

Row = dict[str, Any]
_JSONB = 3802  # the type's oid, fixed in PostgreSQL's catalogue


def fetch(statement: str, params: Row) -> list[Row]:
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


def fetch_hot(statement: str, params: Row) -> list[Row]:
    """A statement of the hot path, prepared by the server: planning these takes longer than running them."""
    connection.ensure_connection()
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection, row_factory=dict_row) as cursor:
        return cursor.execute(statement, params, prepare=True).fetchall()


def execute(statement: str, params: Row) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        return int(cursor.rowcount)


def dumps(value: Any) -> str | None:
    """JSON for a jsonb parameter; None stays NULL."""
    return None if value is None else json.dumps(value)


def move(
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
    return [row["id"] for row in fetch(statement, values | params)]


def after_end(
    ids: Sequence[int], status: Status, channels: Mapping[int, int | None] | None = None, *, tell: bool = True
) -> None:
    """What follows from the end of tasks, inside the same transaction: dependents go on or are cancelled, receivers hear.

    `channels` names each task's channel where the caller knows it, so that receivers need not look.
    """
    if not ids:
        return
    freed = fetch_hot(sql.MEET_DEPENDENCIES, {"ids": list(ids), "completed": status == Status.COMPLETED})
    if status != Status.COMPLETED:
        cancel_followers(ids)
    if freed:
        queue_ready([row["id"] for row in freed], SYSTEM, "All it waited for is done")
    for task_id in ids if tell else ():
        known = {} if channels is None else {"channel_id": channels[task_id]}
        task_finished.send(sender=None, task_id=task_id, status=status, **known)


def cancel_followers(ids: Sequence[int]) -> None:
    """→ cancelled for those who wait for one of `ids`, which did not complete, and were to be cancelled then."""
    after_end([row["id"] for row in fetch(sql.CANCEL_DEPENDENTS, {"ids": list(ids)})], Status.CANCELLED)


def queue_ready(ids: Sequence[int], actor: Actor, reason: str) -> list[int]:
    """pending → queued for those of `ids` that may run at once. Rings their queues on commit."""
    return queued(sql.QUEUE_READY, {"ids": list(ids), "reason": reason, "actor": str(actor)})


def queue_new(ids: Sequence[int], actor: Actor, reason: str) -> list[Row]:
    """As `queue_ready` for rows made in this transaction; answers what changed of each: status, version, times."""
    return _queued(sql.QUEUE_READY, {"ids": list(ids), "reason": reason, "actor": str(actor)})


def queued(statement: str, params: Row) -> list[int]:
    return [row["id"] for row in _queued(statement, params)]


def _queued(statement: str, params: Row) -> list[Row]:
    from tasks import doorbell

    with transaction.atomic(savepoint=False):
        rows = fetch_hot(statement, params)
        doorbell.ring_on_commit({row["queue"] for row in rows})
    return rows
