"""Do workers of each queue live? For /healthz?full=1."""

from __future__ import annotations

from django.conf import settings
from django.db import DatabaseError, connection

ALIVE = "SELECT DISTINCT kind FROM task_workers WHERE seen_at > clock_timestamp() - make_interval(secs => %s)"


def workers_problem() -> str | None:
    """Names the queues that no worker proved it serves within a lease; None when each has one."""
    try:
        with connection.cursor() as cursor:
            cursor.execute(ALIVE, [settings.LEASE_SECONDS])
            alive = {kind for (kind,) in cursor.fetchall()}
    except DatabaseError:
        return "database does not answer"
    missing = sorted(settings.SLOTS.keys() - alive)
    return f"no worker for {', '.join(missing)}" if missing else None
