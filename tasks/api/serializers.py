"""The answers of the API: one model per shape, camelCase on the wire, secrets masked. The models are the schema."""

from __future__ import annotations

import datetime as dt
import uuid
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, Literal, cast

from pydantic import Field, RootModel

from agency import credentials
from agency.api.bodies import Answer, PageOf
from tasks import access
from tasks.models import AgencyTask, Priority, TaskDependency, TaskEvent, TaskExecution, Urgency

StatusName = Literal[
    "pending", "queued", "in_progress", "waiting_input", "deferred", "completed", "failed", "cancelled"
]


class TaskOut(Answer):
    """A task."""

    id: int
    task_uuid: uuid.UUID
    title: str
    description: str
    category: str
    tags: list[str]
    metadata: dict[str, Any]
    task_type: str
    priority: Literal["low", "medium", "high", "critical"]
    urgency: Literal["normal", "soon", "urgent", "immediate"]
    status: StatusName
    status_reason: str
    assigned_to_bot: bool
    execution_type: Literal["automatic", "manual_trigger", "scheduled"]
    execution_config: dict[str, Any] = Field(description="Secrets are shown as references with a hint.")
    requires_human_review: bool
    review: Literal["none", "required", "approved", "rejected"]
    review_reasons: list[str]
    approvals_required: int
    human_reviewed_by: str | None = Field(description="Username of who decided.")
    human_reviewed_at: dt.datetime | None
    review_notes: str
    config_digest: str = Field(description="Names exactly what would run; an approval is bound to it.")
    scheduled_for: dt.datetime | None
    deadline: dt.datetime | None
    overdue: bool
    deferred_until: dt.datetime | None
    next_run_at: dt.datetime | None = Field(description="Not before; null once it is finished.")
    depends_on: list[int]
    unmet_dependencies: int
    on_dependency_failure: Literal["block", "cancel", "run"]
    max_retries: int
    error_count: int
    attempt_count: int
    last_error: str | None
    result: Any
    result_summary: str | None
    on_unknown_outcome: Literal["ask", "retry", "fail"]
    waiting_for: dict[str, Any] | None = Field(description="The question that POST input/ answers.")
    waiting_until: dt.datetime | None
    cancel_requested: bool
    notify_on_complete: bool
    notify_on_failure: bool
    source_type: str
    source_webhook_id: int | None
    source_message_id: int | None
    original_message: str | None
    template_id: int | None
    schedule_id: int | None
    workflow_uuid: uuid.UUID | None
    created_by: str | None
    queued_at: dt.datetime | None
    started_at: dt.datetime | None
    completed_at: dt.datetime | None
    created_at: dt.datetime
    updated_at: dt.datetime
    version: int = Field(description="Rises with every change; the ETag carries it.")


class ExecutionOut(Answer):
    """One attempt at a task."""

    id: int
    task_id: int
    attempt: int
    status: Literal["running", "success", "failed", "timed_out", "lost", "handed_back", "waiting_input", "cancelled"]
    triggered_by: str
    worker: str
    started_at: dt.datetime
    completed_at: dt.datetime | None
    duration: int | None = Field(description="Milliseconds.")
    output: Any
    error: str | None
    error_code: str | None
    error_trace: str | None = Field(description="Only for people with the permission tasks.view_sensitive.")
    steps_total: int
    steps_completed: int
    current_step: str | None
    step_results: list[Any]
    screenshots: list[Any]
    browser_session_id: str | None
    debug_url: str | None
    recording_url: str | None


class TaskDetail(TaskOut):
    """A task with its latest attempts."""

    recent_executions: list[ExecutionOut]


class EventOut(Answer):
    """One line of a task's history."""

    id: int
    at: dt.datetime
    kind: str
    actor: str
    from_status: str | None
    to_status: str | None
    reason: str | None
    data: dict[str, Any]


class PreviewOut(Answer):
    """What a task will do, in plain words."""

    sentence: str
    details: list[list[str]]
    risks: list[str]
    config_digest: str


class Started(Answer):
    """The seed's answer of execute."""

    success: Literal[True] = True
    task_id: int
    message: str = "Task execution started"


class TickOut(Answer):
    """The seed's answer of processPendingTasks."""

    processed: int
    success: int
    failed: int


def tasks_out(rows: Sequence[AgencyTask], user: Any) -> list[TaskOut]:
    """Many tasks with one query for what they depend on."""
    waits = _dependencies(row.pk for row in rows)
    return [TaskOut.model_construct(**_fields(row, waits[row.pk], user)) for row in rows]


def task_out(row: AgencyTask, user: Any, waits: list[int] | None = None) -> TaskOut:
    """One task. `waits` are the tasks it depends on, where the caller knows them."""
    known = _dependencies([row.pk])[row.pk] if waits is None else waits
    return TaskOut.model_construct(**_fields(row, known, user))


def task_detail(row: AgencyTask, executions: Sequence[TaskExecution], user: Any) -> TaskDetail:
    """One task with its latest attempts."""
    sensitive = access.sees_sensitive(user)
    fields = _fields(row, _dependencies([row.pk])[row.pk], user)
    return TaskDetail.model_construct(
        **fields, recent_executions=[execution_out(item, sensitive=sensitive) for item in executions]
    )


def _dependencies(ids: Iterable[int]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = defaultdict(list)
    pairs = TaskDependency.objects.filter(task_id__in=list(ids)).order_by("depends_on_id")
    for task_id, upstream in pairs.values_list("task_id", "depends_on_id"):
        found[task_id].append(upstream)
    return found


_SAME = (
    "task_uuid", "title", "description", "category", "tags", "metadata", "task_type", "status", "status_reason",
    "assigned_to_bot", "execution_type", "requires_human_review", "review", "review_reasons", "approvals_required",
    "human_reviewed_at", "review_notes", "config_digest", "scheduled_for", "deadline", "deferred_until",
    "unmet_dependencies", "on_dependency_failure", "max_retries", "error_count", "attempt_count", "result",
    "on_unknown_outcome", "waiting_for", "waiting_until", "notify_on_complete", "notify_on_failure", "source_type",
    "source_webhook_id", "source_message_id", "template_id", "schedule_id", "workflow_uuid", "queued_at", "started_at",
    "completed_at", "created_at", "updated_at", "version",
)  # fmt: skip


def _fields(row: AgencyTask, depends_on: list[int], user: Any) -> dict[str, Any]:
    fields = {name: getattr(row, name) for name in _SAME}
    return fields | {
        "id": row.pk,
        "priority": Priority(row.priority).label,
        "urgency": Urgency(row.urgency).label,
        "execution_config": credentials.redact(row.execution_config),
        "human_reviewed_by": _name(row.human_reviewed_by) if row.human_reviewed_by_id else None,
        "overdue": row.is_overdue,
        "next_run_at": None if row.completed_at else row.run_at,
        "depends_on": depends_on,
        "last_error": row.last_error or None,
        "result_summary": row.result_summary or None,
        "cancel_requested": row.cancel_requested_at is not None,
        "original_message": _original(row, user),
        "created_by": _name(row.created_by) if row.created_by_id else None,
    }


def _original(row: AgencyTask, user: Any) -> str | None:
    """What somebody wrote is for who made the task of it, and for those who may see such things."""
    if not row.original_message:
        return None
    own = user is not None and row.created_by_id == user.pk
    return row.original_message if own or access.sees_sensitive(user) else None


def _name(user: Any) -> str:
    return str(user.get_username())


def execution_out(row: TaskExecution, *, sensitive: bool) -> ExecutionOut:
    """One attempt."""
    return ExecutionOut.model_construct(
        id=row.pk,
        task_id=row.task_id,
        attempt=row.attempt,
        status=cast("Any", row.status),
        triggered_by=row.triggered_by,
        worker=row.worker,
        started_at=row.started_at,
        completed_at=row.completed_at,
        duration=row.duration_ms,
        output=row.output,
        error=row.error or None,
        error_code=row.error_code or None,
        error_trace=(row.error_trace or None) if sensitive else None,
        steps_total=row.steps_total,
        steps_completed=row.steps_completed,
        current_step=row.current_step or None,
        step_results=row.step_results,
        screenshots=_screenshots(row.step_results),
        browser_session_id=row.browser_session_id or None,
        debug_url=row.debug_url or None,
        recording_url=row.recording_url or None,
    )


def _screenshots(steps: Sequence[Any]) -> list[Any]:
    return [step["screenshot"] for step in steps if isinstance(step, dict) and step.get("screenshot")]


def event_out(row: TaskEvent) -> EventOut:
    """One line of history; configs of before are masked as today's are."""
    return EventOut.model_construct(
        id=row.pk,
        at=row.at,
        kind=row.kind,
        actor=row.actor,
        from_status=row.from_status or None,
        to_status=row.to_status or None,
        reason=row.reason or None,
        data=credentials.mask(row.data),
    )


class TaskPage(PageOf[TaskOut]):
    """A page of tasks."""


class ExecutionPage(PageOf[ExecutionOut]):
    """A page of attempts."""


class ExecutionArray(RootModel[list[ExecutionOut]]):
    """Attempts, newest first."""


class EventArray(RootModel[list[EventOut]]):
    """Events, oldest first."""


class StatsOut(Answer):
    """How many tasks there are."""

    total: int
    by_status: dict[str, int]
    by_type: dict[str, int]
    overdue: int
    pending_review: int
    waiting_input: int


class QueueOut(Answer):
    """The live queue."""

    queued: int
    in_progress: int
    due: int
    running: list[TaskOut]
    next: list[TaskOut]


class TaskTypeOut(Answer):
    """A kind of task and what its executionConfig holds."""

    type: str
    label: str
    queue: str
    default_timeout_s: float
    config_schema: dict[str, Any]


class TaskTypeArray(RootModel[list[TaskTypeOut]]):
    """The task types there are."""


class BulkItem(Answer):
    """What became of one item."""

    index: int
    success: bool
    id: int | None
    task_uuid: uuid.UUID | None
    status: StatusName | None
    error: str | None
    code: int | None = Field(default=None, description="The status a request for this item alone would have had.")


class BulkOut(Answer):
    """What became of every item."""

    created: int | None = None
    done: int | None = None
    failed: int
    results: list[BulkItem]


class WorkflowOut(Answer):
    """The tasks of a new workflow, by alias."""

    workflow_uuid: uuid.UUID
    tasks: dict[str, TaskOut]
