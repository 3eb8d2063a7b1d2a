"""Tasks put into any state by raw SQL, past the triggers: the starting points of tests that then try what is allowed."""

from __future__ import annotations

from typing import Any

from django.db import connection, transaction

from tasks.models import AgencyTask
from tasks.states import Status
from tasks.tests.factories import make_task

#: Columns that go with a status, so that no check constraint speaks before the rule under test does.
WITH = {
    "lease_owner": "CASE WHEN %(to)s = 'in_progress' THEN 'somebody' END",
    "lease_expires_at": "CASE WHEN %(to)s = 'in_progress' THEN clock_timestamp() + interval '1 hour' END",
    "deadline_at": "CASE WHEN %(to)s = 'in_progress' THEN clock_timestamp() + interval '1 hour' END",
    "completed_at": "CASE WHEN %(to)s IN ('completed', 'failed', 'cancelled') THEN clock_timestamp() END",
    "waiting_for": """CASE WHEN %(to)s = 'waiting_input' THEN '{"kind": "question", "options": []}'::jsonb END""",
    "waiting_token": "CASE WHEN %(to)s = 'waiting_input' THEN gen_random_uuid() END",
    "last_error": "'why'",
}


def move(task: AgencyTask, to: str, **also: str) -> None:
    """One UPDATE to a status with everything that belongs to it; `also` are further columns as SQL."""
    columns = {**WITH, **also}
    sets = ", ".join(f"{name} = {value}" for name, value in columns.items())
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE agency_tasks SET status = %(to)s, {sets} WHERE id = %(id)s", {"to": to, "id": task.pk})


def task_in(status: Status | str, **fields: Any) -> AgencyTask:
    """A task that stands in `status`, without a history that led there."""
    task = make_task(**{"executionType": "manual_trigger", **fields})
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        move(task, str(status))
        cursor.execute("SET LOCAL session_replication_role = DEFAULT")
    task.refresh_from_db()
    return task


def sql(statement: str, *params: Any) -> list[tuple[Any, ...]]:
    """Runs a statement; its rows, if it has any."""
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        return list(cursor.fetchall()) if cursor.description else []


def shift_clock(seconds: float) -> None:
    """Lets time pass: every time that the life of a task compares with the database's clock moves into the past."""
    names = "run_at", "lease_expires_at", "deadline_at", "deferred_until", "waiting_until", "dispatched_at", "rank_at"
    sets = ", ".join(f"{name} = {name} - make_interval(secs => {float(seconds)})" for name in names)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(f"UPDATE agency_tasks SET {sets}")
        cursor.execute("SET LOCAL session_replication_role = DEFAULT")
