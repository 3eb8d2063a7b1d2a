"""Ringing the workers: a broker message that says 'there is work', and may be lost at any moment."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable

from django.core.cache import cache
from django.db import transaction

from agency.celery import app

logger = logging.getLogger(__name__)

#: A ring that no worker heard within this time does not stand for the next one, in seconds.
RING_LASTS_S = 1
#: A broker that did not answer is left alone for this long: requests go on, the processor and the workers' own looks find
#: the work.
SILENCE_S = 5.0
_silent_until = 0.0


def ring(queue: str) -> bool:
    """Publishes one ring for a queue, unless one is on its way: a stream of new tasks costs one message, not thousands.

    A dead broker costs one short try and is only logged.
    """
    global _silent_until
    if time.monotonic() < _silent_until:
        return False
    try:
        if cache.add(_mark(queue), 1, timeout=RING_LASTS_S):
            app.send_task("tasks.jobs.ring", args=[queue], queue=queue, expires=30)
    except Exception as error:  # noqa: BLE001 a lost ring is no loss, whatever lost it
        _silent_until = time.monotonic() + SILENCE_S
        logger.warning("[TaskExecution] doorbell of queue %s not rung: %s", queue, error.__class__.__name__)
        return False
    return True


def heard(queue: str) -> None:
    """Called before a worker looks for work: whatever is committed from now on rings anew."""
    try:
        cache.delete(_mark(queue))
    except Exception as error:  # noqa: BLE001 the mark expires by itself
        logger.warning("[TaskExecution] the ring of queue %s stays marked: %s", queue, error.__class__.__name__)


def ring_on_commit(queues: Iterable[str]) -> None:
    """Rings each queue once after the current transaction commits."""
    for queue in sorted(set(queues)):
        transaction.on_commit(lambda queue=queue: ring(queue))  # type: ignore[misc]


def _mark(queue: str) -> str:
    return f"rung:{queue}"
