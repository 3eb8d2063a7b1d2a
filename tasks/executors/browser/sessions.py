"""A browser session as the steps see it, wherever the browser runs."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from selenium.webdriver.remote.webdriver import WebDriver

from tasks.executors.base import Context, Stopped
from tasks.executors.browser.devtools import DevTools
from tasks.executors.browser.driver import DRIVER_ERRORS
from tasks.executors.browser.pool import Lease

logger = logging.getLogger(__name__)

#: A page that opens more windows than this is stopped.
MOST_WINDOWS = 10
_WATCH_EVERY_S = 0.5
#: What a step that notices the end by itself is given before its browser is taken away.
_GRACE_S = 1.0


@dataclass
class BrowserSession:
    """One window (and those it opens) of one browser. `end` may be called from any thread and ends it at once."""

    kind: str
    driver: WebDriver
    end: Callable[[], None]
    session_id: str = ""
    debug_url: str = ""
    recording_url: str = ""
    warm: bool = False
    lease: Lease | None = None
    #: The browser's own folder on this machine; None for a remote browser.
    folder: Path | None = None
    devtools: DevTools | None = None
    #: The browser context of the task; empty for the browser's own.
    context: str = ""
    #: For a browser that was kept for an answer: what its note said.
    note: dict[str, Any] | None = None
    #: It stays for another answer.
    parked: bool = False
    broken: bool = False
    #: Windows that are not the task's: the pool's blank one.
    _foreign: set[str] = field(default_factory=set)

    def windows(self) -> list[str]:
        """The task's windows, oldest first. Raises like the driver."""
        return [handle for handle in self.driver.window_handles if handle not in self._foreign]

    def own_only(self, foreign: set[str]) -> None:
        """Which windows were there before the task."""
        self._foreign = foreign


class Watchdog:
    """Ends the session when the attempt must stop and the step does not notice: a hung page blocks every driver call."""

    def __init__(self, session: BrowserSession, ctx: Context) -> None:
        self._session = session
        self._ctx = ctx
        self._done = threading.Event()
        self.fired = False
        self._thread = threading.Thread(target=self._watch, daemon=True, name="browser-watchdog")

    def __enter__(self) -> Watchdog:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()

    def _watch(self) -> None:
        while not self._done.wait(_WATCH_EVERY_S):
            try:
                self._ctx.check()
            except Stopped as stop:
                if self._done.wait(_GRACE_S):
                    return
                logger.info("the browser of task %s is ended: %s", self._ctx.task.id, type(stop).__name__)
                self.fired = True
                self._session.broken = True
                self._session.end()
                return


def quit_quietly(driver: WebDriver) -> None:
    """Ends a remote session; what cannot be ended here ends by its own time-out."""
    try:
        driver.quit()
    except DRIVER_ERRORS as error:
        logger.info("a remote browser did not say goodbye: %s", type(error).__name__)
