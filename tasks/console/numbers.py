"""The numbers of the dashboard, aggregated in SQL over bounded ranges, and kept for half a minute."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable
from typing import Any

from django.core.cache import cache
from django.db import connection
from django.utils import timezone
from redis.exceptions import RedisError

from tasks.console.charts import Hour

logger = logging.getLogger(__name__)

KEEP_S = 30
#: Counts on tiles stop here: nobody reads the difference beyond.
MOST = 10_000

_COUNTS = """
SELECT
 (SELECT count(*) FROM (SELECT 1 FROM agency_tasks WHERE status = 'waiting_input' LIMIT %(most)s) x),
 (SELECT count(*) FROM (SELECT 1 FROM agency_tasks WHERE status IN ('queued', 'in_progress') LIMIT %(most)s) x),
 (SELECT count(*) FROM (SELECT 1 FROM agency_tasks WHERE status = 'in_progress' LIMIT %(most)s) x),
 (SELECT count(*) FROM (SELECT 1 FROM agency_tasks WHERE deadline < now() AND completed_at IS NULL LIMIT %(most)s) x),
 (SELECT count(*) FROM (SELECT 1 FROM agency_tasks
    WHERE status = 'failed' AND completed_at >= now() - interval '1 day' LIMIT %(most)s) x)
"""

_HOURS = """
SELECT date_trunc('hour', completed_at) AS hour,
  count(*) FILTER (WHERE status = 'completed'), count(*) FILTER (WHERE status = 'failed')
FROM agency_tasks WHERE completed_at >= %(since)s GROUP BY 1
"""

#: The newest failures only, each with the code of its last attempt: bounded, however bad the week was.
_CAUSES = """
WITH f AS (
  SELECT id, task_type, last_error, completed_at FROM agency_tasks
  WHERE status = 'failed' AND completed_at >= now() - interval '7 days' ORDER BY completed_at DESC LIMIT 5000)
SELECT f.task_type, coalesce(x.error_code, ''), count(*), (array_agg(f.last_error ORDER BY f.completed_at DESC))[1],
  max(f.completed_at)
FROM f LEFT JOIN LATERAL (
  SELECT e.error_code FROM task_executions e WHERE e.task_id = f.id ORDER BY e.attempt DESC LIMIT 1) x ON true
GROUP BY 1, 2 ORDER BY 3 DESC, 5 DESC LIMIT 8
"""

_SPEED = """
WITH e AS (
  SELECT task_id, duration_ms, status FROM task_executions
  WHERE completed_at >= now() - interval '7 days' ORDER BY completed_at DESC LIMIT 5000)
SELECT t.task_type, count(*), count(*) FILTER (WHERE e.status = 'success'),
  percentile_cont(0.5) WITHIN GROUP (ORDER BY e.duration_ms), percentile_cont(0.95) WITHIN GROUP (ORDER BY e.duration_ms)
FROM e JOIN agency_tasks t ON t.id = e.task_id GROUP BY 1 ORDER BY 2 DESC LIMIT 12
"""


def kept(name: str, make: Callable[[], Any]) -> Any:
    """A value from the cache, or made and put there. Without a cache it is made each time."""
    key = f"dashboard:{name}"
    try:
        found = cache.get(key)
        if found is None:
            found = make()
            cache.set(key, found, KEEP_S)
    except RedisError as error:
        logger.warning("the dashboard works without its cache: %s", type(error).__name__)
        return make()
    return found


def _rows(statement: str, params: dict[str, Any] | None = None) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        return cursor.fetchall()


def counts() -> dict[str, int]:
    """Tiles: what waits for an answer, is on its way, runs, is overdue, failed in a day."""
    row = _rows(_COUNTS, {"most": MOST})[0]
    return dict(zip(("input", "on_the_way", "running", "overdue", "failed"), row, strict=True))


def last_hours(number: int = 24) -> list[Hour]:
    """What ended in each of the last hours, the oldest first; hours without any are there too."""
    this = timezone.now().replace(minute=0, second=0, microsecond=0)
    since = this - dt.timedelta(hours=number - 1)
    found = {row[0]: row for row in _rows(_HOURS, {"since": since})}
    hours = [since + dt.timedelta(hours=step) for step in range(number)]
    return [Hour(at, *found[at][1:]) if at in found else Hour(at, 0, 0) for at in hours]


def causes() -> list[dict[str, Any]]:
    """Why tasks failed in the last 7 days, the most frequent cause first."""
    names = ("task_type", "code", "count", "sample", "last")
    return [dict(zip(names, row, strict=True)) for row in _rows(_CAUSES)]


def speed() -> list[dict[str, Any]]:
    """Attempts of the last 7 days by type: how many, how many succeeded, median and 95th percentile in ms."""
    names = ("task_type", "count", "success", "p50", "p95")
    return [dict(zip(names, row, strict=True)) for row in _rows(_SPEED)]
