"""The collection of tasks and one task."""

from __future__ import annotations

from typing import Any

from django.db.models import Max
from django.urls import reverse
from rest_framework.request import Request
from rest_framework.response import Response

from agency.api.bodies import parse_query
from agency.api.conditional import etag, not_modified, tagged
from agency.api.documented import documented
from agency.api.pagination import Place, page_of
from tasks import access, services
from tasks.api import examples, filters
from tasks.api.base import API, TaskView, actor_of, person_of
from tasks.api.requests import EventsQuery, LimitQuery, TaskQuery
from tasks.api.serializers import (
    EventArray,
    ExecutionArray,
    PreviewOut,
    TaskDetail,
    TaskOut,
    TaskPage,
    event_out,
    execution_out,
    task_detail,
    tasks_out,
)
from tasks.errors import NotFound
from tasks.executors.base import Preview
from tasks.inputs import TaskChanges, TaskInput, parse_changes, parse_task
from tasks.models import AgencyTask, TaskEvent, TaskExecution
from tasks.previews import preview_of

RECENT = 5


class TaskList(TaskView):
    """tasks/"""

    limits = {"POST": "create"}
    transact_themselves = frozenset({"POST"})

    @documented(TaskPage, query=TaskQuery)
    def get(self, request: Request) -> Response:
        """Lists tasks: own ones, all of them for staff."""
        query = parse_query(TaskQuery, request)
        rows = filters.matching(access.visible_to(request.user), query)
        rows = rows.select_related("created_by", "human_reviewed_by")
        page = page_of(request, rows, filters.sort_of(query), Place(query.limit, query.offset, query.cursor))
        return Response(page.answer(lambda found: tasks_out(found, request.user)))

    @documented(TaskOut, status=201, body=TaskInput, examples=examples.TASKS, has_etag=True)
    def post(self, request: Request) -> Response:
        """Creates a task; it starts at once when nothing holds it."""
        task_input = parse_task(request.data)
        access.check_input(request.user, task_input)
        task = services.create(task_input, actor_of(request), API)
        task.created_by = person_of(request)
        waits = sorted(set(task_input.depends_on))
        return self.shown(request, task, 201, waits, Location=reverse("tasks-api:task", args=[task.pk]))


class TaskItem(TaskView):
    """tasks/{id}/"""

    @documented(TaskDetail, has_etag=True)
    def get(self, request: Request, task_id: int) -> Response:
        """One task with its latest attempts. With If-None-Match, 304 as long as nothing changed."""
        tag = self._tag(request, task_id)
        same = not_modified(request, tag)
        if same is not None:
            return same
        task = self.find(request, task_id)
        recent = list(TaskExecution.objects.filter(task_id=task_id).order_by("-attempt")[:RECENT])
        return tagged(Response(task_detail(task, recent, request.user)), tag)

    def _tag(self, request: Request, task_id: int) -> str:
        seen = access.visible_to(request.user).filter(pk=task_id).annotate(step=Max("executions__updated_at"))
        row = seen.values_list("version", "step").first()
        if row is None:
            raise NotFound("No such task")
        version, step = row
        return etag(version, f"{step.timestamp():.6f}" if step else "")

    @documented(TaskOut, body=TaskChanges, has_etag=True, if_match=True, examples=examples.CHANGES)
    def patch(self, request: Request, task_id: int) -> Response:
        """Changes a task that is not running. What it will do differently must be approved again."""
        self.check(request, task_id, "edit")
        changes = parse_changes(request.data)
        access.check_upstream(request.user, changes.depends_on or [])
        return self.shown(request, services.edit(task_id, changes, actor_of(request)))

    @documented(TaskOut, has_etag=True, if_match=True)
    def delete(self, request: Request, task_id: int) -> Response:
        """Cancels a task: at once when it is idle, within seconds when it runs. Its history stays."""
        self.check(request, task_id, "cancel")
        return self.shown(request, services.cancel(task_id, actor_of(request), "Cancelled over the API"))


class TaskExecutions(TaskView):
    """tasks/{id}/executions/"""

    @documented(ExecutionArray, query=LimitQuery)
    def get(self, request: Request, task_id: int) -> Response:
        """The attempts at a task, newest first."""
        query = parse_query(LimitQuery, request)
        self.find(request, task_id)
        rows = TaskExecution.objects.filter(task_id=task_id).order_by("-attempt")[: query.limit]
        sensitive = access.sees_sensitive(request.user)
        return Response([execution_out(row, sensitive=sensitive) for row in rows])


class TaskEvents(TaskView):
    """tasks/{id}/events/"""

    @documented(EventArray, query=EventsQuery, has_etag=True)
    def get(self, request: Request, task_id: int) -> Response:
        """The history of a task, oldest first; with `after`, what came after that event. 304 when nothing did."""
        query = parse_query(EventsQuery, request)
        if not access.visible_to(request.user).filter(pk=task_id).exists():
            raise NotFound("No such task")
        rows = TaskEvent.objects.filter(task_id=task_id)
        last = rows.order_by("-id").values_list("id", flat=True).first() or 0
        tag = f'"e{last}.{query.after}.{query.limit}"'
        same = not_modified(request, tag)
        if same is not None:
            return same
        found = rows.filter(id__gt=query.after).order_by("id")[: query.limit]
        return tagged(Response([event_out(row) for row in found]), tag)


class TaskPreview(TaskView):
    """tasks/{id}/preview/"""

    @documented(PreviewOut)
    def get(self, request: Request, task_id: int) -> Response:
        """What the task will do, in plain words, with secrets masked."""
        task = self.find(request, task_id)
        return Response(_preview_out(preview_of(task), task))


def _preview_out(preview: Preview, task: AgencyTask) -> Any:
    return PreviewOut.model_construct(
        sentence=preview.sentence,
        details=[list(pair) for pair in preview.details],
        risks=preview.risks,
        config_digest=task.config_digest,
    )
