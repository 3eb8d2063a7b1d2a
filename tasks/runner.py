"""A worker's loop over free slots: claim as many queued tasks as it can run, prove that it lives, record how each ended."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection

from agency import db
from tasks import lifecycle, outcomes, sql
from tasks.attempt import RunningAttempt
from tasks.executors import registry
from tasks.executors.base import (
    Cancelled,
    DeadlinePassed,
    HandBack,
    LeaseLost,
    Lost,
    Outcome,
    Success,
    TaskSnapshot,
)
from tasks.lifecycle import End, Lease
from tasks.outcomes import Account
from tasks.outputs import clean
from tasks.perform import NotWhatWasApproved, outcome_of, overtime_outcome
from tasks.states import Attempt, Status

logger = logging.getLogger(__name__)

#: An attempt past its deadline gets this long to end by itself, in seconds.
OVERTIME_GRACE_S = 2.0
#: A worker with more than this share of its slots stuck ends itself; its supervisor starts a fresh one.
STUCK_SHARE = 0.1


def snapshot_of(row: dict[str, Any]) -> TaskSnapshot:
    """What the executor sees of a claimed row."""
    return TaskSnapshot(
        id=row["id"],
        uuid=row["task_uuid"],
        title=row["title"],
        type=row["task_type"],
        config=row["execution_config"],
        run_generation=row["run_generation"],
        epoch=row["epoch"],
        attempt=row["attempt_count"],
        execution_id=row["execution_id"],
        answer=row["answer"],
        created_by_id=row["created_by_id"],
        source_type=row["source_type"],
        source_webhook_id=row["source_webhook_id"],
        source_message_id=row["source_message_id"],
        template_id=row["template_id"],
        schedule_id=row["schedule_id"],
        scheduled_for=row["scheduled_for"],
        metadata=row["metadata"],
        description=row["description"],
    )


def account_of(row: dict[str, Any]) -> Account:
    """What the row says about the tries so far."""
    return Account(
        effect=row["effect"],
        on_unknown=row["on_unknown_outcome"],
        errors=row["error_count"],
        max_retries=row["max_retries"],
        free_waits=row["handback_count"],
    )


class Held:
    """One claimed task in one slot."""

    def __init__(self, row: dict[str, Any], owner: str) -> None:
        self.row = row
        self.lease = Lease(row["id"], row["epoch"], owner)
        self.attempt = RunningAttempt(snapshot_of(row), self.lease, row["timeout_s"])
        self.recording = threading.Lock()
        self.recorded = False


class Runner:
    """The worker of one queue in one process. `ring` wakes it; `drain` ends it without losing an attempt."""

    def __init__(self, queue: str, slots: int) -> None:
        self.queue = queue
        self.slots = slots
        self.boot = uuid.uuid4()
        self.name = f"{socket.gethostname()}:{os.getpid()}:{self.boot.hex[:8]}"
        self._held: dict[int, Held] = {}  # by execution: a task may be claimed again before its last attempt left
        self._lock = threading.Lock()
        self._bell = threading.Event()
        self._stopping = threading.Event()
        self._stuck = 0
        self._pool = ThreadPoolExecutor(slots, thread_name_prefix=f"{queue}-slot")
        self._threads = [
            threading.Thread(target=self._claim_loop, name=f"{queue}-claim", daemon=True),
            threading.Thread(target=self._heart_loop, name=f"{queue}-heart", daemon=True),
        ]

    # -- from outside
    def start(self) -> None:
        """Begins to claim."""
        logger.info("worker %s takes up to %s tasks of queue %s", self.name, self.slots, self.queue)
        for thread in self._threads:
            thread.start()

    def ring(self) -> None:
        """There may be work."""
        self._bell.set()

    def drain(self, grace_s: float) -> None:
        """Stops claiming, lets running attempts finish for `grace_s` seconds, then hands the rest back."""
        if self._stopping.is_set():
            return
        self._stopping.set()
        self._bell.set()
        ends = time.monotonic() + grace_s
        while self._held and time.monotonic() < ends:
            time.sleep(0.05)
        for held in list(self._held.values()):
            self._hand_back(held)
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._run_sql(sql.WORKER_GONE, {"name": self.name})

    @property
    def busy(self) -> int:
        """Slots in use, stuck ones included."""
        return len(self._held) + self._stuck

    # -- claiming
    def _claim_loop(self) -> None:
        while not self._stopping.is_set():
            self._bell.wait(settings.POLL_SECONDS)
            self._bell.clear()
            try:
                self._claim_all()
            except DatabaseError as error:
                logger.warning("worker %s cannot claim: %s", self.name, type(error).__name__)
                self._stopping.wait(1.0)
                self._bell.set()
            finally:
                db.release()

    def _claim_all(self) -> None:
        while not self._stopping.is_set():
            free = self.slots - self.busy
            if free <= 0:
                return
            rows = lifecycle.claim(self.queue, self.name, free, list(registry.known()))
            for row in rows:
                held = Held(row, self.name)
                with self._lock:
                    self._held[row["execution_id"]] = held
                self._pool.submit(self._run, held)
            if len(rows) < free:
                return

    # -- one attempt
    def _run(self, held: Held) -> None:
        row, attempt = held.row, held.attempt
        try:
            _log_start(row)
            self._end(held, outcome_of(row, attempt))
        except Cancelled:
            self._record(held, outcomes.cancelled(attempt.duration_ms), None)
        except LeaseLost:
            logger.warning("[TaskExecution] Task %s: lease lost, attempt %s dropped", row["id"], row["attempt_count"])
        except NotWhatWasApproved as changed:
            self._refuse(held, str(changed))
        except Exception:
            logger.exception("[TaskExecution] Task %s: the end of the attempt could not be recorded", row["id"])
        finally:
            self._forget(held)
            db.release()
            self._bell.set()

    def _end(self, held: Held, outcome: Outcome) -> None:
        self._record(held, outcomes.end_of(outcome, account_of(held.row), held.attempt.duration_ms), outcome)

    def _forget(self, held: Held) -> None:
        with self._lock:
            if self._held.pop(held.row["execution_id"], None) is None and held.recorded:
                self._stuck = max(0, self._stuck - 1)

    def _record(self, held: Held, end: End, outcome: Outcome | None) -> None:
        """Writes the end of an attempt, again and again while the database is away; a fenced end is kept as late output."""
        with held.recording:
            if held.recorded:
                self._late(held, outcome)
                return
            fenced = not self._finish(held, end)
            held.recorded = True
        success = "true" if end.attempt == Attempt.SUCCESS else "false"
        logger.info(
            "[TaskExecution] Task %s execution completed in %sms. Success: %s", held.row["id"], end.duration_ms, success
        )
        if fenced:
            self._late(held, outcome)

    def _finish(self, held: Held, end: End) -> bool:
        tried = False
        while True:
            try:
                return lifecycle.finish(held.lease, end) or (tried and self._was_recorded(held, end))
            except DatabaseError as error:
                if not tried:
                    logger.warning("[TaskExecution] Task %s: end not recorded yet: %s", held.row["id"], error)
                tried = True
                db.release()
                if held.attempt.stop_reason is LeaseLost or not _is_outage(error):
                    raise
                time.sleep(0.5)

    def _was_recorded(self, held: Held, end: End) -> bool:
        """After a commit whose answer was lost: does our own execution row already say so?"""
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT 1 FROM task_executions WHERE id = %s AND epoch = %s AND status = %s",
                [held.row["execution_id"], held.lease.epoch, end.attempt],
            )
            return cursor.fetchone() is not None

    def _late(self, held: Held, outcome: Outcome | None) -> None:
        """A result after the lease was lost: kept on its own execution; if the task only waits to learn whether it
        happened, a success answers that."""
        if outcome is None:
            return
        kept, _ = clean({"outcome": type(outcome).__name__, "output": getattr(outcome, "output", None)})
        lifecycle.record_late(held.lease, kept)
        logger.warning("[TaskExecution] Task %s: late result of epoch %s refused", held.row["id"], held.lease.epoch)
        if isinstance(outcome, Success):
            lifecycle.settle_late(held.lease, kept["output"], outcome.summary)

    def _refuse(self, held: Held, digest_now: str) -> None:
        reason = "The content changed after it was approved; it needs a new review"
        end = End(Status.PENDING, Attempt.HANDED_BACK, reason=reason, summary=digest_now)
        logger.warning("[TaskExecution] Task %s: %s", held.row["id"], reason)
        with held.recording:
            held.recorded = lifecycle.back_to_review(held.lease, end) or True

    def _hand_back(self, held: Held) -> None:
        """At the end of the grace: work that may have been sent is unknown, the rest goes back unharmed."""
        held.attempt.stop(LeaseLost)
        outcome = overtime_outcome(held.row, "The worker was stopped.")
        if not isinstance(outcome, Lost):
            outcome = HandBack("The worker was stopped", 0.0)
        self._end(held, outcome)

    # -- proving life
    def _heart_loop(self) -> None:
        while not self._stopping.is_set() or self._held:
            try:
                self._beat()
            except DatabaseError as error:
                logger.warning("worker %s: heartbeat failed: %s", self.name, type(error).__name__)
            finally:
                db.release()
            self._wait_for_next_beat()
            if not self.busy and self._stopping.is_set():
                return

    def _wait_for_next_beat(self) -> None:
        ends = time.monotonic() + settings.HEARTBEAT_SECONDS
        while time.monotonic() < ends and not (self._stopping.is_set() and not self._held):
            time.sleep(min(0.5, settings.HEARTBEAT_SECONDS))
            self._end_overtime()

    def _beat(self) -> None:
        with self._lock:
            held = list(self._held.values())
        if held:
            alive = lifecycle.heartbeat(self.name, [(h.lease.task_id, h.lease.epoch) for h in held])
            for item in held:
                self._learn(item, alive)
        params = {"name": self.name, "kind": self.queue, "slots": self.slots, "busy": self.busy, "boot": self.boot}
        self._run_sql(sql.WORKER_SEEN, params)

    def _learn(self, held: Held, alive: dict[int, bool]) -> None:
        if held.lease.task_id not in alive:
            if not held.attempt.overtime and not held.recorded:
                held.attempt.stop(LeaseLost)
        elif alive[held.lease.task_id]:
            held.attempt.stop(Cancelled)

    def _end_overtime(self) -> None:
        """Ends attempts whose thread does not: the slot counts as stuck until the thread comes back."""
        for held in list(self._held.values()):
            late_by = time.monotonic() - held.attempt.ends
            if late_by > 0:
                held.attempt.stop(DeadlinePassed)
            if late_by > OVERTIME_GRACE_S and held.recording.acquire(blocking=False):
                held.recording.release()
                self._abandon(held)

    def _abandon(self, held: Held) -> None:
        try:
            self._end(held, overtime_outcome(held.row))
        except DatabaseError as error:
            logger.warning("[TaskExecution] Task %s: overtime not recorded: %s", held.row["id"], error)
            return
        finally:
            db.release()
        with self._lock:
            if self._held.pop(held.row["execution_id"], None) is not None:
                self._stuck += 1
        if self._stuck > self.slots * STUCK_SHARE:
            logger.error("worker %s: %s of %s slots are stuck, restarting", self.name, self._stuck, self.slots)
            os.kill(os.getpid(), signal.SIGTERM)

    @staticmethod
    def _run_sql(statement: str, params: dict[str, Any]) -> None:
        with connection.cursor() as cursor:
            cursor.execute(statement, params)


def _is_outage(error: DatabaseError) -> bool:
    """The connection or the server, not the statement."""
    from django.db import InterfaceError, OperationalError

    return isinstance(error, (OperationalError, InterfaceError))


def _log_start(row: dict[str, Any]) -> None:
    """The seed's log lines, word for word."""
    logger.info("[TaskExecution] Starting execution for task %s, triggered by: %s", row["id"], row["triggered_by"])
    logger.info("[TaskExecution] Task %s (%s): %s", row["id"], row["task_type"], row["title"])
    logger.info("[TaskExecution] Executing task %s of type: %s", row["id"], row["task_type"])
