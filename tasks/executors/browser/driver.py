"""Every word exchanged with a WebDriver goes through here, so that a broken session is one kind of error everywhere."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

from selenium.common.exceptions import (
    InvalidSessionIdException,
    NoSuchWindowException,
    TimeoutException,
    UnexpectedAlertPresentException,
    WebDriverException,
)
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webdriver import WebDriver
from urllib3.exceptions import HTTPError  # noqa: TID251 - what the driver's client raises, nothing is requested with it

from tasks.executors.browser.errors import SessionBroken, StepFailed, StepTimedOut
from tasks.executors.browser.page import script

DRIVER_ERRORS = (WebDriverException, HTTPError)
#: The driver's own clock runs out before the client's, so that a slow page is told from a dead driver.
CLIENT_GRACE_S = 5.0
#: Typed before every text. A field ignores it (WebDriver's null key); a field that a page has just turned into one for
#: files takes text as paths, and no path begins so. Without it a page could be handed any file of this machine.
NO_PATH = Keys.NULL
_BROKEN = ("disconnected", "crashed", "not connected", "invalid session", "target window already closed", "tab crashed")

T = TypeVar("T")


class AlertOpen(StepFailed):
    """The page shows an alert, question or prompt; nothing else can be done until it is answered."""

    code = "alert_open"

    def __init__(self, text: str) -> None:
        super().__init__(f"the page shows an alert: {text[:200]}")
        self.text = text


def ask(call: Callable[..., T], *args: Any) -> T:
    """Calls the driver. Raises SessionBroken, StepTimedOut, AlertOpen or StepFailed, each with a plain message."""
    try:
        return call(*args)
    except UnexpectedAlertPresentException as error:
        raise AlertOpen(error.alert_text or "") from error
    except TimeoutException as error:
        raise StepTimedOut("the page did not answer in time") from error
    except (InvalidSessionIdException, NoSuchWindowException) as error:
        raise SessionBroken("the browser window is gone") from error
    except HTTPError as error:
        raise SessionBroken("the browser no longer answers") from error
    except WebDriverException as error:
        raise _translated(error) from error


def run_script(driver: WebDriver, name: str | tuple[str, ...], *args: Any) -> Any:
    """Runs one of page/'s scripts in the current frame and returns its JSON."""
    names = (name,) if isinstance(name, str) else name
    return ask(driver.execute_script, script(*names), *args)


def settle(driver: WebDriver, quiet_ms: int = 100, longest_ms: int = 1500) -> None:
    """Waits until the page's tree is quiet, at most `longest_ms`."""
    try:
        ask(driver.execute_async_script, script("settle"), quiet_ms, longest_ms)
    except StepTimedOut:
        return
    except StepFailed as error:
        # The page was replaced while we watched it: the new one is looked at by whoever asks next.
        if isinstance(error, AlertOpen):
            raise


def set_timeouts(driver: WebDriver, seconds: float) -> None:
    """Bounds page loads, scripts and the client by the time a step has left."""
    bounded = max(0.5, seconds)
    driver.command_executor.client_config.timeout = bounded + CLIENT_GRACE_S  # type: ignore[union-attr]
    ask(driver.execute, "setTimeouts", {"pageLoad": int(bounded * 1000), "script": int(bounded * 1000), "implicit": 0})


def cdp(driver: WebDriver, command: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
    """A DevTools command on the current window (local Chromium and most hubs). Raises like `ask`."""
    answer = ask(driver.execute, "executeCdpCommand", {"cmd": command, "params": params or {}})
    return dict(answer.get("value") or {})


def poll_until(seconds: float, look: Callable[[], T | None], pause: Callable[[float], None] = time.sleep) -> T | None:
    """The first truthy answer of `look` within the time, else None. `pause` waits between looks (and may stop us)."""
    until = time.monotonic() + seconds
    wait = 0.05
    while True:
        found = look()
        if found or time.monotonic() >= until:
            return found
        pause(min(wait, max(0.0, until - time.monotonic())))
        wait = min(wait * 1.5, 0.5)


def _translated(error: WebDriverException) -> Exception:
    message = (error.msg or type(error).__name__).split("\n")[0]
    if any(word in message.lower() for word in _BROKEN):
        return SessionBroken("the browser or its page crashed")
    return StepFailed(message[:300])
