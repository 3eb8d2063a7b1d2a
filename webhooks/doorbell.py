"""Ringing the workers that read the inbox and empty the outbox: one broker message for many rows.

A key says that a ring is on its way; whoever finds it there rings no second time. A worker removes the key before it
looks a last time, so a row written after that look rings again. Rings are made by a thread of their own: a request
pays nothing for them, and a broker that hangs holds nobody up. A lost ring costs at most a poll interval.
"""

from __future__ import annotations

import logging
import os
import threading

from django.db import transaction
from kombu.exceptions import KombuError
from redis import RedisError

from agency.celery import app
from webhooks import valkey

logger = logging.getLogger(__name__)

INBOX, OUTBOX = "inbox", "outbox"
_RUNG_MS = 2000
_PAUSE_S = 0.02
"""The first row rings at once; those of so many seconds after it are announced together."""


class Ringer:
    """The thread of one process that rings. Started with the first ring, and anew in a forked child."""

    def __init__(self) -> None:
        self._wanted: set[str] = set()
        self._bell = threading.Event()
        self._lock = threading.Lock()
        self._process = 0

    def want(self, place: str) -> None:
        """Rings soon; returns at once."""
        self._wanted.add(place)
        if self._process != os.getpid():
            self._start()
        self._bell.set()

    def _start(self) -> None:
        with self._lock:
            if self._process != os.getpid():
                self._process = os.getpid()
                self._bell = threading.Event()
                threading.Thread(target=self._run, args=(self._bell,), name="doorbell", daemon=True).start()

    def _run(self, bell: threading.Event) -> None:
        pause = threading.Event()
        while True:
            bell.wait()
            bell.clear()
            while self._wanted:
                ring(self._wanted.pop())
            pause.wait(_PAUSE_S)


_ringer = Ringer()


def ring(place: str) -> None:
    """Wakes a worker. A dead broker costs two short tries and is only logged: workers look by themselves too."""
    if not valkey.set_if_new(f"rung:{place}", _RUNG_MS):
        return
    try:
        app.send_task("webhooks.jobs.ring", args=[place], queue="io", expires=30)
    except (KombuError, RedisError, OSError) as error:
        logger.warning("[Messages] doorbell of the %s not rung: %s", place, type(error).__name__)


def ring_soon(place: str) -> None:
    """Rings from the thread of this process: for what must answer fast."""
    _ringer.want(place)


def ring_on_commit(place: str) -> None:
    """Rings once the current transaction has committed."""
    transaction.on_commit(lambda: ring_soon(place))


def hear(place: str) -> None:
    """From now on a new row rings again."""
    valkey.forget(f"rung:{place}")
