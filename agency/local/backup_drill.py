"""`make backup-test`: a working product is dumped, the dump is restored on new servers, and every promise still holds."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psycopg

from agency.local import backup, scratch, stage
from agency.local.checkout import CHECKOUT
from agency.local.demo.api import Client
from agency.local.places import LocalError
from agency.local.stage import Stage
from bench import target

SETTINGS = {
    "RATE_LIMITS": "off",
    "OUTBOUND_ALLOW_CIDRS": "127.0.0.0/8",
    "OUTBOUND_ALLOW_HOSTS": "127.0.0.1",
    "OUTBOUND_HTTP": "*",
    "LEASE_SECONDS": "5",
    "HEARTBEAT_SECONDS": "1",
    "LOG_LEVEL": "WARNING",
}
TASKS = 300
QUIET_WITHIN_S = 90.0
COUNTS = """
SELECT (SELECT count(*) FROM agency_tasks), (SELECT count(*) FROM task_executions), (SELECT count(*) FROM task_events),
  (SELECT count(*) FROM agency_tasks WHERE status = 'completed'), (SELECT count(*) FROM task_artifacts)
"""
OPEN = "SELECT count(*) FROM agency_tasks WHERE status IN ('queued', 'in_progress')"


def run(arguments: list[str]) -> int:
    """0 when everything that was there is there again, works on, and the doctor finds nothing to mend."""
    with scratch.folder() as home, target.running() as url:
        folder = home / "backup"
        before = _live_and_dump(url, folder)
        print(f"dumped while it worked: {before}", flush=True)
        _restored(folder, before)
    print("The restored product works, and everything it promised still holds.")
    return 0


def _live_and_dump(url: str, folder: Path) -> dict[str, int]:
    """A product at work; answers what was certainly there when the dump began."""
    with stage.play(SETTINGS, say=lambda line: None) as product:
        client = _client(product)
        for _ in range(3):
            client.post("tasks/bulk/", {"tasks": [_task(url, number) for number in range(TASKS // 3)]})
        client.post("tasks/", _report())
        client.post("tasks/", {**_task(url, 0), "requiresHumanReview": True})
        _await(product.environment, "completed", lambda counts: counts["completed"] > TASKS // 4)
        _await(product.environment, "artifacts", lambda counts: counts["artifacts"] >= 1)
        before = _counts(product.environment)
        backup.dump(product.environment, folder)
    return before


def _restored(folder: Path, before: dict[str, int]) -> None:
    def prepare(environment: Mapping[str, str]) -> None:
        backup.load(environment, folder)
        found = _counts(environment)
        for name, count in before.items():
            if found[name] < count:
                raise LocalError(f"{name}: {found[name]} were restored, {count} were there")
        _check_schema(environment)

    with stage.play(SETTINGS, say=lambda line: None, prepare=prepare) as product:
        deadline = time.monotonic() + QUIET_WITHIN_S
        while _one(product.environment, OPEN) or not _healthy(product):
            if time.monotonic() > deadline:
                raise LocalError(f"The restored product is not well:\n{_doctor(product)}")
            time.sleep(1)
        _check_file(product)


def _check_schema(environment: Mapping[str, str]) -> None:
    """The restored database is that of this code: nothing to migrate."""
    command = [sys.executable, "manage.py", "migrate", "--check"]
    if subprocess.run(command, env=dict(environment), cwd=CHECKOUT, capture_output=True, check=False).returncode:
        raise LocalError("The restored database lacks migrations")


def _check_file(product: Stage) -> None:
    """A file of an attempt can be read again through the API."""
    pk = _one(product.environment, "SELECT min(id) FROM task_artifacts")
    reply = _client(product, "restorer").call("GET", f"artifacts/{pk}/")
    if reply.status != 200:
        raise LocalError(f"The restored file cannot be read: {reply.status}")


def _doctor(product: Stage) -> str:
    command = [sys.executable, "manage.py", "doctor", "--json"]
    done = subprocess.run(command, env=product.environment, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    return done.stdout or done.stderr


def _healthy(product: Stage) -> bool:
    """Nothing to mend but what servers of a drill lack on purpose, and settings that only a drill has."""
    found = json.loads(_doctor(product))["findings"]
    bad = [one["about"] for one in found if one["level"] == "bad"]
    return not [about for about in bad if about != "durability" and not about.startswith("settings")]


def _client(product: Stage, name: str = "owner") -> Client:
    product.manage("createsuperuser", "--noinput", "--username", name, "--email", f"{name}@example.com")
    token = product.manage("api_token", name, "--scopes", "read,write,review,admin").split()[-1]
    return Client(stage.HOST, product.port, token)


def _task(url: str, number: int) -> dict[str, Any]:
    """Quick ones, slow ones that run while the dump is taken, some with a secret, some that fail and are retried."""
    config: dict[str, Any] = {"apiEndpoint": f"{url}/{number % 5 * 200}", "apiMethod": "GET"}
    if number % 10 == 0:
        config |= {"authType": "bearer", "bearerToken": f"a-secret-of-the-drill-{number:04}"}
    if number % 17 == 0:
        config["expectedStatus"] = [418]
    return {"title": f"Work {number}", "taskType": "api_call", "executionConfig": config, "maxRetries": 1}


def _report() -> dict[str, Any]:
    config = {"reportType": "task_summary", "period": "today", "format": "csv"}
    return {"title": "Report", "taskType": "report_generation", "executionConfig": config}


def _counts(environment: Mapping[str, str]) -> dict[str, int]:
    names = ("tasks", "executions", "events", "completed", "artifacts")
    with psycopg.connect(environment["DATABASE_URL"]) as connection:
        row = connection.execute(COUNTS).fetchone() or ()
    return dict(zip(names, row, strict=True))


def _one(environment: Mapping[str, str], query: str) -> int:
    with psycopg.connect(environment["DATABASE_URL"]) as connection:
        row = connection.execute(query).fetchone()
    return int(row[0]) if row else 0


def _await(environment: Mapping[str, str], what: str, reached: Any) -> None:
    deadline = time.monotonic() + QUIET_WITHIN_S
    while not reached(_counts(environment)):
        if time.monotonic() > deadline:
            raise LocalError(f"Not within {QUIET_WITHIN_S:g} s: {what}; there are {_counts(environment)}")
        time.sleep(0.1)
