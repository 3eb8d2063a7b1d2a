"""Bars of finished and failed tasks as numbers that a template draws: coordinates only, no markup, no style. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT, FOOT = 640, 150, 18


@dataclass(frozen=True)
class Hour:
    """What ended in one hour."""

    at: dt.datetime
    done: int
    failed: int


@dataclass(frozen=True)
class Bar:
    """One hour as two stacked rectangles, in the units of the picture."""

    hour: Hour
    x: float
    width: float
    done_y: float
    done_height: float
    failed_y: float
    failed_height: float
    label: str


def bars(hours: Sequence[Hour]) -> list[Bar]:
    """Bars scaled to the busiest hour; every sixth is labelled."""
    most = max((hour.done + hour.failed for hour in hours), default=0) or 1
    step = WIDTH / max(1, len(hours))
    room = HEIGHT - FOOT - 4
    found = []
    for number, hour in enumerate(hours):
        done, failed = room * hour.done / most, room * hour.failed / most
        base = HEIGHT - FOOT
        found.append(
            Bar(
                hour,
                round(number * step + 2, 1),
                round(step - 4, 1),
                round(base - done, 1),
                round(done, 1),
                round(base - done - failed, 1),
                round(failed, 1),
                f"{hour.at:%H}:00" if number % 6 == 0 else "",
            )
        )
    return found
