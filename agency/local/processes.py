"""Supervised processes: what dies starts again after a growing pause, all stop in order. Times are in seconds."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from agency.local.places import LocalError
from agency.local.servers import Server

POLL = 0.1
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 15.0
STEADY_AFTER = 20.0  # a process that ran this long starts its pauses anew
TRIES_WHILE_STARTING = 4
GRACE = 35.0  # RELIABILITY: a worker's soft shutdown takes up to 20 s
PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Program:
    """A command to keep running. `environment` comes on top of the supervisor's."""

    name: str
    command: list[str]
    environment: Mapping[str, str] = field(default_factory=dict)


class Keeper:
    """One kept thing: how often it died of late, and when it may start again."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.deaths = 0
        self.started = 0.0
        self.due: float | None = None

    def died(self) -> float:
        """Notes a death; returns the pause before the next start."""
        if time.monotonic() - self.started > STEADY_AFTER:
            self.deaths = 0
        pause = min(FIRST_PAUSE * 2**self.deaths, LONGEST_PAUSE)
        self.deaths += 1
        self.due = time.monotonic() + pause
        return pause

    def begun(self) -> None:
        self.started = time.monotonic()
        self.due = None


class Supervisor:
    """Keeps servers and programs running until `stop`.

    `say` gets one line for each thing a person should know. The owner calls `tend` again and again, or once
    `tend_in_background`.
    """

    def __init__(
        self, environment: Mapping[str, str], log: Callable[[str], Path], say: Callable[[str], None] = print
    ) -> None:
        self.environment = environment
        self.log = log
        self.say = say
        self.servers: list[tuple[Server, Keeper]] = []
        self.programs: dict[str, tuple[Program, Keeper]] = {}
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.lock = threading.RLock()
        self.stopping = threading.Event()
        self.tender: threading.Thread | None = None

    def add_server(self, server: Server) -> None:
        keeper = Keeper(server.name)
        server.start()
        keeper.begun()
        self.servers.append((server, keeper))

    def add(self, program: Program) -> None:
        with self.lock:
            self.programs[program.name] = (program, Keeper(program.name))
            self._start(program.name)

    def pid(self, name: str) -> int | None:
        process = self.processes.get(name)
        return process.pid if process is not None and process.poll() is None else None

    def _start(self, name: str) -> None:
        program, keeper = self.programs[name]
        with self.log(name).open("ab") as log:
            self.processes[name] = subprocess.Popen(
                program.command,
                env={**self.environment, **program.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for the supervisor, which then stops all in order
                preexec_fn=_end_with_parent,  # noqa: PLW1509  (one prctl call, before any thread of the child)
            )
        keeper.begun()

    def tend(self) -> None:
        """Starts again whatever died and whose pause is over. Never blocks longer than a server's start."""
        with self.lock:
            for server, keeper in self.servers:
                self._tend(keeper, server.running, server.start)
            for name, (_, keeper) in self.programs.items():
                process = self.processes[name]
                if process.poll() is not None and keeper.due is None:
                    _kill_group(process.pid)  # nothing of the dead stays: pool children, browsers
                self._tend(keeper, process.poll() is None, lambda name=name: self._start(name))  # type: ignore[misc]

    def _tend(self, keeper: Keeper, running: bool, start: Callable[[], None]) -> None:
        if running or self.stopping.is_set():
            return
        if keeper.due is None:
            self.say(f"{keeper.name} ended; it starts again in {keeper.died():g} s")
        elif time.monotonic() >= keeper.due:
            try:
                start()
                keeper.begun()
            except LocalError as problem:
                self.say(f"{problem}\n{keeper.name} is tried again in {keeper.died():g} s")

    def tend_in_background(self) -> None:
        def loop() -> None:
            while not self.stopping.wait(POLL):
                self.tend()

        self.tender = threading.Thread(target=loop, name="supervisor", daemon=True)
        self.tender.start()

    def failing(self) -> str | None:
        """The name of a program that keeps dying, for as long as it has not run steadily."""
        tired = (name for name, (_, keeper) in self.programs.items() if keeper.deaths >= TRIES_WHILE_STARTING)
        return next(tired, None)

    def tail(self, name: str, lines: int = 12) -> str:
        return "\n".join(self.log(name).read_text(errors="replace").splitlines()[-lines:])

    def stop(self, grace: float = GRACE) -> None:
        """SIGTERM to every program, time to finish, then SIGKILL to what remains; the servers last."""
        self.stopping.set()
        if self.tender is not None and self.tender is not threading.current_thread():
            self.tender.join()
        with self.lock:
            for process in self.processes.values():
                with suppress(ProcessLookupError):
                    process.send_signal(signal.SIGTERM)
            self._await_ends(grace)
            for server, _ in reversed(self.servers):
                server.stop()

    def _await_ends(self, grace: float) -> None:
        deadline = time.monotonic() + grace
        for name, process in self.processes.items():
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                self.say(f"{name} did not stop within {grace:g} s and is killed")
            _kill_group(process.pid)
            process.wait()


def _kill_group(leader: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


def _end_with_parent() -> None:
    """A supervisor that is killed takes its programs along (Linux); elsewhere the next start finds the ports taken."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
