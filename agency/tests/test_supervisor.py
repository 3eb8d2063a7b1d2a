from __future__ import annotations

import os
import signal
import sys
import time

import psutil
import pytest

from agency.local import product, scratch
from agency.local.places import LocalError
from agency.local.processes import Program, Supervisor
from agency.local.servers import Postgres, Valkey

WITHIN_S = 20
SLEEPER = [sys.executable, "-c", "import time; time.sleep(600)"]


def until(fact, promise):
    deadline = time.monotonic() + WITHIN_S
    while time.monotonic() < deadline:
        if value := fact():
            return value
        time.sleep(0.05)
    raise AssertionError(f"not within {WITHIN_S} s: {promise}")


@pytest.fixture
def said():
    return []


@pytest.fixture
def supervisor(tmp_path, said):
    supervisor = Supervisor(dict(os.environ), lambda name: tmp_path / f"{name}.log", said.append)
    yield supervisor
    supervisor.stop(grace=5)


def test_a_killed_program_is_started_again_and_a_person_is_told(supervisor, said):
    supervisor.add(Program("sleeper", SLEEPER))
    supervisor.tend_in_background()
    first = supervisor.pid("sleeper")
    os.kill(first, signal.SIGKILL)
    second = until(
        lambda: supervisor.pid("sleeper") not in (None, first) and supervisor.pid("sleeper"), "a new process"
    )
    assert psutil.pid_exists(second)
    assert said == ["sleeper ended; it starts again in 0.5 s"]


def test_pauses_grow_for_a_program_that_keeps_dying_and_it_is_named(supervisor, said):
    supervisor.add(Program("broken", [sys.executable, "-c", "raise SystemExit('no such luck')"]))
    supervisor.tend_in_background()
    until(lambda: supervisor.failing() == "broken", "four deaths")
    assert [line.split(" in ")[1] for line in said[:4]] == ["0.5 s", "1 s", "2 s", "4 s"]
    assert "no such luck" in supervisor.tail("broken")


def test_children_of_a_killed_program_do_not_outlive_it(supervisor, tmp_path):
    code = f"""
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
open({str(tmp_path / "child")!r}, "w").write(str(child.pid) + "\\n")
time.sleep(600)
"""
    supervisor.add(Program("parent", [sys.executable, "-c", code]))
    child = int(until(lambda: (tmp_path / "child").exists() and (tmp_path / "child").read_text().strip(), "a child"))
    os.kill(supervisor.pid("parent"), signal.SIGKILL)
    supervisor.tend_in_background()
    until(lambda: not psutil.pid_exists(child) or psutil.Process(child).status() == "zombie", "the child is gone")


def test_stop_waits_for_programs_that_finish_and_kills_those_that_do_not(tmp_path, said):
    supervisor = Supervisor(dict(os.environ), lambda name: tmp_path / f"{name}.log", said.append)
    stubborn = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"
    )
    supervisor.add(Program("polite", SLEEPER))
    supervisor.add(Program("stubborn", [sys.executable, "-c", stubborn]))
    until(lambda: "deaf" in supervisor.tail("stubborn"), "the stubborn one runs")
    supervisor.stop(grace=0.5)
    assert supervisor.pid("polite") is None
    assert supervisor.pid("stubborn") is None
    assert said == ["stubborn did not stop within 0.5 s and is killed"]


def test_killed_servers_come_back_at_the_same_address(supervisor):
    with scratch.folder() as home:
        postgres, valkey = Postgres(home / "postgres", durable=False), Valkey(home / "valkey", durable=False)
        supervisor.add_server(postgres)
        supervisor.add_server(valkey)
        addresses = postgres.url(), valkey.url
        os.kill(postgres.pid, signal.SIGKILL)
        os.kill(valkey.pid, signal.SIGKILL)
        supervisor.tend_in_background()
        until(lambda: postgres.running and postgres.answers() and valkey.running and valkey.answers(), "both are back")
        assert (postgres.url(), valkey.url) == addresses
        supervisor.stop()


def test_a_taken_port_is_said_with_its_holder_and_a_way_out():
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(LocalError, match=rf"Port {port} is taken by .*make up PORT={port + 1}"):
            product.require_free("127.0.0.1", port)


def test_each_queue_has_a_worker_of_its_own_that_shuts_down_softly():
    from agency.celery import QUEUES

    assert set(product.WORKER_THREADS) == set(QUEUES)
    for queue in QUEUES:
        program = product.worker(queue)
        assert program.environment["REMAP_SIGTERM"] == "SIGQUIT"
        assert program.command[program.command.index("--queues") + 1] == queue
