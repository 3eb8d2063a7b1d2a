"""Sums over counts: the few ways in which every report adds them up."""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable
from typing import Any

from reports.queries import Count


def total(counts: Iterable[Count], *outcomes: str) -> int:
    """Rows with one of the outcomes; without any, all rows."""
    return sum(c.n for c in counts if not outcomes or c.outcome in outcomes)


def repeated(counts: Iterable[Count]) -> int:
    """How many of them were repetitions."""
    return sum(c.again for c in counts)


def by(key: Callable[[Count], Any], counts: Iterable[Count]) -> Counter[Any]:
    """Rows by any property."""
    found: Counter[Any] = Counter()
    for count in counts:
        found[key(count)] += count.n
    return found


def grid(
    rows: Callable[[Count], Any], columns: Callable[[Count], Any], counts: Iterable[Count]
) -> defaultdict[Any, Counter[Any]]:
    """Rows by two properties."""
    found: defaultdict[Any, Counter[Any]] = defaultdict(Counter)
    for count in counts:
        found[rows(count)][columns(count)] += count.n
    return found


def outcome_of(count: Count) -> str:
    """For `by` and `grid`."""
    return count.outcome


def subject_of(count: Count) -> str:
    """For `by` and `grid`."""
    return count.subject


def day_of(count: Count) -> dt.date:
    """For `by` and `grid`."""
    return count.day


def cause_of(count: Count) -> str:
    """For `by` and `grid`."""
    return count.cause


def rest(counter: Counter[Any], named: Collection[Any]) -> int:
    """The sum of what is not named."""
    return sum(n for key, n in counter.items() if key not in named)
