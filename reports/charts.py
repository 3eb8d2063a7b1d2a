"""Pictures of tables as SVG: no script, no inline style, readable by screen readers and on paper.

Elements are built as a tree and serialised, so no text of a row can become markup. Colours come from reports.css by
class: `series-completed` and so on.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree as ET  # only builds; nothing is parsed

from django.utils.safestring import SafeString

from reports.document import Shape, Table, Unit
from reports.words import said

WIDTH = 760
LEFT, RIGHT, TOP, BOTTOM = 58, 12, 12, 26
PLOT_HEIGHT = 190
ROW_HEIGHT, LABEL_WIDTH, VALUE_WIDTH = 28, 190, 90
MAX_BARS = 12
TICKS = 4
DAY_LABELS = 9


@dataclass(frozen=True)
class Legend:
    """One series: its class and its name."""

    css: str
    label: str


@dataclass(frozen=True)
class Picture:
    """A drawing and the names of its colours."""

    svg: SafeString
    legend: list[Legend]


def draw(table: Table) -> Picture | None:
    """The picture a table asks for, None when it asks for none or has nothing to show."""
    if table.chart is None or not table.rows or not any(any(_values(table, key)) for key in table.chart.series):
        return None
    painter = {Shape.STACKED_DAYS: _stacked_days, Shape.LINES: _lines, Shape.BARS: _bars}[table.chart.shape]
    root = painter(table)
    legend = [Legend(_css(key), _label(table, key)) for key in table.chart.series]
    # Built by ElementTree, which escapes every text and attribute.
    return Picture(SafeString(ET.tostring(root, encoding="unicode")), legend)


# -- by day


def _stacked_days(table: Table) -> ET.Element:
    series = _series(table)
    days: list[dt.date] = _values(table, _chart(table).x)
    totals = [sum(values[i] or 0 for values in series.values()) for i in range(len(days))]
    top = nice(max(totals))
    root = _canvas(table, TOP + PLOT_HEIGHT + BOTTOM)
    _grid(root, top, Unit.COUNT)
    step = (WIDTH - LEFT - RIGHT) / len(days)
    width = max(1.0, step * 0.72 if len(days) < 120 else step)
    for place, day in enumerate(days):
        x, floor = LEFT + step * place + (step - width) / 2, 0.0
        for key, values in series.items():
            height = PLOT_HEIGHT * (values[place] or 0) / top
            if height:
                y = TOP + PLOT_HEIGHT - floor - height
                _bar(root, key, x, y, width, height, f"{day:%d %b}: {_label(table, key)} {values[place]:,}")
            floor += height
    _day_labels(root, days, step)
    return root


def _lines(table: Table) -> ET.Element:
    series = _series(table)
    days: list[dt.date] = _values(table, _chart(table).x)
    unit = table.columns[table.index(_chart(table).series[0])].unit
    largest = max(value or 0 for values in series.values() for value in values)
    top = nice_ms(largest) if unit is Unit.MS else nice(largest)
    root = _canvas(table, TOP + PLOT_HEIGHT + BOTTOM)
    _grid(root, top, unit)
    step = (WIDTH - LEFT - RIGHT) / len(days)
    for key, values in series.items():
        points = [
            (LEFT + step * (i + 0.5), TOP + PLOT_HEIGHT * (1 - value / top))
            for i, value in enumerate(values)
            if value is not None
        ]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        ET.SubElement(root, "polyline", {"class": f"line {_css(key)}", "points": path, "fill": "none"})
        for (x, y), day, value in zip(points, _known(days, values), _known(values, values), strict=True):
            dot = ET.SubElement(root, "circle", {"class": _css(key), "cx": f"{x:.1f}", "cy": f"{y:.1f}", "r": "2.5"})
            ET.SubElement(dot, "title").text = f"{day:%d %b}: {_label(table, key)} {said(value, unit)}"
    _day_labels(root, days, step)
    return root


def _known(items: Sequence[Any], values: Sequence[Any]) -> list[Any]:
    return [item for item, value in zip(items, values, strict=True) if value is not None]


def _grid(root: ET.Element, top: float, unit: Unit) -> None:
    for tick in range(TICKS + 1):
        y = TOP + PLOT_HEIGHT * (1 - tick / TICKS)
        line = {"class": "axis", "x1": f"{LEFT}", "x2": f"{WIDTH - RIGHT}", "y1": f"{y:.1f}", "y2": f"{y:.1f}"}
        ET.SubElement(root, "line", line)
        value = top * tick / TICKS
        text = said(value, unit) if unit is Unit.MS else short(value)
        _text(root, text, LEFT - 8, y + 4, "end")


def _day_labels(root: ET.Element, days: Sequence[dt.date], step: float) -> None:
    every = max(1, math.ceil(len(days) / DAY_LABELS))
    pattern = "%d %b" if len(days) < 300 else "%b %Y"
    for place in range(0, len(days), every):
        _text(root, days[place].strftime(pattern), LEFT + step * (place + 0.5), TOP + PLOT_HEIGHT + 18, "middle")


# -- by name


def _bars(table: Table) -> ET.Element:
    chart, series = _chart(table), _series(table)
    names = _values(table, chart.x)
    totals = [sum(values[i] or 0 for values in series.values()) for i in range(len(names))]
    order = sorted(range(len(names)), key=lambda i: -totals[i])[:MAX_BARS]
    top = max(totals)
    root = _canvas(table, 8 + ROW_HEIGHT * len(order))
    room = WIDTH - LABEL_WIDTH - VALUE_WIDTH
    for row, place in enumerate(order):
        y, x = 4.0 + ROW_HEIGHT * row, float(LABEL_WIDTH)
        _text(root, _cut(str(names[place])), LABEL_WIDTH - 10, y + 17, "end")
        for key, values in series.items():
            width = room * (values[place] or 0) / top
            if width:
                words = f"{names[place]}: {_label(table, key)} {values[place]:,}"
                _bar(root, key, x, y + 4, width, ROW_HEIGHT - 10, words)
            x += width
        _text(root, f"{totals[place]:,}", x + 8, y + 17, "start")
    return root


def _cut(text: str, most: int = 28) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


# -- pieces


def _canvas(table: Table, height: int) -> ET.Element:
    """The svg element with its title and a description of the largest values."""
    title, about = f"chart-{table.key}-title", f"chart-{table.key}-about"
    root = ET.Element(
        "svg",
        {
            "class": f"chart {_chart(table).shape.value}",
            "viewBox": f"0 0 {WIDTH} {height}",
            "role": "img",
            "aria-labelledby": f"{title} {about}",
            "focusable": "false",
            "xmlns": "http://www.w3.org/2000/svg",
        },
    )
    ET.SubElement(root, "title", {"id": title}).text = table.title
    ET.SubElement(root, "desc", {"id": about}).text = _description(table)
    return root


def _description(table: Table) -> str:
    """What the picture shows, in words; every value is in the table beside it."""
    chart = _chart(table)
    parts = []
    for key in chart.series:
        values = [value or 0 for value in _values(table, key)]
        unit = table.columns[table.index(key)].unit
        place = max(range(len(values)), key=values.__getitem__)
        name = said(_values(table, chart.x)[place], table.columns[table.index(chart.x)].unit)
        parts.append(f"{_label(table, key)}: most on or at {name} with {said(values[place], unit)}")
    return f"{'; '.join(parts)}. The table below holds all values."


def _bar(root: ET.Element, key: str, x: float, y: float, width: float, height: float, words: str) -> None:
    size = {"x": f"{x:.1f}", "y": f"{y:.1f}", "width": f"{width:.1f}", "height": f"{height:.1f}"}
    bar = ET.SubElement(root, "rect", {"class": _css(key), **size})
    ET.SubElement(bar, "title").text = words


def _text(root: ET.Element, text: str, x: float, y: float, anchor: str) -> None:
    # The words are in the table and in the description: a screen reader need not hear them a third time.
    place = {"x": f"{x:.1f}", "y": f"{y:.1f}", "text-anchor": anchor, "aria-hidden": "true"}
    ET.SubElement(root, "text", place).text = text


def nice(value: float) -> float:
    """The next round number at or above a value that TICKS divide evenly: 1, 2, 2.5, 4, 5 or 8 times a power of ten."""
    if value <= TICKS:
        return float(TICKS)
    power = 10 ** math.floor(math.log10(value))
    return next(float(step * power) for step in (1, 2, 4, 6, 8, 10) if step * power >= value)


#: Round lengths of time that four ticks divide into round ones, in milliseconds.
_ROUND_MS = (
    *(n * p for p in (1, 10, 100) for n in (4, 8, 20)),
    *(n * 1000 for n in (4, 8, 20, 40, 60, 120, 240, 480, 1200)),
    *(n * 3_600_000 for n in (1, 2, 4, 8, 12, 24, 48, 96, 192, 480)),
)


def nice_ms(value: float) -> float:
    """The next round length of time at or above a value."""
    return float(next((top for top in _ROUND_MS if top >= value), nice(value)))


def short(value: float) -> str:
    """An axis label: 1200 → 1.2k."""
    for size, name in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{name}"
    return f"{value:g}"


def _chart(table: Table) -> Any:
    return table.chart


def _series(table: Table) -> dict[str, list[Any]]:
    return {key: _values(table, key) for key in _chart(table).series}


def _values(table: Table, key: str) -> list[Any]:
    place = table.index(key)
    return [row[place] for row in table.rows]


def _label(table: Table, key: str) -> str:
    return table.columns[table.index(key)].label


def _css(key: str) -> str:
    return "series-" + re.sub(r"[^a-z0-9]+", "-", key.lower())
