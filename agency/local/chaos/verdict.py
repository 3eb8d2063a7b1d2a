"""What held: the database, the promises made to callers, and what the target saw."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg.rows import dict_row

from agency.local.chaos.load import CANARY, Load, Made
from agency.local.stage import Stage

TERMINAL = {"completed", "failed", "cancelled"}
CHECK = """
import json
from tasks import invariants
print("VERDICT" + json.dumps([str(one) for one in invariants.check(grace_s=5)]))
"""


@dataclass
class Verdict:
    """The end of the drill: `broken` is empty when all held."""

    ends: Counter[str] = field(default_factory=Counter)
    attempts: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)


def open_tasks(stage: Stage, load: Load) -> list[int]:
    """The accepted tasks that are not at their end."""
    query = "SELECT id FROM agency_tasks WHERE id = ANY(%s) AND NOT status = ANY(%s)"
    with psycopg.connect(stage.postgres.url(), connect_timeout=5) as db:
        return [row[0] for row in db.execute(query, [[made.id for made in load.made], list(TERMINAL)])]


def judge(stage: Stage, load: Load) -> Verdict:
    """Compares everything with everything, after quiet."""
    verdict = Verdict()
    with psycopg.connect(stage.postgres.url(), row_factory=dict_row) as db:
        rows = {row["id"]: row for row in db.execute(_TASKS, [[made.id for made in load.made]])}
        verdict.attempts.update({row["status"]: row["n"] for row in db.execute(_ATTEMPTS)})
        for made in load.made:
            row = rows.get(made.id)
            verdict.ends[row["status"] if row else "missing"] += 1
            verdict.broken += _wrong_with(made, row, load)
        verdict.broken += _canaries(db)
    verdict.broken += [f"key {key} reached the target {n} times" for key, n in _doubled(stage, load)]
    verdict.broken += [f"log {log.name} holds a secret" for log in stage.home.glob("*.log") if _leaks(log)]
    said = stage.manage("shell", "-v", "0", "-c", CHECK).split("VERDICT", 1)[1]
    verdict.broken += json.loads(said)
    return verdict


_TASKS = """
SELECT id, status, status_reason, error_count, crash_count, last_error, effect, run_generation FROM agency_tasks
WHERE id = ANY(%s)
"""
_ATTEMPTS = "SELECT status, count(*) AS n FROM task_executions GROUP BY status"
_ONCE_KEYS = """
SELECT f.idempotency_key::text AS key FROM task_effects f JOIN agency_tasks t ON t.id = f.task_id WHERE t.effect = 'once'
"""


def _wrong_with(made: Made, row: dict[str, Any] | None, load: Load) -> list[str]:
    name = f"task {made.id} ({made.kind} {made.path})"
    if row is None:
        return [f"{name} was accepted and is lost"]
    wrong = []
    if row["status"] not in made.ends:
        wrong.append(f"{name} is {row['status']} ({row['status_reason'][:120]}), expected {'|'.join(made.ends)}")
    if made.errors is not None and row["error_count"] != made.errors and row["status"] in made.ends:
        wrong.append(f"{name} spent {row['error_count']} errors, expected {made.errors}: {row['last_error'][:120]}")
    if row["effect"] != "read" and row["status"] == "completed" and not load.ledger.names[made.path]:
        wrong.append(f"{name} is completed, but the target never saw it")
    if ("poison" in row["last_error"]) != (made.kind == "poison") and row["status"] == "failed":
        wrong.append(f"{name} failed as {row['last_error'][:80]!r} after {row['crash_count']} crashes")
    return wrong


def _doubled(stage: Stage, load: Load) -> list[tuple[str, int]]:
    """Keys of work that must not happen twice which the target saw more than once."""
    with psycopg.connect(stage.postgres.url(), row_factory=dict_row) as db:
        return [(row["key"], n) for row in db.execute(_ONCE_KEYS) if (n := load.ledger.keys[row["key"]]) > 1]


def _canaries(db: psycopg.Connection[dict[str, Any]]) -> list[str]:
    tables = [row["t"] for row in db.execute("SELECT tablename AS t FROM pg_tables WHERE schemaname = 'public'")]
    found = []
    for table in tables:
        query = psycopg.sql.SQL("SELECT count(*) AS n FROM {} x WHERE x::text LIKE %s").format(
            psycopg.sql.Identifier(table)
        )
        count = db.execute(query, [f"%{CANARY}%"]).fetchone()
        if count and count["n"]:
            found.append(f"{count['n']} rows of {table} hold a secret in the clear")
    return found


def _leaks(log: Any) -> bool:
    return CANARY in log.read_text(errors="replace")
