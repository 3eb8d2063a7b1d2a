"""The attempts at all tasks."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from agency.api.bodies import parse_query
from agency.api.documented import documented
from agency.api.pagination import Place, Sort, page_of
from tasks import access
from tasks.api.base import TaskView
from tasks.api.requests import ExecutionQuery
from tasks.api.serializers import ExecutionOut, ExecutionPage, execution_out
from tasks.errors import NotFound
from tasks.models import TaskExecution


def _visible(user: Any) -> QuerySet[TaskExecution]:
    rows = TaskExecution.objects.all()
    return rows if user.is_staff else rows.filter(task__created_by=user)


class ExecutionList(TaskView):
    """executions/"""

    @documented(ExecutionPage, query=ExecutionQuery)
    def get(self, request: Request) -> Response:
        """Lists attempts, newest first."""
        query = parse_query(ExecutionQuery, request)
        wanted = {"task_id": query.task_id, "status": query.status}
        rows = _visible(request.user).filter(**{name: value for name, value in wanted.items() if value is not None})
        page = page_of(request, rows, Sort("id"), Place(query.limit, query.offset, query.cursor))
        sensitive = access.sees_sensitive(request.user)
        return Response(page.answer(lambda found: [execution_out(row, sensitive=sensitive) for row in found]))


class ExecutionItem(TaskView):
    """executions/{id}/"""

    @documented(ExecutionOut)
    def get(self, request: Request, execution_id: int) -> Response:
        """One attempt."""
        row = _visible(request.user).filter(pk=execution_id).first()
        if row is None:
            raise NotFound("No such execution")
        return Response(execution_out(row, sensitive=access.sees_sensitive(request.user)))
