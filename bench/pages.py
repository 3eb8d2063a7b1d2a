"""What a page of the API costs with a million tasks against ten thousand: ratios inside one run on one machine.

    python -m bench.pages [--sizes=10000,1000000] [--rounds=15]

Each size gets a PostgreSQL of its own, filled by bench/rows.py; the product answers in this process, so that only its own
work and the database's are timed.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time

from agency.local import scratch
from agency.local.testing import TEST_ENVIRONMENT

#: The goal of the list page; of a search and of a tag the number of matches decides, not the number of tasks.
GOAL = 1.5
PAGES = {
    "newest": "tasks/",
    "offset 5,000": "tasks/?offset=5000",
    "status=failed": "tasks/?status=failed",
    "status=pending": "tasks/?status=pending",
    "priority=critical": "tasks/?priority=critical",
    "category": "tasks/?category=category3",
    "taskType": "tasks/?taskType=ghl_action",
    "awaiting review": "tasks/?awaitingReview=true",
    "overdue": "tasks/?overdue=true",
    "by priority": "tasks/?sortBy=priority",
    "by scheduledFor": "tasks/?sortBy=scheduledFor",
    "by deadline": "tasks/?sortBy=deadline",
    "nothing matches": "tasks/?category=nothing",
    "search, rare word": "tasks/?search=word4999",
    "search, common word": "tasks/?search=word1",
    "tag": "tasks/?tags=tag3",
    "live queue": "tasks/queue/",
    "executions": "executions/",
    "stats": "tasks/stats/",
}
#: Not lists: told, but not held to the goal.
TOLD = {"search, rare word", "search, common word", "tag", "stats"}


def main() -> int:
    """Measures every size in a process of its own, then prints the table; 1 when a list misses the goal."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--sizes", default="10000,1000000")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--measure", type=int, default=0, help="inside: fill and measure one size")
    given = parser.parse_args()
    if given.measure:
        print(json.dumps(_measure(given.measure, given.rounds)))
        return 0
    small, large = (int(size) for size in given.sizes.split(","))
    figures = {size: _in_a_stack(size, given.rounds) for size in (small, large)}
    print(f"\n{'page':<22}{small:>12,}{large:>14,}   ratio   (ms, medians of {given.rounds})")
    missed = []
    for name in PAGES:
        before, after = figures[small][name], figures[large][name]
        if name not in TOLD and after / before > GOAL:
            missed.append(name)
        print(f"{name:<22}{before:>12.1f}{after:>14.1f}{after / before:>8.2f}{'' if name not in TOLD else '   (told)'}")
    print(f"goal {GOAL}: {'missed by ' + ', '.join(missed) if missed else 'kept by every list'}; ", end="")
    print(f"load average {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores")
    return 1 if missed else 0


def _in_a_stack(size: int, rounds: int) -> dict[str, float]:
    with scratch.stack() as servers:
        environment = {**os.environ, **TEST_ENVIRONMENT, **servers.environment(), "LOG_LEVEL": "WARNING"}
        environment |= {"RATE_LIMITS": "off", "DJANGO_SETTINGS_MODULE": "agency.settings"}
        subprocess.run([sys.executable, "manage.py", "migrate", "--verbosity", "0"], env=environment, check=True)
        command = [sys.executable, "-m", "bench.pages", f"--measure={size}", f"--rounds={rounds}"]
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def _measure(size: int, rounds: int) -> dict[str, float]:
    import django

    django.setup()
    from django.contrib.auth import get_user_model
    from django.test import Client

    from agency.api import tokens
    from bench import rows

    rows.fill(size)
    user = get_user_model().objects.create_superuser("bench")
    client = Client(
        SERVER_NAME="localhost", headers={"Authorization": f"Bearer {tokens.create(user, scopes=['read'])[1]}"}
    )

    def look(path: str) -> float:
        began = time.perf_counter()
        answer = client.get(f"/api/v1/{path}")
        spent = (time.perf_counter() - began) * 1000
        if answer.status_code != 200:
            raise SystemExit(f"{path} answered {answer.status_code}")
        return spent

    figures = {}
    for name, path in PAGES.items():
        look(path), look(path)
        figures[name] = statistics.median(look(path) for _ in range(rounds))
    return figures


if __name__ == "__main__":
    sys.exit(main())
