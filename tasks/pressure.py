"""How full the queue is: above the limit nothing new is taken in, so that what was accepted is worked off."""

from __future__ import annotations

import time

from django.conf import settings

from tasks.errors import TaskError
from tasks.models import AgencyTask
from tasks.states import Status

#: A count is good for so long, in seconds, in one process.
FRESH_S = 1.0
_seen: tuple[float, int] = (-FRESH_S, 0)


class Overloaded(TaskError):
    """Too many tasks are queued already."""


def check() -> None:
    """Raises Overloaded while more than QUEUE_DEPTH_MAX tasks are queued; 0 means no limit."""
    most = settings.QUEUE_DEPTH_MAX
    if most and depth(most + 1) > most:
        raise Overloaded(f"More than {most} tasks are queued already; try again later")


def depth(up_to: int) -> int:
    """How many tasks are queued, counted no further than `up_to` and at most once a second."""
    global _seen
    at, count = _seen
    if time.monotonic() - at >= FRESH_S:
        count = AgencyTask.objects.filter(status=Status.QUEUED).order_by()[:up_to].count()
        _seen = (time.monotonic(), count)
    return count
