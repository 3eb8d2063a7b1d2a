"""What is done to the stack, at random but by the seed, and the log of it."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import psutil
import psycopg
import redis

from agency.local.stage import Stage

#: Longer than the drill's lease: whoever is frozen so long has lost its attempts.
PAST_LEASE_S = 14.0


@dataclass(frozen=True)
class Fault:
    """One kind of fault: how often in a hundred, and what it does. `act` answers what was hit, empty when nothing was."""

    kind: str
    weight: int
    act: Callable[[Faults], str]


class Faults:
    """Strikes the stack until told to stop."""

    def __init__(self, stage: Stage, seed: int) -> None:
        self.stage = stage
        self.random = random.Random(seed)  # noqa: S311 a drill that can be replayed
        self.began = time.monotonic()
        self.done: Counter[str] = Counter()
        self.log: list[str] = []
        self.frozen: list[tuple[float, int]] = []  # (when it thaws, pid)

    def strike(self, mean_pause_s: float, seconds: float) -> None:
        """Faults one after the other, with pauses around the mean; afterwards nothing stays frozen."""
        ends = time.monotonic() + seconds
        try:
            while time.monotonic() < ends:
                time.sleep(self.random.uniform(0.3, 1.7) * mean_pause_s)
                self.thaw(time.monotonic())
                self.rested()
                fault = self.random.choices(KINDS, [one.weight for one in KINDS])[0]
                hit = fault.act(self)
                if hit:
                    self.done[fault.kind] += 1
                    self.log.append(f"{time.monotonic() - self.began:7.2f} s  {fault.kind}: {hit}")
        finally:
            self.thaw(float("inf"))

    def rested(self) -> None:
        """What died of late starts again at once: the pauses of a tired program would make a drill of minutes one of hours."""
        for _, keeper in self.stage.supervisor.programs.values():
            keeper.deaths = 0

    def thaw(self, now: float) -> None:
        """Lets those go on whose time has come."""
        for when, pid in [one for one in self.frozen if one[0] <= now]:
            self.frozen.remove((when, pid))
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    def program(self, *names: str) -> tuple[str, int | None]:
        name = self.random.choice(names)
        return name, self.stage.supervisor.pid(name)

    def kill(self, *names: str, how: signal.Signals = signal.SIGKILL) -> str:
        """A signal to one of the programs; it starts again without the pause that a tired one gets."""
        name, pid = self.program(*names)
        if pid is None:
            return ""
        with suppress(ProcessLookupError):
            os.kill(pid, how)
        return name

    def freeze(self, seconds: float, name: str, pid: int | None) -> str:
        if pid is None or any(one == pid for _, one in self.frozen):
            return ""
        os.kill(pid, signal.SIGSTOP)
        self.frozen.append((time.monotonic() + seconds, pid))
        return f"{name} for {seconds:.0f} s"


WORKERS = ("worker-io", "worker-io-2")


def _kill_web_child(faults: Faults) -> str:
    _, pid = faults.program("web")
    children = psutil.Process(pid).children() if pid else []
    if not children:
        return ""
    child = faults.random.choice(sorted(children, key=lambda process: int(process.pid)))
    with suppress(psutil.NoSuchProcess):
        child.kill()
    return "one of the web processes"


def _kill_server(server: str) -> Callable[[Faults], str]:
    def act(faults: Faults) -> str:
        pid = getattr(faults.stage, server).pid
        if pid is None:
            return ""
        for kept, keeper in faults.stage.supervisor.servers:
            if kept.pid == pid:
                keeper.deaths = 0
        os.kill(pid, signal.SIGKILL)
        return server

    return act


def _cut_connections(faults: Faults) -> str:
    """Connections end in the middle of statements and commits: what the caller saw is not what happened."""
    try:
        with psycopg.connect(faults.stage.postgres.url(), connect_timeout=2) as db:
            count = db.execute(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid() AND random() < 0.5"
            ).fetchone()
    except psycopg.Error:
        return ""
    return f"{count[0] if count else 0} connections"


def _broker(act: Callable[[redis.Redis], str]) -> Callable[[Faults], str]:
    def on_broker(faults: Faults) -> str:
        client = redis.Redis.from_url(faults.stage.valkey.url, socket_timeout=2, socket_connect_timeout=2)
        try:
            return act(client)
        except redis.RedisError:
            return ""
        finally:
            client.close()

    return on_broker


def _flush(client: redis.Redis) -> str:
    client.flushall()
    return "everything"


def _double(client: redis.Redis) -> str:
    """What waits in the queues is put there again, many times."""
    count = 0
    for queue in ("agency:io", "agency:upkeep"):
        for message in client.lrange(queue, 0, 5):
            client.lpush(queue, *[message] * 20)
            count += 20
    return f"{count} messages" if count else ""


def _freeze_worker(faults: Faults) -> str:
    return faults.freeze(PAST_LEASE_S, *faults.program(*WORKERS))


def _freeze_broker(faults: Faults) -> str:
    return faults.freeze(faults.random.uniform(2, 6), "valkey", faults.stage.valkey.pid)


def _freeze_beat(faults: Faults) -> str:
    return faults.freeze(8, *faults.program("beat", "beat-2"))


def _freeze_database(faults: Faults) -> str:
    return faults.freeze(faults.random.uniform(0.2, 1.0), "postgres", faults.stage.postgres.pid)


KINDS = [
    Fault("kill -9 io worker", 28, lambda f: f.kill(*WORKERS)),
    Fault("SIGTERM io worker", 8, lambda f: f.kill(*WORKERS, how=signal.SIGTERM)),
    Fault("freeze io worker past its lease", 8, _freeze_worker),
    Fault("kill -9 upkeep worker", 6, lambda f: f.kill("worker-upkeep")),
    Fault("kill -9 beat", 5, lambda f: f.kill("beat", "beat-2")),
    Fault("freeze beat", 2, _freeze_beat),
    Fault("kill -9 web", 3, lambda f: f.kill("web")),
    Fault("kill -9 web process", 8, _kill_web_child),
    Fault("kill -9 PostgreSQL", 6, _kill_server("postgres")),
    Fault("freeze PostgreSQL", 3, _freeze_database),
    Fault("cut database connections", 8, _cut_connections),
    Fault("kill -9 Valkey", 5, _kill_server("valkey")),
    Fault("freeze Valkey", 4, _freeze_broker),
    Fault("FLUSHALL", 8, _broker(_flush)),
    Fault("double messages", 6, _broker(_double)),
]
