"""The state of one attempt at a browser task, shared by its steps."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.remote.webelement import WebElement

from agency import credentials, redaction
from tasks.executors.base import Context
from tasks.executors.browser import locating, pictures
from tasks.executors.browser.driver import ask
from tasks.executors.browser.errors import StepFailed, StepTimedOut
from tasks.executors.browser.pictures import Picture
from tasks.executors.browser.sessions import BrowserSession
from tasks.executors.browser.step_config import Step, Targeted
from tasks.executors.browser.understanding.base import Choice, Kind
from tasks.executors.browser.understanding.service import Understanding

logger = logging.getLogger(__name__)

#: An element (None when only its engine can press it), what the record says of it, and the engine's own press.
Aim = tuple[WebElement | None, dict[str, Any], Callable[[], None] | None]
Store = Callable[[str, str, bytes], dict[str, Any]]


@dataclass
class Answer:
    """What a person said to the question of one step: free text, or the candidate they chose."""

    kind: str
    text: str
    fingerprint: dict[str, Any] | None = None


@dataclass
class Run:
    """One attempt: its session, its understanding, and what the steps have found so far."""

    session: BrowserSession
    ctx: Context
    understanding: Understanding
    store: Store
    answers: dict[int, Answer] = field(default_factory=dict)
    extractions: list[dict[str, Any]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    artifacts: list[dict[str, Any]] = field(default_factory=list)
    costs: list[dict[str, Any]] = field(default_factory=list)
    #: Values that were typed from the credential store: masked wherever they would show.
    secrets: list[str] = field(default_factory=list)
    #: Their references and the hosts they were typed for.
    typed: list[dict[str, Any]] = field(default_factory=list)
    #: Frame selectors entered by a frame step; they hold until another one.
    frames: list[str] = field(default_factory=list)
    #: A secret was typed: what follows acts in somebody's name.
    signed_in: bool = False
    #: Name of the effect the ledger holds as intended while a step runs.
    open_effect: str = ""
    done_effects: list[str] = field(default_factory=list)
    windows_before: list[str] = field(default_factory=list)
    index: int = 0
    ends: float = 0.0

    @property
    def driver(self) -> WebDriver:
        return self.session.driver

    def begin(self, index: int, step: Step) -> None:
        """Starts a step's clock."""
        self.index = index
        self.ends = time.monotonic() + min(step.timeout_s, self.ctx.remaining_s())

    def left(self) -> float:
        """Seconds the step still has."""
        return max(0.0, self.ends - time.monotonic())

    def pause(self, seconds: float) -> None:
        """Waits between two looks. Raises Stopped."""
        self.ctx.sleep(seconds)

    def warn(self, text: str) -> None:
        """Something a reader of the result should know."""
        self.warnings.append(f"step {self.index + 1}: {text}")

    def enter_frames(self, step: Step) -> None:
        """Switches to the frames the step works in. Raises ElementNotFound."""
        ask(self.driver.switch_to.default_content)
        for selector in step.frames or self.frames:
            frame = locating.wait_for(self.driver, selector, self.left(), self.pause)
            ask(self.driver.switch_to.frame, frame)

    def target(self, step: Targeted, kind: Kind, value: str = "") -> tuple[WebElement, dict[str, Any]]:
        """The element a step aims at, and what the record says of it. Raises ElementNotFound, Unsure."""
        element, told, _ = self.aim(step, kind, value)
        if element is None:
            raise StepFailed("the element cannot be reached from here")
        return element, told

    def aim(self, step: Targeted, kind: Kind, value: str = "") -> Aim:
        """As `target`; the element may be one that only its engine can press."""
        answer = self.answers.get(self.index)
        if answer and answer.fingerprint:
            return self._chosen(self.understanding.again(self.driver, answer.fingerprint, kind))
        if step.selector and not (step.heal and step.instruction):
            found = locating.wait_for(self.driver, step.selector, self._wait_s(), self.pause)
            return found, {"element": step.selector}, None
        if step.selector:
            there = ask(locating.first_visible, self.driver, step.selector)
            if there is not None:
                return there, {"element": step.selector}, None
            self.warn(f"{step.selector} is gone; the element was looked for by its instruction")
        return self._chosen(
            self.understanding.find(
                self.driver, step.instruction or "", kind, self.left(), self.pause, value, self.index
            )
        )

    def seek(self, instruction: str, seconds: float, step: int | None = None) -> tuple[WebElement, dict[str, Any]]:
        """The element an instruction means for pressing, and what the record says of it. Raises Unsure, StepFailed."""
        element, told, _ = self._chosen(
            self.understanding.find(self.driver, instruction, "click", seconds, self.pause, "", step)
        )
        if element is None:
            raise StepFailed("the element cannot be reached from here")
        return element, told

    def _chosen(self, choice: Choice) -> Aim:
        if choice.costs:
            self.costs.append(choice.costs)
        return choice.element, choice.record(), choice.act

    def _wait_s(self) -> float:
        if self.left() <= 0:
            raise StepTimedOut("the step's time was over before it began")
        return self.left()

    def secret(self, reference: dict[str, Any], host: str) -> str:
        """The secret behind a reference, for a page of `host`; from now on it is masked. Raises StepFailed."""
        try:
            secret = credentials.resolve(reference, host=host, used_by=f"task {self.ctx.task.id}")
        except credentials.CredentialError as error:
            raise StepFailed(str(error), heals=False, code="credentials") from error
        credentials.note(secret)
        self.secrets.append(secret)
        self.typed.append({"reference": reference, "host": host})
        return secret

    def masked(self, value: Any) -> Any:
        """What pages showed, without the secrets that were typed into them, also where one was read as a number."""
        numbers = {secret for secret in self.secrets if secret.isdigit()}
        return credentials.redact(_without(value, numbers) if numbers else value, self.secrets)

    def picture(self, *, full_page: bool = False, element: WebElement | None = None) -> Picture:
        """A picture without passwords and typed secrets. Raises StepFailed."""
        try:
            return pictures.take(self.driver, full_page=full_page, element=element, secrets=self.secrets)
        finally:
            if self.secrets and self.frames:
                self._return_to_frames()

    def _return_to_frames(self) -> None:
        ask(self.driver.switch_to.default_content)
        for selector in self.frames:
            frame = ask(locating.first_visible, self.driver, selector)
            if frame is None:
                return
            ask(self.driver.switch_to.frame, frame)

    def keep(self, name: str, content_type: str, data: bytes) -> dict[str, Any]:
        """Stores an artifact and notes it."""
        stored = self.store(name, content_type, data)
        self.artifacts.append(stored)
        return stored


def _without(value: Any, numbers: set[str]) -> Any:
    if isinstance(value, dict):
        return {key: _without(item, numbers) for key, item in value.items()}
    if isinstance(value, list):
        return [_without(item, numbers) for item in value]
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return redaction.MASK if is_number and f"{value:.0f}" in numbers else value
