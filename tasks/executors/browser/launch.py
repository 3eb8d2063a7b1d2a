"""Starts one local Chromium with its driver, and talks to it on three lines: WebDriver, DevTools socket, signals."""

from __future__ import annotations

import logging
import os
import pwd
import re
import shutil
import threading
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chromium.remote_connection import ChromiumRemoteConnection
from selenium.webdriver.remote.client_config import ClientConfig
from selenium.webdriver.remote.file_detector import UselessFileDetector
from selenium.webdriver.remote.webdriver import WebDriver

from tasks.executors.browser import processes
from tasks.executors.browser.devtools import DevTools, DevToolsError
from tasks.executors.browser.driver import DRIVER_ERRORS
from tasks.executors.browser.errors import BrowserUnavailable, SessionBroken

logger = logging.getLogger(__name__)

HEADLESS_SHELL = "/usr/lib/chromium/chromium-headless-shell"
WINDOW = (1280, 1000)
_STARTED = re.compile(r"started successfully on port (\d+)")
_START_TIMEOUT_S = 20.0
_TRIES = 3
INSTALL_HINT = (
    "No browser was found on this machine. Install Debian's packages chromium and chromium-driver "
    "(apt-get install chromium chromium-driver), or set CHROMIUM_PATH and CHROMEDRIVER_PATH. "
    "All other task types work without one."
)


@dataclass(frozen=True)
class Programs:
    """The paths of the browser and its driver."""

    browser: str
    driver: str


def find_programs(*, extensions: bool = False) -> Programs:
    """The browser and driver to start; a headless shell unless `extensions` are needed. Raises BrowserUnavailable."""
    browser = _first_program(settings.CHROMIUM_PATH, *_browser_names(extensions))
    driver = _first_program(settings.CHROMEDRIVER_PATH, "chromedriver")
    if not (browser and driver):
        raise BrowserUnavailable(INSTALL_HINT)
    return Programs(browser, driver)


class LocalBrowser:
    """A running Chromium. `open_context` gives each task a fresh profile in it; `kill` ends it whatever it does."""

    def __init__(self, group: processes.Group, driver: WebDriver, devtools: DevTools) -> None:
        self.group = group
        self.driver = driver
        self.devtools = devtools
        self.started = time.monotonic()
        self.tasks = 0
        self.home = driver.current_window_handle

    def healthy(self) -> bool:
        """Whether process, socket and driver all answer (a few milliseconds)."""
        if not self.group.alive():
            return False
        try:
            self.devtools.call("Browser.getVersion", timeout_s=2)
            self.driver.switch_to.window(self.home)
        except (DevToolsError, *DRIVER_ERRORS) as error:
            logger.info("a warm browser failed its health check: %s", type(error).__name__)
            return False
        return True

    def open_context(self) -> str:
        """Makes a fresh browser context with one blank window and switches to it. Returns the context's id.

        Raises SessionBroken.
        """
        try:
            context = self.devtools.call("Target.createBrowserContext", {"disposeOnDetach": False})["browserContextId"]
            self.devtools.call("Browser.setDownloadBehavior", {"behavior": "deny", "browserContextId": context})
            target = self.devtools.call("Target.createTarget", {"url": "about:blank", "browserContextId": context})
            self.driver.switch_to.window(target["targetId"])
        except (DevToolsError, *DRIVER_ERRORS) as error:
            raise SessionBroken("the browser did not open a fresh context") from error
        return str(context)

    def close_context(self, context: str) -> None:
        """Throws the context away with its windows, cookies and storage. Raises SessionBroken."""
        try:
            self.devtools.call("Target.disposeBrowserContext", {"browserContextId": context}, timeout_s=5)
            self.driver.switch_to.window(self.home)
        except (DevToolsError, *DRIVER_ERRORS) as error:
            raise SessionBroken("the browser did not close a context") from error

    def devtools_port(self) -> int:
        """The port of the browser's DevTools, as it noted it in its profile."""
        profile = Path(self.driver.capabilities["chrome"]["userDataDir"])
        return int((profile / "DevToolsActivePort").read_text().split()[0])

    def kill(self) -> None:
        """Ends the whole process group. Safe from any thread, twice."""
        self.group.kill()
        self.devtools.close()


def start_browser(proxy_port: int, *, extensions: bool = False, binary_args: tuple[str, ...] = ()) -> LocalBrowser:
    """Starts Chromium behind the filtering proxy on `proxy_port`. Raises BrowserUnavailable."""
    programs = find_programs(extensions=extensions)
    flags = [*_flags(proxy_port), *binary_args]
    for _ in range(_TRIES - 1):
        try:
            return _start(programs, flags)
        except _PortTaken:
            logger.info("the browser driver's port was taken; it is started again")
    return _start(programs, flags)


def _start(programs: Programs, flags: list[str]) -> LocalBrowser:
    account = _account()
    folder = processes.make_folder(Path(settings.BROWSER_STATE_DIR), account)
    try:
        group = processes.start([programs.driver, "--port=0", "--log-level=WARNING"], folder, account)
    except OSError as error:
        processes.remove_folder(folder)
        raise BrowserUnavailable(f"{programs.driver} could not be started: {error.strerror}") from error
    try:
        return _connect(group, programs, flags)
    except BaseException:
        group.kill()
        raise


class _PortTaken(BrowserUnavailable):
    """The driver chose a port that is free for IPv6 and taken for IPv4: bad luck, not a fault."""


def _connect(group: processes.Group, programs: Programs, flags: list[str]) -> LocalBrowser:
    output = _Output(group)
    url = f"http://127.0.0.1:{output.port()}"
    try:
        driver = remote_driver(url, _options(programs.browser, flags))
        profile = Path(driver.capabilities["chrome"]["userDataDir"])
        return LocalBrowser(group, driver, DevTools.connect(profile))
    except (*DRIVER_ERRORS, DevToolsError, KeyError) as error:
        logger.warning("browser did not start: %s; driver said: %s", error, output.tail())
        raise BrowserUnavailable(f"{programs.browser} did not start{_sandbox_hint()}") from error


def remote_driver(url: str, options: Options, *, headers: dict[str, str] | None = None) -> WebDriver:
    """A WebDriver session at `url` that never waits longer than its client time-out and never repeats a command."""
    config = ClientConfig(
        remote_server_addr=url,
        timeout=30,
        extra_headers=headers or {},
        init_args_for_pool_manager={"init_args_for_pool_manager": {"retries": False}},
    )
    connection = ChromiumRemoteConnection(
        remote_server_addr=url, vendor_prefix="goog", browser_name="chrome", client_config=config, ignore_proxy=True
    )
    # The files we give lie where the browser runs: nothing is sent to the hub.
    return WebDriver(command_executor=connection, options=options, file_detector=UselessFileDetector())


class _Output:
    """The driver's console: its port is read from it, the rest is drained so that the pipe never fills."""

    def __init__(self, group: processes.Group) -> None:
        self._lines: deque[str] = deque(maxlen=30)
        self._port: int | None = None
        self._ready = threading.Event()
        threading.Thread(target=self._drain, args=(group,), daemon=True, name="browser-output").start()

    def port(self) -> int:
        self._ready.wait(_START_TIMEOUT_S)
        if self._port is None and "bind() failed" in self.tail():
            raise _PortTaken("the browser driver found no port")
        if self._port is None:
            raise BrowserUnavailable(f"the browser driver did not start: {self.tail()}")
        return self._port

    def tail(self) -> str:
        return " ".join(self._lines)[-600:]

    def _drain(self, group: processes.Group) -> None:
        try:
            for line in group.process.stdout or ():
                self._lines.append(line.strip())
                if self._port is None and (found := _STARTED.search(line)):
                    self._port = int(found.group(1))
                    self._ready.set()
        except ValueError:
            logger.debug("the driver's console was closed")
        self._ready.set()


def _options(browser: str, flags: list[str]) -> Options:
    options = Options()
    options.binary_location = browser
    options.page_load_strategy = "eager"
    options.unhandled_prompt_behavior = "ignore"
    # chromedriver would switch the pop-up blocker off and write the console to disk.
    options.add_experimental_option("excludeSwitches", ["disable-popup-blocking", "enable-logging"])
    options.add_argument("--headless" if "headless-shell" in browser else "--headless=new")
    for flag in flags:
        options.add_argument(flag)
    return options


def _flags(proxy_port: int) -> list[str]:
    """Chromium's flags: everything through the proxy, nothing around it, no calls of its own."""
    return [
        f"--proxy-server=http://127.0.0.1:{proxy_port}",
        "--proxy-bypass-list=<-loopback>",
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
        "--disable-quic",
        "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
        "--disable-dev-shm-usage",
        "--disable-gpu",
        "--disable-component-update",
        "--disable-domain-reliability",
        "--disable-breakpad",
        "--no-pings",
        "--no-first-run",
        "--mute-audio",
        "--lang=en-US",
        f"--window-size={WINDOW[0]},{WINDOW[1]}",
        "--disable-features=MediaRouter,OptimizationHints,Translate,IgnoreDuplicateNavs,Prewarm",
        *(["--no-sandbox"] if settings.BROWSER_NO_SANDBOX else []),
    ]


def _account() -> processes.Account | None:
    """As root, the ordinary user browsers run as; None when the worker is one already, or the sandbox is off."""
    if os.geteuid() != 0 or settings.BROWSER_NO_SANDBOX:
        return None
    try:
        entry = pwd.getpwnam(settings.BROWSER_USER)
    except KeyError:
        raise BrowserUnavailable(f"BROWSER_USER names no user of this machine: {settings.BROWSER_USER}") from None
    return processes.Account(entry.pw_uid, entry.pw_gid)


def _sandbox_hint() -> str:
    if settings.BROWSER_NO_SANDBOX:
        return ""
    return " (where the system allows no user namespaces, BROWSER_NO_SANDBOX=on runs it without its sandbox)"


def _browser_names(extensions: bool) -> tuple[str, ...]:
    full = ("/usr/lib/chromium/chromium", "chromium", "chromium-browser", "google-chrome")
    return full if extensions else (HEADLESS_SHELL, *full)


def _first_program(*names: str) -> str:
    for name in names:
        if name and (path := shutil.which(name)):
            return path
    return ""
