"""Every figure is compared with a count by hand over the same rows."""

from __future__ import annotations

import datetime as dt
import math
from collections import Counter
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from reports import facts, queries, rollups
from reports.build import report
from reports.document import Report
from reports.models import Rollup
from reports.period import Period, between
from reports.tests import history
from reports.tests.history import START, Past
from tasks.models import AgencyTask
from webhooks.models import InboundMessage, OutboundMessage

pytestmark = pytest.mark.django_db

HOURS = dt.timedelta(hours=1)
PERIODS = [
    between(START, START + dt.timedelta(days=6)),
    between(START + dt.timedelta(days=1), START + dt.timedelta(days=3)),
    between(START + dt.timedelta(hours=5, minutes=17), START + dt.timedelta(days=2, hours=9, minutes=41)),
    between(START + dt.timedelta(hours=5, minutes=17), START + dt.timedelta(hours=5, minutes=52)),
    between(START + 30 * HOURS, START + 90 * HOURS, ZoneInfo("America/New_York")),
    between(START + 30 * HOURS, START + 31 * HOURS, ZoneInfo("Asia/Kolkata")),
]


@pytest.fixture
def past(settings: Any) -> Past:
    settings.MESSAGE_RETENTION_DAYS = settings.TASK_RETENTION_DAYS = 0  # however long ago that March is by now
    return history.write()


def inside(period: Period, moment: dt.datetime | None) -> bool:
    return moment is not None and period.start <= moment < period.end


def nearest_rank(values: list[int], percent: int) -> int | None:
    return sorted(values)[math.ceil(len(values) * percent / 100) - 1] if values else None


def metrics_of(made: Report) -> dict[str, float | int | None]:
    return {metric.key: metric.value for metric in made.metrics}


@pytest.mark.parametrize("period", PERIODS, ids=str)
def test_the_task_summary_equals_a_count_by_hand(past: Past, period: Period) -> None:
    made = report("task_summary", period)
    created = [t for t in past.tasks if inside(period, t.created_at)]
    ended = Counter(t.status for t in past.tasks if inside(period, t.completed_at))
    due = [t for t in past.tasks if inside(period, t.deadline)]
    late = [
        t for t in due if t.status != "cancelled" and not (t.status == "completed" and t.completed_at <= t.deadline)
    ]
    found = metrics_of(made)
    assert found["created"] == len(created)
    assert [found["completed"], found["failed"], found["cancelled"]] == [
        ended["completed"],
        ended["failed"],
        ended["cancelled"],
    ]
    assert found["slaBreaches"] == len(late)
    if created:
        done = sum(t.status == "completed" for t in created)
        assert found["completionRate"] == pytest.approx(done / len(created), abs=1e-4)
    by_status = {row[1]: row[2] for row in table(made, "byStatus")}
    assert by_status == dict(Counter(t.status for t in created))
    waits = [
        int((a.created_at - a.task.created_at).total_seconds() * 1000 + 0.5)
        for a in past.approvals
        if inside(period, a.created_at)
    ]
    assert found["reviewed"] == len(waits)
    assert found["reviewLatencyP50"] == pytest.approx(nearest_rank(waits, 50), abs=1) if waits else True
    per_day = {row[0]: row[1] for row in table(made, "perDay")}
    assert per_day == {
        **dict.fromkeys(period.days(), 0),
        **Counter(t.created_at.astimezone(period.zone).date() for t in created),
    }


@pytest.mark.parametrize("period", PERIODS, ids=str)
def test_the_execution_stats_equal_a_count_by_hand(past: Past, period: Period) -> None:
    made = report("execution_stats", period)
    attempts = [x for x in past.attempts if inside(period, x.completed_at)]
    ran = [x.duration_ms for x in attempts if x.status in ("success", "failed", "timed_out")]
    bad = [x for x in attempts if x.status != "success"]
    found = metrics_of(made)
    assert found["attempts"] == len(attempts)
    assert found["failed"] == len(bad)
    assert found["retries"] == sum(x.attempt > 1 for x in attempts)
    assert found["durationP50"] == nearest_rank(ran, 50)
    assert found["durationP95"] == nearest_rank(ran, 95)
    assert found["durationMax"] == max(ran, default=None)
    causes = {(row[1], row[2]): row[3] for row in table(made, "failuresByCauseAndType")}
    assert causes == dict(Counter((x.error_code, x.task.task_type) for x in bad))
    for row in table(made, "byType"):
        mine = [x for x in attempts if x.task.task_type == row[0]]
        assert row[1] == len(mine)
        assert row[6] == nearest_rank(
            [x.duration_ms for x in mine if x.status in ("success", "failed", "timed_out")], 50
        )


@pytest.mark.parametrize("period", PERIODS, ids=str)
def test_the_channel_activity_equals_a_count_by_hand(past: Past, period: Period) -> None:
    made = report("webhook_activity", period)
    received = [m for m in past.received if inside(period, m.received_at)]
    sent = [m for m in past.sent if inside(period, m.created_at)]
    states = Counter(m.state for m in sent)
    found = metrics_of(made)
    assert found["received"] == len(received)
    assert found["duplicates"] == sum(m.duplicates for m in received)
    assert [found["sent"], found["delivered"], found["dead"], found["waiting"]] == [
        len(sent),
        states["delivered"],
        states["dead"],
        states["pending"],
    ]
    assert found["tries"] == sum(inside(period, d.started_at) for d in past.tries)
    by_channel = {row[0]: row[1] for row in table(made, "inboundByChannel")}
    assert by_channel == dict(Counter(m.webhook.name for m in received))


def table(made: Report, key: str) -> list[tuple]:
    return list(next(t for t in made.tables if t.key == key).rows)


def test_each_figure_comes_with_that_of_the_period_before(past: Past) -> None:
    period = between(START + dt.timedelta(days=3), START + dt.timedelta(days=6))
    made = report("task_summary", period)
    before = report("task_summary", period.previous)
    assert [m.before for m in made.metrics] == [m.value for m in before.metrics]
    assert made.period.previous.start == START


def test_a_report_may_be_restricted_to_types_and_to_channels(past: Past) -> None:
    made = report("execution_stats", PERIODS[0], task_types=["notification"])
    mine = [x for x in past.attempts if x.task.task_type == "notification" and inside(PERIODS[0], x.completed_at)]
    assert metrics_of(made)["attempts"] == len(mine)
    one = past.sent[0].webhook
    made = report("webhook_activity", PERIODS[0], channels=[one.pk])
    assert metrics_of(made)["sent"] == sum(m.webhook_id == one.pk for m in past.sent)
    assert made.filters == [f"Channels: {one.name}"]


def test_a_median_from_the_histogram_is_within_two_percent_and_says_so(past: Past, monkeypatch) -> None:
    exact = metrics_of(report("execution_stats", PERIODS[0]))
    monkeypatch.setattr(queries, "EXACT_UP_TO", 10)
    made = report("execution_stats", PERIODS[0])
    rough = metrics_of(made)
    for key in ("durationP50", "durationP95"):
        assert rough[key] == pytest.approx(exact[key], rel=0.021)
    assert rough["durationMax"] == exact["durationMax"]
    assert rough["attempts"] == exact["attempts"]
    assert any("at most 2 % off" in note for note in made.notes)


def test_changes_since_the_last_refresh_are_in_the_next_report(past: Past) -> None:
    period = between(START, timezone.now() + HOURS)
    before = metrics_of(report("task_summary", period))
    failed = next(t for t in past.tasks if t.status == "failed")
    AgencyTask.objects.create(title="New", task_type="api_call")
    AgencyTask.objects.filter(pk=failed.pk).update(status="pending", completed_at=None)
    after = metrics_of(report("task_summary", period))
    assert after["created"] == before["created"] + 1
    assert after["failed"] == before["failed"] - 1


def test_messages_that_change_after_they_were_counted_are_counted_again(past: Past) -> None:
    period = between(START, START + dt.timedelta(days=6))
    before = metrics_of(report("webhook_activity", period))
    waiting = next(m for m in past.sent if m.state == "pending")
    OutboundMessage.objects.filter(pk=waiting.pk).update(
        state="delivered", next_attempt_at=None, finished_at=timezone.now()
    )
    late = history.received(waiting.webhook, START + HOURS, "late", "received")
    late.save()
    after = metrics_of(report("webhook_activity", period))
    assert after["delivered"] == before["delivered"] + 1
    # A message stamped in the past is found by the number of unprocessed ones.
    assert after["received"] == before["received"] + 1
    InboundMessage.objects.filter(pk=late.pk).update(state="processed", processed_at=timezone.now())
    rows = table(report("webhook_activity", period), "inboundByChannel")
    assert sum(row[-1] for row in rows) == 0


def test_a_refresh_counts_only_the_hours_that_changed(past: Past) -> None:
    rollups.refresh()
    assert rollups.refresh() == {}
    AgencyTask.objects.create(title="New", task_type="api_call")
    assert rollups.refresh() == {"task": 1}


def test_a_sweep_heals_cells_that_were_lost(past: Past) -> None:
    right = metrics_of(report("task_summary", PERIODS[0]))
    Rollup.objects.filter(fact="task").delete()
    assert metrics_of(report("task_summary", PERIODS[0]))["created"] == 0
    rollups.sweep()
    assert metrics_of(report("task_summary", PERIODS[0])) == right


def test_day_cells_are_the_sum_of_their_hours(past: Past) -> None:
    rollups.refresh()
    for fact in facts.ALL:
        hours = sum(Rollup.objects.filter(fact=fact, grain="hour").values_list("n", flat=True))
        days = sum(Rollup.objects.filter(fact=fact, grain="day").values_list("n", flat=True))
        assert hours == days
        for cell in Rollup.objects.filter(fact=fact).exclude(ms_max=None):
            assert sum(cell.counts) == cell.n or cell.fact == "outbound"


def test_an_empty_product_gives_an_empty_report() -> None:
    for kind in ("task_summary", "execution_stats", "webhook_activity"):
        made = report(kind, PERIODS[0])
        assert not any(metric.value for metric in made.metrics)
        assert len(next(t for t in made.tables if t.key == "perDay").rows) == 6
