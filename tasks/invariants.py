"""What must be true of the life of tasks after any fault and at any quiet moment, as SQL that returns no row.

Used by `manage.py doctor`, the fault drill and the tests. Other apps add theirs with `register` in their AppConfig.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db import connection

from tasks.sql import APPROVED, REVIEWED

#: What is due may wait this long for a tick, a rescue or a renewal before that counts as broken, in seconds.
GRACE_S = 30.0
#: So many broken rows are shown of each kind.
SHOWN = 5


@dataclass(frozen=True)
class Invariant:
    """One thing that must hold. `query` answers (id, what is wrong) of every row that breaks it; it may use %(grace_s)s."""

    name: str
    sentence: str
    query: str


@dataclass(frozen=True)
class Violation:
    """A broken invariant: how many rows break it, and the first few as (id, what is wrong)."""

    name: str
    sentence: str
    count: int
    rows: list[tuple[Any, str]]

    def __str__(self) -> str:
        shown = "; ".join(f"{pk}: {wrong}" for pk, wrong in self.rows)
        return f"{self.name}: {self.count} broken ({shown}). {self.sentence}"


_registered: list[Invariant] = []


def register(*invariants: Invariant) -> None:
    """Adds invariants of another app. The same name again replaces the first."""
    names = {one.name for one in invariants}
    _registered[:] = [one for one in _registered if one.name not in names] + list(invariants)


def known() -> list[Invariant]:
    """All invariants, those of tasks first."""
    return [*TASKS, *_registered]


def check(*, grace_s: float = GRACE_S, only: Iterable[Invariant] | None = None) -> list[Violation]:
    """Every invariant that is broken now. An empty list is the good answer."""
    found = []
    for invariant in known() if only is None else only:
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT count(*) OVER (), b.* FROM ({invariant.query}) b LIMIT {SHOWN}",
                {"grace_s": grace_s},
            )
            rows = cursor.fetchall()
        if rows:
            shown = [(row[1], str(row[2])) for row in rows]
            found.append(Violation(invariant.name, invariant.sentence, rows[0][0], shown))
    return found


#: The clocks of reviews are looked at every half minute.
_LONG_AGO = "clock_timestamp() - make_interval(secs => 4.0 * %(grace_s)s)"
_AGO = "clock_timestamp() - make_interval(secs => %(grace_s)s)"

TASKS = [
    Invariant(
        "pending_waits_for_a_reason",
        "A pending task waits for review, a time, dependencies, a manual trigger or a person; else it is queued in a tick.",
        f"""
        SELECT t.id, 'due since ' || t.run_at FROM agency_tasks t
        WHERE t.status = 'pending' AND t.assigned_to_bot AND t.unmet_dependencies = 0
          AND t.execution_type <> 'manual_trigger' AND t.review IN ('none', 'approved')
          AND t.run_at < {_AGO} AND t.updated_at < {_AGO} AND {REVIEWED}
        UNION ALL
        SELECT t.id, 'pending, but review is ' || t.review || ' and cancel requested '
          || coalesce(t.cancel_requested_at::text, 'never')
        FROM agency_tasks t
        WHERE t.status = 'pending' AND (t.review = 'rejected' OR t.cancel_requested_at IS NOT NULL
          OR (t.review = 'approved' AND t.approved_digest <> t.config_digest))
        """,
    ),
    Invariant(
        "queued_can_be_claimed",
        "Nothing holds a queued task but the want of a free worker.",
        f"""
        SELECT t.id, format('unmet %%s, review %%s, run_at %%s', t.unmet_dependencies, t.review, t.run_at) FROM agency_tasks t
        WHERE t.status = 'queued' AND (t.unmet_dependencies > 0 OR t.cancel_requested_at IS NOT NULL
          OR t.run_at > clock_timestamp() OR NOT {APPROVED})
        """,
    ),
    Invariant(
        "dependencies_are_counted",
        "unmet_dependencies is the number of dependencies not met, and one is met as soon as what it waits for completed.",
        """
        SELECT t.id, format('says %%s, counts %%s', t.unmet_dependencies, count(d.id)) FROM agency_tasks t
        LEFT JOIN task_dependencies d ON d.task_id = t.id AND NOT d.met
        WHERE t.unmet_dependencies > 0 OR d.id IS NOT NULL
        GROUP BY t.id HAVING count(d.id) <> t.unmet_dependencies
        UNION ALL
        SELECT d.task_id, 'waits for ' || u.id || ', which is completed' FROM task_dependencies d
        JOIN agency_tasks u ON u.id = d.depends_on_id WHERE NOT d.met AND u.status = 'completed'
        UNION ALL
        SELECT d.task_id, 'waits for ' || u.id || ', which is ' || u.status || ', and was to be cancelled then'
        FROM task_dependencies d JOIN agency_tasks u ON u.id = d.depends_on_id JOIN agency_tasks t ON t.id = d.task_id
        WHERE NOT d.met AND u.status IN ('failed', 'cancelled') AND t.on_dependency_failure = 'cancel'
          AND t.status IN ('pending', 'queued', 'deferred')
        """,
    ),
    Invariant(
        "running_has_one_open_execution",
        "in_progress means exactly one open execution of the same epoch and a live lease; no other task has an open one.",
        f"""
        SELECT t.id, 'in progress at epoch ' || t.epoch || ' without its open execution' FROM agency_tasks t
        WHERE t.status = 'in_progress' AND NOT EXISTS (
          SELECT 1 FROM task_executions x WHERE x.task_id = t.id AND x.epoch = t.epoch AND x.completed_at IS NULL)
        UNION ALL
        SELECT t.id, 'lease ran out at ' || t.lease_expires_at FROM agency_tasks t
        WHERE t.status = 'in_progress' AND t.lease_expires_at < {_AGO}
        UNION ALL
        SELECT t.id, 'open execution ' || x.id || ' on a task that is ' || t.status FROM task_executions x
        JOIN agency_tasks t ON t.id = x.task_id
        WHERE x.completed_at IS NULL AND (t.status <> 'in_progress' OR t.epoch <> x.epoch)
        """,
    ),
    Invariant(
        "completed_has_one_success",
        "A completed task has exactly one successful execution, and no other task has one.",
        """
        SELECT t.id, format('%%s with %%s successes', t.status, count(x.id)) FROM agency_tasks t
        LEFT JOIN task_executions x ON x.task_id = t.id AND x.status = 'success'
        WHERE t.status = 'completed' OR x.id IS NOT NULL
        GROUP BY t.id HAVING count(x.id) <> (t.status = 'completed')::int
        """,
    ),
    Invariant(
        "errors_are_counted",
        "error_count is the number of failed and timed-out attempts of this run; crashes and hand-backs do not count.",
        """
        SELECT t.id, format('says %%s, counts %%s', t.error_count, count(x.id)) FROM agency_tasks t
        LEFT JOIN task_executions x ON x.task_id = t.id AND x.run_generation = t.run_generation
          AND x.status IN ('failed', 'timed_out')
        WHERE t.error_count > 0 OR x.id IS NOT NULL
        GROUP BY t.id HAVING count(x.id) <> t.error_count
        UNION ALL
        SELECT id, format('%%s errors with %%s retries', error_count, max_retries) FROM agency_tasks
        WHERE error_count > max_retries + (status = 'failed')::int
        """,
    ),
    Invariant(
        "attempts_have_no_gaps",
        "The attempts of a task are numbered 1..n and its epoch counts them.",
        """
        SELECT t.id, format('%%s executions, highest %%s, attempt_count %%s', count(x.id), max(x.attempt), t.attempt_count)
        FROM agency_tasks t LEFT JOIN task_executions x ON x.task_id = t.id
        WHERE t.attempt_count > 0 OR x.id IS NOT NULL
        GROUP BY t.id HAVING count(x.id) <> t.attempt_count OR coalesce(max(x.attempt), 0) <> t.attempt_count
          OR coalesce(max(x.epoch), 0) <> t.epoch
        """,
    ),
    Invariant(
        "what_was_approved_is_what_ran",
        "No attempt at a task that requires review began without an approval of exactly the content that ran.",
        """
        SELECT t.id, 'execution ' || x.id || ' ran ' || left(x.config_digest, 12) || ' without an approval of it'
        FROM task_executions x JOIN agency_tasks t ON t.id = x.task_id
        WHERE t.requires_human_review AND NOT EXISTS (
            SELECT 1 FROM task_approvals a WHERE a.task_id = t.id AND a.decision = 'approved' AND a.digest = x.config_digest
              AND a.created_at <= x.started_at AND (a.voided_at IS NULL OR a.voided_at > x.started_at))
          AND NOT EXISTS (
            SELECT 1 FROM task_events e WHERE e.task_id = t.id AND e.kind IN ('edited', 'review_required')
              AND e.at > x.started_at)
        """,
    ),
    Invariant(
        "approvals_end",
        "An approval under which no run began in time is void: the task waits for review again, and none began later.",
        f"""
        SELECT t.id, 'approved until ' || t.approved_until FROM agency_tasks t
        WHERE t.approved_until < {_LONG_AGO} AND t.status IN ('pending', 'queued', 'deferred')
        UNION ALL
        SELECT t.id, 'runs, and its approval still has an end' FROM agency_tasks t
        WHERE t.status = 'in_progress' AND t.approved_until IS NOT NULL
        """,
    ),
    Invariant(
        "every_change_is_audited",
        "The audit rows of a task chain from its creation to its status of today.",
        """
        SELECT s.task_id, format('from %%s, but it was %%s', s.from_status, s.before) FROM (
          SELECT e.task_id, e.from_status, lag(e.to_status) OVER (PARTITION BY e.task_id ORDER BY e.id) AS before
          FROM task_events e WHERE e.kind IN ('created', 'status')) s
        WHERE s.before IS NOT NULL AND s.before <> s.from_status
        UNION ALL
        SELECT t.id, format('is %%s, but the last audit row says %%s', t.status, coalesce(e.to_status, 'nothing'))
        FROM agency_tasks t LEFT JOIN LATERAL (
          SELECT e.to_status FROM task_events e WHERE e.task_id = t.id AND e.kind IN ('created', 'status')
          ORDER BY e.id DESC LIMIT 1) e ON true
        WHERE e.to_status IS DISTINCT FROM t.status
        """,
    ),
    Invariant(
        "what_happened_is_not_open",
        "A task whose ledger says that its work took effect in this run neither waits to learn that nor has failed for it.",
        f"""
        SELECT t.id, 'asks whether it happened; the ledger knows since ' || max(f.updated_at)
        FROM agency_tasks t JOIN task_effects f ON f.task_id = t.id AND f.run_generation = t.run_generation
        JOIN task_executions x ON x.task_id = t.id AND x.epoch = t.epoch
        WHERE t.status = 'waiting_input' AND t.waiting_for->>'kind' = 'outcome_unknown'
        GROUP BY t.id, x.completed_at
        HAVING bool_and(f.state IN ('confirmed', 'rejected')) AND max(f.updated_at) FILTER (WHERE f.state = 'confirmed')
          > x.completed_at AND max(f.updated_at) < {_AGO}
        """,
    ),
]
