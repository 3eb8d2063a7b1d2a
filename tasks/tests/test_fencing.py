"""Attempts that lost their lease, answers that got lost, output that cannot be stored: the end is written once, or never."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import pytest
from django.db import OperationalError

from tasks import dispatch, invariants, lifecycle, recorder, services
from tasks.actors import Actor
from tasks.attempt import RunningAttempt
from tasks.executors import registry
from tasks.executors.base import Config, Effect, Executor, LeaseLost, Lost, Outcome, Preview, Success
from tasks.lifecycle import End, Lease
from tasks.models import AgencyTask, TaskEffect
from tasks.runner import Runner, snapshot_of
from tasks.states import Attempt, Status
from tasks.tests.conftest import wait_for, wait_status
from tasks.tests.factories import UserFactory, make_task
from tasks.tests.rows import shift_clock, sql

pytestmark = pytest.mark.django_db(transaction=True)

DONE = End(Status.COMPLETED, Attempt.SUCCESS, output={"done": True}, summary="Done")


class Nothing(Config):
    """No settings."""


class Scripted(Executor[Any]):
    """Does what a test says. Must not happen twice."""

    type = "scripted"
    label = "Scripted"
    Config = Nothing
    default_timeout_s = 30.0
    script: ClassVar[Any] = None

    def effect(self, config: Any) -> Effect:
        return Effect.ONCE

    def preview(self, config: Any) -> Preview:
        return Preview("As the test says")

    def run(self, config: Any, ctx: Any) -> Outcome:
        outcome: Outcome = type(self).script(ctx)
        return outcome


@contextmanager
def scripted(script: Any) -> Iterator[None]:
    Scripted.script = staticmethod(script)
    with registry.registered(Scripted):
        yield


def scripted_task(**fields: Any) -> AgencyTask:
    return make_task(taskType="scripted", executionConfig={}, **fields)


def claimed(owner: str = "first", **fields: Any) -> tuple[dict[str, Any], Lease]:
    task = make_task(**fields)
    (row,) = lifecycle.claim("io", owner, 1, ["api_call"])
    assert row["id"] == task.pk
    return row, Lease(row["id"], row["epoch"], owner)


def lose(*leases: Lease) -> None:
    """The leases run out and the rescue comes."""
    sql("UPDATE agency_tasks SET lease_expires_at = clock_timestamp() - interval '1 s' WHERE status = 'in_progress'")
    assert dispatch.reap() == len(leases)
    dispatch.process_pending_tasks()


def test_a_zombie_cannot_end_what_another_worker_runs() -> None:
    row, zombie = claimed()
    lose(zombie)
    (again,) = lifecycle.claim("io", "second", 1, ["api_call"])
    assert (again["id"], again["epoch"]) == (row["id"], 2)
    assert not lifecycle.finish(zombie, DONE)
    assert lifecycle.finish(Lease(row["id"], 2, "second"), DONE)
    assert not lifecycle.finish(zombie, DONE)
    assert invariants.check() == []


@pytest.mark.parametrize("change", [{"epoch": 2}, {"owner": "somebody else"}, {"task_id": 10**9}])
def test_an_end_needs_all_of_task_epoch_and_owner(change: dict[str, Any]) -> None:
    _, lease = claimed()
    held = {"task_id": lease.task_id, "epoch": lease.epoch, "owner": lease.owner}
    assert not lifecycle.finish(Lease(**{**held, **change}), DONE)
    assert lifecycle.finish(lease, DONE)


def test_a_heartbeat_of_a_zombie_renews_nothing_and_tells_it() -> None:
    row, zombie = claimed()
    lose(zombie)
    lifecycle.claim("io", "second", 1, ["api_call"])
    before = AgencyTask.objects.get(pk=row["id"]).lease_expires_at
    assert lifecycle.heartbeat(zombie.owner, [(zombie.task_id, zombie.epoch)]) == {}
    assert AgencyTask.objects.get(pk=row["id"]).lease_expires_at == before


def test_heartbeats_end_at_the_deadline_though_the_process_lives() -> None:
    row, lease = claimed()
    shift_clock(row["timeout_s"] + 1)
    assert lifecycle.heartbeat(lease.owner, [(lease.task_id, lease.epoch)]) == {}


def test_a_zombie_writes_nothing_outside() -> None:
    row, zombie = claimed(executionConfig={"apiEndpoint": "https://api.example.com/x", "apiMethod": "POST"})
    attempt = RunningAttempt(snapshot_of(row), zombie, 30)
    lose(zombie)
    with pytest.raises(LeaseLost):
        attempt.intend("", {"n": 1}, 1.0)
    assert not TaskEffect.objects.exists()


def test_a_lease_about_to_end_covers_no_further_write() -> None:
    row, lease = claimed(executionConfig={"apiEndpoint": "https://api.example.com/x", "apiMethod": "POST"})
    sql("UPDATE agency_tasks SET lease_expires_at = clock_timestamp() + interval '0.5 s' WHERE id = %s", row["id"])
    with pytest.raises(LeaseLost):
        RunningAttempt(snapshot_of(row), lease, 30).intend("", {}, 30.0)


def test_a_refusal_from_a_zombie_does_not_touch_the_ledger_of_its_successor() -> None:
    post = {"apiEndpoint": "https://api.example.com/x", "apiMethod": "PUT"}
    row, first = claimed(executionConfig=post)
    zombie = RunningAttempt(snapshot_of(row), first, 30)
    zombie.intend("", {}, 1.0)
    lose(first)
    (again,) = lifecycle.claim("io", "second", 1, ["api_call"])
    RunningAttempt(snapshot_of(again), Lease(again["id"], again["epoch"], "second"), 30).intend("", {}, 1.0)
    zombie.reject("", {"status": 500})
    assert TaskEffect.objects.get().state in ("intended", "unknown")
    zombie.confirm("", {"status": 200})
    assert TaskEffect.objects.get().state == "confirmed"


# --- late results --------------------------------------------------------------------------------------------------


def run_past_its_lease(outcome: Any) -> AgencyTask:
    """An attempt that is taken away in the middle and comes back afterwards with `outcome`."""
    began, go_on = threading.Event(), threading.Event()

    def script(ctx: Any) -> Any:
        ctx.intend("", {"pay": 1}, 1.0)
        began.set()
        assert go_on.wait(30)
        if isinstance(outcome, Success):
            ctx.confirm("", {"paid": 1})
        return outcome

    with scripted(script):
        worker = Runner("io", 2)
        worker.start()
        task = scripted_task()
        assert began.wait(20)
        sql(
            "UPDATE agency_tasks SET lease_owner = 'taken', lease_expires_at = now() - interval '1 s' WHERE id = %s",
            task.pk,
        )
        dispatch.reap()
        task.refresh_from_db()
        assert (task.status, task.waiting_for["kind"]) == ("waiting_input", "outcome_unknown")
        go_on.set()
        wait_for(lambda: task.executions.get().late_output)
        worker.drain(5)
    task.refresh_from_db()
    return task


def test_a_late_success_answers_the_question_whether_it_happened() -> None:
    task = run_past_its_lease(Success({"paid": 1}, "Paid"))
    assert (task.status, task.result) == ("completed", {"paid": 1})
    assert task.executions.get().late_output == {"outcome": "Success", "output": {"paid": 1}}
    assert invariants.check() == []


def test_a_late_doubt_is_kept_and_the_person_still_asked() -> None:
    task = run_past_its_lease(Lost("Cut."))
    assert task.status == "waiting_input"
    assert task.executions.get().late_output["outcome"] == "Lost"


def test_late_evidence_in_the_ledger_lets_the_next_attempt_finish_from_it() -> None:
    """The zombie said 'confirmed' and died before it could say more."""
    row, zombie = claimed(executionConfig={"apiEndpoint": "https://api.example.com/x", "apiMethod": "POST"})
    attempt = RunningAttempt(snapshot_of(row), zombie, 30)
    attempt.intend("", {}, 1.0)
    shift_clock(60)
    dispatch.reap()
    assert AgencyTask.objects.get(pk=row["id"]).status == "waiting_input"
    attempt.confirm("", {"data": "paid"})
    dispatch.reap()
    task = AgencyTask.objects.get(pk=row["id"])
    assert (task.status, task.status_reason) == ("queued", "Late evidence says that it happened")


# --- commits whose answer was lost ---------------------------------------------------------------------------------


def held_by_recorder(outcome: Success) -> recorder.Ended:
    row, lease = claimed("me")
    held = recorder.Held(row, lease, RunningAttempt(snapshot_of(row), lease, 30))
    return recorder.Ended(held, End(Status.COMPLETED, Attempt.SUCCESS, output=outcome.output), outcome)


@pytest.mark.parametrize("committed", [True, False])
def test_an_end_whose_commit_is_unknown_is_written_once(monkeypatch: Any, committed: bool) -> None:
    ended = held_by_recorder(Success({"n": 1}))
    finish_many, calls = lifecycle.finish_many, []

    def breaks_first(ends: Any, **kw: Any) -> Any:
        calls.append(1)
        if len(calls) == 1:
            if committed:
                finish_many(ends, **kw)
            raise OperationalError("server closed the connection unexpectedly")
        return finish_many(ends, **kw)

    monkeypatch.setattr(lifecycle, "finish_many", breaks_first)
    monkeypatch.setattr(recorder, "TRY_AGAIN_S", 0.0)
    assert recorder._finish([ended]) == {ended.held.key}
    task = AgencyTask.objects.get()
    assert (task.status, task.executions.get().late_output) == ("completed", None)
    assert invariants.check() == []


def test_a_claim_whose_answer_was_lost_goes_back_unharmed(runner: Runner, monkeypatch: Any) -> None:
    claim, calls = lifecycle.claim, []

    def answer_lost(*args: Any) -> Any:
        rows = claim(*args)
        if rows and not calls:
            calls.append(1)
            raise OperationalError("connection reset")
        return rows

    def script(ctx: Any) -> Any:
        return Success({"ok": True})

    monkeypatch.setattr(lifecycle, "claim", answer_lost)
    with scripted(script):
        task = wait_status(scripted_task(), "completed")
    assert (task.error_count, task.crash_count, task.handback_count) == (0, 0, 1)


# --- output that nobody can store ----------------------------------------------------------------------------------


def deep() -> Any:
    value: Any = "bottom"
    for _ in range(20_000):
        value = [value]
    return value


HOSTILE = {
    "NUL": lambda: {"a\x00b": "c\x00d"},
    "lone surrogate": lambda: {"text": "\ud800 and \udfff"},
    "NaN": lambda: {"n": float("nan"), "m": float("inf")},
    "1e400": lambda: {"n": 10**400},
    "20,000 deep": deep,
    "300 MB": lambda: {"body": "x" * (300 << 20)},
    "no JSON": lambda: {"object": object(), "set": {1, 2}, "bytes": b"\xff"},
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_output_never_stands_in_the_way_of_the_end(runner: Runner, kind: str) -> None:
    with scripted(lambda ctx: Success(HOSTILE[kind](), "Done")):
        task = wait_status(scripted_task(), "completed", seconds=60)
    execution = task.executions.get()
    assert execution.sanitised
    assert task.attempt_count == 1


@pytest.mark.parametrize("error", ["NUL \x00 and \ud800", "x" * 1_000_000], ids=["unstorable", "long"])
def test_hostile_errors_are_stored_clean(runner: Runner, error: str) -> None:
    def script(ctx: Any) -> Any:
        raise RuntimeError(error)

    with scripted(script):
        task = wait_status(scripted_task(maxRetries=0), "failed")
    assert "RuntimeError" in task.last_error
    assert len(task.last_error) <= 10_000


def test_what_is_no_outcome_fails_the_attempt(runner: Runner) -> None:
    with scripted(lambda ctx: "fine"):
        task = wait_status(scripted_task(maxRetries=0), "failed")
    assert "expected an outcome" in task.last_error


def test_a_receiver_that_fails_does_not_make_the_work_happen_again(runner: Runner) -> None:
    def fails(**_: Any) -> None:
        raise RuntimeError("receiver")

    lifecycle.task_finished.connect(fails)
    try:
        with scripted(lambda ctx: Success({"ok": True})):
            task = wait_status(scripted_task(), "completed")
    finally:
        lifecycle.task_finished.disconnect(fails)
    assert task.attempt_count == 1


def test_one_bad_end_in_a_batch_spoils_no_other() -> None:
    good, bad = held_by_recorder(Success({"n": 1})), held_by_recorder(Success({"n": 2}))
    spoiled = recorder.Ended(bad.held, End(Status.COMPLETED, Attempt.SUCCESS, output="\x00"), bad.outcome)
    written: list[Any] = []
    recorder.Recorder("test", written.append)._write([good, spoiled])
    assert set(AgencyTask.objects.values_list("status", flat=True)) == {"completed"}
    assert invariants.check() == []


def test_the_answer_to_yesterdays_question_is_refused() -> None:
    row, lease = claimed()
    asked = {"kind": "question", "question": "A?", "options": []}
    lifecycle.finish(lease, End(Status.WAITING_INPUT, Attempt.WAITING_INPUT, waiting_for=asked))
    task = AgencyTask.objects.get(pk=row["id"])
    actor = Actor.user(UserFactory(), "api")
    with pytest.raises(Exception, match="something else"):
        services.answer(task.pk, actor, {"answer": "x"}, token="00000000-0000-0000-0000-000000000000")
    services.answer(task.pk, actor, {"answer": "x"}, token=str(task.waiting_token))
    assert AgencyTask.objects.get(pk=row["id"]).answer == {"answer": "x"}
