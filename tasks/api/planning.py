"""Templates, and the schedules that make tasks from them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from django.db import IntegrityError, models, transaction
from django.db.models import Q, QuerySet
from django.urls import reverse
from rest_framework.request import Request
from rest_framework.response import Response

from agency.api.bodies import parse, parse_query
from agency.api.conditional import etag, expected_version, not_modified, tagged
from agency.api.documented import documented
from agency.api.pagination import Place, Sort, page_of
from agency.api.permissions import require_permission
from agency.api.problems import Problem
from tasks import schedules, templates
from tasks.api import examples
from tasks.api.base import TaskView, actor_of
from tasks.api.planned import (
    FromTemplate,
    OccurrenceArray,
    ScheduleChanges,
    ScheduleIn,
    ScheduleOut,
    SchedulePage,
    TemplateChanges,
    TemplateIn,
    TemplateOut,
    TemplatePage,
    UpcomingArray,
    occurrence_out,
    schedule_out,
    template_out,
)
from tasks.api.requests import LimitQuery, PageQuery
from tasks.api.serializers import TaskOut
from tasks.errors import NotFound
from tasks.models import ScheduleOccurrence, TaskSchedule, TaskTemplate

Row = TypeVar("Row", TaskTemplate, TaskSchedule)


def _templates(user: Any) -> QuerySet[TaskTemplate]:
    """Everybody sees what can be used; the others are seen by staff and by who made them."""
    rows = TaskTemplate.objects.select_related("created_by")
    return rows if user.is_staff else rows.filter(Q(active=True) | Q(created_by=user))


def _schedules(user: Any) -> QuerySet[TaskSchedule]:
    rows = TaskSchedule.objects.select_related("created_by", "template")
    return rows if user.is_staff else rows.filter(created_by=user)


def _one(rows: QuerySet[Row], pk: int, request: Request, *, lock: bool = False) -> Row:
    """The row; locked and of the version that If-Match names when it is about to be changed. Raises NotFound."""
    row = (rows.select_for_update(of=("self",)) if lock else rows).filter(pk=pk).first()
    if row is None:
        raise NotFound(f"No such {rows.model._meta.verbose_name}")
    expected = expected_version(request) if lock else None
    if expected is not None and expected != _version(row):
        raise Problem(412, "It was changed since you read it", kind="stale")
    return row


def _version(row: models.Model) -> int:
    """Templates count their versions; of a schedule the time of its last change serves as well, in microseconds."""
    return row.version if isinstance(row, TaskTemplate) else int(row.updated_at.timestamp() * 1_000_000)  # type: ignore[attr-defined]


def _saved(save: Callable[[], Row]) -> Row:
    try:
        with transaction.atomic():
            return save()
    except IntegrityError as error:
        if "name" in str(error):
            raise Problem(409, "There is one with this name already", kind="conflict") from None
        raise


def _listed(request: Request, rows: QuerySet[Row], render: Callable[[Row], Any]) -> Response:
    query = parse_query(PageQuery, request)
    page = page_of(request, rows, Sort("id"), Place(query.limit, query.offset, query.cursor))
    return Response(page.answer(lambda found: [render(row) for row in found]))


def _shown(row: Row, render: Callable[[Row], Any], status: int = 200, **headers: Any) -> Response:
    return tagged(Response(render(row), status=status, headers=headers), etag(_version(row)))


class TemplateList(TaskView):
    """templates/"""

    @documented(TemplatePage, query=PageQuery)
    def get(self, request: Request) -> Response:
        """Lists templates, newest first."""
        return _listed(request, _templates(request.user), template_out)

    @documented(TemplateOut, status=201, body=TemplateIn, has_etag=True, examples=examples.TEMPLATE)
    def post(self, request: Request) -> Response:
        """Makes a template: the fields of a task with {{slots}}, and the JSON Schema of what fills them."""
        require_permission(request, "tasks.add_tasktemplate")
        body = parse(TemplateIn, request.data)
        row = TaskTemplate(**body.model_dump(), created_by_id=request.user.pk)
        row = _saved(lambda: templates.save(row, actor_of(request)))
        row.refresh_from_db()
        return _shown(row, template_out, 201, Location=reverse("tasks-api:template", args=[row.pk]))


class TemplateItem(TaskView):
    """templates/{id}/"""

    @documented(TemplateOut, has_etag=True)
    def get(self, request: Request, template_id: int) -> Response:
        """One template."""
        row = _one(_templates(request.user), template_id, request)
        return not_modified(request, etag(_version(row))) or _shown(row, template_out)

    @documented(TemplateOut, body=TemplateChanges, has_etag=True, if_match=True)
    def patch(self, request: Request, template_id: int) -> Response:
        """Changes a template; tasks that were made from it stay as they are."""
        require_permission(request, "tasks.change_tasktemplate")
        changes = parse(TemplateChanges, request.data)
        row = _one(_templates(request.user), template_id, request, lock=True)
        _apply(row, changes.model_dump(exclude_unset=True))
        return _shown(_saved(lambda: templates.save(row, actor_of(request))), template_out)

    @documented(TemplateOut, has_etag=True, if_match=True)
    def delete(self, request: Request, template_id: int) -> Response:
        """Switches a template off. It stays, because tasks came from it."""
        require_permission(request, "tasks.delete_tasktemplate")
        row = _one(_templates(request.user), template_id, request, lock=True)
        row.active = False
        return _shown(templates.save(row, actor_of(request)), template_out)


class TemplateTasks(TaskView):
    """templates/{id}/tasks/"""

    limits = {"POST": "create"}

    @documented(TaskOut, status=201, body=FromTemplate, has_etag=True)
    def post(self, request: Request, template_id: int) -> Response:
        """Makes a task from a template."""
        body = parse(FromTemplate, request.data)
        template = _one(_templates(request.user), template_id, request)
        task = templates.create_task(template, body.parameters, actor_of(request))
        return self.shown(request, task, 201, Location=reverse("tasks-api:task", args=[task.pk]))


class ScheduleList(TaskView):
    """schedules/"""

    @documented(SchedulePage, query=PageQuery)
    def get(self, request: Request) -> Response:
        """Lists schedules: own ones, all of them for staff."""
        return _listed(request, _schedules(request.user), schedule_out)

    @documented(ScheduleOut, status=201, body=ScheduleIn, has_etag=True, examples=examples.SCHEDULE)
    def post(self, request: Request) -> Response:
        """Makes a schedule: cron in a time zone, with rules for missed and for overlapping starts."""
        require_permission(request, "tasks.add_taskschedule")
        body = parse(ScheduleIn, request.data)
        fields = body.model_dump(exclude={"template_id"})
        template = _template_for(request, body.template_id)
        row = TaskSchedule(**fields, template=template, created_by_id=request.user.pk)
        row = _saved(lambda: schedules.save(row, actor_of(request)))
        row.refresh_from_db()
        return _shown(row, schedule_out, 201, Location=reverse("tasks-api:schedule", args=[row.pk]))


class ScheduleItem(TaskView):
    """schedules/{id}/"""

    @documented(ScheduleOut, has_etag=True)
    def get(self, request: Request, schedule_id: int) -> Response:
        """One schedule with its next start."""
        row = _one(_schedules(request.user), schedule_id, request)
        return not_modified(request, etag(_version(row))) or _shown(row, schedule_out)

    @documented(ScheduleOut, body=ScheduleChanges, has_etag=True, if_match=True)
    def patch(self, request: Request, schedule_id: int) -> Response:
        """Changes a schedule and plans its next start from now."""
        require_permission(request, "tasks.change_taskschedule")
        changes = parse(ScheduleChanges, request.data).model_dump(exclude_unset=True)
        row = _one(_schedules(request.user), schedule_id, request, lock=True)
        if "template_id" in changes:
            row.template = _template_for(request, changes.pop("template_id"))
        _apply(row, changes)
        return _shown(_saved(lambda: schedules.save(row, actor_of(request))), schedule_out)

    @documented(status=204, if_match=True)
    def delete(self, request: Request, schedule_id: int) -> Response:
        """Ends a schedule. The tasks it made stay."""
        require_permission(request, "tasks.delete_taskschedule")
        _one(_schedules(request.user), schedule_id, request, lock=True).delete()
        return Response(status=204)


class ScheduleUpcoming(TaskView):
    """schedules/{id}/upcoming/"""

    @documented(UpcomingArray, query=LimitQuery)
    def get(self, request: Request, schedule_id: int) -> Response:
        """The next starts of a schedule, in UTC."""
        query = parse_query(LimitQuery, request)
        row = _one(_schedules(request.user), schedule_id, request)
        return Response([{"plannedFor": at} for at in schedules.preview(row, query.limit)])


class ScheduleOccurrences(TaskView):
    """schedules/{id}/occurrences/"""

    @documented(OccurrenceArray, query=LimitQuery)
    def get(self, request: Request, schedule_id: int) -> Response:
        """Every planned start so far, newest first: run, or skipped for a reason."""
        query = parse_query(LimitQuery, request)
        row = _one(_schedules(request.user), schedule_id, request)
        found = ScheduleOccurrence.objects.filter(schedule=row).order_by("-id")[: query.limit]
        return Response([occurrence_out(item) for item in found])


def _template_for(request: Request, template_id: int) -> TaskTemplate:
    row = _templates(request.user).filter(pk=template_id).first()
    if row is None:
        raise Problem(422, f"templateId names template {template_id}, which does not exist", kind="invalid")
    return row


def _apply(row: models.Model, changes: dict[str, Any]) -> None:
    for name, value in changes.items():
        setattr(row, name, value)
