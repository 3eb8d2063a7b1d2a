"""A browser that waits for a person's answer: set aside with its page, and taken up again by whichever worker goes on.

The parked browser leaves its pool. It stays the child of the process that parked it, which ends it when its time is
over; any worker process of the same machine may take it up, by renaming one file, and ends it when done or parks it
again. The key names the attempt that asked: a browser that stands at an earlier question is never gone on with.
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
from tasks.executors.browser.devtools import DevTools, DevToolsError
from tasks.executors.browser.driver import DRIVER_ERRORS
from tasks.executors.browser.launch import LocalBrowser
from tasks.executors.browser.pool import Lease
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
    note = session.note or (_note_of(session.lease) if session.lease else None)
    if note is None or session.broken or session.folder is None or settings.BROWSER_PARK_SECONDS <= 0:
        return False
    if session.lease is not None and not _has_room(key):
        return False
    until = time.monotonic() + settings.BROWSER_PARK_SECONDS
    _write(session.folder / PARKED, note | {"key": key, "window": session.driver.current_window_handle, "until": until})
    session.parked = True
    if session.lease is not None:
        session.lease.parked = True
        _watch(session.lease.browser, key)
    return True


def _has_room(key: str) -> bool:
    with _lock:
        if len(_parked) >= MOST_PARKED:
            return False
        _parked.add(key)
    return True


def _note_of(lease: Lease) -> dict[str, Any]:
    """What another process needs to go on in this browser."""
    browser = lease.browser
    return {
        "hub": browser.driver.command_executor.client_config.remote_server_addr,  # type: ignore[union-attr]
        "session": browser.driver.session_id,
        "profile": browser.driver.capabilities["chrome"]["userDataDir"],
        "context": lease.context,
        "home": browser.home,
        "pid": browser.group.process.pid,
    }


def _watch(browser: LocalBrowser, key: str) -> None:
    threading.Thread(target=_keep, args=(browser, key), daemon=True, name="parked-browser").start()


@contextmanager
def taken_up(key: str) -> Iterator[BrowserSession | None]:
    """The session parked under `key`, to go on with; None when it is gone. It is ended afterwards, unless parked again."""
    note, folder = _take(key)
    if note is None or folder is None:
        yield None
        return
    session: BrowserSession | None = None
    try:
        session = _attached(note, folder)
        yield session
    finally:
        if session is not None and session.devtools is not None:
            session.devtools.close()
        if session is None or not session.parked:
            _end(int(note["pid"]), folder)


def _attached(note: dict[str, Any], folder: Path) -> BrowserSession | None:
    record = processes.read_record(folder)
    if record is None or not processes.is_running(int(note["pid"]), record.started):
        return None
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
        devtools = DevTools.connect(Path(note["profile"]))
    except (*DRIVER_ERRORS, DevToolsError, psutil.Error, OSError) as error:
        logger.info("a parked browser does not answer: %s", type(error).__name__)
        return None
    session = BrowserSession(
        "local", driver, lambda: _end(int(note["pid"]), folder), warm=True, folder=folder, devtools=devtools,
        context=note["context"], note=note,
    )  # fmt: skip
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
    """Ends the browser when nobody took it up in time, or when whoever did is done or died."""
    try:
        while browser.group.alive():
            if _is_over(browser.group.folder):
                logger.info("a browser parked for an answer is ended: its time is over")
                break
            time.sleep(_CHECK_EVERY_S)
    finally:
        browser.kill()
        with _lock:
            _parked.discard(key)


def _is_over(folder: Path) -> bool:
    """True when its time has passed (it can then no longer be taken up), or when who took it up died."""
    try:
        until = float(json.loads((folder / PARKED).read_text())["until"])
        if time.monotonic() < until:
            return False
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
