"""Warm local browsers of one worker process: leased one task at a time, each task in a fresh context.

A browser is recycled after so many tasks, minutes or bytes, and dropped at once after any driver error: one bad page
poisons every later task of a session that is used again (measured).
"""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from tasks.executors.browser import browserbase, processes
from tasks.executors.browser.errors import SessionBroken, TooBusy
from tasks.executors.browser.launch import LocalBrowser, start_browser
from tasks.executors.browser.proxy import shared_proxy

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Limits:
    """When a browser is recycled, and how many there are."""

    size: int = 2
    tasks: int = 50
    age_s: float = 1800.0
    memory_bytes: int = 600 << 20


@dataclass
class Lease:
    """One browser, lent to one task: `context` is the id of its fresh profile. A `parked` one does not come back."""

    browser: LocalBrowser
    context: str
    warm: bool
    broken: bool = False
    parked: bool = False


class Pool:
    """Lends browsers. Thread-safe; a forked child starts with an empty one."""

    def __init__(self, limits: Limits, start: Callable[[], LocalBrowser]) -> None:
        self.limits = limits
        self._start = start
        self._idle: list[LocalBrowser] = []
        self._lent = 0
        self._changed = threading.Condition()
        self.started = 0

    @contextmanager
    def lease(self, wait_s: float = 30.0) -> Iterator[Lease]:
        """Lends a browser with a fresh context; blocks up to `wait_s` for a free slot.

        Raises TooBusy, BrowserUnavailable, SessionBroken.
        """
        self._take_slot(wait_s)
        lease: Lease | None = None
        try:
            lease = self._open()
            yield lease
        except BaseException as error:
            if lease and not isinstance(error, GeneratorExit):
                lease.broken = lease.broken or isinstance(error, SessionBroken)
            raise
        finally:
            if lease:
                self._take_back(lease)
            self._free_slot()

    def warm(self) -> None:
        """Starts one browser ahead of the first task."""
        with self.lease():
            logger.info("a browser is warm")

    def close(self) -> None:
        """Ends every idle browser; lent ones end when they come back."""
        with self._changed:
            idle, self._idle = self._idle, []
        for browser in idle:
            browser.kill()

    def _take_slot(self, wait_s: float) -> None:
        with self._changed:
            if not self._changed.wait_for(lambda: self._lent < self.limits.size, wait_s):
                raise TooBusy("every browser of this worker is in use")
            self._lent += 1

    def _free_slot(self) -> None:
        with self._changed:
            self._lent -= 1
            self._changed.notify()

    def _open(self) -> Lease:
        browser = self._healthy_idle()
        if browser is not None:
            try:
                return Lease(browser, browser.open_context(), warm=True)
            except SessionBroken:
                browser.kill()
        browser = self._start()
        self.started += 1
        try:
            return Lease(browser, browser.open_context(), warm=False)
        except SessionBroken:
            browser.kill()
            raise

    def _healthy_idle(self) -> LocalBrowser | None:
        while True:
            with self._changed:
                if not self._idle:
                    return None
                browser = self._idle.pop()
            if browser.healthy():
                return browser
            browser.kill()

    def _take_back(self, lease: Lease) -> None:
        if lease.parked:
            return
        browser = lease.browser
        browser.tasks += 1
        if lease.broken or not self._cleaned(lease) or self._spent(browser):
            browser.kill()
            return
        with self._changed:
            self._idle.append(browser)

    def _cleaned(self, lease: Lease) -> bool:
        try:
            lease.browser.close_context(lease.context)
        except SessionBroken as error:
            logger.info("a browser is dropped: %s", error)
            return False
        return True

    def _spent(self, browser: LocalBrowser) -> bool:
        return (
            browser.tasks >= self.limits.tasks
            or time.monotonic() - browser.started > self.limits.age_s
            or browser.group.memory_bytes() > self.limits.memory_bytes
        )


_pool: Pool | None = None
_pool_lock = threading.Lock()


def shared_pool() -> Pool:
    """This process's pool. The first call also ends what dead workers left behind."""
    global _pool
    with _pool_lock:
        if _pool is None:
            reap_orphans()
            _pool = Pool(
                Limits(size=settings.BROWSER_POOL_SIZE, memory_bytes=settings.BROWSER_MEMORY_MB << 20),
                lambda: start_browser(shared_proxy().port),
            )
            atexit.register(_pool.close)
        return _pool


def reap_orphans() -> int:
    """Ends browsers, here and at Browserbase, whose worker is dead. Cheap; run at worker start and on every beat."""
    return processes.reap(Path(settings.BROWSER_STATE_DIR)) + browserbase.reap()


def _forget() -> None:
    global _pool, _pool_lock
    _pool, _pool_lock = None, threading.Lock()


os.register_at_fork(after_in_child=_forget)
