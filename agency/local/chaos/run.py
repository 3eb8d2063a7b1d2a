"""`python -m agency.local chaos`: SEED (1) and MINUTES (3) come from the environment."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import threading
import time
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version

from agency.local import product, scratch, stage
from agency.local.chaos import plugin, verdict
from agency.local.chaos.faults import Faults
from agency.local.chaos.ledger import Ledger
from agency.local.chaos.load import Load
from agency.local.checkout import Checkout
from agency.local.demo.api import Client
from agency.local.stage import Stage

#: Short leases, so that a drill of minutes sees many of them run out. Times in seconds.
SETTINGS = {
    "LEASE_SECONDS": "6",
    "HEARTBEAT_SECONDS": "1",
    "POLL_SECONDS": "2",
    "REDISPATCH_SECONDS": "3",
    "RETRY_BASE_SECONDS": "0.5",
    "RETRY_CAP_SECONDS": "3",
    "SHUTDOWN_GRACE_SECONDS": "3",
    "IO_SLOTS": "40",
    "RATE_LIMITS": "off",
    "OUTBOUND_ALLOW_CIDRS": "127.0.0.0/8",
    "OUTBOUND_ALLOW_HOSTS": "127.0.0.1",
    "OUTBOUND_HTTP": "*",
    "LOG_LEVEL": "INFO",
}
#: All that was accepted must be at its end within this time after the last fault.
QUIET_WITHIN_S = 240.0
SHOWN = 40


def run(arguments: list[str]) -> int:
    """0 only if nothing was lost, doubled, leaked or left in a state that cannot be."""
    seed, minutes = int(os.environ.get("SEED", "1")), float(os.environ.get("MINUTES", "3"))
    per_second = float(os.environ.get("PER_SECOND", "14"))
    pause_s = float(os.environ.get("PAUSE", "2.0"))
    began = time.monotonic()
    print(f"Drill with seed {seed} for {minutes:g} minutes, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC", flush=True)
    with scratch.folder() as home, Ledger(seed) as ledger:
        plugins = {"PYTHONPATH": str(plugin.install(home))}
        with stage.play(SETTINGS | plugins, say=lambda line: None) as on_stage:
            _reinforce(on_stage)
            load = Load(_person(on_stage, "customer"), _person(on_stage, "reviewer"), ledger, seed)
            faults = Faults(on_stage, seed)
            _storm(load, faults, minutes * 60, per_second, pause_s)
            quiet_after = _await_quiet(on_stage, load, faults)
            found = verdict.judge(on_stage, load)
            _report(load, faults, found, quiet_after, time.monotonic() - began)
            if found.broken:
                _keep(on_stage, faults)
    return 1 if found.broken else 0


def _reinforce(on_stage: Stage) -> None:
    """A second io worker and a second beat, which nothing may do twice for."""
    second = product.worker("io")
    on_stage.supervisor.add(replace(second, name="worker-io-2", command=[*second.command[:-1], "io-2@%h"]))
    on_stage.supervisor.add(replace(product.beat(), name="beat-2"))


def _person(on_stage: Stage, name: str) -> Client:
    on_stage.manage("createsuperuser", "--noinput", "--username", name, "--email", f"{name}@example.com")
    token = on_stage.manage("api_token", name, "--scopes", "read,write,review,admin").split()[-1]
    return Client(stage.HOST, on_stage.port, token)


def _storm(load: Load, faults: Faults, seconds: float, per_second: float, pause_s: float) -> None:
    stop = threading.Event()
    people = load.answer_until(stop)
    customers = load.customers(8, per_second)
    faults.strike(pause_s, seconds)
    load.stopping.set()
    for thread in customers:
        thread.join()
    stop.set()
    people.join()


def _await_quiet(on_stage: Stage, load: Load, faults: Faults) -> float:
    """Seconds until every accepted task was at its end, or the time was over."""
    began = time.monotonic()
    while time.monotonic() - began < QUIET_WITHIN_S:
        load.answer_questions()
        faults.rested()
        try:
            if not verdict.open_tasks(on_stage, load):
                break
        except OSError:
            print("The database does not answer", flush=True)
        time.sleep(1)
    return time.monotonic() - began


def _report(load: Load, faults: Faults, found: verdict.Verdict, quiet_after: float, took: float) -> None:
    print("\nFault log")
    for line in faults.log:
        print(f"  {line}")
    kinds = Counter(made.kind for made in load.made)
    _table("Faults", faults.done)
    _table("Tasks accepted, by kind", kinds)
    _table("Tasks, by end", found.ends)
    _table("Attempts, by end", found.attempts)
    print(f"\nAll at their end {quiet_after:.0f} s after the last fault; the whole drill took {took:.0f} s")
    print(f"Slowest refused call {load.slowest_s:.1f} s; calls with trouble: {len(load.trouble)}")
    for line in load.trouble[:SHOWN]:
        print(f"  {line}")
    names = ("Django", "celery", "psycopg")
    versions = ", ".join(f"{name} {version(name)}" for name in names)
    print(f"Python {platform.python_version()}, {versions}, load {os.getloadavg()[0]:.1f}")
    print(f"\n{len(found.broken)} violations in {len(load.made)} tasks under {sum(faults.done.values())} faults")
    for line in found.broken[:SHOWN]:
        print(f"  {line}")


def _table(title: str, counted: Counter[str]) -> None:
    print(f"\n{title}: {sum(counted.values())}")
    for name, count in counted.most_common():
        print(f"  {name:<34}{count:>6}")


def _keep(on_stage: Stage, faults: Faults) -> None:
    kept = Checkout().logs / "chaos"
    kept.mkdir(parents=True, exist_ok=True)
    for log in on_stage.home.glob("*.log"):
        shutil.copy(log, kept / log.name)
    (kept / "faults.log").write_text("\n".join(faults.log) + "\n")
    print(f"The logs are kept in {kept}", file=sys.stderr)
