"""Keeps the rollups true: hours in which something changed are counted again, whole and from the rows themselves.

Counting again is idempotent, so a run that dies, runs twice or overlaps another leaves nothing to repair. Rows that are
about to be deleted are first added to `pruned` cells, in the same transaction: what is counted outlives what was kept.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from reports import facts
from reports.facts import DIRTY, GROWTH, Fact
from reports.models import RollupMark

#: Writers of rollups take turns on this advisory lock.
LOCK = 0x41475250
HOUR = dt.timedelta(hours=1)
DAY = dt.timedelta(days=1)
#: A sweep counts this many days in one transaction.
SWEEP_DAYS = 7
_EVER = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)

_CELL = "at, subject, outcome, cause"

#: Adds one cell for each (hour, subject, outcome, cause) of `rows`.
_COUNT = f"""
WITH found AS MATERIALIZED (
  SELECT date_trunc('hour', at, 'UTC') AS at, left(subject, 100) AS subject, left(outcome, 30) AS outcome,
    left(cause, 100) AS cause, again, greatest(ms, 0) AS ms FROM ({{rows}}) f),
cells AS (
  SELECT {_CELL}, count(*) AS n, sum(again) AS again, coalesce(sum(ms), 0) AS ms_sum, max(ms) AS ms_max
  FROM found GROUP BY {_CELL}),
bars AS (
  SELECT {_CELL}, ceil(ln(greatest(ms, 1)) / ln({GROWTH}))::int AS bucket, count(*) AS c
  FROM found WHERE ms IS NOT NULL GROUP BY {_CELL}, bucket),
spread AS (
  SELECT {_CELL}, array_agg(bucket ORDER BY bucket) AS buckets, array_agg(c ORDER BY bucket) AS counts
  FROM bars GROUP BY {_CELL})
INSERT INTO report_rollups (fact, grain, part, {_CELL}, n, again, ms_sum, ms_max, buckets, counts)
SELECT %(fact)s, 'hour', %(part)s, {_CELL}, n, again, ms_sum, ms_max,
  coalesce(buckets, '{{{{}}}}'), coalesce(counts, '{{{{}}}}')
FROM cells LEFT JOIN spread USING ({_CELL})
"""

#: Adds the day cells of the named days from their hour cells.
_ADD_UP = f"""
WITH hours AS MATERIALIZED (
  SELECT date_trunc('day', at, 'UTC') AS at, subject, outcome, cause, n, again, ms_sum, ms_max, buckets, counts
  FROM report_rollups, unnest(%(days)s::timestamptz[]) AS w(day)
  WHERE fact = %(fact)s AND grain = 'hour' AND at >= w.day AND at < w.day + interval '1 day'),
bars AS (
  SELECT {_CELL}, u.bucket, sum(u.c) AS c
  FROM hours, unnest(buckets, counts) AS u(bucket, c) GROUP BY {_CELL}, u.bucket),
spread AS (
  SELECT {_CELL}, array_agg(bucket ORDER BY bucket) AS buckets, array_agg(c ORDER BY bucket) AS counts
  FROM bars GROUP BY {_CELL}),
cells AS (
  SELECT {_CELL}, sum(n) AS n, sum(again) AS again, sum(ms_sum) AS ms_sum, max(ms_max) AS ms_max
  FROM hours GROUP BY {_CELL})
INSERT INTO report_rollups (fact, grain, part, {_CELL}, n, again, ms_sum, ms_max, buckets, counts)
SELECT %(fact)s, 'day', 'live', {_CELL}, n, again, ms_sum, ms_max, coalesce(buckets, '{{}}'), coalesce(counts, '{{}}')
FROM cells LEFT JOIN spread USING ({_CELL})
"""

#: Nothing that is not yet visible can be older than this: the start of the oldest transaction that has written.
_HORIZON = """
SELECT least(clock_timestamp(), min(xact_start)) FROM pg_stat_activity
WHERE datname = current_database() AND backend_xid IS NOT NULL AND pid <> pg_backend_pid()
"""


def _execute(statement: str, params: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        return cursor.fetchall() if cursor.description else []


def lock() -> None:
    """Waits for the turn to write rollups; held until the transaction ends."""
    _execute("SELECT pg_advisory_xact_lock(%(key)s)", {"key": LOCK})


def refresh() -> dict[str, int]:
    """Counts every hour again in which something changed since the last run. Answers the number of hours by fact."""
    with transaction.atomic():
        lock()
        mark, _ = RollupMark.objects.get_or_create(id=1)
        if mark.seen_until is None:
            return _first_count(mark)
        (horizon,) = _execute(_HORIZON, {})[0]
        dirty: dict[str, list[dt.datetime]] = defaultdict(list)
        for name, hour in _execute(DIRTY, {"since": mark.seen_until}):
            dirty[name].append(hour)
        for name, hours in dirty.items():
            recount(facts.ALL[name], hours)
        RollupMark.objects.filter(id=1).update(seen_until=horizon, refreshed_at=timezone.now())
    return {name: len(hours) for name, hours in dirty.items()}


def _first_count(mark: RollupMark) -> dict[str, int]:
    """Everything there is, once: an installation that ran before it had rollups."""
    (horizon,) = _execute(_HORIZON, {})[0]
    counted = {fact.name: sum(_sweep_days(fact, days) for days in _weeks(fact, _EVER)) for fact in facts.ALL.values()}
    mark.seen_until, mark.refreshed_at, mark.swept_at = horizon, timezone.now(), timezone.now()
    mark.save()
    return counted


def sweep(days_back: int | None = None, of: Iterable[Fact] = facts.ALL.values()) -> int:
    """Counts anew what is kept, a few days per transaction: all of it, or the last days. Heals cells that a rare change
    was missed in (a finished message that was changed by hand leaves no trace of its own).

    Answers the number of days counted, summed over the facts.
    """
    counted = 0
    since = _EVER if days_back is None else timezone.now() - DAY * days_back
    for fact in of:
        for days in _weeks(fact, since):
            with transaction.atomic():
                lock()
                counted += _sweep_days(fact, days)
    RollupMark.objects.filter(id=1).update(swept_at=timezone.now())
    return counted


def recount(fact: Fact, hours: Sequence[dt.datetime]) -> None:
    """Replaces the live cells of the hours by what the rows say now, and adds up their days. Inside a transaction."""
    since = facts.kept_since(fact)
    if since is not None:
        counted = _counted_hours(fact, [hour for hour in hours if hour < since])
        hours = [hour for hour in hours if hour not in counted]
    if not hours:
        return
    params = {"fact": fact.name, "part": "live", "hours": list(hours)}
    _execute(
        "DELETE FROM report_rollups WHERE fact = %(fact)s AND grain = 'hour' AND part = 'live' AND at = ANY(%(hours)s)",
        params,
    )
    scope = f"{fact.time} >= w.h AND {fact.time} < w.h + interval '1 hour'"
    rows = f"SELECT r.* FROM unnest(%(hours)s::timestamptz[]) AS w(h), LATERAL ({fact.rows(scope)}) r"
    _execute(_COUNT.format(rows=rows), params)
    _add_up_days(fact, {day_of(hour) for hour in hours})


def _counted_hours(fact: Fact, hours: list[dt.datetime]) -> set[dt.datetime]:
    """Those of the hours that hold live cells: where rows may be gone, what was counted in time stays."""
    found = _execute(
        "SELECT DISTINCT at FROM report_rollups WHERE fact = %(fact)s AND grain = 'hour' AND part = 'live'"
        " AND at = ANY(%(hours)s)",
        {"fact": fact.name, "hours": hours},
    )
    return {at for (at,) in found}


def fold(fact: Fact, ids: Sequence[int]) -> set[dt.datetime]:
    """Adds rows that are about to be deleted to `pruned` cells. Answers the hours to recount after the deletion.

    Inside the transaction that deletes them, which has taken `lock()`.
    """
    params = {"fact": fact.name, "part": "pruned", "ids": list(ids)}
    rows = fact.rows(f"{fact.key} = ANY(%(ids)s)")
    hours = _execute(f"SELECT DISTINCT date_trunc('hour', at, 'UTC') FROM ({rows}) f", params)
    _execute(_COUNT.format(rows=rows), params)
    return {hour for (hour,) in hours}


def day_of(moment: dt.datetime) -> dt.datetime:
    """The start of its UTC day."""
    return moment.astimezone(dt.UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _add_up_days(fact: Fact, days: Iterable[dt.datetime]) -> None:
    params = {"fact": fact.name, "days": sorted(days)}
    _execute(
        "DELETE FROM report_rollups WHERE fact = %(fact)s AND grain = 'day' AND at = ANY(%(days)s)",
        params,
    )
    _execute(_ADD_UP, params)


def _sweep_days(fact: Fact, days: list[dt.datetime]) -> int:
    recount(fact, [day + HOUR * hour for day in days for hour in range(24)])
    return len(days)


def _weeks(fact: Fact, since: dt.datetime) -> list[list[dt.datetime]]:
    """The days from `since` on that hold rows or live cells of a fact, a few at a time."""
    found = _execute(
        f"SELECT DISTINCT date_trunc('day', at, 'UTC') AS day FROM ({fact.rows(f'{fact.time} >= %(since)s')}) f UNION "
        "SELECT at FROM report_rollups WHERE fact = %(fact)s AND grain = 'day' AND at >= %(since)s ORDER BY day",
        {"fact": fact.name, "since": day_of(since)},
    )
    days = [day for (day,) in found]
    return [days[i : i + SWEEP_DAYS] for i in range(0, len(days), SWEEP_DAYS)]
