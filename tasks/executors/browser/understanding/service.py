"""The engines in their order, the memory of what was found before, and one way to ask them all."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from selenium.webdriver.remote.webdriver import WebDriver

from tasks.executors.browser.errors import Unsure
from tasks.executors.browser.understanding.base import Choice, Engine, Extraction, ExtractRequest, FindRequest, Kind
from tasks.executors.browser.understanding.deterministic import finding
from tasks.executors.browser.understanding.deterministic.engine import Deterministic
from tasks.executors.browser.understanding.memory import Memory, NoMemory

logger = logging.getLogger(__name__)

#: An extraction below this is offered to the next engine, if there is one.
GOOD_ENOUGH = 0.5


class EngineFailed(Exception):
    """An optional engine could not be used; the deterministic one goes on. The message is safe to show."""


@dataclass
class Understanding:
    """What the steps ask. `engines` come first to last; the deterministic one is always among them."""

    engines: list[Engine] = field(default_factory=lambda: [Deterministic()])
    memory: Memory = field(default_factory=NoMemory)
    notes: list[str] = field(default_factory=list)

    def find(
        self,
        driver: WebDriver,
        instruction: str,
        kind: Kind,
        timeout_s: float,
        pause: Callable[[float], None],
        value: str = "",
        step: int | None = None,
    ) -> Choice:
        """The element that is meant: as last time if it is still the same, else by the engines. Raises Unsure."""
        known = self._recalled(driver, step, instruction, kind)
        if known is not None:
            return known
        refusal: Unsure | None = None
        until = time.monotonic() + timeout_s
        for engine in self.engines:
            request = FindRequest(instruction, kind, max(0.5, until - time.monotonic()), pause, value)
            try:
                choice = engine.find(driver, request)
            except Unsure as error:
                refusal = refusal or error
            except EngineFailed as error:
                self.notes.append(f"{engine.name}: {error}")
            else:
                if choice.fingerprint:
                    self.memory.learn(driver, step, instruction, choice)
                return choice
        raise refusal or Unsure(f"{instruction}: no engine could answer", [])

    def again(self, driver: WebDriver, fingerprint: dict[str, Any], kind: Kind) -> Choice:
        """The element a person chose among the candidates. Raises Unsure when it is no longer there."""
        choice = finding.find_again(driver, fingerprint, kind)
        if choice is None:
            raise Unsure(f"“{fingerprint.get('name', '')}” is no longer on the page", [])
        return choice

    def extract(self, driver: WebDriver, request: ExtractRequest) -> Extraction:
        """The data that is meant, by the first engine that finds it well; else the best of what was found."""
        best: Extraction | None = None
        for engine in self.engines:
            try:
                found = engine.extract(driver, request)
            except EngineFailed as error:
                self.notes.append(f"{engine.name}: {error}")
                continue
            if not found.empty and found.confidence >= GOOD_ENOUGH and not found.missing:
                return found
            if best is None or (found.confidence, not found.empty) > (best.confidence, not best.empty):
                best = found
        return best or Extraction(source="none", confidence=0.0)

    def _recalled(self, driver: WebDriver, step: int | None, instruction: str, kind: Kind) -> Choice | None:
        fingerprint = self.memory.recall(driver, step, instruction)
        if fingerprint is None:
            return None
        choice = finding.find_again(driver, fingerprint, kind)
        if choice is None:
            logger.info("a remembered element is gone or changed; it is looked for anew")
        return choice
