"""A browser that waits for a person's answer: set aside with its page, and taken up again by whichever worker goes on.

The parked browser leaves its pool. It stays the child of the process that parked it, which ends it when its time is
over; any worker process of the same machine may take it up, by renaming one file, and ends it when done.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
from django.conf import settings
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chromium.remote_connection import ChromiumRemoteConnection
from selenium.webdriver.remote.client_config import ClientConfig
from selenium.webdriver.remote.file_detector import UselessFileDetector
from selenium.webdriver.remote.webdriver import WebDriver

from tasks.executors.browser import processes
from tasks.executors.browser.driver import DRIVER_ERRORS
from tasks.executors.browser.launch import LocalBrowser
from tasks.executors.browser.sessions import BrowserSession

logger = logging.getLogger(__name__)

PARKED, TAKEN = "parked.json", "taken.json"
MOST_PARKED = 2
_CHECK_EVERY_S = 2.0
_parked: set[str] = set()
_lock = threading.Lock()


class _AttachedDriver(WebDriver):
    """A WebDriver that goes on with a session somebody else began."""

    def start_session(self, capabilities: dict[str, Any]) -> None:
        self.caps = {}


def park(session: BrowserSession, key: str) -> bool:
    """Sets the session's browser aside under `key`. False when there is no room, or nothing to park."""
    lease = session.lease
    if lease is None or session.broken or settings.BROWSER_PARK_SECONDS <= 0:
        return False
    with _lock:
        if len(_parked) >= MOST_PARKED:
            return False
        _parked.add(key)
    browser = lease.browser
    note = {
        "key": key,
        "hub": browser.driver.command_executor.client_config.remote_server_addr,  # type: ignore[union-attr]
        "session": browser.driver.session_id,
        "window": browser.driver.current_window_handle,
        "home": browser.home,
        "pid": browser.group.process.pid,
    }
    _write(browser.group.folder / PARKED, note)
    lease.parked = True
    threading.Thread(target=_keep, args=(browser, key), daemon=True, name="parked-browser").start()
    return True


@contextmanager
def taken_up(key: str) -> Iterator[BrowserSession | None]:
    """The session parked under `key`, to go on with; None when it is gone. It is ended afterwards."""
    note, folder = _take(key)
    if note is None or folder is None:
        yield None
        return
    try:
        yield _attached(note, folder)
    finally:
        _end(int(note["pid"]), folder)


def _attached(note: dict[str, Any], folder: Path) -> BrowserSession | None:
    config = ClientConfig(
        remote_server_addr=note["hub"],
        timeout=30,
        init_args_for_pool_manager={"init_args_for_pool_manager": {"retries": False}},
    )
    connection = ChromiumRemoteConnection(
        remote_server_addr=note["hub"], vendor_prefix="goog", browser_name="chrome", client_config=config,
        ignore_proxy=True,
    )  # fmt: skip
    driver = _AttachedDriver(command_executor=connection, options=Options(), file_detector=UselessFileDetector())
    driver.session_id = note["session"]
    try:
        processes.write_record(folder, int(note["pid"]))
        driver.switch_to.window(note["window"])
    except (*DRIVER_ERRORS, psutil.Error, OSError) as error:
        logger.info("a parked browser does not answer: %s", type(error).__name__)
        return None
    session = BrowserSession("local", driver, lambda: _end(int(note["pid"]), folder), warm=True)
    session.own_only({note["home"]})
    return session


def _take(key: str) -> tuple[dict[str, Any] | None, Path | None]:
    """Claims the parked browser of `key` for this process: the rename succeeds for one only."""
    for found in Path(settings.BROWSER_STATE_DIR).glob(f"{processes.PREFIX}*/{PARKED}"):
        try:
            note = json.loads(found.read_text())
            if note.get("key") != key:
                continue
            found.rename(found.with_name(TAKEN))
        except (OSError, ValueError):
            continue
        return note, found.parent
    return None, None


def _keep(browser: LocalBrowser, key: str) -> None:
    """Ends the browser when nobody took it up in time, or when whoever did is done."""
    until = time.monotonic() + settings.BROWSER_PARK_SECONDS
    try:
        while browser.group.alive():
            if time.monotonic() > until and _expire(browser.group.folder):
                logger.info("a browser parked for an answer is ended: its time is over")
                break
            time.sleep(_CHECK_EVERY_S)
    finally:
        browser.kill()
        with _lock:
            _parked.discard(key)


def _expire(folder: Path) -> bool:
    """True when nobody has it: not taken up, or taken by a process that died."""
    try:
        (folder / PARKED).unlink()
        return True
    except FileNotFoundError:
        record = processes.read_record(folder)
        return record is None or not processes.is_running(record.owner_pid, record.owner_started)


def _end(pid: int, folder: Path) -> None:
    record = processes.read_record(folder)
    if record is not None and processes.is_running(pid, record.started):
        os.killpg(pid, signal.SIGKILL)
    processes.remove_folder(folder)


def _write(path: Path, note: dict[str, Any]) -> None:
    part = path.with_suffix(".part")
    part.touch(mode=0o600)
    part.write_text(json.dumps(note))
    part.replace(path)
