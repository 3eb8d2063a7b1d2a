"""Nothing reaches inside, nothing is left behind, and a bad page harms nobody but itself."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import psutil
import pytest

from tasks.executors.base import Cancelled, DeadlinePassed, Failed, Success
from tasks.executors.browser import pool, processes
from tasks.executors.browser.config import BrowserConfig
from tasks.executors.browser.launch import find_programs
from tasks.tests.browser.site import HOSTILE, Site
from tasks.tests.conftest import wait_for

pytestmark = pytest.mark.browser


def go(site: Site, path: str) -> dict[str, Any]:
    return {"type": "navigate", "config": {"url": site.url(path), "timeout": 5000}}


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd", "view-source:https://example.com", "chrome://version", "data:text/html,x", "javascript:alert(1)",
        "blob:https://example.com/1", "ftp://example.com/", "https://user:pw@example.com/", "http://127.0.0.1:1/",
        "http://169.254.169.254/latest/", "http://[::1]/", "http://localhost/", "about:blank", "http://2130706433/",
    ],
)  # fmt: skip
def test_addresses_that_no_browser_may_open_are_refused_when_the_task_is_written(url: str) -> None:
    with pytest.raises(ValueError, match=r"automationSteps\.0"):
        BrowserConfig.model_validate({"automationSteps": [{"type": "navigate", "config": {"url": url}}]})


#: One of each kind; bench/browser.py goes through all of them.
WORST = ("alert-on-load", "many-alerts", "confirm-loop", "hang", "popups", "js-link", "meta-refresh-file", "huge-dom",
         "big-text", "overridden", "close-itself", "clickjack")  # fmt: skip


@pytest.mark.parametrize("page", WORST)
def test_a_hostile_page_ends_in_time_and_the_next_task_is_unharmed(play: Any, site: Site, page: str) -> None:
    assert page in HOSTILE
    steps = [
        go(site, f"hostile/{page}"),
        {"type": "click", "config": {"selector": "button, a", "timeout": 1000}, "continueOnError": True},
        {"type": "screenshot", "config": {"timeout": 2000}, "continueOnError": True},
    ]
    try:
        outcome, _ = play(steps, seconds=5)
    except DeadlinePassed:
        outcome = Failed("its time was over")
    assert isinstance(outcome, Success | Failed), outcome
    assert "root:" not in json.dumps(outcome.output or {})
    after, _ = play([go(site, "shop/index.html"), {"type": "assert", "config": {"text": "Aldgate"}}], seconds=20)
    assert isinstance(after, Success), after


def test_a_page_that_hangs_is_ended_at_the_deadline(play: Any, site: Site) -> None:
    with pytest.raises(DeadlinePassed):
        play([go(site, "hostile/hang"), {"type": "wait", "config": {"text": "never", "timeout": 30000}}], seconds=3)


def test_cancel_reaches_a_browser_that_waits(site: Site, db: None) -> None:
    from tasks.executors.browser.attempting import attempt
    from tasks.tests.browser.conftest import MemoryContext

    steps = [go(site, "shop/index.html"), {"type": "wait", "config": {"text": "never", "timeout": 30000}}]
    ctx = MemoryContext({}, 60)
    threading.Timer(1.0, lambda: setattr(ctx, "cancelled", True)).start()
    with pytest.raises(Cancelled):
        attempt(BrowserConfig.model_validate({"automationSteps": steps}), ctx, extracts=False)  # type: ignore[arg-type]


def test_tasks_share_no_cookies_and_no_storage(play: Any, site: Site) -> None:
    for _ in range(2):
        with pool.shared_pool().lease() as lease:
            lease.browser.driver.get(site.url("shop/index.html"))
            seen = lease.browser.driver.execute_script(
                "const was = document.cookie + '|' + localStorage.getItem('k'); document.cookie = 'a=1'; "
                "localStorage.setItem('k', 'v'); return was"
            )
        assert seen == "|null"


def test_a_browser_is_warm_for_the_next_task_and_dropped_after_trouble(site: Site) -> None:
    mine = pool.Pool(pool.Limits(size=1, tasks=3), pool.shared_pool()._start)
    try:
        with mine.lease() as first:
            browser = first.browser
        with mine.lease() as second:
            assert second.browser is browser
            assert second.warm
            second.broken = True
        with mine.lease() as third:
            assert third.browser is not browser
            assert not third.warm
        with pytest.raises(pool.TooBusy), mine.lease(), mine.lease(wait_s=0.1):
            pass
    finally:
        mine.close()
    assert not browser.group.alive()


_WORKER = """
import os, sys, time
import django
django.setup()
from tasks.executors.browser import pool
with pool.shared_pool().lease() as lease:
    print(lease.browser.group.process.pid, lease.browser.group.folder, flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize("guard_dies_first", [False, True])
def test_kill_9_of_a_worker_leaves_no_process(guard_dies_first: bool, tmp_path: Path) -> None:
    state = Path(f"/tmp/agency-test-{os.getpid()}-{guard_dies_first}")
    environment = {**os.environ, "BROWSER_STATE_DIR": str(state)}
    worker = subprocess.Popen([sys.executable, "-c", _WORKER], stdout=subprocess.PIPE, text=True, env=environment)
    assert worker.stdout
    group, folder = worker.stdout.readline().split()
    assert len(list(processes.members(int(group)))) > 3
    if guard_dies_first:
        os.kill(int(group), signal.SIGKILL)
    worker.kill()
    worker.communicate()

    def gone() -> bool:
        processes.reap(state)
        return not list(processes.members(int(group))) and not Path(folder).exists()

    wait_for(gone, 10)
    assert not [p for p in psutil.process_iter(["cmdline"]) if folder in " ".join(p.info["cmdline"] or [])]


def test_the_reaper_leaves_the_browsers_of_the_living_alone() -> None:
    with pool.shared_pool().lease() as lease:
        assert processes.reap(lease.browser.group.folder.parent) == 0
        assert lease.browser.healthy()


def test_a_machine_without_a_browser_says_what_to_install(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.executors.browser.launch._first_program", lambda *names: "")
    with pytest.raises(Exception, match="apt-get install chromium chromium-driver"):
        find_programs()
