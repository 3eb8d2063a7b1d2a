"""Ringing the workers: a broker message that says 'there is work', and may be lost at any moment."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from django.db import transaction

from agency.celery import app

logger = logging.getLogger(__name__)


def ring(queue: str) -> bool:
    """Publishes one ring for a queue. A dead broker costs at most two short tries and is only logged: idle workers look
    for work by themselves and the processor rings again."""
    try:
        app.send_task("tasks.jobs.ring", args=[queue], queue=queue, expires=30)
    except Exception as error:
        logger.warning("[TaskExecution] doorbell of queue %s not rung: %s", queue, error.__class__.__name__)
        return False
    return True


def ring_on_commit(queues: Iterable[str]) -> None:
    """Rings each queue once after the current transaction commits."""
    for queue in sorted(set(queues)):
        transaction.on_commit(lambda queue=queue: ring(queue))  # type: ignore[misc]
