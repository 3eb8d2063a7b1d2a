"""How many tasks there are, and what runs now and next."""

from __future__ import annotations

import logging
from typing import Any

from django.core.cache import cache
from django.db.models import Count, QuerySet
from django.utils import timezone
from redis.exceptions import RedisError

from tasks import access
from tasks.models import AgencyTask
from tasks.states import OPEN, TERMINAL, Review, Status

logger = logging.getLogger(__name__)

#: From so many tasks on, the counts of what has ended are kept for so many seconds.
LONG, KEPT_S = 50_000, 30


def stats(user: Any) -> dict[str, Any]:
    """Counts of the tasks a person sees. What is open is counted now; a long history at most once in KEPT_S seconds."""
    rows = access.visible_to(user)
    history = _history(rows, user)
    still_open = _counted(rows.filter(status__in=sorted(OPEN)), "status")
    by_status = {status.value: 0 for status in Status} | history["by_status"] | still_open
    return {
        "total": sum(by_status.values()),
        "by_status": by_status,
        "by_type": history["by_type"],
        "overdue": rows.filter(deadline__lt=timezone.now(), completed_at__isnull=True).count(),
        "pending_review": rows.filter(status=Status.PENDING, review=Review.REQUIRED).count(),
        "waiting_input": by_status[Status.WAITING_INPUT],
    }


def _history(rows: QuerySet[AgencyTask], user: Any) -> dict[str, dict[str, int]]:
    """What has ended by status, and all by type: a scan of everything, so that of a long history it is kept for a while."""
    key = f"task-stats:{'staff' if user.is_staff else user.pk}"
    kept: dict[str, dict[str, int]] | None = _from_cache(key)
    if kept is not None:
        return kept
    found = {
        "by_status": _counted(rows.filter(status__in=sorted(TERMINAL)), "status"),
        "by_type": _counted(rows, "task_type"),
    }
    if sum(found["by_type"].values()) > LONG:
        _to_cache(key, found)
    return found


def _from_cache(key: str) -> Any:
    try:
        return cache.get(key)
    except RedisError as error:
        logger.warning("counts are not kept: %s", error.__class__.__name__)
        return None


def _to_cache(key: str, found: Any) -> None:
    try:
        cache.set(key, found, KEPT_S)
    except RedisError as error:
        logger.warning("counts are not kept: %s", error.__class__.__name__)


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
