"""How figures are written for people."""

from __future__ import annotations

import datetime as dt
from typing import Any

from reports.document import Metric, Unit

NOTHING = "–"
_STEPS = ((86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1_000, "s"))


def said(value: Any, unit: Unit) -> str:
    """A value in its unit; a dash where there is none."""
    if value is None:
        return NOTHING
    if unit is Unit.COUNT:
        return f"{value:,}"
    if unit is Unit.SHARE:
        return percent(value)
    if unit is Unit.MS:
        return duration(value)
    return value.strftime("%a %d %b %Y") if isinstance(value, dt.date) else str(value)


def percent(value: float) -> str:
    """0.9234 → 92.3 %; all and nothing without decimals."""
    return f"{value * 100:.0f} %" if value in (0, 1) else f"{value * 100:.1f} %"


def duration(ms: float) -> str:
    """Milliseconds in the largest unit that leaves at least one."""
    for size, name in _STEPS:
        if ms >= size:
            return f"{ms / size:.1f} {name}".replace(".0 ", " ")
    return f"{ms:.0f} ms"


def change(metric: Metric) -> str:
    """What became of it since the period before; empty where there is nothing to compare."""
    if metric.change is None:
        return "" if not metric.value or metric.before is None else "none before"
    if metric.change == 0:
        return "unchanged"
    if abs(metric.change) < (0.0005 if metric.unit is Unit.SHARE else 0.005):
        return "about the same"
    sign = "+" if metric.change > 0 else "−"
    if metric.unit is Unit.SHARE:
        return f"{sign}{abs(metric.change) * 100:.1f} points"
    return f"{sign}{abs(metric.change) * 100:.0f} %"


def tone(metric: Metric) -> str:
    """Whether the change is good, bad or neither: a class name."""
    if not metric.change or not metric.good or change(metric) == "about the same":
        return "even"
    return "good" if (metric.change > 0) == (metric.good == "up") else "bad"


def human(code: str) -> str:
    """api_call → Api call; a status or cause as a label."""
    return code.replace("_", " ").capitalize() if code else "Not named"
