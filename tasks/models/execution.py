"""The attempts at a task, the ledger of what they asked of the outside world, and the workers that made them."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from tasks.models.task import AgencyTask
from tasks.states import Attempt


class TaskExecution(models.Model):
    """One attempt. Opened by the claim, closed once by whoever holds its epoch, or by the rescue."""

    task = models.ForeignKey(AgencyTask, on_delete=models.CASCADE, related_name="executions")
    attempt = models.IntegerField()
    epoch = models.BigIntegerField()
    run_generation = models.IntegerField(default=0)
    status = models.CharField(max_length=15, choices=[(a.value, a.value.replace("_", " ")) for a in Attempt])
    triggered_by = models.CharField(max_length=30, default="automatic")
    worker = models.CharField(max_length=200)
    config_digest = models.CharField(max_length=64, default="")
    started_at = models.DateTimeField(db_default=Now())
    completed_at = models.DateTimeField(null=True)
    duration_ms = models.IntegerField(null=True)
    output = models.JSONField(null=True)
    error = models.TextField(blank=True, default="")
    error_code = models.CharField(max_length=50, blank=True, default="")
    error_trace = models.TextField(blank=True, default="")
    sanitised = models.BooleanField(default=False, help_text="The output held something the database cannot store.")
    late_output = models.JSONField(null=True, help_text="What came in after the lease was lost.")
    steps_total = models.IntegerField(default=0)
    steps_completed = models.IntegerField(default=0)
    current_step = models.CharField(max_length=300, blank=True, default="")
    step_results = models.JSONField(default=list)
    browser_session_id = models.CharField(max_length=200, blank=True, default="")
    debug_url = models.TextField(blank=True, default="")
    recording_url = models.TextField(blank=True, default="")
    updated_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "task_executions"
        constraints: ClassVar = [
            models.UniqueConstraint(name="execution_epoch_once", fields=["task", "epoch"]),
            models.UniqueConstraint(name="execution_attempt_once", fields=["task", "attempt"]),
            models.UniqueConstraint(name="execution_one_open", fields=["task"], condition=Q(completed_at__isnull=True)),
            models.UniqueConstraint(name="execution_one_success", fields=["task"], condition=Q(status="success")),
            models.CheckConstraint(
                name="execution_open_iff_running",
                condition=Q(status="running", completed_at__isnull=True)
                | (~Q(status="running") & Q(completed_at__isnull=False)),
            ),
            models.CheckConstraint(name="execution_attempt_from_1", condition=Q(attempt__gte=1)),
            models.CheckConstraint(name="execution_status_known", condition=Q(status__in=[a.value for a in Attempt])),
        ]
        indexes: ClassVar = [
            models.Index("task", F("attempt").desc(), name="execution_by_task"),
            models.Index(F("started_at").desc(), F("id").desc(), name="execution_by_start"),
            models.Index("status", F("id").desc(), name="execution_by_status"),
            models.Index("completed_at", name="execution_by_end", condition=Q(completed_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"attempt {self.attempt} of task {self.task_id}"


class TaskEffect(models.Model):
    """One outside write of one run: intended before it is sent, then confirmed, rejected or unknown."""

    task = models.ForeignKey(AgencyTask, on_delete=models.CASCADE, related_name="effects")
    run_generation = models.IntegerField()
    step_key = models.CharField(max_length=200, blank=True, default="")
    epoch = models.BigIntegerField()
    idempotency_key = models.UUIDField()
    request_hash = models.CharField(max_length=64)
    state = models.CharField(max_length=10)
    response = models.JSONField(null=True)
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "task_effects"
        constraints: ClassVar = [
            models.UniqueConstraint(name="effect_once", fields=["task", "run_generation", "step_key"]),
            models.CheckConstraint(
                name="effect_state_known", condition=Q(state__in=["intended", "confirmed", "rejected", "unknown"])
            ),
        ]

    def __str__(self) -> str:
        return f"{self.step_key or 'effect'} of task {self.task_id}: {self.state}"


class Worker(models.Model):
    """A process that performs tasks or ticks, and when it was last heard of (database clock)."""

    name = models.CharField(max_length=200, primary_key=True)
    kind = models.CharField(max_length=20)
    slots = models.IntegerField(default=0)
    busy = models.IntegerField(default=0)
    boot = models.UUIDField(default=uuid.uuid4)
    started_at = models.DateTimeField(db_default=Now())
    seen_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "task_workers"

    def __str__(self) -> str:
        return self.name
