"""Random lives: every operation on tasks in any order, against the real statements, with all invariants after each step.

LIFE_EXAMPLES=300 makes it longer (12 by default).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule

from agency import db
from tasks import dispatch, invariants, lifecycle, outcomes, services
from tasks.actors import Actor
from tasks.errors import TaskError
from tasks.executors.base import Failed, HandBack, Lost, NeedsInput, Outcome, Success
from tasks.inputs import TaskChanges
from tasks.lifecycle import Lease
from tasks.models import AgencyTask, TaskEffect
from tasks.review import follow_up
from tasks.runner import account_of
from tasks.states import TERMINAL, TRANSITIONS, Status
from tasks.tests.factories import ReviewerFactory, make_task
from tasks.tests.rows import shift_clock, sql

SYSTEM = Actor("machine")
TYPES = ["api_call"]
METHODS = {"read": "GET", "idempotent": "PUT", "once": "POST"}
OUTCOMES: dict[str, Outcome] = {
    "success": Success({"ok": True}, "Done"),
    "fails": Failed("500", heals=True),
    "cannot heal": Failed("404"),
    "asked to wait": Failed("429", heals=True, retry_after_s=2.0),
    "lost": Lost("The connection was cut."),
    "question": NeedsInput("Which one?", options=[{"value": "a", "label": "A"}]),
    "handed back": HandBack("The worker stops", 0.0),
    "long wait": HandBack("The limit of the day", 600.0),
}


@contextmanager
def refusals_are_answers() -> Iterator[None]:
    """A service may say no; what it must not do is break an invariant."""
    try:
        yield
    except TaskError:
        return


class Lives(RuleBasedStateMachine):
    """Tasks, the attempts that workers hold, and zombies: attempts whose lease was taken from them."""

    tasks = Bundle("tasks")
    attempts = Bundle("attempts")

    @initialize()
    def begin(self) -> None:
        sql("TRUNCATE agency_tasks, task_events CASCADE")
        self.reviewer = Actor.user(ReviewerFactory(), "api")
        self.seen: dict[int, str] = {}
        self.epochs: dict[int, int] = {}

    # -- people
    @rule(
        target=tasks,
        effect=st.sampled_from(list(METHODS)),
        review=st.booleans(),
        manual=st.booleans(),
        retries=st.integers(0, 2),
        unknown=st.sampled_from(["ask", "retry", "fail"]),
    )
    def create(self, effect: str, review: bool, manual: bool, retries: int, unknown: str) -> int:
        return make_task(
            executionConfig={"apiEndpoint": "https://api.example.com/x", "apiMethod": METHODS[effect]},
            requiresHumanReview=review,
            executionType="manual_trigger" if manual else "automatic",
            maxRetries=retries,
            onUnknownOutcome=unknown,
        ).pk

    @rule(target=tasks, upstream=tasks, policy=st.sampled_from(["block", "cancel", "run"]))
    def create_dependent(self, upstream: int, policy: str) -> int:
        return make_task(dependsOn=[upstream], onDependencyFailure=policy).pk

    @rule(task=tasks)
    def approve(self, task: int) -> None:
        with refusals_are_answers():
            services.approve(task, self.reviewer)

    @rule(task=tasks)
    def approval_ends(self, task: int) -> None:
        sql("UPDATE agency_tasks SET approved_until = approved_until - interval '8 days' WHERE id = %s", task)
        follow_up.tick()

    @rule(task=tasks)
    def reject(self, task: int) -> None:
        with refusals_are_answers():
            services.reject(task, self.reviewer, reason="No")

    @rule(task=tasks, path=st.sampled_from("abc"), retries=st.integers(0, 3))
    def edit(self, task: int, path: str, retries: int) -> None:
        config = {"apiEndpoint": f"https://api.example.com/{path}", "apiMethod": "GET"}
        with refusals_are_answers():
            services.edit(task, TaskChanges.model_validate({"executionConfig": config, "maxRetries": retries}), SYSTEM)

    @rule(task=tasks)
    def execute(self, task: int) -> None:
        with refusals_are_answers():
            services.execute(task, SYSTEM)

    @rule(task=tasks)
    def cancel(self, task: int) -> None:
        with refusals_are_answers():
            services.cancel(task, SYSTEM)

    @rule(task=tasks)
    def defer(self, task: int) -> None:
        with refusals_are_answers():
            services.defer(task, SYSTEM, None)

    @rule(task=tasks)
    def release(self, task: int) -> None:
        with refusals_are_answers():
            services.release(task, SYSTEM)

    @rule(task=tasks)
    def replay(self, task: int) -> None:
        with refusals_are_answers():
            services.replay(task, SYSTEM)

    @rule(task=tasks, given=st.sampled_from(["happened", "run_again", "fail", "a"]))
    def answer(self, task: int, given: str) -> None:
        with refusals_are_answers():
            services.answer(task, SYSTEM, {"answer": given})

    # -- workers
    @rule(target=attempts, slots=st.integers(1, 3), worker=st.sampled_from(["one", "two"]))
    def claim(self, slots: int, worker: str) -> Any:
        rows = [
            row
            for queue in ("io", "quarantine")
            for row in lifecycle.claim(queue, worker, slots if queue == "io" else 1, TYPES)
        ]
        return multiple(*[(row, Lease(row["id"], row["epoch"], worker)) for row in rows])

    @rule(attempt=attempts)
    def heartbeat(self, attempt: tuple[dict[str, Any], Lease]) -> None:
        lease = attempt[1]
        lifecycle.heartbeat(lease.owner, [(lease.task_id, lease.epoch)])

    @rule(attempt=attempts, state=st.sampled_from(["intended", "confirmed", "unknown"]))
    def touch_the_outside(self, attempt: tuple[dict[str, Any], Lease], state: str) -> None:
        row, lease = attempt
        if AgencyTask.objects.filter(pk=row["id"], epoch=lease.epoch, status="in_progress").exists():
            TaskEffect.objects.update_or_create(
                task_id=row["id"],
                run_generation=row["run_generation"],
                step_key="",
                defaults={"epoch": lease.epoch, "idempotency_key": row["task_uuid"], "state": state},
            )

    @rule(attempt=consumes(attempts), how=st.sampled_from(list(OUTCOMES)), again=st.booleans())
    def finish(self, attempt: tuple[dict[str, Any], Lease], how: str, again: bool) -> None:
        """Ends an attempt that may have been taken away long ago; `again` is a commit whose answer was lost."""
        row, lease = attempt
        before = AgencyTask.objects.get(pk=row["id"])
        mine = (before.status, before.epoch, before.lease_owner) == ("in_progress", lease.epoch, lease.owner)
        end = outcomes.end_of(OUTCOMES[how], account_of(row), 5)
        assert lifecycle.finish(lease, end) is mine
        if not mine:
            lifecycle.record_late(lease, {"how": how})
            if how == "success":
                lifecycle.settle_late(lease, {"ok": True}, "Late")
        if again:
            assert lifecycle.finish(lease, end) is False

    # -- time and the machinery
    @rule(seconds=st.sampled_from([1.0, 40.0, 4000.0]))
    def time_passes(self, seconds: float) -> None:
        shift_clock(seconds)

    @rule()
    def rescue(self) -> None:
        dispatch.reap()

    @rule()
    def tick(self) -> None:
        dispatch.process_pending_tasks()

    # -- what must hold
    @invariant()
    def all_invariants_hold(self) -> None:
        assert invariants.check(grace_s=10**9, only=invariants.TASKS) == []

    @invariant()
    def nothing_moves_but_along_the_table(self) -> None:
        for pk, status, epoch in AgencyTask.objects.values_list("pk", "status", "epoch"):
            assert epoch >= self.epochs.get(pk, 0)
            before = self.seen.get(pk)
            assert before is None or before == status or _reachable(Status(before), Status(status))
            self.seen[pk], self.epochs[pk] = status, epoch

    def teardown(self) -> None:
        db.release()


def _reachable(source: Status, target: Status) -> bool:
    """One step of the machine may be several transitions; what is final stays unless a person replays it."""
    found, new = {source}, {source}
    while new:
        new = {after for status in new for after in TRANSITIONS[status]} - found
        found |= new
    return target in found


def test_a_life_never_ends_up_where_it_cannot_be(transactional_db: None, settings: Any) -> None:
    settings.RETRY_BASE_SECONDS = 0.0
    examples = int(os.environ.get("LIFE_EXAMPLES", "12"))
    run(examples)


def run(examples: int) -> None:
    from hypothesis.stateful import run_state_machine_as_test

    profile = settings(
        max_examples=examples,
        stateful_step_count=25,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        print_blob=True,
    )
    run_state_machine_as_test(Lives, settings=profile)


def test_a_dead_end_is_final() -> None:
    assert {status for status in Status if not TRANSITIONS[status]} == {Status.COMPLETED}
    assert TERMINAL - {Status.COMPLETED} == {status for status in TERMINAL if TRANSITIONS[status] == {Status.PENDING}}


pytestmark = pytest.mark.django_db(transaction=True)
