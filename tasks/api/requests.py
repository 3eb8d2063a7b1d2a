"""What callers may send, besides a task itself (tasks/inputs.py)."""

from __future__ import annotations

import uuid
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AwareDatetime, Field, StringConstraints

from agency.api.bodies import Body, Query
from agency.api.pagination import DEFAULT_LIMIT, MAX_LIMIT, MAX_OFFSET
from agency.api.problems import Problem
from tasks.inputs import TaskInput, Text, Time, check_json

MAX_BULK = 1_000
MAX_ACTIONS = 100
MAX_WORKFLOW = 200

Id = Annotated[int, Field(gt=0, lt=2**63)]
Alias = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,63}$")]
Note = Annotated[Text, Field(max_length=5000)]


class Action(Body):
    """A body of an action; `id` may repeat the id of the address, as the seed's calls do."""

    id: Id | None = None

    def agrees_with(self, task_id: int) -> None:
        """Raises Problem 422 when `id` names another task than the address."""
        if self.id is not None and self.id != task_id:
            raise Problem(422, f"id is {self.id}, but the address names task {task_id}", kind="invalid")


class ApproveBody(Action):
    """An approval; `configDigest` of the task that was looked at makes sure that it is still the same."""

    notes: Note = ""
    config_digest: Annotated[str, Field(max_length=64)] = ""


class RejectBody(Action):
    """A rejection and its reason."""

    reason: Annotated[Text, StringConstraints(strip_whitespace=True, min_length=1, max_length=5000)]
    code: Annotated[Text, Field(max_length=50)] = ""
    config_digest: Annotated[str, Field(max_length=64)] = ""


class CancelBody(Action):
    """Why a task is cancelled."""

    reason: Annotated[Text, Field(max_length=1000)] = ""


class DeferBody(Action):
    """Until when a task is put off; without a time, until it is released."""

    until: Annotated[Time | None, Field(strict=False)] = None
    reason: Annotated[Text, Field(max_length=1000)] = ""


class InputBody(Action):
    """The answer to the question in `waitingFor`; `waitingToken` of the task makes sure that it is still asked."""

    answer: Annotated[Any, AfterValidator(check_json)]
    waiting_token: Annotated[str, Field(max_length=36)] = ""


class LimitQuery(Query):
    """How many rows, newest first."""

    limit: Annotated[int, Field(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT


class EventsQuery(LimitQuery):
    """Events after the one with id `after`, oldest first."""

    after: Annotated[int, Field(ge=0, lt=2**63)] = 0


class PageQuery(LimitQuery):
    """A page by offset, or by the cursor of the `next` link."""

    offset: Annotated[int, Field(ge=0, le=MAX_OFFSET)] = 0
    cursor: Annotated[str, Field(max_length=500)] | None = None


StatusName = Literal[
    "pending", "queued", "in_progress", "waiting_input", "deferred", "completed", "failed", "cancelled"
]
AttemptName = Literal["running", "success", "failed", "timed_out", "lost", "handed_back", "waiting_input", "cancelled"]
PriorityName = Literal["low", "medium", "high", "critical"]


class TaskQuery(PageQuery):
    """The filters of the list of tasks; all given ones must hold."""

    status: StatusName | None = None
    statuses: list[StatusName] | None = None
    priority: list[PriorityName] | None = None
    category: Annotated[str, Field(max_length=100)] | None = None
    task_type: Annotated[list[Annotated[str, Field(max_length=100)]], Field(max_length=20)] | None = None
    assigned_to_bot: bool | None = None
    requires_human_review: bool | None = None
    awaiting_review: Annotated[bool | None, Field(description="Waits for a decision now.")] = None
    scheduled_before: AwareDatetime | None = None
    scheduled_after: AwareDatetime | None = None
    created_before: AwareDatetime | None = None
    created_after: AwareDatetime | None = None
    tags: Annotated[
        list[Annotated[str, Field(max_length=100)]] | None, Field(description="Has all of them.", max_length=20)
    ] = None
    overdue: Annotated[bool | None, Field(description="Deadline passed and not finished.")] = None
    search: Annotated[
        str | None,
        Field(
            max_length=200,
            description='Words of title and description (beginnings count), "exact phrases", or an id.',
        ),
    ] = None
    source_type: Annotated[str, Field(max_length=20)] | None = None
    workflow_uuid: uuid.UUID | None = None
    template_id: Id | None = None
    schedule_id: Id | None = None
    sort_by: Annotated[
        Literal["createdAt", "id", "priority", "scheduledFor", "deadline", "completedAt"] | None,
        Field(description="Without it: scheduledFor when filtered by that time, else createdAt."),
    ] = None
    sort_order: Literal["asc", "desc"] = "desc"


class Nothing(Body):
    """An empty body."""


class BulkBody(Body):
    """Many new tasks. With `keepGoing` those that are right are made although others are wrong."""

    tasks: Annotated[list[Any], Field(min_length=1, max_length=MAX_BULK)]
    keep_going: bool = False


class BulkActionBody(Body):
    """One deed on many tasks, each for itself."""

    action: Literal["approve", "reject", "execute", "cancel", "defer", "release", "retry"]
    ids: Annotated[list[Id], Field(min_length=1, max_length=MAX_ACTIONS)]
    notes: Note = ""
    reason: Annotated[Text, Field(max_length=1000)] = ""
    until: Annotated[Time | None, Field(strict=False)] = None


class WorkflowTask(TaskInput):
    """A task of a workflow. `dependsOn` holds aliases of this workflow, or ids of tasks that exist."""

    alias: Alias
    depends_on: Annotated[list[Alias | Id], Field(max_length=100)] = []  # type: ignore[assignment]


class WorkflowBody(Body):
    """A graph of tasks."""

    tasks: Annotated[list[WorkflowTask], Field(min_length=1, max_length=MAX_WORKFLOW)]


class ExecutionQuery(PageQuery):
    """The filters of the list of attempts."""

    task_id: Id | None = None
    status: AttemptName | None = None
