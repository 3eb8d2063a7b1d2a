"""What time makes of a task: due, released, unanswered, unheard, known at last."""

from __future__ import annotations

from django.conf import settings
from django.db import transaction

from tasks import sql
from tasks.lifecycle.moves import Row, after_end, fetch, fetch_hot, queued
from tasks.states import Status


def queue_due(limit: int) -> list[int]:
    """pending → queued for what has become due, oldest first, at most `limit`."""
    return queued(sql.QUEUE_DUE, {"limit": limit, "reason": "Due", "actor": "dispatcher"})


def release_due(limit: int) -> list[int]:
    """deferred → pending for those whose time has come."""
    return [row["id"] for row in fetch(sql.RELEASE_DEFERRED, {"limit": limit})]


def expire_waiting(limit: int) -> list[int]:
    """waiting_input → failed for questions nobody answered in time."""
    with transaction.atomic():
        done = [row["id"] for row in fetch(sql.EXPIRE_WAITING, {"limit": limit})]
        after_end(done, Status.FAILED)
    return done


def queue_late_evidence(limit: int) -> list[int]:
    """waiting_input → queued for tasks whose ledger learned, after they began to ask, that the work took effect."""
    return queued(sql.LATE_EVIDENCE, {"limit": limit})


def ring_stale(age_s: float) -> set[str]:
    """The queues whose first task nobody claimed since the last ring."""
    return {row["queue"] for row in fetch(sql.STALE_QUEUES, {"age_s": age_s, "queues": list(settings.SLOTS)})}


def what_is_due(age_s: float) -> Row:
    """Which parts of a tick have anything to do, in one statement: an idle system asks one question a second."""
    return fetch_hot(sql.WHAT_IS_DUE, {"age_s": age_s, "queues": list(settings.SLOTS)})[0]


def what_is_lost() -> Row:
    """Which parts of a rescue have anything to do, in one statement."""
    return fetch_hot(sql.WHAT_IS_LOST, {})[0]
