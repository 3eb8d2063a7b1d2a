"""Reads the figures of a period: whole days and hours from the rollups, the hours at its edges from the rows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from django.db import connection

from reports.facts import GROWTH, Fact, kept_since
from reports.period import UTC, Period
from reports.rollups import DAY, HOUR, day_of

#: Up to so many measured rows percentiles are taken from the rows themselves; beyond, from the histogram.
EXACT_UP_TO = 10_000


@dataclass(frozen=True)
class Count:
    """Rows of one local day with one subject, outcome and cause."""

    day: dt.date
    subject: str
    outcome: str
    cause: str
    n: int
    again: int
    ms_sum: int
    ms_max: int | None


@dataclass(frozen=True)
class Spread:
    """How long things took, in milliseconds. None where nothing was measured."""

    measured: int = 0
    p50: int | None = None
    p95: int | None = None
    longest: int | None = None


@dataclass(frozen=True)
class Edges:
    """How a period divides: [start, first) and [last, end) are parts of hours; between them lie whole hours."""

    first: dt.datetime
    last: dt.datetime
    first_day: dt.datetime
    last_day: dt.datetime


def edges_of(period: Period) -> Edges:
    """Whole hours, and within them whole UTC days; both spans may be empty."""
    first = _up(period.start, HOUR, _hour_of)
    last = max(first, _hour_of(period.end))
    first_day = min(_up(first, DAY, day_of), last)
    return Edges(first, last, first_day, max(first_day, day_of(last)))


def _hour_of(moment: dt.datetime) -> dt.datetime:
    return moment.astimezone(dt.UTC).replace(minute=0, second=0, microsecond=0)


def _up(moment: dt.datetime, step: dt.timedelta, floor: Callable[[dt.datetime], dt.datetime]) -> dt.datetime:
    return moment if floor(moment) == moment else floor(moment) + step


@dataclass
class Reader:
    """The figures of one period, restricted to some subjects where `subjects` names any."""

    period: Period
    subjects: Sequence[str] = ()
    #: Whether a percentile came from the histogram, and an edge from a whole hour: reports say so.
    approximate: bool = field(default=False, init=False)
    widened: bool = field(default=False, init=False)
    _known_edges: dict[str, Edges] = field(default_factory=dict, init=False)

    def counts(self, fact: Fact) -> list[Count]:
        """Rows per local day, subject, outcome and cause."""
        columns = "at, subject, outcome, cause, n, again, ms_sum, ms_max"
        one = "at, subject, outcome, cause, 1 AS n, again, coalesce(ms, 0) AS ms_sum, ms AS ms_max"
        statement = f"""
            SELECT (at AT TIME ZONE %(zone)s)::date, subject, outcome, cause, sum(n)::bigint, sum(again)::bigint,
              sum(ms_sum)::bigint, max(ms_max)
            FROM ({self._cells(fact, columns, one)}) c WHERE {self._chosen()} GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4"""
        return [Count(*row) for row in self._rows(statement, fact)]

    def spreads(self, fact: Fact, outcomes: Iterable[str] = (), *, by_day: bool = False) -> dict[str, Spread]:
        """How long rows with one of the outcomes took, by subject or by ISO day; "" holds all of them together."""
        wanted = list(outcomes)
        condition = f"{self._chosen()} AND (%(any)s OR outcome = ANY(%(outcomes)s))"
        params = {"outcomes": wanted, "any": not wanted}
        key = "(at AT TIME ZONE %(zone)s)::date" if by_day else "subject"
        bars = self._bars(fact, key, condition, params)
        if not bars:
            return {"": Spread()}
        if sum(c for _, _, c, _ in bars) <= EXACT_UP_TO and not self._pruned(fact):
            return self._exact(fact, key, condition, params)
        self.approximate = True
        return _from_bars(bars)

    # -- the parts of a period
    def _cells(self, fact: Fact, cell: str, row: str) -> str:
        """Cells of whole days and hours, and rows of the edges, in one shape."""
        edges = self._edges(fact)
        in_days = "at >= %(first_day)s AND at < %(last_day)s"
        in_hours = "at >= %(first)s AND at < %(last)s"
        outside_days = "NOT (at >= %(first_day)s AND at < %(last_day)s)"
        one = f"SELECT {cell} FROM report_rollups WHERE fact = %(fact)s"
        parts = [f"{one} AND grain = 'hour' AND {in_hours}"]
        if self.period.zone == UTC and edges.first_day < edges.last_day:
            parts = [
                f"{one} AND grain = 'day' AND {in_days}",
                f"{one} AND grain = 'hour' AND {in_hours} AND {outside_days}",
            ]
        parts += [f"SELECT {row} FROM ({fact.rows(scope)}) r" for scope in self._edge_scopes(fact, edges)]
        return " UNION ALL ".join(parts)

    def _edge_scopes(self, fact: Fact, edges: Edges) -> list[str]:
        scopes = []
        if self.period.start < edges.first:
            scopes.append(f"{fact.time} >= %(start)s AND {fact.time} < least(%(first)s, %(end)s)")
        if edges.last < self.period.end and edges.first <= edges.last and self.period.end > edges.first:
            scopes.append(f"{fact.time} >= %(last)s AND {fact.time} < %(end)s")
        return scopes

    def _edges(self, fact: Fact) -> Edges:
        """The edges; an edge whose rows were pruned in part is read as its whole hour."""
        if fact.name not in self._known_edges:
            self._known_edges[fact.name] = self._find_edges(fact)
        return self._known_edges[fact.name]

    def _find_edges(self, fact: Fact) -> Edges:
        edges = edges_of(self.period)
        before, after = _hour_of(self.period.start), _hour_of(self.period.end)
        pruned = self._pruned_hours(fact, [before, after])
        since = kept_since(fact)
        if since is not None:
            pruned |= {hour for hour in (before, after) if hour < since}
        first = before if before in pruned else edges.first
        last = after + HOUR if after in pruned and after < self.period.end else edges.last
        if (first, last) != (edges.first, edges.last):
            self.widened = True
        return Edges(first, max(first, last), min(edges.first_day, max(first, last)), edges.last_day)

    def _pruned_hours(self, fact: Fact, hours: list[dt.datetime]) -> set[dt.datetime]:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT DISTINCT at FROM report_rollups WHERE fact = %s AND part = 'pruned' AND at = ANY(%s)",
                [fact.name, hours],
            )
            return {at for (at,) in cursor.fetchall()}

    def _pruned(self, fact: Fact) -> bool:
        """Whether rows of the period are gone, so that only the histogram still knows them."""
        since = kept_since(fact)
        if since is not None and self.period.start < since:
            return True
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT 1 FROM report_rollups WHERE fact = %s AND grain = 'hour' AND part = 'pruned'"
                " AND at >= %s AND at < %s LIMIT 1",
                [fact.name, _hour_of(self.period.start), self.period.end],
            )
            return cursor.fetchone() is not None

    # -- percentiles
    def _bars(self, fact: Fact, key: str, condition: str, params: dict[str, Any]) -> list[tuple[str, int, int, int]]:
        """(key, bucket, count, largest value of the cells that have the bucket), in no order: sorting costs the most."""
        bucket = f"ARRAY[ceil(ln(greatest(ms, 1)) / ln({GROWTH}))]::smallint[] AS buckets, ARRAY[1]::bigint[] AS counts"
        row = f"at, subject, outcome, ms AS ms_max, {bucket}"
        statement = f"""
            SELECT {key}, u.bucket::int, sum(u.c::int), max(ms_max)
            FROM ({self._cells(fact, "at, subject, outcome, ms_max, buckets, counts", row)}) c,
              unnest(buckets, counts) AS u(bucket, c)
            WHERE ms_max IS NOT NULL AND {condition} GROUP BY 1, 2"""
        return [(str(key), *rest) for key, *rest in self._rows(statement, fact, params)]

    def _exact(self, fact: Fact, key: str, condition: str, params: dict[str, Any]) -> dict[str, Spread]:
        scope = f"{fact.time} >= %(start)s AND {fact.time} < %(end)s"
        statement = f"""
            SELECT coalesce(key::text, ''), count(*), percentile_disc(0.5) WITHIN GROUP (ORDER BY ms),
              percentile_disc(0.95) WITHIN GROUP (ORDER BY ms), max(ms)
            FROM (SELECT {key} AS key, ms FROM ({fact.rows(scope)}) r WHERE ms IS NOT NULL AND {condition}) c
            GROUP BY GROUPING SETS ((key), ())"""
        return {found: Spread(*rest) for found, *rest in self._rows(statement, fact, params)}

    # -- running statements
    def _chosen(self) -> str:
        return "subject = ANY(%(subjects)s)" if self.subjects else "true"

    def _rows(self, statement: str, fact: Fact, more: dict[str, Any] | None = None) -> list[Any]:
        edges = self._edges(fact)
        params = {
            "fact": fact.name,
            "zone": self.period.zone.key,
            "start": self.period.start,
            "end": self.period.end,
            "subjects": list(self.subjects),
            **vars(edges),
            **(more or {}),
        }
        with connection.cursor() as cursor:
            cursor.execute(statement, params)
            return cursor.fetchall()


def _from_bars(bars: list[tuple[str, int, int, int]]) -> dict[str, Spread]:
    by_key: dict[str, list[tuple[int, int, int]]] = {"": []}
    for key, bucket, count, largest in bars:
        by_key.setdefault(key, []).append((bucket, count, largest))
        by_key[""].append((bucket, count, largest))
    return {key: _spread(sorted(found)) for key, found in by_key.items()}


def _spread(bars: list[tuple[int, int, int]]) -> Spread:
    """Nearest rank, read from the middle of the bucket it falls into (at most 2 % off)."""
    total = sum(count for _, count, _ in bars)
    longest = max(largest for _, _, largest in bars)
    return Spread(total, _rank(bars, total, 50, longest), _rank(bars, total, 95, longest), longest)


def _rank(bars: list[tuple[int, int, int]], total: int, percent: int, longest: int) -> int:
    wanted, passed = -(-total * percent // 100), 0
    for bucket, count, _ in bars:
        passed += count
        if passed >= wanted:
            return _middle(bucket, longest)
    return longest


def _middle(bucket: int, longest: int) -> int:
    return min(longest, _centre(bucket))


@cache
def _centre(bucket: int) -> int:
    return round(2 * GROWTH**bucket / (GROWTH + 1)) if bucket > 0 else 1
