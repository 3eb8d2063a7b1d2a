"""An approval under which no run has begun ends: the task waits for people again, and nothing runs meanwhile."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.db import DatabaseError, transaction
from django.utils import timezone

from tasks import dispatch, invariants, lifecycle, services
from tasks.actors import Actor
from tasks.drafts import Source
from tasks.errors import Conflict
from tasks.executors import registry
from tasks.inputs import parse_changes
from tasks.lifecycle import End, Lease
from tasks.models import AgencyTask, Approval, ReviewNotice, ReviewPolicy, TaskEvent
from tasks.review import decisions, follow_up
from tasks.states import Attempt, Status
from tasks.tests.factories import ReviewerFactory, make_task
from tasks.tests.rows import sql

pytestmark = pytest.mark.django_db

WEEK = dt.timedelta(days=7)


def reviewer() -> Actor:
    return Actor.user(ReviewerFactory(is_staff=True), "api")


def approved(**fields: Any) -> AgencyTask:
    task = make_task(requiresHumanReview=True, **fields)
    services.approve(task.pk, reviewer())
    return fresh(task)


def fresh(task: AgencyTask) -> AgencyTask:
    return AgencyTask.objects.get(pk=task.pk)


def later(task: AgencyTask, passed: dt.timedelta = WEEK + dt.timedelta(minutes=10)) -> None:
    """As if the approval had been given so long ago."""
    sql(
        "UPDATE agency_tasks SET approved_until = approved_until - %s, human_reviewed_at = human_reviewed_at - %s WHERE id = %s",
        passed,
        passed,
        task.pk,
    )


def claim() -> list[int]:
    return [row["id"] for row in lifecycle.claim("io", "w", 100, list(registry.known()))]


def fail(task: AgencyTask, to: Status = Status.PENDING) -> None:
    end = End(to, Attempt.FAILED, error="again", errors=1, wait_s=0.0)
    assert lifecycle.finish(Lease(task.pk, fresh(task).epoch, "w"), end)


def test_an_approval_that_was_not_used_in_a_week_is_void() -> None:
    task = approved()
    assert task.status == "queued"
    later(task)
    assert claim() == []  # closed at once, before anybody has looked at the clock
    assert follow_up.tick()["run_out"] == 1
    found = fresh(task)
    assert (found.review, found.status, found.approved_digest, found.approved_until) == (
        "required",
        "pending",
        "",
        None,
    )
    assert not Approval.objects.filter(task=task, voided_at__isnull=True).exists()
    event = TaskEvent.objects.filter(task_id=task.pk, kind="approval_expired").get()
    assert "ran out" in event.reason
    assert not invariants.check(grace_s=0)


def test_it_runs_after_a_second_approval() -> None:
    task = approved()
    later(task)
    follow_up.tick()
    services.approve(task.pk, reviewer())
    assert claim() == [task.pk]


def test_the_reviewers_are_told_again_and_have_their_whole_time(settings: Any) -> None:
    task = make_task(requiresHumanReview=True)
    AgencyTask.objects.filter(pk=task.pk).update(review_due_at=timezone.now() - dt.timedelta(days=1))
    follow_up.tick()
    services.approve(task.pk, reviewer())
    AgencyTask.objects.filter(pk=task.pk).update(review_expires_at=timezone.now() - dt.timedelta(hours=1))
    later(task)
    heard: list[tuple[int, str]] = []

    def hear(*, task_id: int, kind: str, **_: Any) -> None:
        heard.append((task_id, kind))

    lifecycle.task_waiting.connect(hear)
    follow_up.review_notice.connect(hear)
    try:
        follow_up.tick()
    finally:
        lifecycle.task_waiting.disconnect(hear)
        follow_up.review_notice.disconnect(hear)
    assert heard == [(task.pk, "review"), (task.pk, "reminder")]
    assert follow_up.tick() == {"expired": 0, "run_out": 0, "notices": 0}
    found = fresh(task)
    assert found.status == "pending"
    assert found.review_expires_at is not None
    assert found.review_expires_at > timezone.now() + dt.timedelta(days=29)
    assert list(ReviewNotice.objects.filter(task=task).values_list("kind", flat=True)) == ["reminder"]


def test_the_week_of_a_planned_task_begins_at_its_time() -> None:
    planned = timezone.now() + dt.timedelta(days=40)
    task = approved(scheduledFor=planned.isoformat())
    assert task.approved_until == planned + WEEK


def test_the_week_of_a_task_put_off_begins_when_it_comes_back() -> None:
    task = make_task(requiresHumanReview=True)
    until = timezone.now() + dt.timedelta(days=20)
    services.defer(task.pk, Actor("x"), until)
    services.approve(task.pk, reviewer())
    assert fresh(task).approved_until == until + WEEK


def test_a_deferred_task_loses_its_approval_too() -> None:
    task = approved()
    services.defer(task.pk, Actor("x"), timezone.now() + dt.timedelta(days=30))
    later(task)
    follow_up.tick()
    assert (fresh(task).review, fresh(task).status) == ("required", "deferred")


def test_a_run_that_began_in_time_is_not_stopped_by_the_end() -> None:
    task = approved()
    assert claim() == [task.pk]
    assert fresh(task).approved_until is None
    fail(task)
    later(task)
    follow_up.tick()
    dispatch.process_pending_tasks()
    assert claim() == [task.pk]


def test_a_manual_start_does_not_get_round_the_end() -> None:
    task = approved(executionType="manual_trigger")
    later(task)
    with pytest.raises(Conflict, match="reviewed anew"):
        services.execute(task.pk, Actor("x"))
    assert not lifecycle.queue_by_hand(task.pk, Actor("x"))


def test_running_again_under_an_old_approval_asks_for_a_new_one() -> None:
    young, old = approved(), approved()
    claim()
    for task in (young, old):
        fail(task, Status.FAILED)
    later(old)
    for task in (young, old):
        services.replay(task.pk, Actor("x"))
    assert (fresh(young).review, fresh(young).status) == ("approved", "queued")
    assert (fresh(old).review, fresh(old).status) == ("required", "pending")
    with pytest.raises(Conflict, match="awaits review"):
        services.execute(old.pk, Actor("x"))


def test_a_review_that_expired_can_be_run_again_and_decided() -> None:
    task = make_task(requiresHumanReview=True)
    AgencyTask.objects.filter(pk=task.pk).update(review_expires_at=timezone.now() - dt.timedelta(hours=1))
    follow_up.tick()
    assert fresh(task).status == "cancelled"
    services.replay(task.pk, Actor("x"))
    follow_up.tick()
    services.approve(task.pk, reviewer())
    assert fresh(task).status == "queued"


def test_asking_anew_never_asks_for_less_and_an_edit_keeps_what_free_text_demands() -> None:
    rule = ReviewPolicy.objects.create(
        name="text", only_from_text=True, reason="Text", approvals=2, four_eyes=True, risk=3
    )
    task = make_task(source=Source(from_text=True))
    services.edit(task.pk, parse_changes({"title": "Another"}), Actor("x"))
    assert (fresh(task).approvals_required, fresh(task).four_eyes, fresh(task).review_risk) == (2, True, 3)
    rule.delete()
    for _ in range(2):
        services.approve(task.pk, reviewer())
    later(task)
    follow_up.tick()
    found = fresh(task)
    assert (found.review, found.approvals_required, found.four_eyes) == ("required", 2, True)
    assert decisions.approvals_of(found) == 0


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE agency_tasks SET status = 'in_progress', lease_owner = 'x', lease_expires_at = now(), deadline_at = now() WHERE id = %s",
        "UPDATE agency_tasks SET review = 'required', approved_until = now() WHERE id = %s",
    ],
)
def test_the_database_refuses_to_run_under_an_approval_that_ended(statement: str) -> None:
    task = approved()
    later(task)
    with pytest.raises(DatabaseError), transaction.atomic():
        sql(statement, task.pk)


def test_the_database_refuses_an_approval_without_an_end() -> None:
    task = approved()
    sql("UPDATE agency_tasks SET status = 'pending' WHERE id = %s", task.pk)
    sql("UPDATE agency_tasks SET review = 'required', approved_until = NULL WHERE id = %s", task.pk)
    with pytest.raises(DatabaseError, match="has no end"), transaction.atomic():
        sql("UPDATE agency_tasks SET review = 'approved' WHERE id = %s", task.pk)
