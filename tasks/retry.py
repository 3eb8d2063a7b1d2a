"""Which errors heal, and when to try again. Pure: no clock, no database."""

from __future__ import annotations

import random
from dataclasses import dataclass

from tasks.executors.base import Failed

#: RFC 9110: these say that the same request may be answered later.
HEALING_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})
#: A target that keeps asking us to wait is given up after this many free waits.
MAX_FREE_WAITS = 10
#: Retry-After is believed within these bounds, in seconds.
SHORTEST_WAIT_S, LONGEST_WAIT_S = 1.0, 3600.0


@dataclass(frozen=True)
class Again:
    """Try again after `wait_s` seconds; `spends` says whether a retry is used up."""

    wait_s: float
    spends: bool = True


@dataclass(frozen=True)
class GiveUp:
    """No further try."""

    reason: str


def backoff_s(errors: int, base_s: float, cap_s: float) -> float:
    """Full jitter: a random time in [0, min(cap, base * 2^errors)] seconds."""
    return random.uniform(0.0, min(cap_s, base_s * 2.0 ** min(errors, 30)))  # noqa: S311 spreads load, hides nothing


def decide(
    failed: Failed, *, errors: int, max_retries: int, free_waits: int, base_s: float, cap_s: float
) -> Again | GiveUp:
    """What follows a failed attempt, `errors` failures after the run began (this one not counted)."""
    if not failed.heals:
        return GiveUp("This error cannot heal")
    if failed.retry_after_s is not None and free_waits < MAX_FREE_WAITS:
        return Again(min(max(failed.retry_after_s, SHORTEST_WAIT_S), LONGEST_WAIT_S), spends=False)
    if errors >= max_retries:
        return GiveUp(f"All {max_retries + 1} attempts used" if max_retries else "No retries allowed")
    return Again(backoff_s(errors, base_s, cap_s))
