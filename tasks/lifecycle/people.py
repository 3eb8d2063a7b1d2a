"""What people and their programs make of a task: start, put off, stop, run again, answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.db import transaction

from tasks.actors import SYSTEM, Actor
from tasks.lifecycle.moves import after_end, dumps, execute, fetch, move
from tasks.states import CANCELLABLE, DEFERRABLE, REPLAYABLE, Status


def queue_by_hand(task_id: int, actor: Actor) -> list[int]:
    """pending → queued for a manual trigger: neither execution type nor time hold it, review and dependencies do."""
    ready = (
        " AND review IN ('none', 'approved') AND (review = 'none' OR approved_digest = config_digest)"
        " AND (approved_until IS NULL OR approved_until > clock_timestamp())"
        " AND unmet_dependencies = 0 AND cancel_requested_at IS NULL"
    )
    also = (
        ", run_at = least(run_at, clock_timestamp()), queued_at = clock_timestamp(),"
        " dispatched_at = clock_timestamp(), dispatch_count = 0"
    )
    return move([task_id], [Status.PENDING], Status.QUEUED, actor, "Started by hand", also=also, where=ready)


def unqueue(ids: Sequence[int], actor: Actor, reason: str) -> list[int]:
    """queued → pending: an edit or the end of an approval voids what was about to run."""
    return move(ids, [Status.QUEUED], Status.PENDING, actor, reason)


def defer(task_id: int, actor: Actor, until: Any, reason: str) -> list[int]:
    """pending or queued → deferred, until a time or (None) until somebody releases it."""
    return move([task_id], DEFERRABLE, Status.DEFERRED, actor, reason, also=", deferred_until = %(until)s", until=until)


def release(task_id: int, actor: Actor) -> list[int]:
    """deferred → pending by a person."""
    also = ", deferred_until = NULL, run_at = least(run_at, clock_timestamp())"
    return move([task_id], [Status.DEFERRED], Status.PENDING, actor, "Released", also=also)


def cancel(ids: Sequence[int], actor: Actor, reason: str, *, rejected: bool = False) -> list[int]:
    """Ends tasks that nobody is running. Running ones are asked to stop by `request_cancel`."""
    idle = CANCELLABLE - {Status.IN_PROGRESS}
    with transaction.atomic():
        where = " AND review = 'rejected'" if rejected else ""
        done = move(ids, idle, Status.CANCELLED, actor, reason, also=", cancel_requested_at = NULL", where=where)
        after_end(done, Status.CANCELLED)
    return done


def request_cancel(task_id: int, actor: Actor) -> bool:
    """Asks the worker that runs the task to stop. It ends as cancelled within two heartbeats."""
    statement = (
        "UPDATE agency_tasks SET cancel_requested_at = coalesce(cancel_requested_at, clock_timestamp()) "
        "WHERE id = %(id)s AND status = 'in_progress'"
    )
    return execute(statement, {"id": task_id}) == 1


def fail_unrunnable(task_id: int, reason: str) -> list[int]:
    """pending or queued → failed: it can never run."""
    with transaction.atomic():
        also = ", last_error = %(error)s"
        sources = [Status.PENDING, Status.QUEUED]
        done = move([task_id], sources, Status.FAILED, SYSTEM, reason, also=also, error=reason)
        after_end(done, Status.FAILED)
    return done


def replay(task_id: int, actor: Actor) -> list[int]:
    """failed or cancelled → pending: a new run, with counters at zero and new idempotency keys."""
    also = (
        ", run_generation = run_generation + 1, error_count = 0, crash_count = 0, handback_count = 0,"
        " run_at = clock_timestamp(), cancel_requested_at = NULL, answer = NULL, deferred_until = NULL,"
        " queue = CASE WHEN queue = 'quarantine' THEN %(home)s ELSE queue END,"
        " approved_until = CASE WHEN review = 'approved' THEN greatest(human_reviewed_at, scheduled_for)"
        " + make_interval(hours => %(approval_hours)s) END"
    )
    hours = settings.REVIEW_APPROVAL_HOURS
    home = _home_queue(task_id)
    return move([task_id], REPLAYABLE, Status.PENDING, actor, "Run again", also=also, home=home, approval_hours=hours)


def _home_queue(task_id: int) -> str:
    from tasks.executors import registry

    rows = fetch("SELECT task_type FROM agency_tasks WHERE id = %(id)s", {"id": task_id})
    executor = registry.known().get(rows[0]["task_type"]) if rows else None
    return executor.queue if executor else "io"


# --- answers ------------------------------------------------------------------------------------------------------

_SAME_QUESTION = " AND waiting_token = %(token)s"


def answer(task_id: int, token: Any, actor: Actor, given: Any) -> list[int]:
    """waiting_input → queued, with the answer that the next attempt reads."""
    also = (
        ", answer = coalesce(answer, '{}'::jsonb) || %(given)s::jsonb, waiting_until = NULL, waiting_for = NULL,"
        " run_at = clock_timestamp(), queued_at = clock_timestamp(), dispatched_at = clock_timestamp(), dispatch_count = 0"
    )
    return move(
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
    return move(
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
        done = move(
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
            execute(
                "UPDATE task_executions SET status = 'success', updated_at = clock_timestamp() WHERE id = (SELECT id FROM"
                " task_executions WHERE task_id = %(id)s ORDER BY attempt DESC LIMIT 1)",
                {"id": task_id},
            )
        after_end(done, Status.COMPLETED)
    return done


def answer_failed(task_id: int, token: Any, actor: Actor, reason: str) -> list[int]:
    """waiting_input → failed by a person."""
    with transaction.atomic():
        also = ", last_error = %(error)s, waiting_until = NULL, waiting_for = NULL"
        done = move(
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
        after_end(done, Status.FAILED)
    return done
