"""The processes that are the product, the same for `make up`, the demo and the drills."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import psutil

from agency.local.checkout import CHECKOUT
from agency.local.places import LocalError
from agency.local.processes import Program, Supervisor

READY_TIMEOUT = 180.0  # seconds
POLL = 0.1
# Celery's own jobs are only rings and ticks: the slots for work are the runner's (settings.SLOTS).
WORKER_THREADS = {"io": 2, "browser": 2, "upkeep": 2, "quarantine": 1}


def web(host: str, port: int) -> Program:
    gunicorn = [sys.executable, "-m", "gunicorn", "--config", str(CHECKOUT / "agency" / "gunicorn.py")]
    return Program("web", [*gunicorn, "--bind", f"{_bracketed(host)}:{port}", "agency.wsgi"])


def worker(queue: str) -> Program:
    """One Celery worker process for one queue. SIGTERM means a soft shutdown: finish, or hand back after 20 s."""
    options = ["--queues", queue, "--pool", "threads", "--concurrency", str(WORKER_THREADS[queue])]
    quiet = ["--disable-prefetch", "--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "INFO"]
    name = f"worker-{queue}"
    command = [
        sys.executable,
        "-m",
        "celery",
        "--app",
        "agency",
        "worker",
        *options,
        *quiet,
        "--hostname",
        f"{queue}@%h",
    ]
    return Program(name, command, {"REMAP_SIGTERM": "SIGQUIT", "DATABASE_APPLICATION_NAME": name})


def beat() -> Program:
    command = [sys.executable, "-m", "celery", "--app", "agency", "beat", "--pidfile=", "--loglevel", "WARNING"]
    return Program("beat", command, {"DATABASE_APPLICATION_NAME": "beat"})


def programs(host: str, port: int) -> list[Program]:
    return [web(host, port), *(worker(queue) for queue in WORKER_THREADS), beat()]


def manage(environment: Mapping[str, str], *arguments: str) -> str:
    """Runs manage.py; returns what it printed. Raises LocalError: it failed; the text holds its last lines."""
    command = [sys.executable, str(CHECKOUT / "manage.py"), *arguments]
    done = subprocess.run(command, env=dict(environment), cwd=CHECKOUT, capture_output=True, text=True, check=False)
    if done.returncode:
        said = "\n".join((done.stderr or done.stdout).strip().splitlines()[-12:])
        raise LocalError(f"`manage.py {' '.join(arguments)}` failed:\n{said}")
    return done.stdout


def require_free(host: str, port: int) -> None:
    """Raises LocalError: the port cannot be listened on; says who holds it where that can be known."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as refused:
            raise LocalError(_port_trouble(host, port, refused)) from refused


def _port_trouble(host: str, port: int, refused: OSError) -> str:
    if isinstance(refused, PermissionError):
        return f"Port {port} is for root only. Choose one above 1023: make up PORT=8000"
    holder = _holder(port)
    if holder:
        return f"Port {port} is taken by {holder}. Stop that, or choose another port: make up PORT={port + 1}"
    return f"{host}:{port} cannot be listened on ({refused.strerror}). Choose another: make up PORT={port + 1}"


def _holder(port: int) -> str | None:
    try:
        listening = [
            c for c in psutil.net_connections("tcp") if c.status == psutil.CONN_LISTEN and c.laddr.port == port
        ]
        if not listening:
            return "another program"
        return (
            f"{psutil.Process(listening[0].pid).name()} (pid {listening[0].pid})"
            if listening[0].pid
            else "another program"
        )
    except psutil.Error:
        return "another program"


def await_ready(supervisor: Supervisor, host: str, port: int, timeout: float = READY_TIMEOUT) -> None:
    """Returns when /readyz answers 200 and every program runs.

    Raises LocalError: a program keeps dying or the time is over; the text holds the end of the log that tells why.
    """
    deadline = time.monotonic() + timeout
    answer = "nothing yet"
    while time.monotonic() < deadline:
        supervisor.tend()
        failing = supervisor.failing()
        if failing:
            raise LocalError(
                f"{failing} does not start. Its log {supervisor.log(failing)} ends:\n{supervisor.tail(failing)}"
            )
        answer = ask(host, port, "/readyz")
        if answer.startswith("200"):
            return
        time.sleep(POLL)
    raise LocalError(
        f"Not ready after {timeout:g} s. /readyz says: {answer}\nThe web log ends:\n{supervisor.tail('web')}"
    )


def ask(host: str, port: int, path: str) -> str:
    """Status and start of the body of a local address, or why there is none."""
    connection = http.client.HTTPConnection(_own_address(host), port, timeout=5)
    try:
        connection.request("GET", path, headers={"Host": "localhost"})
        answer = connection.getresponse()
        return f"{answer.status} {answer.read(2000).decode(errors='replace')}"
    except OSError as problem:
        return str(problem)
    finally:
        connection.close()


def _own_address(host: str) -> str:
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def static_is_stale(folder: Path) -> bool:
    """Is any static file newer than the last collection into `folder`?"""
    manifest = folder / "staticfiles.json"
    return not manifest.is_file() or manifest.stat().st_mtime < _newest_static()


def _newest_static() -> float:
    sources = [CHECKOUT / ".venv" / ".installed-runtime", CHECKOUT / "requirements.txt"]
    for app in ("agency", "tasks", "webhooks", "reports"):
        sources += [Path(folder) / name for folder, _, names in os.walk(CHECKOUT / app / "static") for name in names]
    return max((path.stat().st_mtime for path in sources if path.is_file()), default=0.0)
