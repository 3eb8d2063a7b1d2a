"""The audit trail: append-only, kept by the database itself."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import F
from django.db.models.functions import Now


class TaskEvent(models.Model):
    """Who did what to a task, when and why. The trigger writes changes of status; services write the rest.

    The database refuses UPDATE and DELETE, except to the pruning job, which names itself.
    """

    task_id = models.BigIntegerField()
    at = models.DateTimeField(db_default=Now())
    kind = models.CharField(max_length=30)
    actor = models.CharField(max_length=200, default="system")
    actor_user_id = models.BigIntegerField(null=True)
    from_status = models.CharField(max_length=20, blank=True, default="")
    to_status = models.CharField(max_length=20, blank=True, default="")
    reason = models.TextField(blank=True, default="")
    epoch = models.BigIntegerField(default=0)
    data = models.JSONField(default=dict)
    request_id = models.CharField(max_length=64, blank=True, default="")

    class Meta:
        db_table = "task_events"
        indexes: ClassVar = [
            models.Index("task_id", "id", name="event_by_task"),
            models.Index(F("at").desc(), name="event_by_time"),
            models.Index("kind", F("id").desc(), name="event_by_kind"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} on task {self.task_id}"
