"""A browser that waits for an answer: found once, by whoever goes on, and gone with whoever owned it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tasks import services
from tasks.actors import Actor
from tasks.executors.browser import parking, pool, processes
from tasks.executors.browser.drivers import session_of
from tasks.tests.browser.site import Site
from tasks.tests.conftest import wait_for, wait_status
from tasks.tests.factories import make_task

pytestmark = pytest.mark.browser

_WORKER = """
import sys
import django
django.setup()
from tasks.executors.browser import parking, pool
from tasks.executors.browser.drivers import session_of
with pool.shared_pool().lease() as lease:
    session = session_of(lease)
    session.driver.execute_script("document.title = 'kept'")
    assert parking.park(session, "task:1")
    print(lease.browser.group.process.pid, lease.browser.group.folder, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def other(settings: Any) -> Iterator[tuple[subprocess.Popen[str], int, Path]]:
    """Another worker of this machine that has parked a browser: its process, the browser's group and folder."""
    settings.BROWSER_STATE_DIR = f"/tmp/agency-test-{os.getpid()}-parked"
    environment = {**os.environ, "BROWSER_STATE_DIR": settings.BROWSER_STATE_DIR, "BROWSER_PARK_SECONDS": "60"}
    worker = subprocess.Popen(
        [sys.executable, "-c", _WORKER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    )
    assert worker.stdout
    group, folder = worker.stdout.readline().split()
    yield worker, int(group), Path(folder)
    worker.kill()
    worker.communicate()
    wait_for(lambda: not list(processes.members(int(group))))
    shutil.rmtree(settings.BROWSER_STATE_DIR, ignore_errors=True)


def test_another_worker_goes_on_in_it_and_only_one(other: tuple[subprocess.Popen[str], int, Path]) -> None:
    worker, group, folder = other
    with parking.taken_up("task:2") as session:
        assert session is None, "a browser that stands at another question is not gone on with"
    with parking.taken_up("task:1") as session, parking.taken_up("task:1") as second:
        assert session is not None
        assert second is None
        assert session.driver.title == "kept"
        assert session.devtools is not None
        assert session.devtools.call("Browser.getVersion")
        assert processes.reap(folder.parent) == 0, "it is ours now"
    wait_for(lambda: not list(processes.members(group)))
    assert worker.poll() is None
    assert not folder.exists()


def test_it_ends_with_a_worker_that_is_killed(other: tuple[subprocess.Popen[str], int, Path]) -> None:
    worker, group, folder = other
    worker.kill()
    wait_for(lambda: not list(processes.members(group)))
    with parking.taken_up("task:1") as session:
        assert session is None
    assert not folder.exists()


def test_it_ends_when_nobody_answers_in_time(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.BROWSER_PARK_SECONDS = 0.2
    monkeypatch.setattr(parking, "_CHECK_EVERY_S", 0.05)
    with pool.shared_pool().lease() as lease:
        assert parking.park(session_of(lease), "task:3")
    wait_for(lambda: not parking._parked)
    assert not lease.browser.group.alive()
    with parking.taken_up("task:3") as session:
        assert session is None


@pytest.mark.django_db(transaction=True)
def test_a_wrong_code_is_asked_for_again_in_the_same_browser_and_files_move_in_it(
    browser_worker: Any, site: Site, settings: Any
) -> None:
    settings.BROWSER_PARK_SECONDS = 60
    steps = [
        {"type": "navigate", "config": {"url": site.url("account/door.html")}},
        {"type": "upload", "config": {"selector": "#f", "fileName": "a.txt", "text": "a plan"}},
        {"type": "click", "config": {"instruction": "Send"}},
        {"type": "download", "config": {"url": site.url("file/1000")}},
    ]
    task = make_task(title="Door", taskType="browser_automation", executionConfig={"automationSteps": steps})
    for code in ("111111", "222222"):
        task = wait_status(task, "waiting_input", "failed", "completed")
        assert task.status == "waiting_input", task.last_error
        services.answer(task.pk, Actor("test"), {"answer": code})
    task = wait_status(task, "waiting_input", "failed", "completed")
    assert task.status == "completed", task.last_error
    assert [post["code"] for post in site.posts if post["path"] == "/door"] == ["111111", "222222"]
    assert site.seen.count("/account/door.html") == 2, "opened once, and shown again after the wrong code"
    assert site.files == [("a.txt", b"a plan")]
    assert task.result["artifacts"][-1]["name"] == "evil.csv"
    wait_for(lambda: not parking._parked)
