"""Reports that make and send themselves: a template of a report task and a schedule that starts it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import transaction

from reports.period import Span
from tasks import schedules, templates
from tasks.actors import Actor
from tasks.errors import Conflict
from tasks.models import TaskSchedule, TaskTemplate


@dataclass(frozen=True)
class Recurring:
    """What is to be made, when, and who is told. `cron_days` are cron's day, month and weekday."""

    name: str
    report_type: str
    span: Span
    at: dt.time
    cron_days: str
    timezone: str
    recipient: str
    channel_id: int | None = None
    format: str = "xlsx"
    task_types: Sequence[str] = ()
    channels: Sequence[int] = ()


def save(wish: Recurring, actor: Actor) -> TaskSchedule:
    """Writes template and schedule. Raises Invalid, and Conflict when the name is taken."""
    config: dict[str, object] = {
        "reportType": wish.report_type,
        "period": wish.span.value,
        "timezone": wish.timezone,
        "format": wish.format,
        "sendNotification": True,
        "recipient": wish.recipient,
        "taskTypes": list(wish.task_types),
        "channels": list(wish.channels),
    }
    if wish.channel_id:
        config["webhookId"] = wish.channel_id
    with transaction.atomic():
        if TaskTemplate.objects.filter(name=wish.name).exists() or TaskSchedule.objects.filter(name=wish.name).exists():
            raise Conflict(f"There is a template or schedule named {wish.name!r} already")
        task = {
            "title": wish.name,
            "taskType": "report_generation",
            "category": "reports",
            "notifyOnComplete": False,
            "executionConfig": config,
        }
        template = TaskTemplate(name=wish.name, task=task, parameters={}, created_by_id=actor.user_id)
        templates.save(template, actor)
        schedule = TaskSchedule(
            name=wish.name,
            template=template,
            cron=f"{wish.at.minute} {wish.at.hour} {wish.cron_days}",
            timezone=wish.timezone,
            created_by_id=actor.user_id,
        )
        return schedules.save(schedule, actor)
