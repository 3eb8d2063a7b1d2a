"""Recurring tasks: every planned start is a row, run or skipped: it happens once, and nothing is missed unseen."""

from __future__ import annotations

import datetime as dt
import logging
from typing import Any

from django.db import transaction
from django.utils import timezone

from agency import credentials
from tasks import services, templates
from tasks.actors import SYSTEM, Actor
from tasks.errors import Conflict, Invalid, TaskError
from tasks.models import AgencyTask, ScheduleOccurrence, TaskSchedule
from tasks.recurrence import Occurrence, after, check_cron, zone_of
from tasks.validation import FieldError

logger = logging.getLogger(__name__)

#: A start this late counts as missed, in seconds: the processor ticks every second.
ON_TIME_S = 60.0
BATCH = 100
#: At most so many missed starts are looked at in one tick; the rest follow in the next.
MAX_MISSED = 500


def check(fields: dict[str, Any], actor: Actor) -> None:
    """Checks a schedule when it is written: its tasks must be ones that its writer may have done. Raises Invalid."""
    errors = []
    try:
        check_cron(fields["cron"], fields["timezone"])
    except ValueError as error:
        field = "timezone" if "time zone" in str(error) else "cron"
        errors.append(FieldError(f"#/{field}", "invalid", str(error)))
    starts, ends = fields.get("starts_at"), fields.get("ends_at")
    if starts and ends and ends <= starts:
        errors.append(FieldError("#/endsAt", "order", "endsAt must lie after startsAt"))
    if errors:
        raise Invalid(errors)
    _refuse_secrets(fields["parameters"])
    templates.rehearse(fields["template"], fields["parameters"], actor)


def save(schedule: TaskSchedule, actor: Actor = SYSTEM) -> TaskSchedule:
    """Writes a schedule and plans its next start from now: what lay before is not caught up. Raises Invalid."""
    fields = ("cron", "timezone", "starts_at", "ends_at", "template", "parameters")
    check({name: getattr(schedule, name) for name in fields}, actor)
    begin = max(timezone.now(), schedule.starts_at) if schedule.starts_at else timezone.now()
    schedule.next_run_at = _next(schedule, begin) if schedule.active else None
    schedule.last_edited_by_id = actor.user_id or schedule.last_edited_by_id
    schedule.save()
    return schedule


def _refuse_secrets(parameters: dict[str, Any]) -> None:
    for name, value in parameters.items():
        if credentials.is_secret_name(name) and isinstance(value, str):
            message = f"{name} looks like a secret: store it as a credential and give its reference"
            raise Invalid([FieldError(f"#/parameters/{name}", "secret", message)])


def preview(schedule: TaskSchedule, count: int = 10) -> list[dt.datetime]:
    """The next `count` starts, in UTC."""
    begin = max(timezone.now(), schedule.starts_at) if schedule.starts_at else timezone.now()
    upcoming = after(schedule.cron, zone_of(schedule.timezone), begin)
    found = [occurrence.at for _, occurrence in zip(range(count), upcoming, strict=False)]
    return [at for at in found if schedule.ends_at is None or at <= schedule.ends_at]


def start_due() -> int:
    """Starts what is due on all schedules; answers how many tasks were made. Safe with several processors at once."""
    started = 0
    due = TaskSchedule.objects.filter(active=True, next_run_at__lte=timezone.now()).order_by("next_run_at")
    for schedule_id in due.values_list("pk", flat=True)[:BATCH]:
        with transaction.atomic():
            schedule = (
                TaskSchedule.objects.select_for_update(skip_locked=True, of=("self",))
                .select_related("template")
                .filter(pk=schedule_id, active=True, next_run_at__lte=timezone.now())
                .first()
            )
            if schedule is not None:
                started += _start(schedule)
    return started


def _start(schedule: TaskSchedule) -> int:
    """Runs or skips every occurrence up to now and moves `next_run_at`, in one transaction."""
    now = timezone.now()
    missed = _due(schedule, now)
    wanted = _wanted(schedule, missed, now)
    started = 0
    for occurrence in missed:
        reason = wanted.get(occurrence.name, "")
        started += _skip(schedule, occurrence, reason) if reason else _run(schedule, occurrence)
    begin = missed[-1].at if len(missed) == MAX_MISSED else now
    schedule.next_run_at = _next(schedule, begin)
    schedule.save(update_fields=["next_run_at"])
    return started


def _due(schedule: TaskSchedule, now: dt.datetime) -> list[Occurrence]:
    if schedule.next_run_at is None:
        return []
    found: list[Occurrence] = []
    for occurrence in after(schedule.cron, zone_of(schedule.timezone), schedule.next_run_at - dt.timedelta(seconds=1)):
        past_end = schedule.ends_at is not None and occurrence.at > schedule.ends_at
        if occurrence.at > now or past_end or len(found) == MAX_MISSED:
            break
        found.append(occurrence)
    return found


def _wanted(schedule: TaskSchedule, missed: list[Occurrence], now: dt.datetime) -> dict[str, str]:
    """Why each occurrence is skipped; what is not named is run."""
    reasons = {}
    for occurrence in missed:
        late_s = (now - occurrence.at).total_seconds()
        if late_s > max(schedule.catchup_window_s, ON_TIME_S):
            reasons[occurrence.name] = f"missed by {int(late_s)} s, longer than the catch-up window"
        elif late_s > ON_TIME_S and schedule.misfire == "skip":
            reasons[occurrence.name] = f"missed by {int(late_s)} s"
        elif schedule.misfire == "last" and occurrence is not missed[-1]:
            reasons[occurrence.name] = "a later start was due as well"
    return reasons


def _run(schedule: TaskSchedule, occurrence: Occurrence) -> int:
    running = _unfinished(schedule)
    if running and schedule.overlap == "skip":
        return _skip(schedule, occurrence, f"task {running[0].pk} of an earlier start is not finished")
    row = _occurrence(schedule, occurrence, "started", "")
    if row is None:
        return 0
    actor = Actor(f"schedule {schedule.name}")
    try:
        with transaction.atomic():
            task = templates.create_task(
                schedule.template,
                schedule.parameters,
                actor,
                schedule_id=schedule.pk,
                dedupe_key=f"schedule:{schedule.pk}:{occurrence.name}",
                authors=(schedule.created_by_id, schedule.last_edited_by_id),
            )
    except TaskError as error:
        logger.warning("schedule %s could not start %s: %s", schedule.pk, occurrence.name, error)
        ScheduleOccurrence.objects.filter(pk=row.pk).update(outcome="skipped", reason=str(error)[:200])
        return 0
    ScheduleOccurrence.objects.filter(pk=row.pk).update(task=task)
    if schedule.overlap == "cancel":
        for old in running:
            _cancel(old, actor)
    return 1


def _cancel(task: AgencyTask, actor: Actor) -> None:
    try:
        services.cancel(task.pk, actor, "A later start of its schedule takes over")
    except Conflict:
        logger.info("task %s ended before its schedule could cancel it", task.pk)


def _skip(schedule: TaskSchedule, occurrence: Occurrence, reason: str) -> int:
    _occurrence(schedule, occurrence, "skipped", reason)
    return 0


def _occurrence(schedule: TaskSchedule, occurrence: Occurrence, outcome: str, reason: str) -> ScheduleOccurrence | None:
    """The row that makes an occurrence happen once; None when it has happened already."""
    row, made = ScheduleOccurrence.objects.get_or_create(
        schedule=schedule,
        occurrence=occurrence.name,
        defaults={"planned_for": occurrence.at, "outcome": outcome, "reason": reason[:200]},
    )
    return row if made else None


def _unfinished(schedule: TaskSchedule) -> list[AgencyTask]:
    return list(AgencyTask.objects.filter(schedule=schedule, completed_at__isnull=True).order_by("pk")[:BATCH])


def _next(schedule: TaskSchedule, begin: dt.datetime) -> dt.datetime | None:
    occurrence = next(after(schedule.cron, zone_of(schedule.timezone), begin), None)
    if occurrence is None or (schedule.ends_at is not None and occurrence.at > schedule.ends_at):
        return None
    return occurrence.at
