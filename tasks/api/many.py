"""Many tasks at once: bulk creation, one deed on many, and workflows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from django.db import transaction
from rest_framework.request import Request
from rest_framework.response import Response

from agency.api.bodies import parse
from agency.api.documented import documented
from agency.api.problems import Problem, problem_of
from tasks import access, bulk, services
from tasks.api import examples
from tasks.api.base import API, TaskView, actor_of
from tasks.api.requests import BulkActionBody, BulkBody, WorkflowBody, WorkflowTask
from tasks.api.serializers import BulkItem, BulkOut, WorkflowOut, tasks_out
from tasks.errors import Invalid, TaskError
from tasks.inputs import TaskInput
from tasks.models import AgencyTask
from tasks.validation import FieldError

#: JSON values in the body of a bulk request: a thousand tasks of ordinary size.
MAX_VALUES = 200_000


class Bulk(TaskView):
    """tasks/bulk/"""

    limits = {"POST": "bulk"}
    max_json_values = MAX_VALUES

    @documented(BulkOut, status=201, also={207: BulkOut}, body=BulkBody, examples=examples.BULK)
    def post(self, request: Request) -> Response:
        """Creates up to 1,000 tasks in one transaction: 201 when all were made, 207 when some, 422 when none."""
        body = parse(BulkBody, request.data)
        made = bulk.create(body.tasks, actor_of(request), API, keep_going=body.keep_going)
        answer = _bulk_out(len(body.tasks), made)
        if not made.rows:
            errors = [error for index in sorted(made.errors) for error in made.errors[index]]
            raise Problem(422, _told(errors), kind="invalid", errors=errors[:100], results=_plain(answer.results))
        return Response(answer, status=207 if made.errors else 201)


def _told(errors: list[FieldError]) -> str:
    first = Invalid(errors[:1])
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return f"No task was created. {first.errors[0].pointer.removeprefix('#/')}: {first}{more}"


def _bulk_out(count: int, made: bulk.Made) -> BulkOut:
    return BulkOut.model_construct(
        created=len(made.rows),
        failed=len(made.errors),
        results=[_item(index, made) for index in range(count)],
    )


def _item(index: int, made: bulk.Made) -> BulkItem:
    row = made.rows.get(index)
    if row is not None:
        return BulkItem.model_construct(
            index=index, success=True, id=row.pk, task_uuid=row.task_uuid, status=cast("Any", row.status), error=None
        )
    errors = made.errors.get(index)
    reason = str(Invalid(errors)) if errors else "Not created, because others are wrong"
    return BulkItem.model_construct(index=index, success=False, id=None, task_uuid=None, status=None, error=reason)


def _plain(items: list[BulkItem]) -> list[dict[str, Any]]:
    return [item.model_dump(mode="json", by_alias=True) for item in items]


class BulkActions(TaskView):
    """tasks/bulk-actions/"""

    limits = {"POST": "bulk"}

    def scope_of(self, method: str) -> str:
        """Deciding needs the scope review; what else is done needs write."""
        asked = self.request.data.get("action") if method == "POST" and isinstance(self.request.data, dict) else None
        return "review" if asked in ("approve", "reject") else super().scope_of(method)

    @documented(BulkOut, also={207: BulkOut}, body=BulkActionBody, examples=examples.BULK_ACTIONS)
    def post(self, request: Request) -> Response:
        """Does one thing with many tasks, each for itself: 200, or 207 when some refused."""
        body = parse(BulkActionBody, request.data)
        items = [_act(request, body, index, task_id) for index, task_id in enumerate(dict.fromkeys(body.ids))]
        failed = sum(not item.success for item in items)
        answer = BulkOut.model_construct(created=None, done=len(items) - failed, failed=failed, results=items)
        return Response(answer, status=207 if failed else 200)


Deed = Callable[[int, Any, BulkActionBody], AgencyTask]
_DEEDS: dict[str, tuple[str, Deed]] = {
    "approve": ("review", lambda pk, actor, body: services.approve(pk, actor, notes=body.notes)),
    "reject": ("review", lambda pk, actor, body: services.reject(pk, actor, reason=body.reason)),
    "execute": ("execute", lambda pk, actor, body: services.execute(pk, actor)),
    "cancel": ("cancel", lambda pk, actor, body: services.cancel(pk, actor, body.reason or "Cancelled over the API")),
    "defer": ("edit", lambda pk, actor, body: services.defer(pk, actor, body.until, body.reason or "Deferred")),
    "release": ("edit", lambda pk, actor, body: services.release(pk, actor)),
    "retry": ("replay", lambda pk, actor, body: services.replay(pk, actor)),
}


def _act(request: Request, body: BulkActionBody, index: int, task_id: int) -> BulkItem:
    action, deed = _DEEDS[body.action]
    try:
        with transaction.atomic():
            access.check(request.user, task_id, action)
            row = deed(task_id, actor_of(request), body)
    except TaskError as refused:
        problem = problem_of(refused)
        code = problem.status if problem else 409
        return BulkItem.model_construct(
            index=index, success=False, id=task_id, task_uuid=None, status=None, error=str(refused), code=code
        )
    return BulkItem.model_construct(
        index=index, success=True, id=task_id, task_uuid=row.task_uuid, status=cast("Any", row.status), error=None
    )


class Workflows(TaskView):
    """workflows/"""

    limits = {"POST": "bulk"}
    max_json_values = MAX_VALUES

    @documented(WorkflowOut, status=201, body=WorkflowBody, examples=examples.WORKFLOW)
    def post(self, request: Request) -> Response:
        """Creates a graph of tasks in one transaction: aliases stand for the ids that do not exist yet."""
        body = parse(WorkflowBody, request.data)
        workflow, rows = bulk.create_workflow([_node(task) for task in body.tasks], actor_of(request), API)
        shown = dict(zip(rows, tasks_out(list(rows.values()), request.user), strict=True))
        return Response(WorkflowOut.model_construct(workflow_uuid=workflow, tasks=shown), status=201)


def _node(task: WorkflowTask) -> bulk.Node:
    fields = {name: getattr(task, name) for name in TaskInput.model_fields if name != "depends_on"}
    plain = TaskInput.model_construct(**fields, depends_on=[])
    return bulk.Node(task.alias, plain, list(task.depends_on))
