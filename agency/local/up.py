"""`make up`, `make down` and `make run`: the product of this checkout on this machine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from agency.local import product
from agency.local.checkout import CHECKOUT, Checkout, Running, read
from agency.local.places import LocalError
from agency.local.processes import POLL, Supervisor
from agency.local.servers import Postgres, Valkey

DOWN_TIMEOUT = 60.0  # seconds


class Stop(BaseException):
    """A signal asked for the end. No Exception: nothing on the way may take it for an error."""


def say(line: str = "") -> None:
    print(line, flush=True)


def up(arguments: list[str]) -> int:
    """Runs until Ctrl-C, SIGTERM or `make down`."""
    place, host, port = Checkout(), os.environ.get("HOST") or "127.0.0.1", _port()
    place.open()
    running = place.running()
    if running:
        raise LocalError(f"Agency already runs here (pid {running.pid}) on {running.url}. `make down` stops it.")
    with _taking_turns(place), _signals_as_stop():
        product.require_free(host, port)
        supervisor = Supervisor({}, place.log, say)
        try:
            _start(place, supervisor, host, port)
            while True:
                supervisor.tend()
                time.sleep(POLL)
        except Stop:
            say("\nStopping: running work finishes or is handed back")
        finally:
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # a second Ctrl-C does not wait
            supervisor.stop()
            place.withdraw()
        say("Stopped. The data stays in .local/")
    return 0


def _port() -> int:
    given = os.environ.get("PORT") or "8000"
    if not given.isdigit() or not 0 < int(given) < 65536:
        raise LocalError(f"PORT is {given!r}: a number from 1 to 65535 was expected.")
    return int(given)


def _start(place: Checkout, supervisor: Supervisor, host: str, port: int) -> None:
    began = time.monotonic()
    url = f"http://{'localhost' if host in ('127.0.0.1', '0.0.0.0', '::1', '::') else host}:{port}"
    place.say_running(Running(os.getpid(), url))
    environment = _with_servers(place, supervisor, {"PUBLIC_URL": url, "STATIC_COLLECTED": "true"})
    supervisor.environment = {**environment, "PYTHONUNBUFFERED": "1"}
    say("Migrating")
    static = ["--static"] if product.static_is_stale(place.static) else []
    login = product.manage(environment, "prepare", "--admin", *static).strip()
    for program in product.programs(host, port):
        supervisor.add(program)
    say("Starting web, workers and beat")
    product.await_ready(supervisor, host, port)
    place.say_running(Running(os.getpid(), url, ready=True))
    _greet(url, environment, login, time.monotonic() - began)


def _with_servers(place: Checkout, supervisor: Supervisor, more: dict[str, str]) -> dict[str, str]:
    """The environment of all processes; servers that were not given are started and announced."""
    given = place.given()
    found = {**place.secrets(), **_defaults(place), **more}
    if not given.get("DATABASE_URL") and not given.get("DATABASE_URL_FILE"):
        say("Starting PostgreSQL")
        postgres = Postgres(place.state / "postgres")
        supervisor.add_server(postgres)
        found["DATABASE_URL"] = postgres.url()
    if not given.get("REDIS_URL") and not given.get("REDIS_URL_FILE"):
        say("Starting Valkey")
        valkey = Valkey(place.state / "valkey")
        supervisor.add_server(valkey)
        found["REDIS_URL"] = valkey.url
    known = {name: value for name, value in found.items() if name not in given and f"{name}_FILE" not in given}
    place.announce(known)
    return {**given, **known}


def _defaults(place: Checkout) -> dict[str, str]:
    return {"STATIC_ROOT": str(place.static), "MEDIA_ROOT": str(place.local / "media")}


def _greet(url: str, environment: dict[str, str], login: str, seconds: float) -> None:
    admin = environment.get("ADMIN_PATH", "admin/").strip("/")
    say(f"\nAgency runs on {url} (ready after {seconds:.1f} s)")
    say(f"  admin  {url}/{admin}/")
    say(f"  API    {url}/api/docs/")
    if login:
        name, password = login.split()
        say(f"  login  {name}  {password}   (shown this once; `manage.py changepassword {name}` makes another)")
    say("  logs   .local/log/      stop with Ctrl-C or `make down`\n")


def down(arguments: list[str]) -> int:
    """Asks the running supervisor to stop and waits until it has."""
    place = Checkout()
    running = place.running() if place.local.is_dir() else None
    if running is None:
        say("Nothing runs.")
        return 0
    os.kill(running.pid, signal.SIGTERM)
    deadline = time.monotonic() + DOWN_TIMEOUT
    while place.running():
        if time.monotonic() > deadline:
            raise LocalError(f"Agency (pid {running.pid}) did not stop within {DOWN_TIMEOUT:g} s; see .local/log/.")
        time.sleep(POLL)
    say("Stopped.")
    return 0


def run(arguments: list[str]) -> int:
    """One shell command with the servers up. Returns its exit code."""
    command = " ".join(arguments).strip()
    if not command:
        raise LocalError('Say which command: make run CMD="python manage.py shell"')
    place = Checkout()
    place.open()
    running = place.running()
    if running and place.env_file.is_file():
        return _shell(command, {**place.given(), **read(place.env_file)})
    with _taking_turns(place), _signals_as_stop():
        supervisor = Supervisor({}, place.log, say)
        try:
            environment = _with_servers(place, supervisor, {})
            product.manage(environment, "prepare")
            return _shell(command, environment)
        except Stop:
            return 130
        finally:
            supervisor.stop()
            place.withdraw()


def _shell(command: str, environment: dict[str, str]) -> int:
    path = f"{Path(sys.executable).parent}{os.pathsep}{environment.get('PATH', '')}"
    return subprocess.run(
        ["/bin/sh", "-c", command], env={**environment, "PATH": path}, cwd=CHECKOUT, check=False
    ).returncode


@contextmanager
def _taking_turns(place: Checkout) -> Iterator[None]:
    try:
        with place.alone(wait=False):
            yield
            return
    except BlockingIOError:
        say("Another command uses this checkout's servers; waiting for it")
    with place.alone(wait=True):
        yield


@contextmanager
def _signals_as_stop() -> Iterator[None]:
    def stop(number: int, frame: FrameType | None) -> None:
        raise Stop

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, stop) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
