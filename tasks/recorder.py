"""Writing down how attempts ended: what ends while one commit is under way shares the next."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from queue import Empty, SimpleQueue
from typing import Any

from django.db import InterfaceError, OperationalError, connection

from agency import db, logs
from tasks import lifecycle
from tasks.attempt import RunningAttempt
from tasks.executors.base import Outcome, Success
from tasks.lifecycle import End, Lease
from tasks.outputs import clean
from tasks.states import Attempt, Status

logger = logging.getLogger(__name__)

#: Ends that share one statement and one commit, at most.
BATCH = 100
#: While the database is away the ends wait here and are tried again this often, in seconds.
TRY_AGAIN_S = 0.5


class Held:
    """One claimed task in one slot."""

    def __init__(self, row: dict[str, Any], lease: Lease, attempt: RunningAttempt) -> None:
        self.row, self.lease, self.attempt = row, lease, attempt
        self._lock = threading.Lock()
        self.ended = False

    @property
    def key(self) -> tuple[int, int]:
        """What names the attempt in the database."""
        return self.lease.task_id, self.lease.epoch

    @property
    def names(self) -> dict[str, Any]:
        """What its log lines and outgoing requests carry; the request is the one that made or last released the task."""
        row = self.row
        known = row.get("request_id") or f"task-{row['id']}-{row['attempt_count']}"
        return {"request_id": known, "task_id": row["id"], "execution_id": row["execution_id"]}

    def take_end(self) -> bool:
        """True for the first who asks: the attempt's own thread, or whoever ends it from outside."""
        with self._lock:
            first, self.ended = not self.ended, True
        return first


@dataclass(frozen=True)
class Ended:
    """An attempt and how it ended. `outcome` is kept for the case that the end is refused."""

    held: Held
    end: End
    outcome: Outcome | None = None


class Recorder:
    """One thread that writes ends. `on_written` is called with each attempt that left the worker's hands."""

    def __init__(self, name: str, on_written: Any) -> None:
        self._queue: SimpleQueue[Ended | None] = SimpleQueue()
        self._on_written = on_written
        self._thread = threading.Thread(target=self._loop, name=f"{name}-record", daemon=True)

    def start(self) -> None:
        """Begins to write."""
        self._thread.start()

    def put(self, ended: Ended) -> None:
        """Takes over an end; returns at once."""
        self._queue.put(ended)

    def stop(self) -> None:
        """Ends the thread once all that was put is written."""
        self._queue.put(None)

    def _loop(self) -> None:
        while ends := self._next():
            try:
                self._write(ends)
            except Exception:
                logger.exception("[TaskExecution] the ends of %s attempts could not be recorded", len(ends))
            finally:
                db.release()
                for ended in ends:
                    self._on_written(ended.held)

    def _next(self) -> list[Ended]:
        """At least one end; none means that the recorder stops."""
        ends: list[Ended] = []
        while len(ends) < BATCH:
            try:
                ended = self._queue.get(block=not ends)
            except Empty:
                break
            if ended is None:
                if ends:
                    self._queue.put(None)
                break
            ends.append(ended)
        return ends

    def _write(self, ends: Sequence[Ended]) -> None:
        try:
            kept = _finish(ends)
        except Exception as error:  # noqa: BLE001 reported one by one below
            if len(ends) == 1:
                kept = _finish_whatever_happens(ends[0], error)
            else:  # one of them spoils it for all: each on its own
                for ended in ends:
                    self._write([ended])
                return
        for ended in ends:
            _log_end(ended)
            if ended.held.key not in kept:
                keep_late(ended.held, ended.outcome)


def _finish(ends: Sequence[Ended]) -> set[tuple[int, int]]:
    """Those that were recorded; tried again for as long as the database is away."""
    tried = False
    while True:
        try:
            kept = lifecycle.finish_many([(ended.held.lease, ended.end) for ended in ends])
            return kept | _recorded_before(ends, kept) if tried else kept
        except (OperationalError, InterfaceError) as error:
            if not tried:
                logger.warning("[TaskExecution] %s ends wait for the database: %s", len(ends), type(error).__name__)
            tried = True
            db.release()
            time.sleep(TRY_AGAIN_S)


def _recorded_before(ends: Sequence[Ended], kept: set[tuple[int, int]]) -> set[tuple[int, int]]:
    """After a commit whose answer was lost: the ends that our own execution rows already tell."""
    asked = {ended.held.row["execution_id"]: ended for ended in ends if ended.held.key not in kept}
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, status FROM task_executions WHERE id = ANY(%s)", [list(asked)])
        return {asked[pk].held.key for pk, status in cursor.fetchall() if status == asked[pk].end.attempt}


def _finish_whatever_happens(ended: Ended, error: Exception) -> set[tuple[int, int]]:
    """The work is done: neither its output nor a receiver that fails may make it happen again."""
    logger.error("[TaskExecution] Task %s: its end was refused", ended.held.lease.task_id, exc_info=error)
    bare = replace(ended.end, output={"unstorable": type(error).__name__}, trace="", sanitised=True)
    try:
        return lifecycle.finish_many([(ended.held.lease, bare)])
    except (OperationalError, InterfaceError):
        return _finish([replace(ended, end=bare)])
    except Exception:
        logger.exception("[TaskExecution] Task %s: receivers were left out", ended.held.lease.task_id)
        return lifecycle.finish_many([(ended.held.lease, bare)], tell=False)


def keep_late(held: Held, outcome: Outcome | None) -> None:
    """A result after the lease was lost: kept on its own execution; if the task only waits to learn whether it
    happened, a success answers that."""
    if outcome is None:
        return
    kept, _ = clean({"outcome": type(outcome).__name__, "output": getattr(outcome, "output", None)})
    lifecycle.record_late(held.lease, kept)
    logger.warning("[TaskExecution] Task %s: late result of epoch %s refused", *held.key)
    if isinstance(outcome, Success):
        lifecycle.settle_late(held.lease, kept["output"], outcome.summary)


def _log_end(ended: Ended) -> None:
    """The seed's log line, word for word."""
    success = "true" if ended.end.attempt == Attempt.SUCCESS else "false"
    task_id, took = ended.held.lease.task_id, ended.end.duration_ms
    with logs.bound(**ended.held.names):
        logger.info("[TaskExecution] Task %s execution completed in %sms. Success: %s", task_id, took, success)


def refused(digest_now: str) -> End:
    """How an attempt ends whose content is not what was approved."""
    reason = "The content changed after it was approved; it needs a new review"
    return End(Status.PENDING, Attempt.HANDED_BACK, reason=reason, summary=digest_now)
