"""Creating over REST against a bare DRF view with one INSERT, and 1,000 in bulk against COPY of the same rows.

    python -m bench.rest [--count=1500] [--rounds=3]

Both sides on the same gunicorn settings, the same PostgreSQL and the same connections, in turns; medians of the rounds.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
import urllib.request

import psycopg

from agency.local import scratch
from agency.local.testing import TEST_ENVIRONMENT
from bench import load
from bench.webhooks import serving

CONNECTIONS = 16
MANY = 1000
TASK = {
    "title": "Measured",
    "taskType": "api_call",
    "executionConfig": {"apiEndpoint": "https://api.example.com/x", "apiMethod": "GET"},
}
PREPARE = """
import django; django.setup()
from django.contrib.auth import get_user_model
from django.db import connection
from agency.api import tokens
from bench.bare_drf import TABLE
connection.cursor().execute(TABLE)
print(tokens.create(get_user_model().objects.create_user("bench"), scopes=["read", "write"])[1])
"""


def main() -> int:
    """Prints one line per measure; 1 when a goal is missed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=1500)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    with scratch.stack() as servers:
        environment = {**os.environ, **TEST_ENVIRONMENT, **servers.environment(), "RATE_LIMITS": "off"}
        environment |= {"DJANGO_SETTINGS_MODULE": "agency.settings", "LOG_LEVEL": "WARNING", "QUEUE_DEPTH_MAX": "0"}
        _python(environment, "manage.py", "migrate", "--verbosity", "0")
        token = _python(environment, "-c", PREPARE).split()[-1]
        with (
            serving(environment, "agency.wsgi") as ours,
            serving({**environment, "BENCH_BARE_DRF": "1"}, "bench.bare_drf") as bare,
        ):
            good = _one_by_one(given.count, given.rounds, ours, bare, token)
            good &= _in_bulk(given.rounds, ours, token, servers.environment()["DATABASE_URL"])
    print(f"load average {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores, {given.rounds} rounds of {given.count}")
    return 0 if good else 1


def _one_by_one(count: int, rounds: int, ours: int, bare: int, token: str) -> bool:
    rates: dict[str, list[float]] = {"ours": [], "bare": []}
    load.fire(ours, _ours(token, 200), CONNECTIONS)
    load.fire(bare, _bare(200), CONNECTIONS)
    for _ in range(rounds):
        for name, port, requests in (("ours", ours, _ours(token, count)), ("bare", bare, _bare(count))):
            got = load.fire(port, requests, CONNECTIONS)
            if set(got.codes) != {201}:
                raise SystemExit(f"{name} answered {dict(got.codes)}")
            rates[name].append(got.per_second)
    fast = {name: statistics.median(found) for name, found in rates.items()}
    ratio = fast["ours"] / fast["bare"]
    print(f"create over REST {fast['ours']:.0f}/s, bare DRF view {fast['bare']:.0f}/s, ratio {ratio:.2f} (goal 0.5)")
    return ratio >= 0.5


def _ours(token: str, count: int) -> list[bytes]:
    return [load.post("/api/v1/tasks/", json.dumps(TASK).encode(), {"Authorization": f"Bearer {token}"})] * count


def _bare(count: int) -> list[bytes]:
    body = {"title": TASK["title"], "kind": TASK["taskType"], "config": TASK["executionConfig"]}
    return [load.post("/tasks/", json.dumps(body).encode(), {})] * count


def _in_bulk(rounds: int, port: int, token: str, database: str) -> bool:
    """The request as a whole against COPY of the rows it made, into a table with the same columns and indexes."""
    body = json.dumps({"tasks": [{**TASK, "title": f"Bulk {number}"} for number in range(MANY)]}).encode()
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"http://127.0.0.1:{port}/api/v1/tasks/bulk/", body, headers)
    spent: dict[str, list[float]] = {"bulk": [], "copy": []}
    with psycopg.connect(database.replace("postgres://", "postgresql://"), autocommit=True) as connection:
        for number in range(rounds + 1):
            began = time.perf_counter()
            with urllib.request.urlopen(request, timeout=60) as answer:
                made = json.load(answer)
            bulk = time.perf_counter() - began
            copied = _copy(connection, [item["id"] for item in made["results"]])
            if number:  # the first round warms up
                spent["bulk"].append(bulk)
                spent["copy"].append(copied)
    took = {name: statistics.median(found) for name, found in spent.items()}
    ratio = took["copy"] / took["bulk"]
    print(f"bulk create of {MANY} {took['bulk'] * 1000:.0f} ms, COPY {took['copy'] * 1000:.0f} ms, ", end="")
    print(f"ratio {ratio:.2f} (goal 0.3)")
    return ratio >= 0.3


def _copy(connection: psycopg.Connection, ids: list[int]) -> float:
    connection.execute("DROP TABLE IF EXISTS copied")
    connection.execute("CREATE TABLE copied (LIKE agency_tasks INCLUDING ALL)")
    with connection.cursor().copy(
        f"COPY (SELECT * FROM agency_tasks WHERE id IN ({','.join(map(str, ids))})) TO STDOUT"
    ) as source:
        rows = b"".join(bytes(part) for part in source)
    began = time.perf_counter()
    with connection.cursor().copy("COPY copied FROM STDIN") as target:
        target.write(rows)
    return time.perf_counter() - began


def _python(environment: dict[str, str], *arguments: str) -> str:
    done = subprocess.run([sys.executable, *arguments], env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
