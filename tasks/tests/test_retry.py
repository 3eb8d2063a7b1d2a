"""Which errors heal, and when the next try comes: pure."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tasks import retry
from tasks.executors.base import Failed
from tasks.retry import Again, GiveUp


def decide(failed: Failed, *, errors: int = 0, max_retries: int = 3, free_waits: int = 0) -> Again | GiveUp:
    return retry.decide(failed, errors=errors, max_retries=max_retries, free_waits=free_waits, base_s=5.0, cap_s=900.0)


def test_what_cannot_heal_is_not_tried_again() -> None:
    assert isinstance(decide(Failed("404", heals=False, retry_after_s=3)), GiveUp)


@given(st.integers(0, 10))
def test_max_retries_means_so_many_tries_after_the_first(max_retries: int) -> None:
    verdicts = [decide(Failed("500", heals=True), errors=n, max_retries=max_retries) for n in range(max_retries + 1)]
    assert [isinstance(verdict, Again) for verdict in verdicts] == [True] * max_retries + [False]


def test_no_retries_are_said_as_such() -> None:
    assert decide(Failed("500", heals=True), max_retries=0) == GiveUp("No retries allowed")


@given(st.integers(0, 1000))
def test_the_wait_is_random_within_a_doubling_bound_that_is_capped(errors: int) -> None:
    wait = retry.backoff_s(errors, 5.0, 900.0)
    assert 0.0 <= wait <= min(900.0, 5.0 * 2.0 ** min(errors, 30))


def test_the_waits_are_spread_over_the_whole_range() -> None:
    waits = [retry.backoff_s(3, 5.0, 900.0) for _ in range(2000)]
    assert min(waits) < 2.0
    assert max(waits) > 38.0
    assert 16.0 < sum(waits) / len(waits) < 24.0


@given(st.floats(-1e6, 1e9))
def test_what_the_target_asks_for_wins_within_bounds_and_costs_nothing(asked: float) -> None:
    verdict = decide(Failed("429", heals=True, retry_after_s=asked), errors=3, max_retries=3)
    assert isinstance(verdict, Again)
    assert not verdict.spends
    assert verdict.wait_s == min(max(asked, 1.0), 3600.0)


def test_a_target_that_always_asks_to_wait_spends_retries_in_the_end() -> None:
    verdict = decide(Failed("429", heals=True, retry_after_s=2.0), free_waits=retry.MAX_FREE_WAITS)
    assert isinstance(verdict, Again)
    assert verdict.spends
