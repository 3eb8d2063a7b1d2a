"""Screenshots: small by default, capped always, with passwords covered."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.remote.webelement import WebElement

from tasks.executors.browser.driver import AlertOpen, ask, cdp
from tasks.executors.browser.errors import StepFailed

FULL_PAGE_PIXELS = 8_000
MOST_BYTES = 2 << 20
_QUALITY = 60
# Passwords and the secrets we typed are painted over while the picture is taken.
_COVER = """
const style = document.createElement("style");
style.id = "agency-cover";
style.textContent = "input[type=password],[data-agency-secret]{color:transparent!important;-webkit-text-security:disc!important;text-shadow:none!important;caret-color:transparent!important}";
document.documentElement.appendChild(style);
"""
_UNCOVER = "const style = document.getElementById('agency-cover'); if (style) style.remove();"
_HEIGHT = "return Math.max(document.documentElement.scrollHeight, document.body ? document.body.scrollHeight : 0)"


@dataclass(frozen=True)
class Picture:
    """An image and what it is."""

    data: bytes
    content_type: str
    ending: str


def take(driver: WebDriver, *, full_page: bool = False, element: WebElement | None = None) -> Picture:
    """The window, the whole page (at most 8,000 pixels high) or one element. Raises StepFailed."""
    with _covered(driver):
        if element is not None:
            return _checked(Picture(ask(lambda: element.screenshot_as_png), "image/png", "png"))
        return _checked(
            _by_devtools(driver, full_page) or Picture(ask(driver.get_screenshot_as_png), "image/png", "png")
        )


def _by_devtools(driver: WebDriver, full_page: bool) -> Picture | None:
    """A JPEG by DevTools: a third of the bytes. None where the hub does not offer it."""
    options: dict[str, Any] = {"format": "jpeg", "quality": _QUALITY}
    if full_page:
        height = min(FULL_PAGE_PIXELS, int(ask(driver.execute_script, _HEIGHT) or 1))
        width = int(ask(driver.execute_script, "return innerWidth") or 1280)
        options["captureBeyondViewport"] = True
        options["clip"] = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
    try:
        answer = cdp(driver, "Page.captureScreenshot", options)
    except AlertOpen:
        raise
    except StepFailed:
        return None
    return Picture(base64.b64decode(answer.get("data", "")), "image/jpeg", "jpg") if answer.get("data") else None


def _checked(picture: Picture) -> Picture:
    if len(picture.data) > MOST_BYTES:
        raise StepFailed(f"the screenshot has {len(picture.data)} bytes, more than {MOST_BYTES}")
    return picture


@contextmanager
def _covered(driver: WebDriver) -> Iterator[None]:
    ask(driver.execute_script, _COVER)
    try:
        yield
    finally:
        ask(driver.execute_script, _UNCOVER)
