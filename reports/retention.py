"""What is forgotten and when: in small batches, never what is not finished, counted before it goes.

Each kind has a setting in days; 0 keeps it for ever. A batch is one transaction that skips locked rows, so any number
of runs may overlap and work is never held up. A run stops after BUDGET_S; the next one goes on where it was.
"""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.db import connection, transaction
from django.utils import timezone

from agency.api import idempotency
from reports import facts, rollups
from reports.models import Pruned
from tasks import artifacts
from tasks.models import AgencyTask, TaskDependency
from webhooks import upkeep
from webhooks.models import InboundMessage, OutboundMessage

logger = logging.getLogger(__name__)

BATCH = 500
#: Seconds one run may take of its worker.
BUDGET_S = 20.0

Batch = Callable[[dt.datetime, int], int]


@dataclass(frozen=True)
class Kind:
    """One kind of row. `batch` prunes up to a number of rows that ended before a time and answers how many it did."""

    name: str
    settings: Sequence[str]
    batch: Batch

    @property
    def days(self) -> int:
        """How long it is kept; 0 is for ever."""
        return max(int(getattr(settings, name)) for name in self.settings)


def run(*, now: dt.datetime | None = None, budget_s: float = BUDGET_S) -> dict[str, int]:
    """One run over every kind. Answers how many rows went, by kind; kinds with nothing to do are left out."""
    ends = time.monotonic() + budget_s
    rollups.refresh()
    found = {kind.name: _run(kind, now or timezone.now(), ends) for kind in KINDS if kind.days > 0}
    idempotency.forget_old()
    call_command("clearsessions")
    return {name: rows for name, rows in found.items() if rows}


def _run(kind: Kind, now: dt.datetime, ends: float) -> int:
    before, started, rows = now - dt.timedelta(days=kind.days), timezone.now(), 0
    while True:
        done = kind.batch(before, BATCH)
        rows += done
        if done < BATCH or kind.batch is _bodies or time.monotonic() > ends:
            break
    if rows:
        Pruned.objects.create(kind=kind.name, started_at=started, ended_at=timezone.now(), before=before, rows=rows)
        logger.info("pruned %s %s that ended before %s", rows, kind.name, before.isoformat(timespec="seconds"))
    return rows


# --- tasks, with their attempts, approvals, effects and files ------------------------------------------------------

#: Finished, and nothing unfinished leans on it: no task that waits for it, no message about it still to be delivered.
_TASKS_DUE = """
SELECT t.id FROM agency_tasks t
WHERE t.completed_at < %(before)s AND t.status IN ('completed', 'failed', 'cancelled')
  AND NOT EXISTS (SELECT 1 FROM task_dependencies d JOIN agency_tasks w ON w.id = d.task_id
                  WHERE d.depends_on_id = t.id AND w.completed_at IS NULL)
  AND NOT EXISTS (SELECT 1 FROM outbound_messages m WHERE m.task_id = t.id AND m.state IN ('pending', 'sending', 'held'))
  AND NOT EXISTS (SELECT 1 FROM task_artifacts a WHERE a.task_id = t.id)
ORDER BY t.completed_at LIMIT %(batch)s FOR UPDATE OF t SKIP LOCKED
"""


def _tasks(before: dt.datetime, batch: int) -> int:
    artifacts.prune((timezone.now() - before).days, batch)
    with _pruning():
        ids = _ids(_TASKS_DUE, before, batch)
        if ids:
            with _counted(facts.OF_TASKS, ids):
                TaskDependency.objects.filter(depends_on_id__in=ids).delete()
                AgencyTask.objects.filter(pk__in=ids).delete()
    return len(ids)


#: The bulk of old attempts: what they brought home and how they went step by step. That they happened stays.
_DETAILS = """
UPDATE task_executions SET output = NULL, late_output = NULL, step_results = '[]', error_trace = '', current_step = ''
WHERE id IN (
  SELECT x.id FROM task_executions x JOIN agency_tasks t ON t.id = x.task_id
  WHERE t.completed_at < %(before)s AND x.completed_at < %(before)s
    AND (x.output IS NOT NULL OR x.late_output IS NOT NULL OR x.step_results <> '[]' OR x.error_trace <> '')
  ORDER BY t.completed_at LIMIT %(batch)s FOR UPDATE OF x SKIP LOCKED)
"""


def _details(before: dt.datetime, batch: int) -> int:
    return _execute(_DETAILS, before, batch)


def _artifacts(before: dt.datetime, batch: int) -> int:
    return artifacts.prune((timezone.now() - before).days, batch)


# --- messages: rows that no task needs any more --------------------------------------------------------------------

_INBOUND_DUE = """
SELECT m.id FROM inbound_messages m
WHERE m.received_at < %(before)s AND m.state <> 'received' AND m.task_id IS NULL
  AND NOT EXISTS (SELECT 1 FROM agency_tasks t WHERE t.source_message_id = m.id)
ORDER BY m.received_at LIMIT %(batch)s FOR UPDATE SKIP LOCKED
"""
_OUTBOUND_DUE = """
SELECT m.id FROM outbound_messages m
WHERE m.created_at < %(before)s AND m.state IN ('delivered', 'dead', 'cancelled') AND m.task_id IS NULL
ORDER BY m.created_at LIMIT %(batch)s FOR UPDATE SKIP LOCKED
"""


def _inbound(before: dt.datetime, batch: int) -> int:
    return _messages(_INBOUND_DUE, InboundMessage, facts.INBOUND, before, batch)


def _outbound(before: dt.datetime, batch: int) -> int:
    return _messages(_OUTBOUND_DUE, OutboundMessage, facts.OUTBOUND, before, batch)


def _messages(due: str, model: Any, fact: facts.Fact, before: dt.datetime, batch: int) -> int:
    with _pruning():
        ids = _ids(due, before, batch)
        if ids:
            with _counted([fact], ids):
                model.objects.filter(pk__in=ids).delete()
    return len(ids)


# --- the audit trail -----------------------------------------------------------------------------------------------

#: Only of tasks that are gone: the trail of a task that exists must lead to its status of today.
_EVENTS = """
DELETE FROM task_events WHERE id IN (
  SELECT e.id FROM task_events e WHERE e.at < %(before)s
    AND NOT EXISTS (SELECT 1 FROM agency_tasks t WHERE t.id = e.task_id)
  ORDER BY e.at LIMIT %(batch)s FOR UPDATE SKIP LOCKED)
"""
#: The other trails, with the column that holds their time: of channels, accounts, credentials, the admin, logins, schedules.
_TRAILS = {
    "webhook_events": "at",
    "agency_accountevent": "at",
    "agency_credentialevent": "at",
    "django_admin_log": "action_time",
    "axes_accesslog": "attempt_time",
    "axes_accessattempt": "attempt_time",
    "task_schedule_occurrences": "planned_for",
}
_OTHER_EVENTS = [
    f"DELETE FROM {table} WHERE id IN ("  # noqa: S608  our own names
    f"SELECT id FROM {table} WHERE {time} < %(before)s ORDER BY id LIMIT %(batch)s FOR UPDATE SKIP LOCKED)"
    for table, time in _TRAILS.items()
]


def _bodies(before: dt.datetime, batch: int) -> int:
    """Texts, raw bodies and delivery attempts: webhooks reads their ages from the settings, and takes batches itself."""
    return upkeep.purge()


def _events(before: dt.datetime, batch: int) -> int:
    return max(_execute(statement, before, batch) for statement in [_EVENTS, *_OTHER_EVENTS])


# --- one batch -----------------------------------------------------------------------------------------------------


@contextmanager
def _pruning() -> Iterator[None]:
    """A transaction in which the append-only tables allow deletion; takes the turn to write rollups."""
    with transaction.atomic():
        rollups.lock()
        _may_delete(True)
        yield
        _may_delete(False)


def _may_delete(allowed: bool) -> None:
    """What the triggers of the append-only tables ask for; gone with the transaction at the latest."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('agency.pruning', %s, true)", ["on" if allowed else ""])


@contextmanager
def _counted(of: Sequence[facts.Fact], ids: Sequence[int]) -> Iterator[None]:
    """Adds rows to the rollups before they are deleted inside, and counts what is left of their hours after."""
    hours = {fact.name: rollups.fold(fact, ids) for fact in of}
    yield
    for fact in of:
        rollups.recount(fact, sorted(hours[fact.name]))


def _ids(statement: str, before: dt.datetime, batch: int) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(statement, {"before": before, "batch": batch})
        return [pk for (pk,) in cursor.fetchall()]


def _execute(statement: str, before: dt.datetime, batch: int) -> int:
    with transaction.atomic(), connection.cursor() as cursor:
        _may_delete(True)
        cursor.execute(statement, {"before": before, "batch": batch})
        done = int(cursor.rowcount)
        _may_delete(False)
    return done


KINDS = (
    Kind("artifacts", ["ARTIFACT_RETENTION_DAYS"], _artifacts),
    Kind("execution_details", ["EXECUTION_RETENTION_DAYS"], _details),
    Kind("message_bodies", ["MESSAGE_RETENTION_DAYS", "RAW_INBOUND_RETENTION_DAYS"], _bodies),
    Kind("tasks", ["TASK_RETENTION_DAYS"], _tasks),
    Kind("inbound_messages", ["TASK_RETENTION_DAYS"], _inbound),
    Kind("outbound_messages", ["TASK_RETENTION_DAYS"], _outbound),
    Kind("events", ["EVENT_RETENTION_DAYS"], _events),
)
