"""What is counted. Each fact is one SELECT that turns rows into (at, subject, outcome, cause, again, ms).

`at` decides the hour a row is counted in. `{scope}` takes a condition on the fact's own time column or its ids, so that
the same SELECT serves a recount of an hour, the edges of a period, and the rows that are about to be pruned.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.conf import settings
from django.utils import timezone

#: Histogram buckets grow by this factor: a percentile read from them is at most 2 % off.
GROWTH = 1.04


@dataclass(frozen=True)
class Fact:
    """One thing that is counted. `time` and `key` are the columns that `{scope}` may restrict."""

    name: str
    time: str
    key: str
    select: str

    def rows(self, scope: str) -> str:
        """The SELECT with a condition in place."""
        return self.select.format(scope=scope)


#: A task, in the hour it was created, under the status it has now.
TASK = Fact(
    "task",
    "t.created_at",
    "t.id",
    """SELECT t.created_at AS at, t.task_type::text AS subject, t.status::text AS outcome, t.source_type::text AS cause,
         0 AS again, NULL::bigint AS ms
       FROM agency_tasks t WHERE {scope}""",
)

#: The end of a task, with the time since its creation.
ENDED = Fact(
    "ended",
    "t.completed_at",
    "t.id",
    """SELECT t.completed_at AS at, t.task_type::text AS subject, t.status::text AS outcome, ''::text AS cause,
         (t.run_generation > 0)::int AS again,
         (extract(epoch FROM t.completed_at - t.created_at) * 1000)::bigint AS ms
       FROM agency_tasks t WHERE t.completed_at IS NOT NULL AND {scope}""",
)

#: A deadline, in the hour it fell due: met, missed, or still open (which is a breach as soon as the hour has passed).
DEADLINE = Fact(
    "deadline",
    "t.deadline",
    "t.id",
    """SELECT t.deadline AS at, t.task_type::text AS subject,
         CASE WHEN t.completed_at IS NULL THEN 'open' WHEN t.status = 'cancelled' THEN 'cancelled'
              WHEN t.status = 'completed' AND t.completed_at <= t.deadline THEN 'met' ELSE 'missed' END AS outcome,
         ''::text AS cause, 0 AS again, NULL::bigint AS ms
       FROM agency_tasks t WHERE t.deadline IS NOT NULL AND {scope}""",
)

#: A person's decision, with the time since the task was created or last edited.
REVIEW = Fact(
    "review",
    "a.created_at",
    "a.task_id",
    """SELECT a.created_at AS at, t.task_type::text AS subject, a.decision::text AS outcome, a.door::text AS cause,
         0 AS again, (extract(epoch FROM a.created_at - coalesce(
           (SELECT max(e.at) FROM task_events e
            WHERE e.task_id = t.id AND e.kind = 'edited' AND e.at < a.created_at), t.created_at)) * 1000)::bigint AS ms
       FROM task_approvals a JOIN agency_tasks t ON t.id = a.task_id WHERE {scope}""",
)

#: An attempt that ended, with how long it took.
ATTEMPT = Fact(
    "attempt",
    "x.completed_at",
    "x.task_id",
    """SELECT x.completed_at AS at, t.task_type::text AS subject, x.status::text AS outcome,
         x.error_code::text AS cause, (x.triggered_by = 'retry')::int AS again, x.duration_ms::bigint AS ms
       FROM task_executions x JOIN agency_tasks t ON t.id = x.task_id WHERE x.completed_at IS NOT NULL AND {scope}""",
)

#: A message that came in; `again` counts how often it was sent to us once more.
INBOUND = Fact(
    "inbound",
    "m.received_at",
    "m.id",
    """SELECT m.received_at AS at, m.webhook_id::text AS subject, m.state::text AS outcome,
         CASE WHEN m.task_id IS NULL THEN '' ELSE 'task' END AS cause, m.duplicates AS again,
         (extract(epoch FROM m.processed_at - m.received_at) * 1000)::bigint AS ms
       FROM inbound_messages m WHERE {scope}""",
)

#: A message to be delivered, with the time from its writing to its delivery.
OUTBOUND = Fact(
    "outbound",
    "m.created_at",
    "m.id",
    """SELECT m.created_at AS at, m.webhook_id::text AS subject, m.state::text AS outcome, m.event_type::text AS cause,
         0 AS again,
         CASE WHEN m.state = 'delivered'
           THEN (extract(epoch FROM m.finished_at - m.created_at) * 1000)::bigint END AS ms
       FROM outbound_messages m WHERE {scope}""",
)

#: One try to deliver, in the hour it began.
DELIVERY = Fact(
    "delivery",
    "d.started_at",
    "d.id",
    """SELECT d.started_at AS at, d.webhook_id::text AS subject, d.outcome::text AS outcome,
         coalesce('HTTP ' || d.status_code, '') AS cause, (d.number > 1)::int AS again, d.duration_ms::bigint AS ms
       FROM delivery_attempts d WHERE d.finished_at IS NOT NULL AND {scope}""",
)

ALL = {fact.name: fact for fact in (TASK, ENDED, DEADLINE, REVIEW, ATTEMPT, INBOUND, OUTBOUND, DELIVERY)}
#: Facts whose rows go when a task goes, and those of messages.
OF_TASKS = (TASK, ENDED, DEADLINE, REVIEW, ATTEMPT)


def kept_since(fact: Fact) -> dt.datetime | None:
    """The oldest moment whose rows are surely all there, for a fact whose rows are deleted without being folded.

    Tries to deliver never change once they ended, so hours before it keep the cells that were counted in time.
    """
    days = [setting for setting in (settings.MESSAGE_RETENTION_DAYS, settings.TASK_RETENTION_DAYS) if setting > 0]
    if fact is not DELIVERY or not days:
        return None
    return timezone.now() - dt.timedelta(days=min(days) - 1)


_HOUR = "date_trunc('hour', {0}, 'UTC')"
_OPEN_OUT = "('pending', 'sending', 'held')"

#: The hours whose cells no longer hold, as (fact, hour), because something in them changed since %(since)s.
#:
#: Every change of a task leaves an event, so the events since then name the tasks; a task that left a final state, or
#: whose deadline moved, is also missing from the hour it was counted in before. A message changes without a trace of
#: its own: new ones, newly tried ones, and the hours where the number of unfinished ones is no longer what was counted.
DIRTY = f"""
WITH events AS MATERIALIZED (SELECT task_id, from_status, data FROM task_events WHERE at >= %(since)s),
changed AS MATERIALIZED (SELECT DISTINCT task_id FROM events),
tasks AS MATERIALIZED (
  SELECT t.id, t.created_at, t.completed_at, t.deadline FROM agency_tasks t JOIN changed c ON c.task_id = t.id),
tries AS MATERIALIZED (
  SELECT message_id, started_at FROM delivery_attempts WHERE started_at >= %(since)s - interval '15 minutes')
SELECT 'task', {_HOUR.format("created_at")} FROM tasks
UNION SELECT 'ended', {_HOUR.format("completed_at")} FROM tasks WHERE completed_at IS NOT NULL
UNION SELECT 'ended', {_HOUR.format("e.at - late.by")} FROM task_events e
  JOIN (SELECT DISTINCT task_id FROM events WHERE from_status IN ('failed', 'cancelled')) r ON r.task_id = e.task_id
  CROSS JOIN (VALUES (interval '0'), (interval '1 second')) late(by)
  WHERE e.to_status IN ('failed', 'cancelled')
UNION SELECT 'deadline', {_HOUR.format("deadline")} FROM tasks WHERE deadline IS NOT NULL
UNION SELECT 'deadline', {_HOUR.format("(data->'changed'->'deadline'->>0)::timestamptz")} FROM events
  WHERE data->'changed'->'deadline'->>0 IS NOT NULL
UNION SELECT 'review', {_HOUR.format("a.created_at")} FROM task_approvals a JOIN changed c ON c.task_id = a.task_id
  WHERE a.created_at >= %(since)s
UNION SELECT 'attempt', {_HOUR.format("x.completed_at")} FROM task_executions x JOIN changed c ON c.task_id = x.task_id
  WHERE x.completed_at IS NOT NULL AND x.updated_at >= %(since)s
UNION SELECT 'inbound', {_HOUR.format("received_at")} FROM inbound_messages
  WHERE expunged_at IS NULL AND received_at >= %(since)s
UNION SELECT 'outbound', {_HOUR.format("created_at")} FROM outbound_messages
  WHERE expunged_at IS NULL AND created_at >= %(since)s
UNION SELECT 'outbound', {_HOUR.format("m.created_at")} FROM tries y JOIN outbound_messages m ON m.id = y.message_id
UNION SELECT 'outbound', {_HOUR.format("created_at")} FROM outbound_messages WHERE receipt_at >= %(since)s
UNION SELECT 'delivery', {_HOUR.format("started_at")} FROM tries
UNION SELECT 'outbound', coalesce(a.at, b.at) FROM (
    SELECT {_HOUR.format("created_at")} AS at, state, count(*) AS n FROM outbound_messages
    WHERE state IN {_OPEN_OUT} GROUP BY 1, 2) a
  FULL JOIN (SELECT at, outcome AS state, sum(n) AS n FROM report_rollups
    WHERE fact = 'outbound' AND grain = 'hour' AND part = 'live' AND outcome IN {_OPEN_OUT} GROUP BY 1, 2) b
  USING (at, state) WHERE a.n IS DISTINCT FROM b.n
UNION SELECT 'inbound', coalesce(a.at, b.at) FROM (
    SELECT {_HOUR.format("received_at")} AS at, count(*) AS n FROM inbound_messages
    WHERE state = 'received' GROUP BY 1) a
  FULL JOIN (SELECT at, sum(n) AS n FROM report_rollups
    WHERE fact = 'inbound' AND grain = 'hour' AND part = 'live' AND outcome = 'received' GROUP BY 1) b
  USING (at) WHERE a.n IS DISTINCT FROM b.n
"""
