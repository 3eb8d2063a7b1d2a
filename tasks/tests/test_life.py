"""The whole way of one task, in a real runner against a real target."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from tasks import lifecycle, services
from tasks.actors import Actor
from tasks.errors import Conflict
from tasks.models import AgencyTask, TaskEvent
from tasks.runner import Runner
from tasks.tests.conftest import wait_for, wait_status
from tasks.tests.factories import ReviewerFactory, UserFactory, make_task
from tasks.tests.target import Target

pytestmark = pytest.mark.django_db(transaction=True)


def call(target: Target, path: str, **config: Any) -> dict[str, Any]:
    return {"apiEndpoint": target.url + path, **config}


def history(task: Any) -> list[str]:
    return [
        e.to_status for e in TaskEvent.objects.filter(task_id=task.pk, kind__in=["created", "status"]).order_by("id")
    ]


def test_an_automatic_task_runs_at_once(runner: Runner, target: Target) -> None:
    task = wait_status(make_task(executionConfig=call(target, "/ok")), "completed")
    assert task.result["data"] == {"ok": True}
    assert task.result["metadata"]["status"] == 200
    assert history(task) == ["pending", "queued", "in_progress", "completed"]
    execution = task.executions.get()
    assert (execution.attempt, execution.status, execution.triggered_by) == (1, "success", "automatic")


def test_a_reviewed_task_waits_and_runs_after_approval(runner: Runner, target: Target) -> None:
    task = make_task(executionConfig=call(target, "/ok"), requiresHumanReview=True)
    assert task.status == "pending"
    with pytest.raises(Conflict):
        services.execute(task.pk, Actor("test"))
    reviewer = ReviewerFactory()
    services.approve(task.pk, Actor.user(reviewer, "api"), notes="Fine")
    task = wait_status(task, "completed")
    assert task.human_reviewed_by == reviewer
    assert task.executions.get().triggered_by == "post_approval"


def test_a_rejected_task_never_runs(runner: Runner, target: Target) -> None:
    task = make_task(executionConfig=call(target, "/ok"), requiresHumanReview=True)
    services.reject(task.pk, Actor.user(ReviewerFactory(), "api"), reason="Wrong endpoint")
    task.refresh_from_db()
    assert (task.status, task.review) == ("cancelled", "rejected")
    assert target.requests == []


def test_a_failing_call_is_retried_and_then_failed(runner: Runner, target: Target) -> None:
    task = make_task(executionConfig=call(target, "/status?code=500"), maxRetries=2)
    task = wait_status(task, "failed")
    assert (task.error_count, task.executions.count()) == (3, 3)
    assert "500" in task.last_error


def test_a_failing_call_that_recovers_completes(runner: Runner, target: Target) -> None:
    task = wait_status(make_task(executionConfig=call(target, "/fail?times=2")), "completed")
    assert task.error_count == 2
    assert [e.status for e in task.executions.order_by("attempt")] == ["failed", "failed", "success"]


def test_no_retries_means_one_attempt(runner: Runner, target: Target) -> None:
    task = wait_status(make_task(executionConfig=call(target, "/status?code=500"), maxRetries=0), "failed")
    assert task.executions.count() == 1


def test_an_error_that_cannot_heal_fails_at_once(runner: Runner, target: Target) -> None:
    task = wait_status(make_task(executionConfig=call(target, "/status?code=404")), "failed")
    assert task.executions.count() == 1


def test_a_wait_the_target_asks_for_spends_no_error(runner: Runner, target: Target) -> None:
    task = wait_status(make_task(executionConfig=call(target, "/retry-after?s=1")), "completed")
    assert (task.error_count, task.handback_count) == (0, 1)


def test_a_lost_answer_to_a_post_asks_a_person(runner: Runner, target: Target) -> None:
    task = make_task(executionConfig=call(target, "/cut", apiMethod="POST", apiPayload={"a": 1}))
    task = wait_status(task, "waiting_input")
    assert task.waiting_for["kind"] == "outcome_unknown"
    assert sum(target.effects.values()) == 1
    services.answer(task.pk, Actor.user(UserFactory(), "api"), {"answer": "happened"})
    task.refresh_from_db()
    assert task.status == "completed"


def test_run_again_uses_another_key(runner: Runner, target: Target) -> None:
    task = make_task(executionConfig=call(target, "/cut", apiMethod="POST"), onUnknownOutcome="ask")
    wait_status(task, "waiting_input")
    services.answer(task.pk, Actor.user(UserFactory(), "api"), {"answer": "run_again"})
    wait_status(task, "waiting_input")
    assert sorted(target.effects.values()) == [1, 1]


def test_a_lost_answer_to_a_put_is_tried_again_with_the_same_key(runner: Runner, target: Target) -> None:
    task = make_task(executionConfig=call(target, "/cut", apiMethod="PUT"), maxRetries=1)
    wait_status(task, "failed")
    assert list(target.effects.values()) == [2]


def test_cancel_reaches_running_work(runner: Runner, target: Target) -> None:
    task = make_task(executionConfig=call(target, "/gate"))
    assert target.entered.wait(10)
    services.cancel(task.pk, Actor("test"))
    target.gate.set()
    wait_status(task, "cancelled", "completed")


def test_a_task_waits_for_those_it_depends_on(runner: Runner, target: Target) -> None:
    first = make_task(executionConfig=call(target, "/gate"))
    second = make_task(executionConfig=call(target, "/ok"), dependsOn=[first.pk])
    assert second.unmet_dependencies == 1 or second.status == "pending"
    assert target.entered.wait(10)
    target.gate.set()
    wait_status(second, "completed")


def test_a_worker_that_waited_for_its_recorder_goes_on_without_another_ring(
    transactional_db: None, settings: Any, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ends that are not written yet count as held: with all slots free and all holds taken nobody but the recorder rings."""
    settings.POLL_SECONDS = 3600
    held_up, finish = threading.Event(), lifecycle.finish_many
    monkeypatch.setattr(lifecycle, "finish_many", lambda *given, **also: held_up.wait(60) and finish(*given, **also))
    tasks = [make_task(executionConfig=call(target, "/ok")) for _ in range(12)]
    worker = Runner("io", 2)
    worker.start()
    try:
        worker.ring()
        wait_for(lambda: len(worker._held) == 4 and worker.busy == 0)
        worker.ring()  # heard in vain: nothing more may be held
        held_up.set()
        wait_for(lambda: not AgencyTask.objects.exclude(status="completed").exists())
    finally:
        held_up.set()
        worker.drain(5)
    assert {execution.attempt for task in tasks for execution in task.executions.all()} == {1}
