"""The deterministic engine behind the common interface."""

from __future__ import annotations

from selenium.webdriver.remote.webdriver import WebDriver

from tasks.executors.browser.understanding.base import Choice, Extraction, ExtractRequest, FindRequest
from tasks.executors.browser.understanding.deterministic import finding
from tasks.executors.browser.understanding.deterministic.extracting import extract


class Deterministic:
    """Works always, without a model and without a network."""

    name = "deterministic"

    def find(self, driver: WebDriver, request: FindRequest) -> Choice:
        """The element that is meant. Raises Unsure."""
        return finding.find(driver, request)

    def extract(self, driver: WebDriver, request: ExtractRequest) -> Extraction:
        """The data that is meant."""
        return extract(driver, request)
