"""Two loops inside the io worker: one empties the outbox, one reads the inbox. A bell wakes them, else they look."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from celery import bootsteps
from django.conf import settings
from django.db import Error as DatabaseError

from agency import db
from agency.celery import app
from webhooks import doorbell

logger = logging.getLogger(__name__)

LINGER_S = 0.015
"""After the last message a loop looks once more this much later: bursts then ring one bell, not one per message."""

NO_ROOM_S = 0.2
"""The wait a look answers when work is due that no room is for."""

Look = Callable[[str, int], tuple[list[Any], float | None]]


class Loop:
    """Claims for free slots and handles what it claimed, side by side. A failing database makes it wait, not end."""

    def __init__(self, place: str, slots: int, look: Look, handle: Callable[[Any], object]) -> None:
        self.place = place
        self.slots = slots
        self.owner = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
        self._look, self._handle = look, handle
        self._bell, self._stopping = threading.Event(), threading.Event()
        self._busy, self._lock = 0, threading.Lock()
        self._starved = False
        self._pool = ThreadPoolExecutor(slots, thread_name_prefix=f"{place}-slot")
        self._thread = threading.Thread(target=self._run, name=f"{place}-claim", daemon=True)

    def start(self) -> None:
        """Begins to claim."""
        self._thread.start()

    def ring(self) -> None:
        """There may be work."""
        self._bell.set()

    def drain(self, grace_s: float) -> None:
        """Stops claiming and waits for what is under way; what does not end is rescued when its lease ends."""
        self._stopping.set()
        self._bell.set()
        ends = time.monotonic() + grace_s
        if self._thread.is_alive():
            self._thread.join(grace_s)
        while self._busy and time.monotonic() < ends:
            time.sleep(0.05)
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _run(self) -> None:
        wait_s: float | None = None
        while not self._stopping.is_set():
            rung = self._bell.wait(settings.POLL_SECONDS if wait_s is None else min(wait_s, settings.POLL_SECONDS))
            self._bell.clear()
            try:
                if rung:
                    self._claim_all()
                    self._stopping.wait(LINGER_S)
                    doorbell.hear(self.place)
                wait_s = self._claim_all()
            except DatabaseError as error:
                logger.warning("[Messages] the %s loop cannot claim: %s", self.place, type(error).__name__)
                wait_s = 1.0
            finally:
                db.release()

    def _claim_all(self) -> float | None:
        while not self._stopping.is_set():
            free = self.slots - self._busy
            self._starved = free <= 0
            if self._starved:
                return None
            items, wait_s = self._look(self.owner, free)
            self._starved = not items and wait_s is not None and wait_s <= NO_ROOM_S
            for item in items:
                with self._lock:
                    self._busy += 1
                self._pool.submit(self._one, item)
            if not items:
                return wait_s
        return None

    def _one(self, item: Any) -> None:
        try:
            self._handle(item)
        except Exception:
            logger.exception("[Messages] the %s loop could not end one message; its lease will", self.place)
        finally:
            db.release()
            with self._lock:
                self._busy -= 1
            if self._starved:
                self._bell.set()  # work was left because there was no room for it: now there is


_loops: dict[str, Loop] = {}


def ring(place: str) -> None:
    """Wakes this process's loop, if it has one."""
    loop = _loops.get(place)
    if loop is not None:
        loop.ring()


def make_loops() -> dict[str, Loop]:
    """The loops of one worker process, not yet started."""
    from webhooks.inbound import processing
    from webhooks.outbound import delivery

    def look_out(owner: str, free: int) -> tuple[list[Any], float | None]:
        found = delivery.claim(owner, free)
        return found.messages, found.wait_s

    return {
        doorbell.OUTBOX: Loop(doorbell.OUTBOX, settings.DELIVERY_SLOTS, look_out, delivery.deliver),
        doorbell.INBOX: Loop(doorbell.INBOX, settings.INBOX_SLOTS, processing.claim, processing.process),
    }


class MessagesStep(bootsteps.StartStopStep):
    """Starts the loops in a Celery worker that consumes the queue io."""

    requires = ("celery.worker.components:Pool",)

    def start(self, parent: Any) -> None:
        """Begins when the worker is up."""
        if "io" in parent.app.amqp.queues.consume_from:
            _loops.update(make_loops())
            for loop in _loops.values():
                loop.start()

    def stop(self, parent: Any) -> None:
        """Warm stop."""
        self._drain()

    def terminate(self, parent: Any) -> None:
        """Cold stop: deliveries are short."""
        self._drain()

    @staticmethod
    def _drain() -> None:
        for loop in _loops.values():
            loop.drain(settings.SHUTDOWN_GRACE_SECONDS)


app.steps["worker"].add(MessagesStep)
