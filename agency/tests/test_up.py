"""`make up` from end to end, in a copy of this checkout, so that a developer's own running product is left alone."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time

import psutil
import pytest

from agency.local import places, product
from agency.local.checkout import CHECKOUT
from agency.local.servers import alive
from agency.local.stage import own_environment

WITHIN_S = 300  # a machine that runs other suites beside this one is slow
PARTS = ("agency", "tasks", "webhooks", "reports", "templates", "manage.py", ".env.example", "requirements.txt")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]


class Home:
    """A copy of the checkout in which the product runs."""

    def __init__(self, folder):
        self.folder = folder
        self.port = places.free_port()
        self.environment = {**own_environment(), "PORT": str(self.port)}
        self.process = None
        for part in PARTS:
            if (CHECKOUT / part).is_dir():
                shutil.copytree(CHECKOUT / part, folder / part, ignore=shutil.ignore_patterns("tests", "__pycache__"))
            else:
                shutil.copy(CHECKOUT / part, folder / part)

    def local(self, *arguments):
        command = [sys.executable, "-m", "agency.local", *arguments]
        return subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=WITHIN_S
        )

    def manage(self, *arguments):
        command = [sys.executable, "manage.py", *arguments]
        return subprocess.run(command, cwd=self.folder, env=self.environment, capture_output=True, text=True)

    def start(self):
        self.output = self.folder / "output"
        with self.output.open("w") as output:
            command = [sys.executable, "-m", "agency.local", "up"]
            self.process = subprocess.Popen(
                command, cwd=self.folder, env=self.environment, stdout=output, stderr=subprocess.STDOUT
            )
        self.until(
            lambda: "Agency runs on" in self.said() or self.process.poll() is not None, "it runs or says why not"
        )
        assert "Agency runs on" in self.said(), self.said()

    def said(self):
        return self.output.read_text()

    def until(self, fact, promise):
        deadline = time.monotonic() + WITHIN_S
        while not fact():
            assert time.monotonic() < deadline, f"not within {WITHIN_S} s: {promise}\n{self.said()}"
            time.sleep(0.1)

    def ready(self):
        return product.ask("127.0.0.1", self.port, "/readyz").startswith("200")

    def children(self):
        return psutil.Process(self.process.pid).children()

    def pid_of(self, words):
        return next((child.pid for child in self.children() if words in " ".join(_command(child))), None)

    def close(self):
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(WITHIN_S)
        shutil.rmtree(places.state(self.folder), ignore_errors=True)


def _command(process):
    """The command line; nothing for a process that ended meanwhile."""
    try:
        return process.cmdline()
    except psutil.Error:
        return []


@pytest.fixture
def home(tmp_path):
    home = Home(tmp_path)
    yield home
    home.close()


def test_up_serves_survives_kills_and_stops_cleanly(home):
    home.start()
    assert home.ready()
    assert re.search(r"login  admin  \S{16}", home.said())

    # Every command of the checkout talks to these servers without further settings.
    seen = home.manage(
        "shell", "-v", "0", "-c", "from django.contrib.auth.models import User; print(User.objects.get())"
    )
    assert seen.stdout.strip() == "admin", seen.stderr

    again = home.local("up")
    assert again.returncode == 1
    assert f"already runs here (pid {home.process.pid})" in again.stderr

    for words in ("--queues io", "bin/postgres", "valkey-server"):
        before = home.pid_of(words)
        os.kill(before, signal.SIGKILL)
        home.until(lambda words=words, before=before: home.pid_of(words) not in (None, before), f"{words} is back")
    home.until(home.ready, "it is ready again")

    everything = [child.pid for child in home.children()]
    assert home.local("down").returncode == 0
    assert home.process.wait(WITHIN_S) == 0
    assert "Stopped. The data stays" in home.said()
    assert not [pid for pid in everything if alive(pid)]
    assert "Start `make up`" in home.manage("check").stderr


def test_a_killed_supervisor_takes_its_programs_along_and_the_next_finds_the_data(home):
    home.start()
    orphans = [child.pid for child in home.children() if "celery" in " ".join(child.cmdline())]
    assert len(orphans) == 5
    servers = [home.pid_of(words) for words in ("bin/postgres", "valkey-server")]
    home.process.kill()
    home.process.wait()
    home.until(lambda: not any(alive(pid) for pid in orphans), "workers and beat have ended")
    home.start()
    assert home.ready()
    assert "login" not in home.said()  # the admin of the first time is still there
    assert not [pid for pid in servers if alive(pid)]
    assert "ended; it starts again" not in home.said()
