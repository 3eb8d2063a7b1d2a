"""How many tasks there are, and what runs now and next."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, QuerySet
from django.utils import timezone

from tasks import access
from tasks.models import AgencyTask
from tasks.states import Review, Status


def stats(user: Any) -> dict[str, Any]:
    """Counts of the tasks a person sees."""
    rows = access.visible_to(user)
    by_status = {status.value: 0 for status in Status} | _counted(rows, "status")
    return {
        "total": sum(by_status.values()),
        "by_status": by_status,
        "by_type": _counted(rows, "task_type"),
        "overdue": rows.filter(deadline__lt=timezone.now(), completed_at__isnull=True).count(),
        "pending_review": rows.filter(status=Status.PENDING, review=Review.REQUIRED).count(),
        "waiting_input": by_status[Status.WAITING_INPUT],
    }


def _counted(rows: QuerySet[AgencyTask], column: str) -> dict[str, int]:
    return dict(rows.order_by(column).values_list(column).annotate(Count("id")))


def queue(rows: QuerySet[AgencyTask], limit: int) -> tuple[list[AgencyTask], list[AgencyTask]]:
    """(what runs, longest first; what is queued, in the order of work)."""
    running = rows.filter(status=Status.IN_PROGRESS).order_by("started_at", "id")
    waiting = rows.filter(status=Status.QUEUED).order_by("rank_at", "id")
    return list(running[:limit]), list(waiting[:limit])


def queue_counts(rows: QuerySet[AgencyTask]) -> dict[str, int]:
    """How many are queued, run, and are due but not queued yet."""
    due = rows.filter(
        status=Status.PENDING,
        assigned_to_bot=True,
        unmet_dependencies=0,
        review__in=[Review.NONE, Review.APPROVED],
        run_at__lte=timezone.now(),
    ).exclude(execution_type="manual_trigger")
    return {
        "queued": rows.filter(status=Status.QUEUED).count(),
        "in_progress": rows.filter(status=Status.IN_PROGRESS).count(),
        "due": due.count(),
    }
