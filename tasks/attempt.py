"""One attempt while it runs: what an executor may ask for (tasks/executors/base.py, Context)."""

from __future__ import annotations

import json
import threading
import time
import uuid
from typing import Any

from django.db import connection

from agency import credentials, db
from tasks import artifacts, digest, sql
from tasks.executors.base import Cancelled, DeadlinePassed, LeaseLost, PriorEffect, TaskSnapshot
from tasks.lifecycle import Lease
from tasks.outputs import clean, clean_text

#: A lease must outlive the call it covers by this many seconds, else the write is not begun.
LEASE_MARGIN_S = 1.0


class RunningAttempt:
    """The Context that executors get. Thread-safe where the heartbeat thread touches it (`stop`)."""

    def __init__(self, task: TaskSnapshot, lease: Lease, timeout_s: float) -> None:
        self.task = task
        self.lease = lease
        self.started = time.monotonic()
        self.ends = self.started + timeout_s
        self.stop_reason: type[Cancelled] | type[LeaseLost] | type[DeadlinePassed] | None = None
        self._stopping = threading.Event()

    # -- asked by the heartbeat thread
    def stop(self, reason: type[Cancelled] | type[LeaseLost] | type[DeadlinePassed]) -> None:
        """Makes the next check raise `reason`; wakes a sleeping attempt."""
        self.stop_reason = self.stop_reason or reason
        self._stopping.set()

    @property
    def overtime(self) -> bool:
        """Its deadline has passed."""
        return time.monotonic() > self.ends

    @property
    def duration_ms(self) -> int:
        """Milliseconds since the claim, by the monotonic clock."""
        return int((time.monotonic() - self.started) * 1000)

    # -- asked by executors
    def check(self) -> None:
        """Raises Stopped when the attempt must end."""
        if self.stop_reason is not None:
            raise self.stop_reason
        if self.overtime:
            raise DeadlinePassed

    def remaining_s(self) -> float:
        """Seconds left until the deadline, never below 0."""
        return max(0.0, self.ends - time.monotonic())

    def sleep(self, seconds: float) -> None:
        """Waits without holding a database connection; raises Stopped at once when the attempt must end."""
        db.release()
        self._stopping.wait(min(seconds, self.remaining_s()))
        self.check()

    def idempotency_key(self, step: str = "") -> str:
        """uuid5(task uuid, run generation, step)."""
        return str(uuid.uuid5(self.task.uuid, f"{self.task.run_generation}:{step}"))

    # -- the effect ledger
    def intend(self, step: str, request: Any, will_take_s: float) -> PriorEffect:
        """Writes 'intended' in the statement that checks the lease; answers what the ledger held before.

        A call longer than a lease is covered by the heartbeats, so the margin asked for is short.
        """
        self.check()
        params: dict[str, Any] = {
            "id": self.task.id,
            "epoch": self.lease.epoch,
            "owner": self.lease.owner,
            "generation": self.task.run_generation,
            "step": step,
            "key": self.idempotency_key(step),
            "hash": digest.of_request(request),
            "margin_s": min(will_take_s, LEASE_MARGIN_S),
        }
        with connection.cursor() as cursor:
            cursor.execute(sql.INTEND, params)
            live, state, response, inserted = cursor.fetchone() or (0, None, None, None)
        db.release()
        if not live:
            raise LeaseLost
        if inserted or state is None:
            return PriorEffect("new")
        return PriorEffect(state, json.loads(response) if isinstance(response, str) else response)

    def confirm(self, step: str, response: Any) -> None:
        """The outside world did it."""
        self._settle(step, "confirmed", response)

    def reject(self, step: str, response: Any) -> None:
        """The outside world refused."""
        self._settle(step, "rejected", response)

    def unknown(self, step: str) -> None:
        """Nobody knows whether it happened."""
        self._settle(step, "unknown", None)

    def _settle(self, step: str, state: str, response: Any) -> None:
        safe, _ = clean(credentials.redact(response))
        params: dict[str, Any] = {
            "id": self.task.id,
            "generation": self.task.run_generation,
            "step": step,
            "state": state,
            "epoch": self.lease.epoch,
            "response": None if safe is None else json.dumps(safe),
        }
        with connection.cursor() as cursor:
            cursor.execute(sql.SETTLE, params)
        db.release()

    # -- progress
    def record_step(
        self,
        index: int,
        total: int,
        name: str,
        status: str,
        *,
        duration_ms: int | None = None,
        detail: dict[str, Any] | None = None,
    ) -> None:
        """Writes step `index` (from 0) into the execution at once, so that people see it live."""
        entry, _ = clean(
            credentials.redact(
                {"index": index, "name": name, "status": status, "durationMs": duration_ms, **(detail or {})}
            ),
            64 << 10,
        )
        params: dict[str, Any] = {
            "execution": self.task.execution_id,
            "total": total,
            "done": index + (status in ("success", "skipped")),
            "current": clean_text(name, 300),
            "path": [str(index)],
            "entry": json.dumps(entry),
        }
        with connection.cursor() as cursor:
            cursor.execute(sql.RECORD_STEP, params)
        db.release()

    def save_artifact(self, name: str, content_type: str, data: bytes) -> dict[str, Any]:
        """Keeps a file of this attempt. Raises StorageFull."""
        try:
            return artifacts.save(self.task, name, content_type, data)
        finally:
            db.release()

    def record_session(self, *, session_id: str = "", debug_url: str = "", recording_url: str = "") -> None:
        """Keeps the links of a remote browser session on the execution."""
        params: dict[str, Any] = {
            "execution": self.task.execution_id,
            "session": clean_text(session_id, 200),
            "debug": clean_text(debug_url),
            "recording": clean_text(recording_url),
        }
        with connection.cursor() as cursor:
            cursor.execute(sql.RECORD_SESSION, params)
        db.release()
