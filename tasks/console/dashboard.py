"""The first page of staff: what needs them, what runs, what failed and why. Every number links to its list."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from agency import health
from tasks.console import charts, numbers
from tasks.models import AgencyTask, TaskSchedule
from tasks.review import queue
from tasks.states import Review, Status

NEXT = 10


def context(request: HttpRequest) -> dict[str, Any]:
    """What the first page shows to those who may see tasks."""
    if not request.user.has_perm("tasks.view_agencytask"):
        return {}
    hours = numbers.kept("hours", numbers.last_hours)
    done, failed = sum(hour.done for hour in hours), sum(hour.failed for hour in hours)
    return {
        "tiles": _tiles(request, done, failed),
        "oldest": queue.waiting().order_by("created_at").values_list("created_at", flat=True).first(),
        "bars": charts.bars(hours),
        "chart": {"width": charts.WIDTH, "height": charts.HEIGHT, "base": charts.HEIGHT - charts.FOOT},
        "done": done,
        "failed": failed,
        "causes": [_with_link(cause) for cause in numbers.kept("causes", numbers.causes)],
        "speed": numbers.kept("speed", numbers.speed),
        "upcoming": _upcoming(),
        "schedules": TaskSchedule.objects.filter(active=True, next_run_at__isnull=False).order_by("next_run_at")[:NEXT],
        "problems": {name: problem for name, check in health.parts.items() if (problem := check())},
    }


def _list(**query: str) -> str:
    return f"{reverse('admin:tasks_agencytask_changelist')}?{urlencode(query)}"


def _tiles(request: HttpRequest, done: int, failed: int) -> list[dict[str, Any]]:
    counts = numbers.counts()
    waiting = queue.badge(request) or "0"
    rate = f"{100 * done / (done + failed):.0f} %" if done + failed else "–"
    return [
        {"label": _("wait for a decision"), "value": waiting, "url": reverse("review:queue"), "hot": waiting != "0"},
        {
            "label": _("wait for an answer"),
            "value": counts["input"],
            "url": _list(view="input"),
            "hot": counts["input"],
        },
        {"label": _("running now"), "value": counts["running"], "url": _list(status__exact="in_progress")},
        {"label": _("queued or running"), "value": counts["on_the_way"], "url": _list(view="running")},
        {
            "label": _("past their deadline"),
            "value": counts["overdue"],
            "url": _list(view="overdue"),
            "hot": counts["overdue"],
        },
        {
            "label": _("failed in 24 hours"),
            "value": counts["failed"],
            "url": _list(view="failed_today"),
            "hot": counts["failed"],
        },
        {"label": _("done in 24 hours"), "value": done, "url": _list(view="done_today")},
        {"label": _("of them successful"), "value": rate, "url": _list(view="ended_today")},
    ]


def _with_link(cause: dict[str, Any]) -> dict[str, Any]:
    return cause | {"url": _list(task_type=cause["task_type"], cause=cause["code"] or "-", status__exact="failed")}


def _upcoming() -> list[AgencyTask]:
    due = AgencyTask.objects.filter(
        status=Status.PENDING, scheduled_for__gt=timezone.now(), review__in=[Review.NONE, Review.APPROVED]
    )
    return list(due.only("pk", "title", "scheduled_for", "task_type").order_by("scheduled_for", "id")[:NEXT])
