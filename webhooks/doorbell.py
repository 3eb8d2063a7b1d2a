"""Ringing the workers that read the inbox and empty the outbox: one broker message for many rows.

A key says that a ring is on its way; whoever finds it there rings no second time. A worker removes the key before it
looks a last time, so a row written after that look rings again. A lost ring costs at most a poll interval.
"""

from __future__ import annotations

import logging

from django.db import transaction
from kombu.exceptions import KombuError
from redis import RedisError

from agency.celery import app
from webhooks import valkey

logger = logging.getLogger(__name__)

INBOX, OUTBOX = "inbox", "outbox"
_RUNG_MS = 2000


def ring(place: str) -> None:
    """Wakes a worker. A dead broker costs two short tries and is only logged: workers look by themselves too."""
    if not valkey.set_if_new(f"rung:{place}", _RUNG_MS):
        return
    try:
        app.send_task("webhooks.jobs.ring", args=[place], queue="io", expires=30)
    except (KombuError, RedisError, OSError) as error:
        logger.warning("[Messages] doorbell of the %s not rung: %s", place, type(error).__name__)


def ring_on_commit(place: str) -> None:
    """Rings once the current transaction has committed."""
    transaction.on_commit(lambda: ring(place))


def hear(place: str) -> None:
    """From now on a new row rings again."""
    valkey.forget(f"rung:{place}")
