"""Browsers from elsewhere: a Selenium hub and Browserbase, both in front of a local chromedriver."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tasks.executors.base import Failed, HandBack, Success
from tasks.executors.browser import browserbase, launch
from tasks.tests.browser.site import Site
from tasks.tests.fake_browserbase import API_KEY, FakeBrowserbase, start_chromedriver

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def hub() -> Iterator[str]:
    process, url = start_chromedriver(launch.find_programs().driver)
    yield url
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@pytest.fixture
def remote_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """The stand-in for a remote machine runs as root in containers: there its browser has no sandbox."""
    asked = launch.remote_driver

    def with_flag(url: str, options: Any, **more: Any) -> Any:
        options.binary_location = launch.find_programs().browser
        options.add_argument("--headless")
        if os.geteuid() == 0:
            options.add_argument("--no-sandbox")
        return asked(url, options, **more)

    monkeypatch.setattr("tasks.executors.browser.drivers.remote_driver", with_flag)


@pytest.fixture
def fake(hub: str, site: Site, settings: Any, remote_root: None, tmp_path: Path) -> Iterator[FakeBrowserbase]:
    running = FakeBrowserbase(hub)
    port = running.server.server_address[1]
    settings.OUTBOUND_ALLOW_HOSTS = [f"127.0.0.1:{site.port}", f"127.0.0.1:{port}"]
    settings.BROWSERBASE_URL = running.url
    settings.BROWSERBASE_API_KEY = API_KEY
    settings.BROWSER_STATE_DIR = str(tmp_path)
    yield running
    running.stop()


def steps(site: Site) -> list[dict[str, Any]]:
    return [
        {"type": "navigate", "config": {"url": site.url("shop/index.html")}},
        {"type": "extract", "config": {"instruction": "Extract all product names and prices"}},
        {"type": "click", "config": {"instruction": "Add to cart for Comet"}},
        {"type": "screenshot", "config": {}},
    ]


def test_a_grid_does_the_same_work(play: Any, site: Site, hub: str, settings: Any, remote_root: None) -> None:
    settings.BROWSER_GRID_URL = hub
    outcome, _ = play(steps(site), driver="grid")
    assert isinstance(outcome, Success), outcome
    assert len(outcome.output["data"]) == 4
    assert outcome.output["browser"] == "grid"


def test_a_grid_that_is_away_is_a_plain_failure_that_heals(play: Any, site: Site, settings: Any) -> None:
    settings.BROWSER_GRID_URL = "http://127.0.0.1:9"
    outcome, _ = play(steps(site), driver="grid")
    assert isinstance(outcome, Failed)
    assert (outcome.error, outcome.heals) == ("the Selenium Grid gave no browser", True)


def test_browserbase_runs_shows_its_links_and_is_released(play: Any, site: Site, fake: FakeBrowserbase) -> None:
    outcome, ctx = play(steps(site), driver="browserbase")
    assert isinstance(outcome, Success), outcome
    (key,) = fake.sessions
    session = fake.sessions[key]
    assert session["status"] == "COMPLETED"
    assert ctx.sessions == [
        {
            "session_id": key,
            "debug_url": f"https://debug.invalid/{key}",
            "recording_url": f"https://browserbase.com/sessions/{key}",
        }
    ]
    assert set(fake.hub_keys) == {session["signingKey"]}
    assert session["signingKey"] not in json.dumps([outcome.output, ctx.steps])
    assert not list(Path(browserbase.settings.BROWSER_STATE_DIR).glob("browserbase-*"))


def test_browserbase_is_released_when_the_work_fails(play: Any, site: Site, fake: FakeBrowserbase) -> None:
    outcome, _ = play(
        [*steps(site)[:1], {"type": "click", "config": {"selector": "#no", "timeout": 200}}], driver="browserbase"
    )
    assert isinstance(outcome, Failed)
    assert fake.sessions
    assert fake.running == []


def test_a_full_browserbase_hands_the_task_back(play: Any, site: Site, fake: FakeBrowserbase) -> None:
    fake.limit = 0
    outcome, _ = play(steps(site), driver="browserbase")
    assert isinstance(outcome, HandBack)
    assert "max concurrent sessions" in outcome.reason
    assert outcome.wait_s == 30


@pytest.mark.parametrize(("status", "heals"), [(401, False), (403, False), (500, True), (503, True)])
def test_browserbase_errors_say_whether_they_heal(
    play: Any, site: Site, fake: FakeBrowserbase, status: int, heals: bool
) -> None:
    fake.fail_with = status
    outcome, _ = play(steps(site), driver="browserbase")
    assert isinstance(outcome, Failed)
    assert (outcome.error, outcome.heals) == (f"Browserbase answered {status}: as asked", heals)


def test_sessions_of_a_dead_worker_are_released(play: Any, fake: FakeBrowserbase, tmp_path: Path) -> None:
    _, session = fake.create({})
    record = tmp_path / f"browserbase-{session['id']}.json"
    record.write_text(json.dumps({"session": session["id"], "pid": 2**22 - 1, "started": 1.0}))
    assert browserbase.reap() == 1
    assert fake.running == []
    assert not record.exists()
