"""What the doctor says about one thing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """good needs nothing, note is worth knowing, bad must be mended."""

    GOOD = "good"
    NOTE = "note"
    BAD = "bad"


@dataclass(frozen=True)
class Finding:
    """One thing looked at: what was found, and what to do about it unless it is good."""

    level: Level
    about: str
    found: str
    do: str = ""

    def as_json(self) -> dict[str, str]:
        """For `doctor --json`."""
        return {"level": self.level.value, "about": self.about, "found": self.found, "do": self.do}


Look = Callable[[], Iterator[Finding]]


def good(about: str, found: str) -> Finding:
    """Nothing to do."""
    return Finding(Level.GOOD, about, found)


def note(about: str, found: str, do: str) -> Finding:
    """Worth knowing."""
    return Finding(Level.NOTE, about, found, do)


def bad(about: str, found: str, do: str) -> Finding:
    """To be mended."""
    return Finding(Level.BAD, about, found, do)
