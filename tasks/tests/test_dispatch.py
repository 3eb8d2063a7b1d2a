"""What is due and in which order; who waits for whom; what a lost worker held; and how a cancel ends, in every state."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from tasks import dispatch, invariants, lifecycle, services
from tasks.actors import Actor
from tasks.errors import Conflict, Invalid
from tasks.inputs import TaskChanges
from tasks.lifecycle import End, Lease
from tasks.models import AgencyTask, TaskEffect, Worker
from tasks.runner import QUARANTINE, Runner
from tasks.states import CANCELLABLE, Attempt, Status
from tasks.tests.conftest import wait_for, wait_status
from tasks.tests.factories import make_task, task_input
from tasks.tests.rows import shift_clock, sql, task_in
from tasks.tests.test_fencing import scripted, scripted_task

pytestmark = pytest.mark.django_db(transaction=True)

SYSTEM = Actor("test")
TYPES = ["api_call"]
POST = {"apiEndpoint": "https://api.example.com/pay", "apiMethod": "POST"}


def claim(slots: int = 1, queue: str = "io", owner: str = "me") -> list[dict[str, Any]]:
    return lifecycle.claim(queue, owner, slots, TYPES)


def finish(row: dict[str, Any], status: Status, owner: str = "me", **more: Any) -> bool:
    attempt = {Status.COMPLETED: Attempt.SUCCESS, Status.FAILED: Attempt.FAILED}[status]
    errors = int(status == Status.FAILED)
    end = End(status, attempt, error="why" if errors else "", errors=errors, output={}, **more)
    return lifecycle.finish(Lease(row["id"], row["epoch"], owner), end)


def crash(*, after_effect: bool = False) -> None:
    """What `me` runs is lost with its worker; perhaps after something was sent."""
    for task in AgencyTask.objects.filter(status="in_progress"):
        if after_effect:
            TaskEffect.objects.create(
                task=task,
                run_generation=task.run_generation,
                epoch=task.epoch,
                idempotency_key=task.task_uuid,
                request_hash="",
                state="intended",
            )
    sql("UPDATE agency_tasks SET lease_expires_at = clock_timestamp() - interval '1 s' WHERE status = 'in_progress'")
    dispatch.reap()
    dispatch.process_pending_tasks()


def now(task: AgencyTask) -> AgencyTask:
    return AgencyTask.objects.get(pk=task.pk)


# --- order ---------------------------------------------------------------------------------------------------------


def test_higher_priority_first_then_urgency_then_age() -> None:
    low, old, new, urgent, critical = (
        make_task(priority=priority, urgency=urgency)
        for priority, urgency in [
            ("low", "normal"),
            ("medium", "normal"),
            ("medium", "normal"),
            ("medium", "immediate"),
            ("critical", "normal"),
        ]
    )
    assert [row["id"] for row in claim(5)] == [critical.pk, urgent.pk, old.pk, new.pk, low.pk]


def test_a_stream_of_critical_tasks_cannot_starve_a_low_one() -> None:
    """An hour's head start is all that priority gives: after it a low task goes before fresh critical ones."""
    low = make_task(priority="low")
    order = []
    for minutes in (0, 30, 59, 61):
        sql(
            "UPDATE agency_tasks SET run_at = clock_timestamp() - make_interval(mins => %s) WHERE id = %s",
            minutes,
            low.pk,
        )
        make_task(priority="critical")
        (row,) = claim()
        order.append(row["id"] == low.pk)
        finish(row, Status.COMPLETED)
    assert order == [False, False, False, True]


def test_a_claim_takes_no_more_than_its_slots_and_only_known_types() -> None:
    services.create_many([task_input() for _ in range(5)], SYSTEM)
    assert lifecycle.claim("io", "me", 5, ["another"]) == []
    assert len(claim(3)) == 3
    assert len(claim(3)) == 2


# --- time ----------------------------------------------------------------------------------------------------------


def test_a_scheduled_task_is_queued_at_its_time_and_not_before() -> None:
    task = make_task(scheduledFor=(timezone.now() + timedelta(hours=1)).isoformat())
    assert dispatch.process_pending_tasks().processed == 0
    shift_clock(3601)
    assert dispatch.process_pending_tasks().as_dict() == {"processed": 1, "success": 1, "failed": 0}
    assert now(task).status == "queued"


def test_a_deferred_task_comes_back_at_its_time() -> None:
    task = make_task()
    services.defer(task.pk, SYSTEM, timezone.now() + timedelta(minutes=5))
    assert claim() == []
    shift_clock(301)
    dispatch.process_pending_tasks()
    assert now(task).status == "queued"


def test_a_task_deferred_without_a_time_waits_for_its_release() -> None:
    task = make_task()
    services.defer(task.pk, SYSTEM, None)
    shift_clock(10**7)
    dispatch.process_pending_tasks()
    assert now(task).status == "deferred"
    services.release(task.pk, SYSTEM)
    assert now(task).status == "queued"


def test_a_question_nobody_answers_fails_the_task_in_the_end(settings: Any) -> None:
    task = make_task(executionConfig=POST)
    claim()
    crash(after_effect=True)
    assert now(task).status == "waiting_input"
    shift_clock(settings.ANSWER_WITHIN_SECONDS + 1)
    dispatch.process_pending_tasks()
    assert (now(task).status, now(task).last_error) == ("failed", "Nobody answered in time")


def test_a_doorbell_that_nobody_heard_rings_again_less_and_less_often(settings: Any) -> None:
    make_task()
    rung = []
    for _ in range(20):
        shift_clock(5)
        rung.append(bool(lifecycle.ring_stale(settings.REDISPATCH_SECONDS)))
    assert rung.count(True) == 3  # after 10, 20 and 40 s


# --- dependencies --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "after_failure"), [("block", "pending"), ("cancel", "cancelled"), ("run", "queued")]
)
def test_what_a_failed_dependency_does(policy: str, after_failure: str) -> None:
    first = make_task()
    second = make_task(dependsOn=[first.pk], onDependencyFailure=policy)
    third = make_task(dependsOn=[second.pk], onDependencyFailure="cancel")
    (row,) = claim(5)
    finish(row, Status.FAILED)
    assert now(second).status == after_failure
    assert now(third).status == ("cancelled" if policy == "cancel" else "pending")
    assert invariants.check() == []


@pytest.mark.parametrize(("policy", "at_once"), [("block", "pending"), ("cancel", "cancelled"), ("run", "queued")])
def test_what_a_dependency_does_that_failed_before(policy: str, at_once: str) -> None:
    first = make_task()
    finish(claim()[0], Status.FAILED)
    second = make_task(dependsOn=[first.pk], onDependencyFailure=policy)
    assert now(second).status == at_once
    assert invariants.check() == []


def test_what_was_cancelled_with_its_dependency_is_run_again_after_it() -> None:
    first = make_task()
    second = make_task(dependsOn=[first.pk], onDependencyFailure="cancel")
    finish(claim()[0], Status.FAILED)
    with pytest.raises(Conflict, match="run that one again first"):
        services.replay(second.pk, SYSTEM)
    services.replay(first.pk, SYSTEM)
    services.replay(second.pk, SYSTEM)
    finish(claim()[0], Status.COMPLETED)
    assert now(second).status == "queued"


def test_a_blocked_task_goes_on_when_its_dependency_is_run_again() -> None:
    first = make_task()
    second = make_task(dependsOn=[first.pk])
    finish(claim()[0], Status.FAILED)
    services.replay(first.pk, SYSTEM)
    finish(claim()[0], Status.COMPLETED)
    assert now(second).status == "queued"


def test_a_task_waits_for_all_it_depends_on() -> None:
    ups = [make_task() for _ in range(3)]
    task = make_task(dependsOn=[up.pk for up in ups])
    rows = claim(3)
    for left, row in zip((2, 1, 0), rows, strict=True):
        finish(row, Status.COMPLETED)
        assert now(task).unmet_dependencies == left
    assert now(task).status == "queued"


def test_a_circle_is_refused() -> None:
    first = make_task(executionType="manual_trigger")
    second = make_task(dependsOn=[first.pk])
    third = make_task(dependsOn=[second.pk])
    with pytest.raises(Invalid, match="circle"):
        services.edit(first.pk, TaskChanges.model_validate({"dependsOn": [third.pk]}), SYSTEM)
    with pytest.raises(Invalid, match="circle"):
        services.edit(first.pk, TaskChanges.model_validate({"dependsOn": [first.pk]}), SYSTEM)


def test_execute_does_not_jump_over_a_dependency() -> None:
    first = make_task()
    second = make_task(dependsOn=[first.pk])
    with pytest.raises(Conflict, match="waits for 1"):
        services.execute(second.pk, SYSTEM)


# --- rescue --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_repeatable_work_of_a_lost_worker_is_due_again_and_spends_no_error(method: str) -> None:
    task = make_task(executionConfig={**POST, "apiMethod": method})
    claim()
    crash(after_effect=method == "PUT")
    assert (now(task).status, now(task).error_count, now(task).crash_count) == ("queued", 0, 1)


def test_work_that_must_not_happen_twice_is_repeated_only_when_nothing_was_sent() -> None:
    task = make_task(executionConfig=POST)
    claim()
    crash()
    assert now(task).status == "queued"
    claim()
    crash(after_effect=True)
    assert (now(task).status, now(task).waiting_for["kind"]) == ("waiting_input", "outcome_unknown")


@pytest.mark.parametrize(("policy", "status"), [("retry", "queued"), ("fail", "failed"), ("ask", "waiting_input")])
def test_an_unknown_outcome_follows_the_tasks_policy(policy: str, status: str) -> None:
    task = make_task(executionConfig=POST, onUnknownOutcome=policy)
    claim()
    crash(after_effect=True)
    assert now(task).status == status
    assert invariants.check() == []


def test_a_confirmed_effect_is_not_asked_about() -> None:
    task = make_task(executionConfig=POST)
    claim()
    crash(after_effect=True)
    TaskEffect.objects.update(state="confirmed", updated_at=timezone.now() + timedelta(seconds=1))
    dispatch.reap()
    assert now(task).status == "queued"


def test_a_task_that_ends_its_worker_is_tried_alone_and_then_convicted() -> None:
    task = make_task()
    for _ in range(2):
        assert claim()[0]["id"] == task.pk
        crash()
    assert (now(task).queue, claim()) == (QUARANTINE, [])
    assert claim(1, QUARANTINE)[0]["id"] == task.pk
    crash()
    assert now(task).status == "failed"
    assert "poison" in now(task).last_error
    assert invariants.check() == []


def test_innocents_beside_a_poison_task_are_not_convicted() -> None:
    services.create_many([task_input() for _ in range(20)], SYSTEM)
    for _ in range(2):
        assert len(claim(20)) == 20
        crash()
    for _ in range(20):
        (row,) = claim(1, QUARANTINE)
        finish(row, Status.COMPLETED)
    assert set(AgencyTask.objects.values_list("status", "error_count")) == {("completed", 0)}


def test_a_replay_leaves_quarantine() -> None:
    task = make_task()
    for queue in ("io", "io", QUARANTINE):
        claim(1, queue)
        crash()
    services.replay(task.pk, SYSTEM)
    assert (now(task).queue, now(task).crash_count, now(task).run_generation) == ("io", 0, 1)


def test_quarantine_writes_the_last_end_before_it_takes_the_next() -> None:
    worker = Runner(QUARANTINE, 1)
    for _ in range(2):
        make_task()
    sql("UPDATE agency_tasks SET queue = 'quarantine'")
    worker._held[0] = object()  # type: ignore[assignment]  # an end on its way to the database
    worker._claim_all()
    assert AgencyTask.objects.filter(status="in_progress").count() == 0


def test_a_row_that_cannot_be_rescued_does_not_hide_the_others(monkeypatch: Any) -> None:
    services.create_many([task_input() for _ in range(3)], SYSTEM)
    bad = claim(3)[0]["id"]
    rescue = lifecycle.rescue

    def fails_for_one(row: dict[str, Any], *args: Any, **kw: Any) -> bool:
        if row["id"] == bad:
            sql("SELECT 1/0")
        return rescue(row, *args, **kw)

    monkeypatch.setattr(lifecycle, "rescue", fails_for_one)
    sql("UPDATE agency_tasks SET lease_expires_at = clock_timestamp() - interval '1 s'")
    assert dispatch.reap() == 2
    assert AgencyTask.objects.filter(status="pending").count() == 2


@pytest.mark.parametrize("lived_on", [True, False])
def test_only_a_worker_that_lived_past_the_deadline_made_the_attempt_late(lived_on: bool) -> None:
    """One that died long before, and is found only now, cost a crash and no error."""
    task = make_task()
    claim()
    Worker.objects.create(name="me", kind="io")
    shift_clock(3600)
    seen = timezone.now() - timedelta(seconds=0 if lived_on else 3600)
    Worker.objects.update(seen_at=seen)
    dispatch.reap()
    counted = (now(task).error_count, now(task).crash_count, now(task).executions.get().status)
    assert counted == ((1, 0, "timed_out") if lived_on else (0, 1, "lost"))


# --- cancel --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", list(Status))
def test_cancel_in_every_state(status: Status) -> None:
    task = task_in(status)
    if status in CANCELLABLE:
        services.cancel(task.pk, SYSTEM)
        wanted = "in_progress" if status == Status.IN_PROGRESS else "cancelled"
        assert (now(task).status, now(task).cancel_requested_at is not None) == (wanted, wanted == "in_progress")
    else:
        with pytest.raises(Conflict):
            services.cancel(task.pk, SYSTEM)


@pytest.mark.parametrize("cancelled_while", ["failing", "handed back", "asking"])
def test_a_cancelled_attempt_that_would_go_on_later_ends_as_cancelled(cancelled_while: str) -> None:
    task = make_task()
    (row,) = claim()
    services.cancel(task.pk, SYSTEM)
    asked = {"kind": "question", "question": "A?", "options": []}
    end = {
        "failing": End(Status.PENDING, Attempt.FAILED, error="500", errors=1, wait_s=5.0),
        "handed back": End(Status.PENDING, Attempt.HANDED_BACK, handbacks=1, wait_s=0.0),
        "asking": End(Status.WAITING_INPUT, Attempt.WAITING_INPUT, waiting_for=asked),
    }[cancelled_while]
    assert lifecycle.finish(Lease(row["id"], row["epoch"], "me"), end)
    assert (now(task).status, now(task).cancel_requested_at) == ("cancelled", None)
    assert invariants.check() == []


def test_work_that_is_done_is_completed_though_somebody_wanted_to_cancel_it() -> None:
    task = make_task()
    (row,) = claim()
    services.cancel(task.pk, SYSTEM)
    finish(row, Status.COMPLETED)
    assert now(task).status == "completed"


def test_a_cancel_does_not_sweep_an_unknown_outcome_away() -> None:
    task = make_task(executionConfig=POST)
    claim()
    services.cancel(task.pk, SYSTEM)
    crash(after_effect=True)
    assert now(task).status == "waiting_input"


def test_the_cancelled_attempt_of_a_lost_worker_ends_as_cancelled() -> None:
    task = make_task()
    claim()
    services.cancel(task.pk, SYSTEM)
    crash()
    assert now(task).status == "cancelled"
    assert invariants.check() == []


# --- deadlines -----------------------------------------------------------------------------------------------------


def test_an_attempt_that_never_looks_at_its_deadline_is_ended_by_its_worker(runner: Runner) -> None:
    def hangs(ctx: Any) -> Any:
        time.sleep(5)

    with scripted(hangs):
        task = scripted_task(maxRetries=0, executionType="manual_trigger")
        sql("UPDATE agency_tasks SET timeout_s = 1 WHERE id = %s", task.pk)
        services.execute(task.pk, SYSTEM)
        task = wait_status(task, "failed", seconds=30)
        assert task.executions.get().status == "timed_out"
        assert "longer than" in task.last_error
        wait_for(lambda: runner.busy == 0)  # the slot comes back with its thread
    assert invariants.check() == []


def test_fewer_retries_than_errors_are_refused_so_that_every_end_fits() -> None:
    task = make_task(maxRetries=5)
    (row,) = claim()
    again = End(Status.PENDING, Attempt.FAILED, error="500", errors=1, wait_s=60.0)
    lifecycle.finish(Lease(row["id"], row["epoch"], "me"), again)
    with pytest.raises(Invalid):
        services.edit(task.pk, TaskChanges.model_validate({"maxRetries": 0}), SYSTEM)
    services.edit(task.pk, TaskChanges.model_validate({"maxRetries": 1}), SYSTEM)
