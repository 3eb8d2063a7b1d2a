"""What was found for an instruction on a site, kept so that repeats are quick and survive small changes of the page.

A memory is never trusted: the element must be there again with the same role and nearly the same name, and only once.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any, Protocol
from urllib.parse import urlsplit

from selenium.webdriver.remote.webdriver import WebDriver

from tasks.executors.browser.driver import ask
from tasks.executors.browser.understanding.base import Choice

_VARYING = re.compile(r"^(\d+|[0-9a-f]{8,}|[0-9a-f-]{32,})$", re.I)


class Memory(Protocol):
    """Keeps fingerprints of found elements by site, path and instruction."""

    def recall(self, driver: WebDriver, step: int | None, instruction: str) -> dict[str, Any] | None:
        """The fingerprint of last time, None when there is none."""

    def learn(self, driver: WebDriver, step: int | None, instruction: str, choice: Choice) -> None:
        """Remembers a choice; it is kept only once the step has succeeded."""


class NoMemory:
    """Forgets everything."""

    def recall(self, driver: WebDriver, step: int | None, instruction: str) -> dict[str, Any] | None:
        """Nothing is known."""
        return None

    def learn(self, driver: WebDriver, step: int | None, instruction: str, choice: Choice) -> None:
        """Nothing is kept."""


def place_of(driver: WebDriver) -> tuple[str, str]:
    """Site and path pattern of the page: numbers and ids in the path stand for any other."""
    parts = urlsplit(str(ask(driver.execute_script, "return location.href")))
    path = "/".join("*" if _VARYING.match(piece) else piece for piece in parts.path.split("/"))
    return parts.netloc, path[:300]


def key_of(site: str, path: str, instruction: str) -> str:
    """The memory's key."""
    return hashlib.sha256(f"{site}\n{path}\n{instruction.strip().casefold()}".encode()).hexdigest()
