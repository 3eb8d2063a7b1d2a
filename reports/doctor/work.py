"""Is work done: workers, beat, what is due, messages, figures, and the promises themselves."""

from __future__ import annotations

from collections.abc import Iterator

from django.conf import settings
from django.db import DatabaseError, connection

from agency import health
from reports.doctor.finding import Finding, bad, good, note
from tasks import invariants
from tasks.health import workers_problem

#: Due work older than this, in seconds, means that workers are missing or too few.
LATE_S = 60.0

_OLDEST_DUE = """
SELECT count(*), coalesce(max(extract(epoch FROM clock_timestamp() - run_at)), 0)::float8 FROM (
  SELECT run_at FROM agency_tasks WHERE status = 'queued' AND run_at <= clock_timestamp()
  UNION ALL
  SELECT run_at FROM agency_tasks WHERE status = 'pending' AND assigned_to_bot AND unmet_dependencies = 0
    AND review IN ('none', 'approved') AND execution_type <> 'manual_trigger' AND run_at <= clock_timestamp()) due
"""
_MESSAGES = """
SELECT
  (SELECT count(*) FROM outbound_messages WHERE state = 'dead'),
  (SELECT count(*) FROM outbound_messages WHERE state = 'held'),
  (SELECT count(*) FROM webhooks WHERE disabled_at IS NOT NULL),
  (SELECT coalesce(max(extract(epoch FROM clock_timestamp() - next_try_at)), 0)::float8 FROM inbound_messages
   WHERE state = 'received' AND next_try_at <= clock_timestamp())
"""
_FIGURES = "SELECT extract(epoch FROM clock_timestamp() - refreshed_at)::float8 FROM report_rollup_mark"


def workers() -> Iterator[Finding]:
    """Does each queue have a worker, and does beat ring."""
    problem = workers_problem()
    do = "Start the missing ones; docs/deployment.md lists every process."
    yield bad("workers", problem, do) if problem else good("workers", "one or more for each queue")
    silent = health.beat_problem()
    do = "Start beat; without it nothing due is queued and nothing lost is rescued."
    yield bad("beat", silent, do) if silent else good("beat", "rings")


def due() -> Iterator[Finding]:
    """How long has the oldest due task waited."""
    count, seconds = _row(_OLDEST_DUE)
    if seconds > LATE_S:
        what = f"{count} tasks are due, the oldest for {seconds:.0f} s"
        yield bad("due work", what, "Look whether workers live and are busy; add workers or raise IO_SLOTS.")
    else:
        yield good("due work", f"{count} tasks are due, none late" if count else "nothing is due")


def due_problem() -> str | None:
    """For /healthz?full=1: says when due work has waited too long; None when it has not."""
    try:
        count, seconds = _row(_OLDEST_DUE)
    except DatabaseError:
        return "database does not answer"
    return f"{count:.0f} tasks are due, the oldest for {seconds:.0f} s" if seconds > LATE_S else None


def messages() -> Iterator[Finding]:
    """What could not be delivered, and what was not understood yet."""
    dead, held, disabled, unread = _row(_MESSAGES)
    if disabled:
        yield bad("channels", f"{disabled} switched off after failures", "Mend them and enable them in the admin.")
    if dead or held:
        what = f"{dead} messages given up, {held} held"
        yield note("messages", what, "Send them again, or cancel them: admin, Outbound messages.")
    if unread > LATE_S:
        what = f"a received message has waited for {unread:.0f} s"
        yield bad("inbox", what, "Look whether an io worker lives: it reads the inbox.")
    if not (dead or held or disabled or unread > LATE_S):
        yield good("messages", "none given up, none held")


def figures() -> Iterator[Finding]:
    """Are the rollups kept."""
    found = _row(_FIGURES)
    if not found or found[0] is None:
        yield note("figures", "were never counted", "Beat does it every minute; the first report does it too.")
    elif found[0] > 600:
        yield bad("figures", f"counted {found[0] / 60:.0f} minutes ago", "Look at the log of the upkeep worker.")
    else:
        yield good("figures", f"counted {found[0]:.0f} s ago")


def promises() -> Iterator[Finding]:
    """The invariants: SQL that returns no row while nothing is lost, nothing ran twice and only what was approved ran."""
    broken = invariants.check(grace_s=max(invariants.GRACE_S, settings.LEASE_SECONDS * 2))
    for violation in broken:
        shown = "; ".join(f"{pk}: {wrong}" for pk, wrong in violation.rows)
        what = f"{violation.name}: {violation.count} rows ({shown})"
        yield bad("promises", what, f"{violation.sentence} Report this with the log; see docs/reliability.md.")
    if not broken:
        yield good("promises", f"all {len(invariants.known())} invariants hold")


def _row(statement: str) -> tuple[float, ...]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchone() or ()
