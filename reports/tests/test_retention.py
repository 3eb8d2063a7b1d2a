"""What is forgotten, what is not, and that the figures stay."""

from __future__ import annotations

import datetime as dt
from itertools import pairwise
from typing import Any

import pytest
from axes.models import AccessLog
from django.contrib.admin.models import LogEntry
from django.core.files.base import ContentFile
from django.db import connection, transaction
from django.utils import timezone

from reports import retention, rollups
from reports.build import report
from reports.models import Pruned, Rollup
from reports.period import between
from reports.tests import history
from tasks import invariants
from tasks.models import (
    AgencyTask,
    Approval,
    Artifact,
    TaskDependency,
    TaskEvent,
    TaskExecution,
    TaskSchedule,
    TaskTemplate,
)
from tasks.tests.factories import UserFactory
from webhooks.models import DeliveryAttempt, InboundMessage, OutboundMessage

pytestmark = pytest.mark.django_db

DAY = dt.timedelta(days=1)


@pytest.fixture(autouse=True)
def short(settings: Any) -> None:
    settings.TASK_RETENTION_DAYS = 100
    settings.EXECUTION_RETENTION_DAYS = 50
    settings.ARTIFACT_RETENTION_DAYS = 50
    settings.MESSAGE_RETENTION_DAYS = settings.RAW_INBOUND_RETENTION_DAYS = 30
    settings.EVENT_RETENTION_DAYS = 200


def ago(days: float) -> dt.datetime:
    return timezone.now() - DAY * days


def past_task(days: float, status: str = "completed", **fields: Any) -> AgencyTask:
    one = history.task(ago(days), status, **fields)
    with history.as_written():
        one.save()
        if one.completed_at:
            steps = ["", "pending", "queued", "in_progress"]
            events = [
                TaskEvent(task_id=one.pk, at=one.created_at, kind="status", from_status=a, to_status=b)
                for a, b in pairwise(steps)
            ]
            TaskEvent.objects.bulk_create([*events, history.end_of(one)])
            outcome = {"completed": "success"}.get(status, "failed")
            history.attempt(one, 1, outcome, one.completed_at, 500, output={"big": "x" * 100}).save()
    return one


def everything() -> dict[str, dict[str, Any]]:
    """The figures of all three reports over all time."""
    period = between(ago(3000), timezone.now() + DAY)
    found = {}
    for kind in ("task_summary", "execution_stats", "webhook_activity"):
        made = report(kind, period).as_json()
        found[kind] = {name: value for name, value in made.items() if name not in ("generatedAt", "notes", "period")}
        found[kind].pop("previousPeriod")
    return found


def test_finished_tasks_go_after_their_days_with_all_that_is_theirs() -> None:
    old, young, never = past_task(101), past_task(99), past_task(300, "pending")
    with history.as_written():
        Approval.objects.create(task=old, digest="d", decision="approved", user=history_user(), created_at=ago(101))
    assert retention.run()["tasks"] == 1
    assert set(AgencyTask.objects.values_list("pk", flat=True)) == {young.pk, never.pk}
    assert not TaskExecution.objects.filter(task_id=old.pk).exists()
    assert TaskEvent.objects.filter(task_id=old.pk).exists()  # the audit trail is kept longer
    made = Pruned.objects.get(kind="tasks")
    assert (made.rows, made.ended_at >= made.started_at) == (1, True)


def history_user() -> Any:
    from tasks.tests.factories import UserFactory

    return UserFactory()


@pytest.mark.parametrize("status", ["pending", "queued", "deferred", "waiting_input", "in_progress"])
def test_what_is_not_finished_never_goes(status: str) -> None:
    more: dict[str, Any] = {}
    if status == "in_progress":
        more = {"lease_owner": "w", "lease_expires_at": timezone.now(), "deadline_at": timezone.now()}
    if status == "waiting_input":
        more = {"waiting_for": {"kind": "question"}, "waiting_token": "6f8d3f5e-0000-4000-8000-000000000000"}
    one = past_task(5000, status, **more)
    retention.run()
    assert AgencyTask.objects.filter(pk=one.pk).exists()


def test_a_finished_task_stays_while_another_waits_for_it_or_a_message_about_it_is_not_delivered() -> None:
    needed, told = past_task(150), past_task(150)
    waiting = past_task(1, "pending")
    TaskDependency.objects.create(task=waiting, depends_on=needed, met=True)
    message = history.sent(history.channel(), ago(150), 1, "held")
    message.task = told
    message.save()
    retention.run()
    assert AgencyTask.objects.filter(pk__in=[needed.pk, told.pk]).count() == 2
    with history.as_written():
        AgencyTask.objects.filter(pk=waiting.pk).update(status="completed", completed_at=timezone.now())
        OutboundMessage.objects.filter(pk=message.pk).update(state="delivered", held_reason="", finished_at=ago(150))
    assert retention.run() == {"message_bodies": 1, "tasks": 2, "outbound_messages": 1}


def test_the_bulk_of_old_attempts_goes_before_the_task() -> None:
    old, young = past_task(51), past_task(49)
    assert retention.run() == {"execution_details": 1}
    assert [old.executions.get().output, young.executions.get().output] == [None, {"big": "x" * 100}]
    assert old.executions.get().duration_ms == 500
    assert retention.run() == {}


def test_files_go_before_the_task_and_leave_nothing_on_the_disk(settings: Any, tmp_path: Any) -> None:
    settings.MEDIA_ROOT = tmp_path
    old, young = past_task(60), past_task(10)
    for one in (old, young):
        row = Artifact(task=one, execution=one.executions.get(), name="a.txt", content_type="text/plain", size=1)
        row.file.save("a.txt", ContentFile(b"x"))
    Artifact.objects.filter(task=old).update(created_at=ago(60))
    assert retention.run()["artifacts"] == 1
    assert Artifact.objects.get().task_id == young.pk
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 1


def test_the_audit_of_a_task_goes_only_when_the_task_has_gone() -> None:
    living = past_task(900, "pending")
    with history.as_written():
        TaskEvent.objects.bulk_create(
            [
                TaskEvent(task_id=pk, at=ago(days), kind="created", to_status="pending")
                for pk, days in ((living.pk, 900), (999_999_999, 201), (999_999_998, 199))
            ]
        )
    assert retention.run()["events"] == 1
    assert set(TaskEvent.objects.values_list("task_id", flat=True)) == {living.pk, 999_999_998}


def test_outside_the_pruning_job_the_audit_cannot_be_deleted() -> None:
    retention.run()
    past_task(1)
    with pytest.raises(Exception, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM task_events")


def test_messages_lose_their_text_first_and_their_row_when_no_task_needs_it() -> None:
    where = history.channel()
    task = past_task(95)
    received = [history.received(where, ago(days), f"m{days}") for days in (20, 40, 110, 120)]
    received[3].task = task
    sent = [history.sent(where, ago(days), days) for days in (20, 40, 110)]
    for message in (*received, *sent):
        message.save()
    history.tried(sent[1], 1, "delivered").save()
    found = retention.run()
    assert (found["inbound_messages"], found["outbound_messages"]) == (1, 1)
    kept = InboundMessage.objects.order_by("received_at").values_list("external_id", "expunged_at")
    assert [(name, gone is not None) for name, gone in kept] == [("m120", True), ("m40", True), ("m20", False)]
    assert OutboundMessage.objects.filter(expunged_at__isnull=True).count() == 1
    assert not DeliveryAttempt.objects.exists()


def test_raw_inbound_has_an_age_of_its_own_and_nought_keeps_for_ever(settings: Any) -> None:
    settings.MESSAGE_RETENTION_DAYS, settings.RAW_INBOUND_RETENTION_DAYS = 0, 10
    settings.TASK_RETENTION_DAYS = 0
    where = history.channel()
    history.received(where, ago(20), "old").save()
    history.sent(where, ago(400), 1).save()
    past_task(400)
    assert retention.run() == {"execution_details": 1, "message_bodies": 1}
    assert InboundMessage.objects.get().raw is None
    assert OutboundMessage.objects.get().text == "Done"
    assert AgencyTask.objects.count() == 1


def test_reports_say_the_same_after_pruning_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "START", ago(160).replace(minute=0))
    history.write(days=70, tasks=150)
    rollups.refresh()
    before = everything()
    gone = retention.run(budget_s=120)
    assert gone["tasks"] > 20
    assert gone["outbound_messages"] > 10
    assert Rollup.objects.filter(part="pruned").exists()
    assert comparable(everything()) == comparable(before)
    rollups.sweep()
    assert comparable(everything()) == comparable(before)


def comparable(found: Any) -> Any:
    """Without medians: where rows are gone they come from the histogram."""
    if isinstance(found, dict):
        return {k: comparable(v) for k, v in found.items() if not k.endswith(("p50", "p95", "P50", "P95"))}
    return [comparable(item) for item in found] if isinstance(found, list) else found


def test_tries_older_than_their_retention_are_counted_once_and_then_kept() -> None:
    message = history.sent(history.channel(), ago(60), 1)
    message.save()
    history.tried(message, 1, "delivered").save()
    period = between(ago(61), ago(59))
    assert report("webhook_activity", period).as_json()["summary"]["tries"] == 1
    DeliveryAttempt.objects.all().delete()
    rollups.sweep()
    assert report("webhook_activity", period).as_json()["summary"]["tries"] == 1


def test_a_part_of_an_hour_that_was_pruned_counts_whole_and_the_report_says_so() -> None:
    at = ago(120).replace(minute=10, second=0, microsecond=0)
    with history.as_written():
        history.task(at, "completed", completed_at=at + dt.timedelta(minutes=1)).save()
    retention.run()
    made = report("task_summary", between(at + dt.timedelta(minutes=5), at + DAY))
    assert made.as_json()["summary"]["created"] == 1
    assert any("that edge counts its whole hour" in note for note in made.notes)


def test_logins_the_admin_s_log_and_past_starts_of_schedules_are_kept_as_long_as_the_audit() -> None:
    template = TaskTemplate.objects.create(name="T", task={}, parameters={})
    schedule = TaskSchedule.objects.create(name="S", template=template, cron="0 6 * * *", timezone="UTC")
    person = UserFactory()
    for days in (250, 150):
        schedule.occurrences.create(occurrence=f"{days}", planned_for=ago(days), outcome="started")
        entry = LogEntry.objects.create(user=person, action_flag=2, object_repr="x", change_message="")
        LogEntry.objects.filter(pk=entry.pk).update(action_time=ago(days))
        login = AccessLog.objects.create(username="somebody", ip_address="192.0.2.1")
        AccessLog.objects.filter(pk=login.pk).update(attempt_time=ago(days))
    assert retention.run()["events"] == 1
    assert [row.occurrence for row in schedule.occurrences.all()] == ["150"]
    assert (LogEntry.objects.count(), AccessLog.objects.count()) == (1, 1)


def test_a_run_leaves_the_invariants_whole() -> None:
    for days in (120, 110, 20):
        past_task(days, "completed", attempt_count=1, epoch=1)
    before = invariants.check()
    assert retention.run()["tasks"] == 2
    assert invariants.check() == before == []


def test_a_run_stops_at_its_time_and_the_next_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)
    for _ in range(5):
        past_task(150)
    assert retention.run(budget_s=0)["tasks"] == 2
    assert retention.run()["tasks"] == 3


def test_rows_that_somebody_holds_are_left_for_the_next_run(transactional_db: None) -> None:
    one = past_task(150)
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            other.set_autocommit(False)
            cursor.execute("SELECT 1 FROM agency_tasks WHERE id = %s FOR UPDATE", [one.pk])
            assert "tasks" not in retention.run()
            other.rollback()
    finally:
        other.close()
    assert retention.run()["tasks"] == 1
