"""Opening addresses, and knowing where a window really is afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from selenium.webdriver.remote.webdriver import WebDriver

from agency.http import OutboundError, check_url, resolve
from tasks.executors.browser.driver import ask, cdp, run_script, settle
from tasks.executors.browser.errors import NavigationFailed, NavigationRefused, StepFailed

#: Addresses a window may show without having been checked: a blank one and Chromium's own error page.
_BLANK = ("about:blank", "about:srcdoc", "chrome-error://chromewebdata/")
_COARSE = {
    "ERR_NAME_NOT_RESOLVED": "could not connect",
    "ERR_CONNECTION_REFUSED": "could not connect",
    "ERR_CONNECTION_RESET": "connection lost",
    "ERR_CONNECTION_CLOSED": "connection lost",
    "ERR_EMPTY_RESPONSE": "connection lost",
    "ERR_TIMED_OUT": "timed out",
    "ERR_CONNECTION_TIMED_OUT": "timed out",
    "ERR_UNSAFE_PORT": "target not allowed",
    "ERR_ADDRESS_UNREACHABLE": "could not connect",
    "ERR_CERT_AUTHORITY_INVALID": "the certificate is not valid",
    "ERR_CERT_COMMON_NAME_INVALID": "the certificate is not valid",
    "ERR_CERT_DATE_INVALID": "the certificate is not valid",
    "ERR_TOO_MANY_REDIRECTS": "too many redirects",
    "ERR_TUNNEL_CONNECTION_FAILED": "could not connect",
    "ERR_PROXY_CONNECTION_FAILED": "could not connect",
}


@dataclass(frozen=True)
class PageState:
    """Where a window is. `status` is the HTTP status of the document, 0 where there was none."""

    href: str
    title: str
    status: int
    redirects: int
    error: str


def state(driver: WebDriver) -> PageState:
    """Where the current window is now."""
    found = run_script(driver, "state")
    return PageState(found["href"], found["title"], int(found["status"]), int(found["redirects"]), found["error"])


def check_address(url: str) -> None:
    """Raises NavigationRefused for an address no window here may show."""
    try:
        check_url(url)
    except OutboundError as error:
        raise NavigationRefused(str(error)) from error


def check_target(url: str) -> None:
    """As `check_address`, with every address its name leads to now; for browsers that are not behind our proxy.

    What their pages load is theirs to filter.
    """
    check_address(url)
    parts = urlsplit(url)
    try:
        resolve(parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80))
    except OutboundError as error:
        raise NavigationRefused(f"{host_of(url)}: {error}") from error


def open_page(driver: WebDriver, url: str, *, fail_on_http_error: bool = True) -> PageState:
    """Opens `url` and checks where that led. Raises NavigationRefused, NavigationFailed, StepTimedOut."""
    check_address(url)
    ask(driver.get, url)
    found = state(driver)
    if found.error:
        code = _why(driver, url)
        found = state(driver)
        if found.error:
            raise NavigationFailed(f"{host_of(url)}: {_COARSE.get(code, code or 'could not connect')}")
    guard(driver, found)
    if found.status == 403 and _is_refusal(driver):
        raise NavigationRefused(f"{host_of(url)}: target not allowed")
    if fail_on_http_error and found.status >= 400:
        heals = found.status >= 500 or found.status in (408, 425, 429)
        raise NavigationFailed(f"{host_of(url)} answered {found.status}", heals=heals, code=f"http_{found.status}")
    settle(driver)
    return found


def guard(driver: WebDriver, found: PageState | None = None) -> PageState:
    """Leaves a page whose address is not allowed, however the window got there. Raises NavigationRefused."""
    found = found or state(driver)
    if found.href in _BLANK or found.href.startswith("blob:http"):
        return found
    try:
        check_address(found.href)
    except NavigationRefused:
        ask(driver.get, "about:blank")
        raise
    return found


def _why(driver: WebDriver, url: str) -> str:
    """Chromium's code for a failed load. A headless shell's error page says nothing, so the load is tried once more."""
    try:
        return str(cdp(driver, "Page.navigate", {"url": url}).get("errorText", "")).removeprefix("net::")
    except StepFailed:
        return ""


def host_of(url: str) -> str:
    """The host of an address, for messages."""
    return urlsplit(url).hostname or url[:100]


def _is_refusal(driver: WebDriver) -> bool:
    """Whether the document is our own proxy's refusal."""
    return ask(driver.execute_script, "return document.body ? document.body.innerText.trim() : ''") == (
        "target not allowed"
    )
