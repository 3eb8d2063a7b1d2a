"""Reports over a year of history, a million tasks against ten thousand: ratios inside one run on one machine.

    python -m bench.reports [--sizes 10000,1000000] [--rounds 5]

Each size gets a PostgreSQL of its own. "From the rows" is the same figure straight from the tables: what it would cost
without rollups.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime

import psutil

from agency.local import scratch
from agency.local.testing import TEST_ENVIRONMENT

FROM_THE_ROWS = """
SELECT t.task_type, x.status, count(*), percentile_disc(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY x.duration_ms)
FROM task_executions x JOIN agency_tasks t ON t.id = x.task_id
WHERE x.completed_at >= now() - interval '365 days' GROUP BY 1, 2
"""
SPREAD_DURATIONS = ("THEN 3000 END", "THEN (40 + 4000 * power(random(), 4))::int END")
CHANGED = 1000
SIZE = "(MiB, not ms) size of the database, indexes and rollups included"


def main() -> int:
    """Measures every size in a process of its own, then prints the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--sizes", default="10000,1000000")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--measure", type=int, default=0, help="inside: fill and measure one size")
    given = parser.parse_args()
    if given.measure:
        print(json.dumps(measure(given.measure, given.rounds)))
        return 0
    sizes = [int(size) for size in given.sizes.split(",")]
    print(
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, load {os.getloadavg()[0]:.2f}, {psutil.cpu_count()} cores,", end=" "
    )
    print(f"Python {platform.python_version()}, PostgreSQL 18 (embedded), medians of {given.rounds} rounds")
    show(sizes, [in_a_stack(size, given.rounds) for size in sizes])
    return 0


def in_a_stack(size: int, rounds: int) -> dict[str, float]:
    """One size on servers of its own."""
    with scratch.stack(durable=True) as servers:
        environment = {**os.environ, **TEST_ENVIRONMENT, **servers.environment(), "LOG_LEVEL": "WARNING"}
        subprocess.run([sys.executable, "manage.py", "migrate", "--verbosity", "0"], env=environment, check=True)
        command = [sys.executable, "-m", "bench.reports", "--measure", str(size), "--rounds", str(rounds)]
        done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def measure(size: int, rounds: int) -> dict[str, float]:
    """Milliseconds of each thing, medians."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "agency.settings")
    import django

    django.setup()
    from django.db import connection

    from bench import rows
    from reports import rollups

    rows.EXECUTIONS = rows.EXECUTIONS.replace(*SPREAD_DURATIONS)
    rows.fill(size)
    found = {"counting everything for the first time": timed(rollups.refresh)}
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE report_rollups")
        cursor.execute("SELECT pg_database_size(current_database()) / 1048576.0")
        found[SIZE] = float(cursor.fetchone()[0])
    for name, work in things(rollups).items():
        found[name] = statistics.median(timed(work) for _ in range(rounds))
    return found


def things(rollups: object) -> dict[str, Callable[[], object]]:
    """What is measured, by name."""
    import datetime as dt

    from django.db import connection
    from django.utils import timezone

    from reports import exports
    from reports.build import report
    from reports.period import between

    now = timezone.now()
    month = between(now - dt.timedelta(days=30, minutes=17), now)
    year = between(now - dt.timedelta(days=365), now)

    def from_the_rows() -> None:
        with connection.cursor() as cursor:
            cursor.execute(FROM_THE_ROWS)
            cursor.fetchall()

    def refresh_after_changes() -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE agency_tasks SET status = 'pending', completed_at = NULL WHERE id IN "
                "(SELECT id FROM agency_tasks WHERE status = 'failed' ORDER BY id DESC LIMIT %s)",
                [CHANGED],
            )
        rollups.refresh()  # type: ignore[attr-defined]

    return {
        "refresh, nothing changed": rollups.refresh,  # type: ignore[attr-defined]
        "task_summary, 30 days": lambda: report("task_summary", month),
        "execution_stats, 30 days": lambda: report("execution_stats", month),
        "webhook_activity, 30 days": lambda: report("webhook_activity", month),
        "task_summary, a year": lambda: report("task_summary", year),
        "execution_stats, a year": lambda: report("execution_stats", year),
        "execution_stats, a year, as XLSX": lambda: exports.export(report("execution_stats", year), "xlsx"),
        "execution_stats, a year, from the rows (part of it)": from_the_rows,
        f"refresh after {CHANGED} tasks changed": refresh_after_changes,
    }


def timed(work: Callable[[], object]) -> float:
    """Milliseconds."""
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


def show(sizes: list[int], found: list[dict[str, float]]) -> None:
    """One line each, with the ratio of the largest to the smallest."""
    heads = [f"{size:,} tasks" for size in sizes]
    print(f"\n| ms | {' | '.join(heads)} | ratio |\n|---|{'---|' * (len(sizes) + 1)}")
    for name in found[0]:
        values = [one[name] for one in found]
        print(f"| {name} | {' | '.join(f'{value:,.0f}' for value in values)} | {values[-1] / values[0]:.1f} |")


if __name__ == "__main__":
    sys.exit(main())
