"""When a message is tried again and when it is given up: a table, without a clock or a database."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhooks.outbound.schedule import JITTER, STEPS, Standing, decide, next_wait
from webhooks.outbound.transports.base import Answer, Delivered, Failed, Unknown


def middle(low: float, high: float) -> float:
    return (low + high) / 2


def failed(status: int | None = 500, **more: object) -> Failed:
    return Failed("no", Answer(status), **more)  # type: ignore[arg-type]


def test_eight_tries_over_a_little_more_than_a_day_then_dead() -> None:
    waits, attempts = [], 0
    while True:
        decision = decide(failed(), Standing(attempts, 0), rand=middle)
        attempts = decision.attempts
        if decision.state == "dead":
            break
        waits.append(decision.wait_s)
    assert (attempts, waits) == (8, list(STEPS[1:]))
    assert sum(STEPS) == 27 * 3600 + 35 * 60 + 5
    assert decision.exhausted


def test_success_ends_it() -> None:
    assert decide(Delivered(Answer(200)), Standing(3, 1)).state == "delivered"


def test_a_receiver_that_is_overloaded_is_given_at_least_a_minute() -> None:
    assert next_wait(5, failed(503, slow_down=True), middle) == 60
    assert next_wait(300, failed(503, slow_down=True), middle) == 300


@pytest.mark.parametrize(("asked", "expected"), [(1.0, 60.0), (90.0, 90.0), (3600.0, 120.0)])
def test_retry_after_is_heard_within_the_step_and_twice_the_step(asked: float, expected: float) -> None:
    assert next_wait(5, failed(429, slow_down=True, retry_after_s=asked), middle) == expected


@given(st.sampled_from(STEPS[1:]), st.floats(1, 3600) | st.none(), st.booleans())
def test_every_wait_lies_within_its_bounds(step: float, asked: float | None, slow: bool) -> None:
    wait = next_wait(step, failed(503, slow_down=slow, retry_after_s=asked))
    base = max(step, 60) if slow else step
    low, high = (base * (1 - JITTER), base * (1 + JITTER)) if asked is None else (base, 2 * base)
    assert low <= wait <= high


def test_three_refusals_in_a_row_end_it_and_another_answer_starts_the_count_anew() -> None:
    assert decide(failed(403), Standing(1, 1)).state == "pending"
    assert decide(failed(404), Standing(2, 2)).state == "dead"
    assert decide(failed(500), Standing(2, 2)).refusals == 0


def test_gone_and_impossible_end_it_at_once_and_only_gone_switches_the_channel_off() -> None:
    gone = decide(failed(410, permanent=True, gone=True), Standing(0, 0))
    assert (gone.state, gone.disable, gone.exhausted) == ("dead", True, False)
    blocked = decide(failed(None, permanent=True, sent=False), Standing(0, 0))
    assert (blocked.state, blocked.disable, blocked.outcome) == ("dead", False, "refused")


def test_an_unknown_outcome_is_held_where_twice_is_worse_and_retried_elsewhere() -> None:
    held = decide(Unknown("timed out"), Standing(0, 0, once=True))
    assert (held.state, held.held_reason, held.outcome) == ("held", "sent, but nobody answered", "unknown")
    again = decide(Unknown("timed out"), Standing(0, 0), rand=middle)
    assert (again.state, again.wait_s, again.outcome) == ("pending", 60.0, "unknown")
