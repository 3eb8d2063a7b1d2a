"""Attempts, the audit trail, effects and workers: facts that people read."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from agency.console.lists import ReadOnlyAdmin, words_filter
from tasks.admin import facts
from tasks.models import ScheduleOccurrence, TaskEffect, TaskEvent, TaskExecution, Worker
from tasks.states import Status

TRIGGERS = ("automatic", "manual", "scheduled", "retry", "answer", "post_approval")
EFFECTS = ("intended", "confirmed", "rejected", "unknown")
KINDS = (
    "created", "status", "edited", "approved", "rejected", "answered", "comment", "review_question", "review_undone",
    "review_expired", "review_reminder", "review_overdue", "review_escalated",
)  # fmt: skip


@admin.register(TaskExecution)
class TaskExecutionAdmin(ReadOnlyAdmin):
    """One attempt: what it did, what came back, why it ended."""

    list_display = ("id", "task_ref", "attempt", "state", "triggered_by", "started_at", "duration_ms", "error_code")
    list_filter = ("status", words_filter("triggered_by", TRIGGERS))
    ordering = ("-id",)
    sortable_by = ("id",)
    search_fields = ("=task__id",)
    search_help_text = "Number of a task"
    list_select_related = ("task",)
    csv_fields = (
        "id",
        "task_id",
        "attempt",
        "status",
        "started_at",
        "completed_at",
        "duration_ms",
        "error_code",
        "error",
    )
    fields = (
        ("task_ref", "attempt", "state"),
        ("triggered_by", "worker", "epoch", "run_generation"),
        ("started_at", "completed_at", "duration_ms"),
        ("steps_completed", "steps_total", "current_step"),
        "error",
        "error_code",
        "trace",
        "steps",
        "answer",
        "late",
        ("browser_session_id", "debug_url", "recording_url"),
        "config_digest",
    )

    @admin.display(description="task", ordering="task_id")
    def task_ref(self, obj: TaskExecution) -> str:
        return facts.task_link(obj.task_id, str(obj.task))

    @admin.display(description="status", ordering="status")
    def state(self, obj: TaskExecution) -> str:
        return facts.pill(obj.status)

    @admin.display(description="steps")
    def steps(self, obj: TaskExecution) -> str:
        return facts.block(obj.step_results)

    @admin.display(description="output")
    def answer(self, obj: TaskExecution) -> str:
        return facts.block(obj.output)

    @admin.display(description="output that came too late")
    def late(self, obj: TaskExecution) -> str:
        return facts.block(obj.late_output)

    @admin.display(description="trace")
    def trace(self, obj: TaskExecution) -> str:
        return facts.text_block(obj.error_trace)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Traces are for those who may see sensitive things."""
        hidden = () if request.user.has_perm("tasks.view_sensitive") else ("trace",)
        return [name for name in self.fields if name not in hidden]


@admin.register(TaskEvent)
class TaskEventAdmin(ReadOnlyAdmin):
    """The audit trail; the database refuses to change it."""

    list_display = ("id", "at", "task_ref", "kind", "from_status", "to_status", "actor", "reason")
    list_filter = (words_filter("kind", KINDS), words_filter("to_status", [str(status) for status in Status]))
    ordering = ("-id",)
    sortable_by = ("id",)
    search_fields = ("=task_id", "=actor")
    search_help_text = "Number of a task, or the exact actor"
    fields = (
        "id",
        "at",
        "task_ref",
        "kind",
        "actor",
        ("from_status", "to_status"),
        "reason",
        "epoch",
        "content",
        "request_id",
    )

    @admin.display(description="task", ordering="task_id")
    def task_ref(self, obj: TaskEvent) -> str:
        return facts.task_link(obj.task_id)

    @admin.display(description="data")
    def content(self, obj: TaskEvent) -> str:
        return facts.block(obj.data)


@admin.register(TaskEffect)
class TaskEffectAdmin(ReadOnlyAdmin):
    """Outside writes: intended, then confirmed, rejected or unknown."""

    list_display = ("id", "task_ref", "run_generation", "step_key", "state", "created_at", "updated_at")
    list_filter = (words_filter("state", EFFECTS),)
    ordering = ("-id",)
    sortable_by = ("id",)
    search_fields = ("=task__id", "=idempotency_key")

    @admin.display(description="task", ordering="task_id")
    def task_ref(self, obj: TaskEffect) -> str:
        return facts.task_link(obj.task_id)


@admin.register(Worker)
class WorkerAdmin(ReadOnlyAdmin):
    """Who works, and when it was last heard of."""

    list_display = ("name", "kind", "busy", "slots", "started_at", "seen_at")
    list_filter = (words_filter("kind", ("io", "browser", "quarantine", "upkeep", "beat")),)


@admin.register(ScheduleOccurrence)
class ScheduleOccurrenceAdmin(ReadOnlyAdmin):
    """Planned starts, run or skipped."""

    list_display = ("id", "schedule", "planned_for", "outcome", "reason", "task")
    list_filter = ("outcome",)
    ordering = ("-id",)
    sortable_by = ("id",)
    list_select_related = ("schedule", "task")
