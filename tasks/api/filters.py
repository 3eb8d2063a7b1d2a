"""From the query of the list of tasks to rows, by the indexes of tasks/models/task.py."""

from __future__ import annotations

from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone

from agency.api.pagination import Sort
from tasks import search
from tasks.api.requests import TaskQuery
from tasks.models import AgencyTask, Priority

#: sortBy → the order an index serves.
SORTS = {
    "createdAt": Sort("id"),
    "id": Sort("id"),
    "priority": Sort("priority"),
    "scheduledFor": Sort("scheduled_for", nullable=True),
    "deadline": Sort("deadline", nullable=True),
    "completedAt": Sort("completed_at", nullable=True),
}
_EQUAL = ("category", "assigned_to_bot", "requires_human_review", "source_type", "template_id", "schedule_id")


def sort_of(query: TaskQuery) -> Sort:
    """The order asked for, else the one in which the filters on times lie together in their index."""
    sort = SORTS[query.sort_by or "createdAt"]
    if query.sort_by is None and (query.scheduled_before or query.scheduled_after):
        sort = SORTS["scheduledFor"]
    elif sort.field == "id" and (query.created_before or query.created_after):
        sort = Sort("created_at")
    return Sort(sort.field, query.sort_order == "desc", sort.nullable)


def matching(rows: QuerySet[AgencyTask], query: TaskQuery) -> QuerySet[AgencyTask]:
    """Those of `rows` that fit every filter."""
    rows = rows.filter(**{name: value for name in _EQUAL if (value := getattr(query, name)) is not None})
    for condition in _conditions(query):
        rows = rows.filter(condition)
    return rows


def _conditions(query: TaskQuery) -> list[Q]:
    found = [*_states(query), *_times(query)]
    if query.priority:
        found.append(Q(priority__in=[Priority[name.upper()].value for name in query.priority]))
    if query.task_type:
        found.append(Q(task_type__in=query.task_type))
    if query.tags:
        found.append(search.tagged(query.tags))
    if query.workflow_uuid:
        found.append(Q(workflow_uuid=query.workflow_uuid))
    if query.search:
        found.append(search.matching(query.search))
    return found


def _states(query: TaskQuery) -> list[Q]:
    found = []
    if query.status:
        found.append(Q(status=query.status))
    if query.statuses:
        found.append(Q(status__in=query.statuses))
    if query.awaiting_review is not None:
        waits = Q(status="pending", review="required")
        found.append(waits if query.awaiting_review else ~waits)
    if query.overdue is not None:
        late = Q(deadline__lt=timezone.now(), completed_at__isnull=True)
        found.append(late if query.overdue else ~Q(deadline__lt=timezone.now()) | Q(completed_at__isnull=False))
    return found


def _times(query: TaskQuery) -> list[Q]:
    bounds: dict[str, Any] = {
        "scheduled_for__lt": query.scheduled_before,
        "scheduled_for__gt": query.scheduled_after,
        "created_at__lt": query.created_before,
        "created_at__gt": query.created_after,
    }
    return [Q(**{name: value}) for name, value in bounds.items() if value is not None]
