"""Templates of tasks, and schedules that make tasks from them."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class TaskTemplate(models.Model):
    """The fields of a task to be made again and again; `parameters` names what may be filled in."""

    name = models.CharField(max_length=200, unique=True)
    description = models.TextField(blank=True, default="")
    task = models.JSONField(default=dict, help_text="Fields of the task, as POST tasks/ takes them.")
    parameters = models.JSONField(default=dict, blank=True, help_text="JSON Schema of the parameters.")
    active = models.BooleanField(default=True)
    version = models.IntegerField(default=1)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    last_edited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, editable=False, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "task_templates"

    def __str__(self) -> str:
        return self.name


class TaskSchedule(models.Model):
    """A recurring start: cron in a time zone, with a rule for missed and for overlapping occurrences."""

    name = models.CharField(max_length=200, unique=True)
    template = models.ForeignKey(TaskTemplate, on_delete=models.PROTECT, related_name="schedules")
    parameters = models.JSONField(default=dict, blank=True)
    cron = models.CharField(max_length=100, help_text="minute hour day month weekday")
    timezone = models.CharField(max_length=64, default="UTC")
    misfire = models.CharField(
        max_length=4, default="last", choices=[("skip", "skip"), ("last", "run the last one"), ("all", "run all")]
    )
    overlap = models.CharField(
        max_length=6,
        default="skip",
        choices=[("skip", "skip"), ("queue", "run side by side"), ("cancel", "cancel the running one")],
    )
    catchup_window_s = models.IntegerField(
        default=3600, help_text="Seconds after which a missed occurrence is skipped."
    )
    active = models.BooleanField(default=True)
    starts_at = models.DateTimeField(null=True, blank=True)
    ends_at = models.DateTimeField(null=True, blank=True)
    next_run_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    last_edited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, editable=False, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "task_schedules"
        indexes: ClassVar = [models.Index("next_run_at", name="schedule_due", condition=Q(active=True))]

    def __str__(self) -> str:
        return self.name


class ScheduleOccurrence(models.Model):
    """One planned start of a schedule, run or skipped: the unique row is what makes it happen once."""

    schedule = models.ForeignKey(TaskSchedule, on_delete=models.CASCADE, related_name="occurrences")
    occurrence = models.CharField(
        max_length=40, help_text="Local wall time and fold: names the start across clock changes."
    )
    planned_for = models.DateTimeField()
    outcome = models.CharField(max_length=10, choices=[("started", "started"), ("skipped", "skipped")])
    reason = models.CharField(max_length=200, blank=True, default="")
    task = models.ForeignKey("tasks.AgencyTask", null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        db_table = "task_schedule_occurrences"
        constraints: ClassVar = [
            models.UniqueConstraint(name="occurrence_once", fields=["schedule", "occurrence"]),
        ]

    def __str__(self) -> str:
        return f"{self.schedule_id} at {self.occurrence}"
