"""When to try again, and when to give up: a pure function of what happened. Times in seconds.

Figures: SECURITY.md §2 (eight tries over 27 h 35 m, the schedule Svix and Browserbase use).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from webhooks.outbound.transports.base import Busy, Delivered, Failed, Result, Unknown

STEPS = (0.0, 5.0, 300.0, 1800.0, 7200.0, 18_000.0, 36_000.0, 36_000.0)
JITTER = 0.2
SLOW_STEP = 60.0
BUSY_STEP = 0.25
REFUSING = frozenset({400, 401, 403, 404, 405, 413, 415, 422})
MAX_REFUSALS = 3


@dataclass(frozen=True)
class Standing:
    """What a message has behind it: tries that spent a step, refusals in a row."""

    attempts: int
    refusals: int
    once: bool = False
    manual_from: str = ""


@dataclass(frozen=True)
class Decision:
    """What becomes of a message. `wait_s` is None unless it is to be tried again."""

    state: str
    outcome: str
    error: str = ""
    wait_s: float | None = None
    attempts: int = 0
    refusals: int = 0
    held_reason: str = ""
    disable: bool = False
    exhausted: bool = False
    #: The channel is not to blame: neither its health nor its breaker counts this try.
    blameless: bool = False


def decide(
    result: Result,
    standing: Standing,
    steps: Sequence[float] = STEPS,
    rand: Callable[[float, float], float] = random.uniform,
) -> Decision:
    """The next state of a message after one try."""
    tried = standing.attempts + 1
    if isinstance(result, Delivered):
        return Decision("delivered", "delivered", attempts=tried)
    if isinstance(result, Busy):
        wait = max(result.wait_s, BUSY_STEP) * rand(1, 1 + JITTER)
        return Decision("pending", "refused", result.error, wait, standing.attempts, standing.refusals, blameless=True)
    if isinstance(result, Unknown) and standing.once:
        return Decision("held", "unknown", result.error, attempts=tried, held_reason="sent, but nobody answered")
    failed = result if isinstance(result, Failed) else Failed(result.error, result.answer, slow_down=True)
    outcome = "unknown" if isinstance(result, Unknown) else "failed" if failed.sent else "refused"
    refusals = standing.refusals + 1 if failed.answer.status in REFUSING else 0
    given_up = failed.permanent or refusals >= MAX_REFUSALS or tried >= len(steps)
    if given_up:
        return Decision(
            "dead",
            outcome,
            failed.error,
            attempts=tried,
            refusals=refusals,
            disable=failed.gone,
            exhausted=not failed.permanent,
        )
    wait = next_wait(steps[tried], failed, rand)
    return Decision("pending", outcome, failed.error, wait, tried, refusals)


def next_wait(step: float, failed: Failed, rand: Callable[[float, float], float] = random.uniform) -> float:
    """The wait before the next try: the step with jitter, longer for a receiver that asks for it (at most twice)."""
    if failed.slow_down:
        step = max(step, SLOW_STEP)
    if failed.retry_after_s is not None:
        return min(max(failed.retry_after_s, step), 2 * step)
    return step * rand(1 - JITTER, 1 + JITTER)
