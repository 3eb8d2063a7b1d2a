"""From the ways an attempt can end to what is written: pure."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks import outcomes
from tasks.executors.base import Effect, Failed, HandBack, Lost, NeedsInput, Success
from tasks.lifecycle import End
from tasks.outcomes import Account
from tasks.outputs import MAX_BYTES, clean, clean_text
from tasks.states import Attempt, Status


def end(outcome: Any, *, effect: str = "once", on_unknown: str = "ask", errors: int = 0, retries: int = 3) -> End:
    return outcomes.end_of(outcome, Account(effect, on_unknown, errors, retries, 0), 12)


def test_success_completes() -> None:
    done = end(Success({"a": 1}, "Fine"))
    assert (done.to_status, done.attempt, done.errors) == (Status.COMPLETED, Attempt.SUCCESS, 0)


@pytest.mark.parametrize(
    ("effect", "on_unknown", "status"),
    [
        (Effect.READ, "ask", Status.PENDING),
        (Effect.IDEMPOTENT, "fail", Status.PENDING),
        (Effect.ONCE, "ask", Status.WAITING_INPUT),
        (Effect.ONCE, "retry", Status.PENDING),
        (Effect.ONCE, "fail", Status.FAILED),
    ],
)
def test_an_unknown_outcome_follows_the_class_of_the_work(effect: Effect, on_unknown: str, status: Status) -> None:
    assert end(Lost("The worker died."), effect=effect, on_unknown=on_unknown).to_status == status


def test_a_question_names_its_answers() -> None:
    asked = end(Lost("The connection was cut."))
    assert asked.waiting_for is not None
    assert [option["value"] for option in asked.waiting_for["options"]] == ["happened", "run_again", "fail"]
    assert end(NeedsInput("Which one?", options=[{"value": 1}])).attempt == Attempt.WAITING_INPUT


def test_a_hand_back_is_free_and_a_long_one_leaves_the_queue() -> None:
    short, long = end(HandBack("Limit", 5.0)), end(HandBack("Limit", 600.0))
    assert (short.to_status, short.errors, short.handbacks) == (Status.PENDING, 0, 1)
    assert (long.to_status, long.errors) == (Status.DEFERRED, 0)


def test_the_last_retry_fails_the_task() -> None:
    again, failed = (end(Failed("500", heals=True), errors=errors) for errors in (2, 3))
    assert (again.to_status, again.errors) == (Status.PENDING, 1)
    assert (failed.to_status, failed.errors) == (Status.FAILED, 1)


def test_a_failure_always_says_why() -> None:
    assert end(Failed("")).error != ""


# --- what comes back from outside ----------------------------------------------------------------------------------

HOSTILE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**400), 10**400)
    | st.floats()
    | st.text(st.characters(), max_size=50)
    | st.binary(max_size=20)
    | st.text(st.characters(categories=["Cs", "Cc"]), max_size=10),
    lambda children: st.lists(children, max_size=5) | st.dictionaries(st.text(st.characters()), children, max_size=5),
    max_leaves=30,
)


def storable(value: Any) -> bool:
    """What PostgreSQL's jsonb takes: strict JSON without NUL and lone surrogates."""
    text = json.dumps(value, allow_nan=False)
    text.encode()
    return "\\u0000" not in text and "\\ud8" not in text.lower().replace("\\\\u", "")


@given(HOSTILE)
def test_whatever_comes_back_can_be_stored(value: Any) -> None:
    safe, _ = clean(value)
    assert json.loads(json.dumps(safe, allow_nan=False)) == safe
    assert "\x00" not in json.dumps(safe, ensure_ascii=False)
    json.dumps(safe, ensure_ascii=False).encode()


def test_depth_is_bounded() -> None:
    deep: Any = "bottom"
    for _ in range(20_000):
        deep = [deep]
    safe, changed = clean(deep)
    assert changed
    assert storable(safe)


def test_size_is_bounded_and_said() -> None:
    safe, changed = clean({"body": "x" * (300 << 20)})
    assert changed
    assert len(json.dumps(safe)) <= MAX_BYTES
    assert safe["truncated"] is True


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf, 10**400, -(10**400)])
def test_numbers_that_no_json_holds_become_text(number: float) -> None:
    safe, changed = clean({"n": number})
    assert changed
    assert isinstance(safe["n"], str)


def test_harmless_output_is_left_alone() -> None:
    value = {"a": [1, 2.5, None, True, "ünïcödé 🙂"], "b": {}}
    assert clean(value) == (value, False)


@given(st.text(st.characters()), st.integers(1, 100))
def test_text_is_cut_and_clean(text: str, limit: int) -> None:
    safe = clean_text(text, limit)
    assert len(safe) <= limit
    assert "\x00" not in safe
    safe.encode()
