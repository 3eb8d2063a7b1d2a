"""Where browsers come from: the warm local pool, a Selenium Grid, or Browserbase."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from django.conf import settings
from selenium.webdriver.chrome.options import Options

from tasks.executors.base import Context
from tasks.executors.browser import browserbase
from tasks.executors.browser.driver import DRIVER_ERRORS
from tasks.executors.browser.errors import BrowserUnavailable, SessionBroken
from tasks.executors.browser.launch import WINDOW, remote_driver, start_browser
from tasks.executors.browser.pool import Lease, shared_pool
from tasks.executors.browser.proxy import FilterProxy, checked_addresses
from tasks.executors.browser.sessions import BrowserSession, quit_quietly
from tasks.executors.browser.understanding.base import Engine

logger = logging.getLogger(__name__)

#: A task whose turn does not come in this time goes back to the queue.
WAIT_FOR_SLOT_S = 20.0


@contextmanager
def open_session(kind: str, ctx: Context) -> Iterator[BrowserSession]:
    """Opens a session of the asked kind ("" for the setting's) and closes it on every path.

    Raises TooBusy, BrowserUnavailable, SessionBroken, browserbase.Refused.
    """
    opener = {"local": _local, "grid": _grid, "browserbase": _browserbase}.get(kind or settings.BROWSER_DRIVER)
    if opener is None:
        raise BrowserUnavailable(f"BROWSER_DRIVER must be local, grid or browserbase, not {settings.BROWSER_DRIVER}")
    with opener(ctx) as session:
        yield session


@contextmanager
def _local(ctx: Context) -> Iterator[BrowserSession]:
    with shared_pool().lease(min(WAIT_FOR_SLOT_S, ctx.remaining_s())) as lease:
        session = session_of(lease)
        try:
            yield session
        except SessionBroken:
            session.broken = True
            raise
        finally:
            lease.broken = lease.broken or session.broken


def session_of(lease: Lease) -> BrowserSession:
    """A pool's lease as a session."""
    browser = lease.browser
    session = BrowserSession(
        kind="local", driver=browser.driver, end=browser.kill, warm=lease.warm, lease=lease, folder=browser.group.folder,
        devtools=browser.devtools, context=lease.context,
    )  # fmt: skip
    session.own_only({browser.home})
    return session


@contextmanager
def stagehand_session(ctx: Context) -> Iterator[tuple[BrowserSession, Engine]]:
    """A local browser of its own with Stagehand connected to it; both end together. Raises BrowserUnavailable."""
    from tasks.executors.browser.understanding import stagehand

    own_ports: set[int] = set()

    def addresses(scheme: str, host: str, port: int) -> list[str]:
        return [host] if host == "127.0.0.1" and port in own_ports else checked_addresses(scheme, host, port)

    proxy = FilterProxy(addresses)
    origin = f"--remote-allow-origins={stagehand.extension_origin()}"
    browser = start_browser(proxy.port, extensions=True, binary_args=(*stagehand.FLAGS, origin))
    try:
        own_ports.add(browser.devtools_port())
        engine = stagehand.StagehandEngine(browser.devtools_port())
        lease = Lease(browser, "", warm=False)
        try:
            yield replace(session_of(lease), _foreign=set()), engine
        finally:
            engine.close()
    finally:
        browser.kill()
        proxy.stop()


@contextmanager
def _grid(ctx: Context) -> Iterator[BrowserSession]:
    if not settings.BROWSER_GRID_URL:
        raise BrowserUnavailable("BROWSER_GRID_URL is not set", heals=False)
    try:
        driver = remote_driver(settings.BROWSER_GRID_URL, remote_options())
    except DRIVER_ERRORS as error:
        raise BrowserUnavailable("the Selenium Grid gave no browser") from error
    session = BrowserSession("grid", driver, lambda: quit_quietly(driver), session_id=str(driver.session_id))
    try:
        yield session
    finally:
        quit_quietly(driver)


@contextmanager
def _browserbase(ctx: Context) -> Iterator[BrowserSession]:
    remote = browserbase.create(ctx)
    try:
        ctx.record_session(
            session_id=remote.id, debug_url=browserbase.debug_url(remote.id), recording_url=remote.recording_url
        )
        try:
            driver = remote_driver(
                remote.selenium_url, remote_options(), headers={"x-bb-signing-key": remote.signing_key}
            )
        except DRIVER_ERRORS as error:
            raise BrowserUnavailable("Browserbase gave no browser") from error
        session = BrowserSession(
            "browserbase",
            driver,
            lambda: quit_quietly(driver),
            session_id=remote.id,
            recording_url=remote.recording_url,
        )
        try:
            yield session
        finally:
            quit_quietly(driver)
    finally:
        browserbase.release(remote.id)


def remote_options() -> Options:
    """What we ask of a browser that runs elsewhere."""
    options = Options()
    options.page_load_strategy = "eager"
    options.unhandled_prompt_behavior = "ignore"
    options.add_argument(f"--window-size={WINDOW[0]},{WINDOW[1]}")
    return options
