"""Filters of the task list. None of them asks the database for its distinct values."""

from __future__ import annotations

import datetime as dt
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from tasks.executors import registry
from tasks.models import AgencyTask, TaskExecution
from tasks.states import OPEN, Review, Status

#: The filters people use daily, by name: the dashboard links to them.
VIEWS: dict[str, Any] = {
    "review": _("waiting for a decision"),
    "input": _("waiting for an answer"),
    "running": _("running or queued"),
    "overdue": _("past their deadline"),
    "failed_today": _("failed in the last 24 hours"),
    "done_today": _("done in the last 24 hours"),
    "ended_today": _("ended in the last 24 hours"),
    "scheduled": _("scheduled"),
    "mine": _("made by me"),
}


def view_of(queryset: QuerySet[AgencyTask], name: str, user: Any) -> QuerySet[AgencyTask]:
    """The rows of one named view; an unknown name changes nothing."""
    now = timezone.now()
    rules: dict[str, dict[str, Any]] = {
        "review": {"status": Status.PENDING, "review": Review.REQUIRED},
        "input": {"status": Status.WAITING_INPUT},
        "running": {"status__in": [Status.QUEUED, Status.IN_PROGRESS]},
        "overdue": {"deadline__lt": now, "completed_at__isnull": True},
        "failed_today": {"status": Status.FAILED, "completed_at__gte": now - dt.timedelta(days=1)},
        "done_today": {"status": Status.COMPLETED, "completed_at__gte": now - dt.timedelta(days=1)},
        "ended_today": {
            "status__in": [Status.COMPLETED, Status.FAILED],
            "completed_at__gte": now - dt.timedelta(days=1),
        },
        "scheduled": {"status": Status.PENDING, "scheduled_for__gt": now, "review__in": [Review.NONE, Review.APPROVED]},
        "mine": {"created_by": user},
    }
    return queryset.filter(**rules[name]) if name in rules else queryset


class ViewFilter(admin.SimpleListFilter):
    """The saved views."""

    title = _("view")
    parameter_name = "view"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return list(VIEWS.items())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return view_of(queryset, self.value() or "", request.user)


class TypeFilter(admin.SimpleListFilter):
    """The task types this installation knows."""

    title = _("type")
    parameter_name = "task_type"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, executor.label) for name, executor in registry.known().items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(task_type=self.value()) if self.value() else queryset


class AgeFilter(admin.SimpleListFilter):
    """When the task was made."""

    title = _("created")
    parameter_name = "age"
    SPANS: ClassVar = {"1h": 1 / 24, "24h": 1, "7d": 7, "30d": 30}

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [
            ("1h", _("last hour")),
            ("24h", _("last 24 hours")),
            ("7d", _("last 7 days")),
            ("30d", _("last 30 days")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        days = self.SPANS.get(self.value() or "")
        return queryset.filter(created_at__gte=timezone.now() - dt.timedelta(days=days)) if days else queryset


class OpenFilter(admin.SimpleListFilter):
    """Whether there is still something to happen."""

    title = _("open or finished")
    parameter_name = "open"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("yes", _("open")), ("no", _("finished"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == "yes":
            return queryset.filter(status__in=sorted(OPEN))
        if self.value() == "no":
            return queryset.exclude(status__in=sorted(OPEN))
        return queryset


class CauseFilter(admin.SimpleListFilter):
    """The code of an error that the last failed attempt ended with; the dashboard links here. "-" is no code."""

    title = _("cause")
    parameter_name = "cause"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Only the one in use: all codes would need a scan."""
        chosen = request.GET.get(self.parameter_name, "").replace("\x00", "")[:50]
        return [(chosen or "-", chosen or _("no code"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if not self.value():
            return queryset
        attempts = TaskExecution.objects.filter(task=OuterRef("pk")).order_by("-attempt")
        code = "" if self.value() == "-" else self.value()
        return queryset.annotate(last_code=Coalesce(Subquery(attempts.values("error_code")[:1]), Value(""))).filter(
            last_code=code
        )
