"""What is due becomes queued and the doorbell rings; what a dead worker held is rescued."""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass, replace
from typing import Any

from django.conf import settings
from django.db import InterfaceError, OperationalError, transaction

from tasks import doorbell, lifecycle, schedules
from tasks.executors import registry
from tasks.executors.base import Effect, Failed, Lost
from tasks.lifecycle import End
from tasks.outcomes import Account, end_of
from tasks.states import Attempt, Status

logger = logging.getLogger(__name__)

#: A task that was running in so many dying workers is tried alone from then on ...
SUSPECT_CRASHES = 2
#: ... and one that kills its worker again there is poison.
POISON_CRASHES = 3
REAP_BATCH = 100
#: After the database's start the rescue waits this long, in seconds; None: one lease.
SETTLES_S: float | None = None


@dataclass(frozen=True)
class Tick:
    """What one tick of the processor did. `processed` = `success` (handed to the workers) + `failed` (can never run)."""

    processed: int
    success: int
    failed: int

    def as_dict(self) -> dict[str, int]:
        """The seed's shape."""
        return asdict(self)


def process_pending_tasks() -> Tick:
    """One tick: due, retry-due, released and unblocked tasks are queued, unheard doorbells ring again.

    Safe with any number of processors at once: rows are picked with SKIP LOCKED.
    """
    batch = settings.DISPATCH_BATCH
    due = lifecycle.what_is_due(settings.REDISPATCH_SECONDS)
    if due["schedules"]:
        schedules.start_due()
    if due["deferred"]:
        lifecycle.release_due(batch)
    if due["waiting"]:
        lifecycle.expire_waiting(batch)
    queued = lifecycle.queue_due(batch) if due["ready"] or due["deferred"] else []
    if due["stale"]:
        for queue in lifecycle.ring_stale(settings.REDISPATCH_SECONDS):
            doorbell.ring(queue)
    failed = _fail_unknown_types(queued)
    return Tick(processed=len(queued), success=len(queued) - failed, failed=failed)


def _fail_unknown_types(queued: list[int]) -> int:
    """Tasks of a type that this installation does not know stay queued for newer workers; broken plugins fail theirs."""
    if not queued or not registry.broken:
        return 0
    from tasks.models import AgencyTask

    broken = AgencyTask.objects.filter(id__in=queued, task_type__in=registry.broken).values_list("id", "task_type")
    return sum(len(lifecycle.fail_unrunnable(task_id, registry.broken[kind])) for task_id, kind in broken)


# --- rescue -------------------------------------------------------------------------------------------------------


def reap() -> int:
    """Ends attempts whose lease ran out, each by what may have happened. Answers how many.

    One that cannot be ended is reported and left out; it does not hide the others.
    """
    lost = lifecycle.what_is_lost()
    if lost["asking"]:
        lifecycle.queue_late_evidence(REAP_BATCH)
    if not lost["expired"]:
        return 0
    settles_s = settings.LEASE_SECONDS if SETTLES_S is None else SETTLES_S
    done = 0
    failed: list[int] = []
    while True:
        with transaction.atomic():
            rows = lifecycle.expired(REAP_BATCH, settles_s, failed)
            for row in rows:
                try:
                    with transaction.atomic():
                        done += _rescue(row)
                except (OperationalError, InterfaceError):
                    raise  # the database is away: the next tick finds them all again
                except Exception:
                    logger.exception("[TaskExecution] Task %s could not be rescued", row["id"])
                    failed.append(row["id"])
        if len(rows) < REAP_BATCH:
            return done


def _rescue(row: dict[str, Any]) -> int:
    end, crashes = _verdict(row)
    if row["cancelled"] and end.to_status == Status.PENDING:
        end = replace(end, to_status=Status.CANCELLED, reason="Cancelled; its worker was lost")
    queue = "quarantine" if row["crash_count"] + crashes >= SUSPECT_CRASHES else row["queue"]
    logger.warning("[TaskExecution] Task %s: attempt of %s lost, now %s", row["id"], row["lease_owner"], end.to_status)
    return int(lifecycle.rescue(row, end, crashes=crashes, queue=queue))


def _verdict(row: dict[str, Any]) -> tuple[End, int]:
    """How the attempt ends, and how many crashes that counts."""
    account = Account(row["effect"], row["on_unknown_outcome"], row["error_count"], row["max_retries"], 0)
    open_once = row["open_effects"] and row["effect"] == Effect.ONCE
    if row["overtime"]:
        sentence = "The attempt ran past its deadline and its worker did not end it."
        outcome = Lost(sentence) if open_once else Failed(sentence, heals=True, code="deadline", timed_out=True)
        return end_of(outcome, account, 0), 0
    if open_once and not row["can_look_up"] and row["on_unknown_outcome"] != "retry":
        return end_of(Lost("The worker died after the work may have been sent."), account, 0), 0
    if row["queue"] == "quarantine" and not row["cancelled"] and row["crash_count"] + 1 >= POISON_CRASHES:
        error = f"poison: this task ended its worker {row['crash_count'] + 1} times, the last time alone"
        return End(Status.FAILED, Attempt.LOST, reason=error, error=error, error_code="poison"), 1
    error = "The worker was lost"
    return End(Status.PENDING, Attempt.LOST, reason=error, error=error, error_code="worker_lost"), 1
