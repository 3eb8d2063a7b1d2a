"""What Prometheus scrapes, read from PostgreSQL at that moment: right with any number of processes and after restarts.

Gauges are read from the tables; counters and histograms from the rollups, so they are at most a minute behind and count
what was pruned. Every query uses an index or a small table: a scrape costs the same with a million tasks.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from django.db import connection
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

import agency
from reports.facts import GROWTH

#: Upper ends of the histogram's buckets, in seconds.
BOUNDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)

_TASKS = """
SELECT status, queue, count(*), extract(epoch FROM clock_timestamp() - min(run_at))
FROM agency_tasks WHERE status = ANY(ARRAY['pending', 'queued', 'in_progress', 'waiting_input', 'deferred'])
GROUP BY status, queue
"""
_DUE = """
SELECT queue, count(*), extract(epoch FROM clock_timestamp() - min(run_at)) FROM (
  SELECT queue, run_at FROM agency_tasks WHERE status = 'queued' AND run_at <= clock_timestamp()
  UNION ALL
  SELECT queue, run_at FROM agency_tasks
  WHERE status = 'pending' AND assigned_to_bot AND unmet_dependencies = 0 AND review IN ('none', 'approved')
    AND execution_type <> 'manual_trigger' AND run_at <= clock_timestamp()) due
GROUP BY queue
"""
_REVIEWS = """
SELECT count(*), coalesce(extract(epoch FROM clock_timestamp() - min(created_at)), 0)
FROM agency_tasks WHERE status = 'pending' AND review = 'required'
"""
_OVERDUE = """
SELECT count(*) FROM agency_tasks
WHERE deadline < clock_timestamp() AND deadline IS NOT NULL AND completed_at IS NULL
"""
_WORKERS = """
SELECT kind, count(*), sum(slots), sum(busy), extract(epoch FROM clock_timestamp() - max(seen_at))
FROM task_workers GROUP BY kind
"""
_OUTBOUND = """
SELECT w.type, m.state, count(*), extract(epoch FROM clock_timestamp() - min(m.created_at))
FROM outbound_messages m JOIN webhooks w ON w.id = m.webhook_id
WHERE m.state = ANY(ARRAY['pending', 'sending', 'held']) GROUP BY w.type, m.state
"""
_INBOUND = """
SELECT count(*), coalesce(extract(epoch FROM clock_timestamp() - min(next_try_at)), 0)
FROM inbound_messages WHERE state = 'received'
"""
_CHANNELS_OFF = "SELECT count(*) FROM webhooks WHERE disabled_at IS NOT NULL"
_BEAT = "SELECT extract(epoch FROM clock_timestamp() - max(last_run_at)) FROM django_celery_beat_periodictask"
_ROLLUPS = "SELECT extract(epoch FROM clock_timestamp() - refreshed_at) FROM report_rollup_mark"
_COUNTED = """
SELECT fact, subject, outcome, sum(n), sum(again) FROM report_rollups
WHERE grain = 'day' AND fact IN ('attempt', 'ended', 'review', 'inbound', 'delivery') GROUP BY 1, 2, 3
"""
_DURATIONS = """
SELECT subject, u.bucket, sum(u.c) FROM report_rollups, unnest(buckets, counts) AS u(bucket, c)
WHERE fact = 'attempt' AND grain = 'day' GROUP BY 1, 2
"""
_DURATION_SUMS = """
SELECT subject, sum(ms_sum) FROM report_rollups WHERE fact = 'attempt' AND grain = 'day' GROUP BY 1
"""
_CHANNEL_TYPES = "SELECT id::text, type FROM webhooks"
_PRUNED = "SELECT kind, sum(rows) FROM report_pruned GROUP BY kind"

Row = tuple[Any, ...]


def _rows(statement: str) -> list[Row]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall()


class Product(Collector):
    """All metrics of the product. Docs: docs/reference/metrics.md, generated from here."""

    def describe(self) -> Iterator[Metric]:
        """Nothing is read from the database when the collector is registered."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """The families, in the order of the path of a task."""
        yield InfoMetricFamily("agency_build", "The version that runs.", {"version": agency.__version__})
        yield from self._tasks()
        yield from self._people()
        yield from self._workers()
        yield from self._messages()
        yield from self._counted()
        yield self._durations()
        yield self._pruned()

    def _tasks(self) -> Iterator[Metric]:
        depth = _gauge("agency_tasks_open", "Unfinished tasks.", "status", "queue")
        for status, queue, count, _ in _rows(_TASKS):
            depth.add_metric([status, queue], count)
        due = _gauge("agency_tasks_due", "Tasks that could run now if a worker were free.", "queue")
        age = _gauge("agency_oldest_due_task_seconds", "How long the oldest due task has waited.", "queue")
        for queue, count, seconds in _rows(_DUE):
            due.add_metric([queue], count)
            age.add_metric([queue], float(seconds))
        yield depth
        yield due
        yield age
        yield _one("agency_tasks_overdue", "Unfinished tasks whose deadline has passed.", _rows(_OVERDUE)[0][0])

    def _people(self) -> Iterator[Metric]:
        count, seconds = _rows(_REVIEWS)[0]
        yield _one("agency_reviews_waiting", "Tasks that wait for a person's decision.", count)
        yield _one("agency_oldest_review_seconds", "Age of the oldest task that waits for a decision.", seconds)

    def _workers(self) -> Iterator[Metric]:
        labels = ("kind",)
        families = [
            _gauge("agency_workers", "Worker processes that were heard of within a day.", *labels),
            _gauge("agency_worker_slots", "Tasks they can run at once.", *labels),
            _gauge("agency_worker_slots_busy", "Slots in use.", *labels),
            _gauge("agency_worker_silent_seconds", "Time since the last heartbeat of the newest one.", *labels),
        ]
        for kind, *values in _rows(_WORKERS):
            for family, value in zip(families, values, strict=True):
                family.add_metric([kind], float(value))
        yield from families
        for name, text, statement in (
            ("agency_beat_silent_seconds", "Time since beat rang last.", _BEAT),
            ("agency_rollups_age_seconds", "Time since the rollups were refreshed.", _ROLLUPS),
        ):
            family = _gauge(name, text)
            for (seconds,) in _rows(statement):
                if seconds is not None:
                    family.add_metric([], float(seconds))
            yield family

    def _messages(self) -> Iterator[Metric]:
        waiting = _gauge("agency_outbound_messages_open", "Messages not yet delivered.", "channel_type", "state")
        age = _gauge("agency_oldest_outbound_message_seconds", "Age of the oldest of them.", "channel_type", "state")
        for kind, state, count, seconds in _rows(_OUTBOUND):
            waiting.add_metric([kind, state], count)
            age.add_metric([kind, state], float(seconds))
        yield waiting
        yield age
        count, seconds = _rows(_INBOUND)[0]
        yield _one("agency_inbound_messages_waiting", "Messages received and not yet understood.", count)
        yield _one("agency_oldest_inbound_message_seconds", "How long the oldest of them is due.", seconds)
        yield _one("agency_channels_disabled", "Channels switched off after failures.", _rows(_CHANNELS_OFF)[0][0])

    def _counted(self) -> Iterator[Metric]:
        counted: dict[tuple[str, ...], int] = defaultdict(int)
        again: dict[tuple[str, ...], int] = defaultdict(int)
        channel_types: dict[str, str] = dict(_rows(_CHANNEL_TYPES))
        for fact, subject, outcome, n, repeats in _rows(_COUNTED):
            label = channel_types.get(subject, "gone") if fact in ("inbound", "delivery") else subject
            counted[(fact, label, outcome)] += int(n)
            again[(fact, label)] += int(repeats)
        for fact, name, text, labels in (
            ("attempt", "agency_attempts", "Attempts that ended.", ("task_type", "outcome")),
            ("ended", "agency_tasks_ended", "Tasks that reached a final state.", ("task_type", "status")),
            ("review", "agency_reviews", "Decisions of people.", ("task_type", "decision")),
            ("inbound", "agency_inbound_messages", "Messages received.", ("channel_type", "state")),
            ("delivery", "agency_deliveries", "Tries to deliver a message.", ("channel_type", "outcome")),
        ):
            yield _counter(name, text, labels, {k[1:]: v for k, v in counted.items() if k[0] == fact})
        lost = {k[1:2]: v for k, v in counted.items() if k[0] == "attempt" and k[2] == "lost"}
        yield _counter("agency_leases_lost", "Attempts taken from a worker that was lost.", ("task_type",), lost)
        retries = {k[1:]: v for k, v in again.items() if k[0] == "attempt"}
        yield _counter("agency_retries", "Attempts that repeated an earlier one.", ("task_type",), retries)

    def _durations(self) -> Metric:
        family = HistogramMetricFamily(
            "agency_attempt_duration_seconds", "How long attempts took (bucket ends within 4 %).", labels=["task_type"]
        )
        spread: dict[str, dict[int, int]] = defaultdict(dict)
        for subject, bucket, count in _rows(_DURATIONS):
            spread[subject][bucket] = int(count)
        sums: dict[str, Any] = dict(_rows(_DURATION_SUMS))
        for subject, buckets in sorted(spread.items()):
            family.add_metric([subject], _cumulated(buckets), float(sums[subject]) / 1000)
        return family

    def _pruned(self) -> Metric:
        values: dict[tuple[str, ...], int] = {(kind,): int(rows) for kind, rows in _rows(_PRUNED)}
        return _counter("agency_pruned_rows", "Rows forgotten by the retention settings.", ("kind",), values)


def _cumulated(buckets: dict[int, int]) -> list[tuple[str, float]]:
    """Counts up to each bound; a bucket belongs to a bound that is at least its upper end."""
    total = sum(buckets.values())
    ends = sorted((GROWTH**bucket / 1000, count) for bucket, count in buckets.items())
    found = [(str(float(bound)), float(sum(c for end, c in ends if end <= bound * GROWTH))) for bound in BOUNDS]
    return [*found, ("+Inf", float(total))]


def _gauge(name: str, text: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, labels=list(labels))


def _one(name: str, text: str, value: Any) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, value=float(value))


def _counter(name: str, text: str, labels: tuple[str, ...], values: dict[tuple[str, ...], int]) -> CounterMetricFamily:
    family = CounterMetricFamily(name, text, labels=list(labels))
    for label_values, value in sorted(values.items()):
        family.add_metric(list(label_values), value)
    return family
