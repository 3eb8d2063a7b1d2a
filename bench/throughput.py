"""Tasks per second and latency, against bare Celery, huey and the database's own limit, all in one run on one machine.

    make bench ARGS="throughput --rounds=3 --tasks=2000"

Goals are those of docs/performance.md. Every figure is the median of the rounds.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import platform
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from importlib.metadata import version

import psutil
import psycopg

from agency.local import stage
from agency.local.stage import Stage
from bench import bare_celery, sql_floor, target

SLOTS = 100
OPEN_LOOPBACK = {"OUTBOUND_ALLOW_CIDRS": "127.0.0.0/8", "OUTBOUND_ALLOW_HOSTS": "127.0.0.1", "OUTBOUND_HTTP": "*"}
QUIET = {"LOG_LEVEL": "WARNING", "IO_SLOTS": str(SLOTS)}


def main() -> int:
    """Prints every figure and the table of goals. A missed goal is said, not an error: machines differ."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tasks", type=int, default=2000)
    parser.add_argument("--only", default="", help="product, celery, huey, sql, flight, latency or idle")
    given = parser.parse_args()
    begin = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, load {os.getloadavg()[0]:.2f}, {psutil.cpu_count()} cores"
    print(f"{begin}, Python {platform.python_version()}, Celery {version('celery')}, Django {version('django')}")
    bench = Bench(given.rounds, given.tasks, set(given.only.split(",")) - {""})
    with target.running() as url, stage.play(OPEN_LOOPBACK | QUIET, durable=True, say=lambda line: None) as product:
        bench.run(product, url)
    bench.report()
    return 0


class Bench:
    """The measurements of one run, and their table."""

    def __init__(self, rounds: int, tasks: int, only: set[str]) -> None:
        self.rounds, self.tasks, self.only = rounds, tasks, only
        self.figures: dict[str, list[float]] = {}

    def run(self, product: Stage, url: str) -> None:
        """Rounds take turns, so that a noisy minute spoils nobody alone."""
        parts: dict[str, Callable[[Stage, str], dict[str, float]]] = {
            "idle": self.idle,
            "product": self.product,
            "celery": self.celery,
            "huey": self.huey,
            "sql": self.sql,
            "flight": self.flight,
            "latency": self.latency,
        }
        for number in range(self.rounds):
            for name, part in parts.items():
                if (self.only and name not in self.only) or (name == "idle" and number):
                    continue
                for key, value in part(product, url).items():
                    self.figures.setdefault(key, []).append(value)
                    print(f"  round {number + 1}  {key:<44} {value:10.2f}", flush=True)

    # -- the product
    def product(self, product: Stage, url: str) -> dict[str, float]:
        found = {}
        for label, options in (("in bulk", []), ("one by one", ["--one-by-one"])):
            with _database(product) as db:
                before = _completed(db)
                began = time.perf_counter()
                _create(product, self.tasks, f"{url}/0", *options)
                _until(lambda: _completed(db) - before >= self.tasks)  # noqa: B023
                found[f"tasks/s, product, made {label}"] = self.tasks / (time.perf_counter() - began)
        return found

    def flight(self, product: Stage, url: str) -> dict[str, float]:
        """Work waits in the queue before the clock runs: the first claim to the last end."""
        count = self.tasks
        pid = product.supervisor.pid("worker-io")
        assert pid is not None
        with _database(product) as db:
            first = db.execute("SELECT coalesce(max(id), 0) FROM agency_tasks").fetchone()[0]  # type: ignore[index]
            os.kill(pid, signal.SIGSTOP)
            try:
                _create(product, count, f"{url}/100")
            finally:
                os.kill(pid, signal.SIGCONT)
            ended = "SELECT count(*) FROM agency_tasks WHERE id > %s AND status = 'completed'"
            _until(lambda: db.execute(ended, [first]).fetchone()[0] >= count)  # type: ignore[index]
            took, busy = db.execute(
                "SELECT extract(epoch FROM max(completed_at) - min(started_at)),"
                " extract(epoch FROM sum(completed_at - started_at)) FROM task_executions WHERE task_id > %s",
                [first],
            ).fetchone()  # type: ignore[misc]
        rate = count / float(took)
        return {
            "in flight, 100 ms target: share of the limit": rate / (SLOTS / 0.1),
            "  mean in flight": float(busy / took),
        }

    def latency(self, product: Stage, url: str) -> dict[str, float]:
        with _database(product) as db:
            first = db.execute("SELECT coalesce(max(id), 0) FROM agency_tasks").fetchone()[0]  # type: ignore[index]
            _create(product, 200, f"{url}/0", "--per-second", "20")
            _until(
                lambda: (
                    db.execute("SELECT count(*) FROM task_executions WHERE task_id > %s", [first]).fetchone()[0] >= 200
                )
            )  # type: ignore[index]
            p50, p99 = db.execute(
                "SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY x), percentile_cont(0.99) WITHIN GROUP (ORDER BY x)"
                " FROM (SELECT extract(epoch FROM e.started_at - t.created_at) * 1000 AS x FROM agency_tasks t"
                " JOIN task_executions e ON e.task_id = t.id AND e.attempt = 1 WHERE t.id > %s) s",
                [first],
            ).fetchone()  # type: ignore[misc]
        return {"submit to start, 20/s, p50 ms": float(p50), "submit to start, 20/s, p99 ms": float(p99)}

    def idle(self, product: Stage, url: str) -> dict[str, float]:
        """Twenty quiet seconds, when the start and what it left to do are over."""
        time.sleep(30)
        processes = [
            psutil.Process(pid) for name in product.supervisor.programs if (pid := product.supervisor.pid(name))
        ]
        everyone = [child for parent in processes for child in (parent, *parent.children(recursive=True))]
        with _database(product) as db:
            asked = "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()"
            cpu = sum(sum(p.cpu_times()[:2]) for p in everyone)
            count = db.execute(asked).fetchone()[0]  # type: ignore[index]
            time.sleep(20)
            queries = db.execute(asked).fetchone()[0] - count - 1  # type: ignore[index]
            cpu = sum(sum(p.cpu_times()[:2]) for p in everyone) - cpu
        three = [product.supervisor.pid(name) for name in ("web", "worker-io", "beat")]
        memory = sum(_pss(pid) for pid in three if pid)
        return {
            "idle: queries/s": queries / 20,
            "idle: % of a core": cpu / 20 * 100,
            "memory: web + io + beat, MB": memory,
        }

    # -- the others
    def celery(self, product: Stage, url: str) -> dict[str, float]:
        found = {}
        for pool, size in (("threads", 32), ("prefork", 4)):
            command = ["celery", "--app", "bench.bare_celery", "worker", "--pool", pool, "--concurrency", str(size)]
            command += ["--queues", "bare", "--without-gossip", "--without-mingle", "--loglevel", "ERROR"]
            with _process(product, *command), _database(product) as db:
                found[f"tasks/s, bare Celery, {pool} {size}"] = self._bare(product, db, url, "celery")
        return found

    def huey(self, product: Stage, url: str) -> dict[str, float]:
        command = ["huey.bin.huey_consumer", "bench.bare_huey.huey", "-k", "thread", "-w", "16", "-q"]
        with _process(product, *command), _database(product) as db:
            return {"tasks/s, huey, threads 16": self._bare(product, db, url, "huey")}

    def _bare(self, product: Stage, db: psycopg.Connection, url: str, kind: str) -> float:
        done = "SELECT count(*) FROM bare_results"
        for count in (50, self.tasks):  # the first warms up
            db.execute(bare_celery.TABLE)
            db.execute("TRUNCATE bare_results")
            began = time.perf_counter()
            _python(product, "bench.send", kind, str(count), f"{url}/0")
            _until(lambda: db.execute(done).fetchone()[0] >= count)  # type: ignore[index]  # noqa: B023
        return self.tasks / (time.perf_counter() - began)

    def sql(self, product: Stage, url: str) -> dict[str, float]:
        with _database(product) as db:
            for statement in sql_floor.TABLES.split(";"):
                db.execute(statement)
            db.execute(sql_floor.FILL, [self.tasks * 2])
            began = time.perf_counter()
            loops = [_start(product, "bench.sql_floor") for _ in range(1)]
            for loop in loops:
                loop.wait()
            took = time.perf_counter() - began - 0.25  # the interpreter's own start
        return {"tasks/s, psycopg loop of the minimum SQL": self.tasks * 2 / took}

    # -- the table
    def median(self, key: str) -> float:
        values = self.figures.get(key)
        return statistics.median(values) if values else float("nan")

    def report(self) -> None:
        product = self.median("tasks/s, product, made in bulk")
        celery = max((self.median(k) for k in self.figures if "bare Celery" in k), default=float("nan"))
        rows = [
            ("tasks end to end against bare Celery, best pool", product / celery, ">= 1.2"),
            ("tasks end to end against huey, threads", product / self.median("tasks/s, huey, threads 16"), ">= 1.0"),
            (
                "the same per database work, against psycopg",
                product / self.median("tasks/s, psycopg loop of the minimum SQL"),
                ">= 0.35",
            ),
            (
                "in flight, 100 ms target, one io worker",
                self.median("in flight, 100 ms target: share of the limit"),
                ">= 0.85",
            ),
            ("submit to start, p50 ms", self.median("submit to start, 20/s, p50 ms"), "<= 20"),
            ("submit to start, p99 ms", self.median("submit to start, 20/s, p99 ms"), "<= 80"),
            ("idle, queries/s", self.median("idle: queries/s"), "<= 3"),
            ("idle, % of a core", self.median("idle: % of a core"), "<= 2"),
            ("memory, web + io + beat, MB", self.median("memory: web + io + beat, MB"), "<= 450"),
        ]
        print(f"\n{'what (medians)':<50}{'figure':>10}   goal")
        for name, value, goal in rows:
            met = value >= float(goal[3:]) if goal.startswith(">") else value <= float(goal[3:])
            print(f"{name:<50}{value:>10.2f}   {goal:<8} {'' if value != value else 'met' if met else 'NOT MET'}")


# --- pieces ---------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _database(product: Stage) -> Iterator[psycopg.Connection]:
    with psycopg.connect(product.postgres.url(), autocommit=True) as connection:
        yield connection


def _completed(db: psycopg.Connection) -> int:
    return int(db.execute("SELECT count(*) FROM agency_tasks WHERE status = 'completed'").fetchone()[0])  # type: ignore[index]


def _until(done: Callable[[], bool], seconds: float = 120.0) -> None:
    ends = time.monotonic() + seconds
    while not done():
        if time.monotonic() > ends:
            raise SystemExit(f"not done within {seconds:g} s")
        time.sleep(0.02)


def _start(product: Stage, module: str, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", module, *arguments], env=product.environment)


def _python(product: Stage, module: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments], env=product.environment, check=True, capture_output=True, text=True
    )
    return done.stdout


def _create(product: Stage, count: int, url: str, *options: str) -> float:
    return float(_python(product, "bench.create", str(count), url, *options))


@contextlib.contextmanager
def _process(product: Stage, module: str, *arguments: str) -> Iterator[None]:
    process = _start(product, module, *arguments)
    time.sleep(2)
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)


def _pss(pid: int) -> float:
    """Megabytes, shared pages counted once."""
    family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    return float(sum(process.memory_full_info().pss for process in family)) / 1e6


if __name__ == "__main__":
    sys.exit(main())
