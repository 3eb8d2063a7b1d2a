"""Selectors: CSS, XPath, text, and `>>>` into shadow roots. A selector stays a selector: it is waited for, never guessed.

`#id .class` is CSS; `//button[1]`, `(//a)[2]` or `xpath=…` is XPath; `text=Log in` is the element with that very text;
`my-card >>> button` goes into the open shadow root of what stands before `>>>`.
"""

from __future__ import annotations

from collections.abc import Callable

from selenium.common.exceptions import (
    InvalidSelectorException,
    JavascriptException,
    NoSuchShadowRootException,
    StaleElementReferenceException,
)
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.remote.webelement import WebElement

from tasks.executors.browser.driver import ask, poll_until
from tasks.executors.browser.errors import ElementNotFound, StepFailed

PIERCE = ">>>"
_BY_TEXT = """
const wanted = arguments[0].replace(/\\s+/g, " ").trim().toLowerCase();
const all = [...document.querySelectorAll("body *")].filter((el) => !/^(SCRIPT|STYLE|NOSCRIPT)$/.test(el.tagName));
const text = (el) => (el.innerText || el.value || el.getAttribute("aria-label") || "").replace(/\\s+/g, " ").trim().toLowerCase();
const exact = all.filter((el) => text(el) === wanted);
return exact.filter((el) => !exact.some((other) => other !== el && el.contains(other)));
"""


def find_all(driver: WebDriver, selector: str) -> list[WebElement]:
    """Every element a selector matches now, in the current frame. Raises StepFailed for a selector that is none."""
    try:
        return _find_all(driver, selector.strip())
    except (InvalidSelectorException, JavascriptException) as error:
        raise StepFailed(f"not a valid selector: {selector}", heals=False) from error
    except (StaleElementReferenceException, NoSuchShadowRootException):
        return []


def _find_all(driver: WebDriver, selector: str) -> list[WebElement]:
    if selector.startswith("text="):
        return list(driver.execute_script(_BY_TEXT, selector[5:]) or [])
    if selector.startswith("xpath="):
        return driver.find_elements("xpath", selector[6:])
    if selector.startswith(("//", "(//", "./")):
        return driver.find_elements("xpath", selector)
    if PIERCE not in selector:
        return driver.find_elements("css selector", selector)
    first, *inner = [part.strip() for part in selector.split(PIERCE)]
    found = driver.find_elements("css selector", first)
    for part in inner:
        found = [match for host in found for match in host.shadow_root.find_elements("css selector", part)]
    return found


def first_visible(driver: WebDriver, selector: str) -> WebElement | None:
    """The first visible match, or a file field (those are often hidden), else None."""
    for element in find_all(driver, selector):
        try:
            if element.is_displayed() or element.get_attribute("type") == "file":
                return element
        except StaleElementReferenceException:
            continue
    return None


def wait_for(driver: WebDriver, selector: str, seconds: float, pause: Callable[[float], None]) -> WebElement:
    """The first visible match within the time. Raises ElementNotFound, which says whether it is merely hidden."""
    found = poll_until(seconds, lambda: ask(first_visible, driver, selector), pause)
    if found is None:
        hidden = ask(find_all, driver, selector)
        state = "is there but not visible" if hidden else "is not on the page"
        raise ElementNotFound(f"{selector} {state} after {seconds:.1f} s")
    return found
