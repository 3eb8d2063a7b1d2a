"""From an outcome to what is written: the one place where the ways an attempt can end are told apart. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.conf import settings

from tasks import retry
from tasks.executors.base import Effect, Failed, HandBack, Lost, NeedsInput, Outcome, Success
from tasks.lifecycle import End
from tasks.outputs import clean, clean_text
from tasks.states import Attempt, Status

#: A wait longer than this leaves the queue: the task is deferred until then, in seconds.
DEFER_AFTER_S = 60.0

OUTCOME_UNKNOWN = "outcome_unknown"
HAPPENED, RUN_AGAIN, FAIL = "happened", "run_again", "fail"


@dataclass(frozen=True)
class Account:
    """What the task row says about its tries so far, and what repeating it would mean."""

    effect: str
    on_unknown: str
    errors: int
    max_retries: int
    free_waits: int


def unknown_question(error: str) -> dict[str, Any]:
    """The question put to a person when nobody knows whether the work took effect."""
    return {
        "kind": OUTCOME_UNKNOWN,
        "question": f"{error} Nobody knows whether it took effect. Did it happen?",
        "options": [
            {"value": HAPPENED, "label": "It happened"},
            {"value": RUN_AGAIN, "label": "Run it again"},
            {"value": FAIL, "label": "Give up"},
        ],
        "context": {},
    }


def settle_unknown(lost: Lost, account: Account) -> Failed | NeedsInput:
    """SPEC §3: repeatable work is tried again; work that must not happen twice follows onUnknownOutcome."""
    if account.effect != Effect.ONCE or account.on_unknown == "retry":
        return Failed(lost.error, heals=True, code="outcome_unknown", timed_out=True, output=lost.output)
    if account.on_unknown == "fail":
        return Failed(lost.error, heals=False, code="outcome_unknown", output=lost.output)
    asked = unknown_question(lost.error)
    return NeedsInput(asked["question"], asked["kind"], asked["options"], output=lost.output)


def end_of(outcome: Outcome, account: Account, duration_ms: int) -> End:
    """What FINISH writes for an outcome."""
    if isinstance(outcome, Lost):
        outcome = settle_unknown(outcome, account)
    if isinstance(outcome, Success):
        return _success(outcome, duration_ms)
    if isinstance(outcome, NeedsInput):
        return _needs_input(outcome, duration_ms)
    if isinstance(outcome, HandBack):
        return _hand_back(outcome.reason, outcome.wait_s, duration_ms)
    return _failed(outcome, account, duration_ms)


def cancelled(duration_ms: int) -> End:
    """A running attempt that stopped because a person cancelled the task."""
    return End(Status.CANCELLED, Attempt.CANCELLED, reason="Cancelled while running", duration_ms=duration_ms)


def handed_back(reason: str) -> End:
    """A claim that never began: free, and due at once."""
    return _hand_back(reason, 0.0, 0)


def _success(outcome: Success, duration_ms: int) -> End:
    output, changed = clean(outcome.output)
    return End(
        Status.COMPLETED,
        Attempt.SUCCESS,
        output=output,
        summary=clean_text(outcome.summary),
        duration_ms=duration_ms,
        sanitised=changed,
    )


def _needs_input(outcome: NeedsInput, duration_ms: int) -> End:
    output, changed = clean(outcome.output)
    asked, _ = clean(
        {
            "kind": outcome.kind,
            "question": outcome.question,
            "options": outcome.options,
            "context": outcome.context,
        }
    )
    reason = clean_text(outcome.question, 500)
    return End(
        Status.WAITING_INPUT,
        Attempt.WAITING_INPUT,
        reason=reason,
        output=output,
        waiting_for=asked,
        duration_ms=duration_ms,
        sanitised=changed,
    )


def _hand_back(reason: str, wait_s: float, duration_ms: int, error: str = "") -> End:
    to_status = Status.DEFERRED if wait_s > DEFER_AFTER_S else Status.PENDING
    return End(
        to_status,
        Attempt.HANDED_BACK,
        reason=clean_text(reason, 500),
        error=error,
        handbacks=1,
        wait_s=wait_s,
        duration_ms=duration_ms,
    )


def _failed(outcome: Failed, account: Account, duration_ms: int) -> End:
    verdict = retry.decide(
        outcome,
        errors=account.errors,
        max_retries=account.max_retries,
        free_waits=account.free_waits,
        base_s=settings.RETRY_BASE_SECONDS,
        cap_s=settings.RETRY_CAP_SECONDS,
    )
    error = clean_text(outcome.error) or "The attempt failed without saying why"
    if isinstance(verdict, retry.Again) and not verdict.spends:
        return _hand_back(f"The target asks to wait: {error}", verdict.wait_s, duration_ms, error)
    output, changed = clean(outcome.output)
    again = verdict if isinstance(verdict, retry.Again) else None
    return End(
        Status.PENDING if again else Status.FAILED,
        Attempt.TIMED_OUT if outcome.timed_out else Attempt.FAILED,
        reason=clean_text(f"Will be tried again: {error}" if again else error, 500),
        output=output,
        error=error,
        error_code=clean_text(outcome.code, 50),
        trace=clean_text(outcome.trace, 20_000),
        errors=1,
        wait_s=again.wait_s if again else None,
        duration_ms=duration_ms,
        sanitised=changed,
    )
