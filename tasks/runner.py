"""A worker's loop over free slots: claim as many queued tasks as it can run, prove that it lives, record how each ended."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
import time
import uuid
from functools import partial
from typing import Any

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection

from agency import db, logs
from tasks import doorbell, lifecycle, outcomes, sql
from tasks.attempt import RunningAttempt
from tasks.executors import registry
from tasks.executors.base import (
    Cancelled,
    DeadlinePassed,
    HandBack,
    LeaseLost,
    Lost,
    Outcome,
    TaskSnapshot,
)
from tasks.lifecycle import Lease
from tasks.outcomes import Account
from tasks.perform import NotWhatWasApproved, outcome_of, overtime_outcome
from tasks.recorder import Ended, Held, Recorder, keep_late, refused
from tasks.slots import Slots

logger = logging.getLogger(__name__)

#: The queue of tasks that were running when their workers died: one at a time.
QUARANTINE = "quarantine"
#: An attempt past its deadline gets this long to end by itself, in seconds.
OVERTIME_GRACE_S = 2.0
#: A worker with more than this share of its slots stuck ends itself; its supervisor starts a fresh one.
STUCK_SHARE = 0.1
#: A busy worker gathers freed slots for this long before it claims again, in seconds.
GATHER_S = 0.002
#: A worker that fills all its slots wakes another one at most this often, in seconds.
PASS_ON_S = 0.5
#: What a stopping worker hands back must be written within this time, in seconds.
HAND_BACK_S = 3.0


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


class Runner:
    """The worker of one queue in one process. `ring` wakes it; `drain` ends it without losing an attempt."""

    def __init__(self, queue: str, slots: int) -> None:
        self.queue = queue
        self.slots = slots
        self.boot = uuid.uuid4()
        self.name = f"{socket.gethostname()}:{os.getpid()}:{self.boot.hex[:8]}"
        # By execution: a task may be claimed again before its last attempt left.
        self._held: dict[int, Held] = {}
        self._abandoned: set[int] = set()
        self._busy = 0
        self._lock = threading.Lock()
        self._bell = threading.Event()
        self._stopping = threading.Event()
        #: The queue may hold more than was claimed: a slot that gets free looks.
        self._more_waits = False
        #: All that may be held is held: with free slots, an end that is written down looks.
        self._full = False
        self._passed_on = 0.0
        self._recover = False
        self._pool = Slots(slots, f"{queue}-slot")
        self._recorder = Recorder(queue, self._written)
        self._threads = [
            threading.Thread(target=self._claim_loop, name=f"{queue}-claim", daemon=True),
            threading.Thread(target=self._heart_loop, name=f"{queue}-heart", daemon=True),
        ]

    # -- from outside
    def start(self) -> None:
        """Begins to claim."""
        logger.info("worker %s takes up to %s tasks of queue %s", self.name, self.slots, self.queue)
        self._recorder.start()
        for thread in self._threads:
            thread.start()

    def ring(self) -> None:
        """There may be work."""
        self._bell.set()

    def drain(self, grace_s: float) -> None:
        """Stops claiming, lets running attempts finish for `grace_s` seconds, then hands the rest back.

        Returns when all is written down, or HAND_BACK_S later: what the database did not learn by then, the rescue finds.
        """
        if self._stopping.is_set():
            return
        self._stopping.set()
        self._bell.set()
        self._await_empty(grace_s)
        for held in self._all_held():
            self._hand_back(held)
        self._await_empty(HAND_BACK_S)
        try:
            self._run_sql(sql.WORKER_GONE, {"name": self.name})
        except DatabaseError as error:
            logger.warning("worker %s leaves without saying so: %s", self.name, type(error).__name__)
        finally:
            db.release()
        self._recorder.stop()
        self._pool.stop()

    def _await_empty(self, seconds: float) -> None:
        ends = time.monotonic() + seconds
        while self._held and time.monotonic() < ends:
            time.sleep(0.05)

    def _all_held(self) -> list[Held]:
        with self._lock:
            return list(self._held.values())

    @property
    def busy(self) -> int:
        """Slots in use, stuck ones included."""
        return self._busy

    # -- claiming
    def _claim_loop(self) -> None:
        while not self._stopping.is_set():
            self._bell.wait(settings.POLL_SECONDS)
            self._bell.clear()
            try:
                if self._recover:
                    self._take_back()
                self._claim_all()
            except DatabaseError as error:
                logger.warning("worker %s cannot claim: %s", self.name, type(error).__name__)
                self._recover = True
                self._pause_claiming()
            except Exception:
                logger.exception("worker %s cannot claim", self.name)
                self._pause_claiming()
            finally:
                db.release()

    def _pause_claiming(self) -> None:
        self._stopping.wait(1.0)
        self._bell.set()

    def _claim_all(self) -> None:
        """Fills the free slots. Freed ones are gathered for a moment, so that a busy worker claims many at a time."""
        while not self._stopping.is_set():
            free = self._free()
            if free <= 0:
                self._more_waits = self._full = True
                free = self._free()  # who left before the mark was set rang no bell
            if free <= 0:
                return
            rows = lifecycle.claim(self.queue, self.name, free, list(registry.known()))
            self._more_waits = len(rows) == free
            for row in rows:
                self._take(row)
            if not self._more_waits:
                return
            self._pass_on()
            self._stopping.wait(GATHER_S)

    def _free(self) -> int:
        """How many tasks to claim. In quarantine the last one must be written down first: who dies there dies alone."""
        if self.queue == QUARANTINE:
            return self.slots - max(self._busy, len(self._held))
        return min(self.slots - self._busy, 2 * self.slots - len(self._held))

    def _take(self, row: dict[str, Any]) -> None:
        lease = Lease(row["id"], row["epoch"], self.name)
        held = Held(row, lease, RunningAttempt(snapshot_of(row), lease, row["timeout_s"]))
        with self._lock:
            self._held[row["execution_id"]] = held
            self._busy += 1
        self._pool.submit(partial(logs.within, held.names, self._run, held))

    def _pass_on(self) -> None:
        """More may wait than this worker can take: wakes another one, now and then."""
        if time.monotonic() - self._passed_on > PASS_ON_S:
            self._passed_on = time.monotonic()
            doorbell.ring(self.queue)

    def _take_back(self) -> None:
        """A claim whose answer was lost with the connection: what it took goes back unharmed."""
        with self._lock:
            mine = {held.key for held in self._held.values()}
        lost = [key for key in lifecycle.held_by(self.name) if key not in mine]
        end = outcomes.handed_back("The claim's answer was lost")
        lifecycle.finish_many([(Lease(*key, self.name), end) for key in lost])
        self._recover = False

    # -- one attempt
    def _run(self, held: Held) -> None:
        row, attempt = held.row, held.attempt
        try:
            _log_start(row)
            self._end(held, outcome_of(row, attempt))
        except Cancelled:
            self._put(Ended(held, outcomes.cancelled(attempt.duration_ms)))
        except LeaseLost:
            logger.warning("[TaskExecution] Task %s: lease lost, attempt %s dropped", row["id"], row["attempt_count"])
            self._drop(held)
        except NotWhatWasApproved as changed:
            self._refuse(held, str(changed))
        except Exception:
            logger.exception("[TaskExecution] Task %s: the end of the attempt could not be recorded", row["id"])
            self._drop(held)
        finally:
            db.release()
            self._slot_freed(held)

    def _end(self, held: Held, outcome: Outcome) -> None:
        end = outcomes.end_of(outcome, account_of(held.row), held.attempt.duration_ms)
        self._put(Ended(held, end, outcome))

    def _put(self, ended: Ended) -> None:
        """The first end of an attempt is written; a later one is kept as evidence."""
        if ended.held.take_end():
            self._recorder.put(ended)
        else:
            keep_late(ended.held, ended.outcome)

    def _drop(self, held: Held) -> None:
        """Nobody here writes the end: whoever took the lease does."""
        if held.take_end():
            self._written(held)

    def _written(self, held: Held) -> None:
        with self._lock:
            self._held.pop(held.row["execution_id"], None)
            unblocks = self._full and self._busy < self.slots
            self._full = self._full and not unblocks
        if unblocks or self.queue == QUARANTINE:
            self._bell.set()

    def _slot_freed(self, held: Held) -> None:
        with self._lock:
            self._busy -= 1
            self._abandoned.discard(held.row["execution_id"])
        if self._more_waits:
            self._bell.set()

    def _refuse(self, held: Held, digest_now: str) -> None:
        end = refused(digest_now)
        logger.warning("[TaskExecution] Task %s: %s", held.row["id"], end.reason)
        if held.take_end():
            try:
                lifecycle.back_to_review(held.lease, end)
            finally:
                self._written(held)

    def _hand_back(self, held: Held) -> None:
        """At the end of the grace: work that may have been sent is unknown, the rest goes back unharmed."""
        held.attempt.stop(LeaseLost)
        outcome = overtime_outcome(held.row, "The worker was stopped.")
        if not isinstance(outcome, Lost):
            outcome = HandBack("The worker was stopped", 0.0)
        self._end_from_outside(held, outcome)

    def _end_from_outside(self, held: Held, outcome: Outcome) -> bool:
        """False: the attempt ended by itself meanwhile."""
        end = outcomes.end_of(outcome, account_of(held.row), held.attempt.duration_ms)
        first = held.take_end()
        if first:
            self._recorder.put(Ended(held, end))
        return first

    # -- proving life
    def _heart_loop(self) -> None:
        while not self._stopping.is_set() or self._held:
            try:
                self._beat()
            except DatabaseError as error:
                logger.warning("worker %s: heartbeat failed: %s", self.name, type(error).__name__)
            except Exception:
                logger.exception("worker %s: heartbeat failed", self.name)
            finally:
                db.release()
            self._wait_for_next_beat()

    def _wait_for_next_beat(self) -> None:
        ends = time.monotonic() + settings.HEARTBEAT_SECONDS
        while time.monotonic() < ends and not (self._stopping.is_set() and not self._held):
            time.sleep(min(0.5, settings.HEARTBEAT_SECONDS))
            self._end_overtime()

    def _beat(self) -> None:
        held = self._all_held()
        if held:
            alive = lifecycle.heartbeat(self.name, [h.key for h in held])
            for item in held:
                self._learn(item, alive)
        params = {"name": self.name, "kind": self.queue, "slots": self.slots, "busy": self.busy, "boot": self.boot}
        self._run_sql(sql.WORKER_SEEN, params)

    @staticmethod
    def _learn(held: Held, alive: dict[int, bool]) -> None:
        if held.lease.task_id not in alive:
            if not held.attempt.overtime and not held.ended:
                held.attempt.stop(LeaseLost)
        elif alive[held.lease.task_id]:
            held.attempt.stop(Cancelled)

    def _end_overtime(self) -> None:
        """Ends attempts whose thread does not: the slot counts as stuck until the thread comes back."""
        for held in self._all_held():
            late_by = time.monotonic() - held.attempt.ends
            if late_by > 0:
                held.attempt.stop(DeadlinePassed)
            if late_by > OVERTIME_GRACE_S and not held.ended:
                self._abandon(held)

    def _abandon(self, held: Held) -> None:
        try:
            abandoned = self._end_from_outside(held, overtime_outcome(held.row))
        finally:
            db.release()
        if not abandoned:
            return
        with self._lock:
            self._abandoned.add(held.row["execution_id"])
        if len(self._abandoned) > self.slots * STUCK_SHARE:
            logger.error("worker %s: %s of %s slots are stuck", self.name, len(self._abandoned), self.slots)
            os.kill(os.getpid(), signal.SIGTERM)

    @staticmethod
    def _run_sql(statement: str, params: dict[str, Any]) -> None:
        with connection.cursor() as cursor:
            cursor.execute(statement, params)


def _log_start(row: dict[str, Any]) -> None:
    """The seed's log lines, word for word."""
    logger.info("[TaskExecution] Starting execution for task %s, triggered by: %s", row["id"], row["triggered_by"])
    logger.info("[TaskExecution] Task %s (%s): %s", row["id"], row["task_type"], row["title"])
    logger.info("[TaskExecution] Executing task %s of type: %s", row["id"], row["task_type"])
