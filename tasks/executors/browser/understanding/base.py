"""The interface of the engines that understand instructions, and what they answer with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.remote.webelement import WebElement

Kind = Literal["click", "type", "select", "upload"]


@dataclass(frozen=True)
class FindRequest:
    """Which element is meant. `pause` waits between looks and may stop the attempt."""

    instruction: str
    kind: Kind
    timeout_s: float
    pause: Callable[[float], None]
    value: str = ""


@dataclass(frozen=True)
class Choice:
    """The element chosen and why. `frame` is the way to its frame, as indexes from the top document."""

    element: WebElement | None
    frame: tuple[int, ...]
    score: float
    engine: str
    described: str
    fingerprint: dict[str, Any]
    why: str = ""
    runner_up: float = 0.0
    costs: dict[str, Any] = field(default_factory=dict)
    #: Where WebDriver cannot reach the element: the engine's own way to press it.
    act: Callable[[], None] | None = None

    def record(self) -> dict[str, Any]:
        """What the step's record says about the choice."""
        told = {"element": self.described, "engine": self.engine, "confidence": round(self.score, 2), "why": self.why}
        return {**told, **({"costs": self.costs} if self.costs else {})}


@dataclass(frozen=True)
class ExtractRequest:
    """Which data is meant. `selector` limits the page to one part."""

    instruction: str
    schema: dict[str, Any] | None = None
    selector: str | None = None
    limit: int | None = None


@dataclass
class Extraction:
    """What was found: exactly one of items, item and text is set. `confidence` runs from 0 to 1."""

    source: str
    confidence: float
    items: list[dict[str, Any]] | None = None
    item: dict[str, Any] | None = None
    text: str | None = None
    data: Any = None
    fields: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    truncated: bool = False
    engine: str = "deterministic"
    notes: list[str] = field(default_factory=list)
    costs: dict[str, Any] = field(default_factory=dict)

    @property
    def value(self) -> Any:
        """The data itself, in the schema's shape where one was given."""
        if self.data is not None:
            return self.data
        if self.items is not None:
            return self.items
        return self.item if self.item is not None else self.text

    @property
    def empty(self) -> bool:
        return not (self.items or self.item or self.text or self.data)

    def record(self) -> dict[str, Any]:
        """The JSON kept of it."""
        count = len(self.items) if self.items is not None else int(not self.empty)
        told: dict[str, Any] = {
            "data": self.value,
            "fields": self.fields,
            "source": self.source,
            "confidence": round(self.confidence, 2),
            "engine": self.engine,
            "truncated": self.truncated,
            "count": count,
        }
        optional = {"missing": self.missing, "notes": self.notes, "costs": self.costs}
        return {**told, **{name: value for name, value in optional.items() if value}}


class Engine(Protocol):
    """Understands instructions on the page a driver shows."""

    name: str

    def find(self, driver: WebDriver, request: FindRequest) -> Choice:
        """The one element that is meant. Leaves the driver in that element's frame. Raises Unsure."""

    def extract(self, driver: WebDriver, request: ExtractRequest) -> Extraction:
        """The data that is meant; an empty Extraction when the page does not hold it."""
