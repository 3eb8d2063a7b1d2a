"""Everybody at once: real connections that start at the same moment."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from tasks import dispatch, invariants, lifecycle, services
from tasks.actors import Actor
from tasks.errors import TaskError
from tasks.inputs import TaskChanges
from tasks.models import AgencyTask, Approval, TaskEvent, TaskExecution
from tasks.states import Attempt, Status
from tasks.tests.factories import ReviewerFactory, make_task, task_input
from tasks.tests.rows import shift_clock

pytestmark = pytest.mark.django_db(transaction=True)

SYSTEM = Actor("test")


def at_once(works: Sequence[Callable[[], Any]]) -> list[Any]:
    """Runs all in threads that begin together; answers results, and refusals as the exception."""
    connection.close()  # its place in the pool is for one of them
    barrier = threading.Barrier(len(works))
    results: list[Any] = [None] * len(works)

    def run(index: int) -> None:
        try:
            connection.ensure_connection()
            barrier.wait(30)
            results[index] = works[index]()
        except TaskError as refused:
            results[index] = refused
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(index,)) for index in range(len(works))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return results


def refused(results: list[Any]) -> list[Any]:
    return [result for result in results if isinstance(result, Exception)]


def test_of_twenty_approvals_one_counts() -> None:
    task = make_task(requiresHumanReview=True)
    people = [Actor.user(ReviewerFactory(), "api") for _ in range(20)]
    results = at_once([lambda person=person: services.approve(task.pk, person) for person in people])
    assert len(refused(results)) == 19
    assert Approval.objects.filter(task=task).count() == 1
    assert TaskEvent.objects.filter(task_id=task.pk, kind="approved").count() == 1
    task.refresh_from_db()
    assert (task.status, task.review) == ("queued", "approved")


def test_one_person_who_clicks_twenty_times_approves_once() -> None:
    task = make_task(requiresHumanReview=True)
    person = Actor.user(ReviewerFactory(), "queue")
    results = at_once([lambda: services.approve(task.pk, person)] * 20)
    assert len(refused(results)) == 19
    assert Approval.objects.filter(task=task).count() == 1


@pytest.mark.parametrize("round_", range(3))
def test_approve_reject_edit_cancel_and_execute_at_once_have_one_winner(round_: int) -> None:
    task = make_task(requiresHumanReview=True)
    people = [Actor.user(ReviewerFactory(), "api") for _ in range(20)]
    changes = TaskChanges.model_validate(
        {"executionConfig": {"apiEndpoint": "https://api.example.com/other", "apiMethod": "GET"}}
    )
    digest = task.config_digest
    deeds: list[Callable[[Actor], Any]] = [
        lambda person: services.approve(task.pk, person, digest=digest),
        lambda person: services.reject(task.pk, person, reason="No", digest=digest),
        lambda person: services.edit(task.pk, changes, person, version=1),
        lambda person: services.cancel(task.pk, person),
        lambda person: services.execute(task.pk, person),
    ]
    works = [lambda deed=deeds[n % 5], person=people[n]: deed(person) for n in range(20)]
    at_once(works)
    task.refresh_from_db()
    decisions = Approval.objects.filter(task=task, voided_at__isnull=True)
    assert decisions.count() <= 1
    if task.status == "queued":
        assert task.review == "approved"
        assert task.approved_digest == task.config_digest == decisions.get().digest
    assert invariants.check() == []


def test_no_task_is_claimed_twice() -> None:
    made = services.create_many([task_input() for _ in range(200)], SYSTEM)

    def claim_all(owner: str) -> list[tuple[int, int]]:
        found = []
        while rows := lifecycle.claim("io", owner, 3, ["api_call"]):
            found += [(row["id"], row["epoch"]) for row in rows]
        return found

    results = at_once([lambda n=n: claim_all(f"worker {n}") for n in range(16)])
    claimed = Counter(pair for found in results for pair in found)
    assert set(claimed) == {(task.pk, 1) for task in made}
    assert set(claimed.values()) == {1}
    assert TaskExecution.objects.count() == 200


def test_several_processors_queue_everything_once() -> None:
    soon = (timezone.now() + timedelta(hours=1)).isoformat()
    made = services.create_many([task_input(scheduledFor=soon) for _ in range(100)], SYSTEM)
    shift_clock(3700)
    at_once([dispatch.process_pending_tasks] * 6)
    queued = TaskEvent.objects.filter(to_status="queued", actor="dispatcher").values_list("task_id", flat=True)
    assert sorted(queued) == sorted(task.pk for task in made)


def test_several_rescuers_end_a_lost_attempt_once() -> None:
    services.create_many([task_input() for _ in range(30)], SYSTEM)
    lifecycle.claim("io", "dead", 30, ["api_call"])
    AgencyTask.objects.update(lease_expires_at="2020-01-01T00:00:00Z")
    assert sum(at_once([dispatch.reap] * 6)) == 30
    assert set(AgencyTask.objects.values_list("status", "crash_count", "error_count")) == {("pending", 1, 0)}


@pytest.mark.parametrize("round_", range(4))
def test_what_runs_is_what_was_approved_whoever_comes_first(round_: int) -> None:
    """An edit, the claim of the approved task and a second approval race; nothing runs without an approval of it."""
    task = make_task(requiresHumanReview=True)
    one, two = (Actor.user(ReviewerFactory(), "api") for _ in range(2))
    services.approve(task.pk, one)
    changes = TaskChanges.model_validate(
        {"executionConfig": {"apiEndpoint": f"https://api.example.com/{round_}", "apiMethod": "GET"}}
    )
    at_once(
        [lambda: services.edit(task.pk, changes, one)] * 2
        + [lambda: services.approve(task.pk, two)] * 2
        + [lambda n=n: lifecycle.claim("io", f"worker {n}", 1, ["api_call"]) for n in range(8)]
    )
    assert TaskExecution.objects.filter(task=task).count() <= 1
    task.refresh_from_db()
    if task.status == "in_progress":
        assert task.approved_digest == task.config_digest
    assert invariants.check() == []


def test_two_ends_of_one_attempt_are_one() -> None:
    make_task()
    (row,) = lifecycle.claim("io", "me", 1, ["api_call"])
    lease = lifecycle.Lease(row["id"], row["epoch"], "me")
    end = lifecycle.End(Status.COMPLETED, Attempt.SUCCESS, output={})
    assert sorted(at_once([lambda: lifecycle.finish(lease, end)] * 10)) == [False] * 9 + [True]
    assert TaskEvent.objects.filter(task_id=row["id"], to_status="completed").count() == 1
