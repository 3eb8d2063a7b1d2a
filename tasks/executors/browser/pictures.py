"""Screenshots: small by default, capped always, with passwords covered."""

from __future__ import annotations

import base64
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.remote.webelement import WebElement

from tasks.executors.browser.driver import AlertOpen, ask, cdp, run_script
from tasks.executors.browser.errors import StepFailed

logger = logging.getLogger(__name__)

FULL_PAGE_PIXELS = 8_000
MOST_BYTES = 2 << 20
_QUALITY = 60
#: Frames are looked into as far as instructions look.
_MOST_FRAMES, _DEEPEST_FRAME = 12, 3
_UNCOVER = "if (window.__agencyUncover) window.__agencyUncover(); delete window.__agencyUncover"
_HEIGHT = "return Math.max(document.documentElement.scrollHeight, document.body ? document.body.scrollHeight : 0)"


@dataclass(frozen=True)
class Picture:
    """An image and what it is."""

    data: bytes
    content_type: str
    ending: str


def take(
    driver: WebDriver, *, full_page: bool = False, element: WebElement | None = None, secrets: Sequence[str] = ()
) -> Picture:
    """The window, the whole page (at most 8,000 pixels high) or one element; passwords and `secrets` are covered.

    With secrets every frame is covered: the driver is then left in the top document, or in the element's frame.
    Raises StepFailed, also when a secret could not be covered.
    """
    if secrets and element is None:
        ask(driver.switch_to.default_content)
    with _covered(driver, [secret for secret in secrets if len(secret) > 1]):
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
def _covered(driver: WebDriver, secrets: list[str]) -> Iterator[None]:
    deep = _DEEPEST_FRAME if secrets else 0
    _in_frames(driver, lambda: run_script(driver, "cover", secrets), deep)
    try:
        yield
    finally:
        _in_frames(driver, lambda: ask(driver.execute_script, _UNCOVER), deep)


def _in_frames(driver: WebDriver, work: Callable[[], object], deep: int) -> None:
    """Does it in the current frame and in those below, and comes back."""
    work()
    if not deep:
        return
    for frame in ask(driver.find_elements, By.CSS_SELECTOR, "iframe,frame")[:_MOST_FRAMES]:
        try:
            ask(driver.switch_to.frame, frame)
        except StepFailed as error:
            logger.debug("a frame went away: %s", error)
            continue
        _in_frames(driver, work, deep - 1)
        ask(driver.switch_to.parent_frame)
