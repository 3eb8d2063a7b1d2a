"""The database's table of transitions is the one of tasks/states.py."""

from __future__ import annotations

import itertools

import pytest
from django.db import DatabaseError, transaction

from tasks.states import TERMINAL, TRANSITIONS, Status, allowed
from tasks.tests.rows import move, sql, task_in

pytestmark = pytest.mark.django_db

PAIRS = list(itertools.product(Status, Status))


def code(error: pytest.ExceptionInfo[DatabaseError]) -> str:
    return str(getattr(error.value.__cause__, "sqlstate", ""))


@pytest.mark.parametrize(("source", "target"), PAIRS, ids=[f"{a}-{b}" for a, b in PAIRS])
def test_the_trigger_allows_exactly_the_pairs_of_the_table(source: Status, target: Status) -> None:
    task = task_in(source)
    claim = {"epoch": "epoch + 1"} if (source, target) == (Status.QUEUED, Status.IN_PROGRESS) else {}
    if source == target or allowed(source, target):
        move(task, target, **claim)
        task.refresh_from_db()
        assert task.status == target
    else:
        with pytest.raises(DatabaseError) as refused, transaction.atomic():
            move(task, target)
        assert code(refused) == "TX001"


def test_every_status_has_a_row_in_the_table_and_completed_is_final() -> None:
    assert set(TRANSITIONS) == set(Status)
    assert TRANSITIONS[Status.COMPLETED] == frozenset()
    assert all(Status.COMPLETED not in TRANSITIONS[status] for status in TERMINAL)


def test_a_task_starts_pending() -> None:
    row = task_in(Status.PENDING)
    columns = [
        name
        for (name,) in sql(
            "SELECT column_name FROM information_schema.columns WHERE table_name = 'agency_tasks'"
            " AND column_name NOT IN ('id', 'task_uuid', 'status') AND is_generated = 'NEVER'"
        )
    ]
    listed = ", ".join(columns)
    with pytest.raises(DatabaseError) as refused, transaction.atomic():
        sql(
            f"INSERT INTO agency_tasks (task_uuid, status, {listed})"
            f" SELECT gen_random_uuid(), 'queued', {listed} FROM agency_tasks WHERE id = %s",
            row.pk,
        )
    assert code(refused) == "TX001"


def test_an_epoch_never_falls() -> None:
    task = task_in(Status.QUEUED)
    move(task, "in_progress", epoch="epoch + 1")
    with pytest.raises(DatabaseError) as refused, transaction.atomic():
        move(task, "completed", epoch="epoch - 1")
    assert code(refused) == "TX002"


@pytest.mark.parametrize("epoch", ["epoch", "epoch + 2"])
def test_a_claim_takes_exactly_the_next_epoch(epoch: str) -> None:
    with pytest.raises(DatabaseError) as refused, transaction.atomic():
        move(task_in(Status.QUEUED), "in_progress", epoch=epoch)
    assert code(refused) == "TX003"


@pytest.mark.parametrize("epoch", ["epoch + 1", "epoch + 7"])
def test_nothing_but_a_claim_takes_an_epoch(epoch: str) -> None:
    with pytest.raises(DatabaseError) as refused, transaction.atomic():
        move(task_in(Status.PENDING), "queued", epoch=epoch)
    assert code(refused) == "TX003"


@pytest.mark.parametrize("status", ["in_progress", "completed"])
def test_what_runs_or_ran_is_not_edited(status: str) -> None:
    task = task_in(status)
    with pytest.raises(DatabaseError) as refused, transaction.atomic():
        sql("UPDATE agency_tasks SET execution_config = '{}' WHERE id = %s", task.pk)
    assert code(refused) == "TX004"


@pytest.mark.parametrize("statement", ["UPDATE task_events SET reason = 'nothing'", "DELETE FROM task_events"])
def test_the_audit_trail_is_append_only(statement: str) -> None:
    task_in(Status.PENDING)
    with pytest.raises(DatabaseError) as refused, transaction.atomic():
        sql(statement)
    assert code(refused) == "TX005"


def test_every_change_of_status_leaves_an_audit_row_in_the_same_transaction() -> None:
    task = task_in(Status.PENDING)
    try:
        with transaction.atomic():
            move(task, "queued", status_actor="'user:7:Ada'", status_reason="'because'")
            assert sql(
                "SELECT from_status, to_status, actor, actor_user_id, reason FROM task_events WHERE task_id = %s"
                " ORDER BY id DESC LIMIT 1",
                task.pk,
            ) == [("pending", "queued", "user:7:Ada", 7, "because")]
            raise RuntimeError
    except RuntimeError:
        assert sql("SELECT count(*) FROM task_events WHERE task_id = %s AND kind = 'status'", task.pk) == [(0,)]


def test_a_heartbeat_is_no_new_version_and_a_change_is() -> None:
    task = task_in(Status.IN_PROGRESS)
    sql("UPDATE agency_tasks SET lease_expires_at = clock_timestamp() + interval '2 hours' WHERE id = %s", task.pk)
    version = task.version
    task.refresh_from_db()
    assert task.version == version
    sql("UPDATE agency_tasks SET title = 'Another' WHERE id = %s", task.pk)
    task.refresh_from_db()
    assert task.version == version + 1
