"""A report as figures and tables, whatever it is about: pages, files, mails and JSON are all made from this."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from reports.period import Period


class Unit(StrEnum):
    """How a value is written for people."""

    COUNT = "count"
    SHARE = "share"
    MS = "ms"
    TEXT = "text"
    DAY = "day"
    #: A word of the wire: in files and JSON, not on pages.
    CODE = "code"


class Shape(StrEnum):
    """The picture that fits a table."""

    STACKED_DAYS = "stacked_days"
    LINES = "lines"
    BARS = "bars"


@dataclass(frozen=True)
class Metric:
    """One figure with its value in the period before. `good` says which way is better: up, down or neither."""

    key: str
    label: str
    value: float | int | None
    before: float | int | None = None
    unit: Unit = Unit.COUNT
    good: str = ""

    @property
    def change(self) -> float | None:
        """Relative change, 0.25 for a quarter more; for shares the difference in points. None: nothing to compare."""
        if self.value is None or self.before is None:
            return None
        if self.unit is Unit.SHARE:
            return self.value - self.before
        return (self.value - self.before) / self.before if self.before else None


@dataclass(frozen=True)
class Column:
    """One column; `key` is its name in JSON."""

    key: str
    label: str
    unit: Unit = Unit.COUNT


@dataclass(frozen=True)
class Chart:
    """What to draw of a table: `x` names the column of the labels, `series` those of the values."""

    shape: Shape
    x: str
    series: Sequence[str]


@dataclass(frozen=True)
class Table:
    """Rows of figures under a heading, with the picture that goes with them."""

    key: str
    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Any]]
    chart: Chart | None = None
    empty: str = "Nothing in this period."

    def index(self, key: str) -> int:
        """The place of a column. Raises ValueError."""
        return [column.key for column in self.columns].index(key)


@dataclass(frozen=True)
class Report:
    """Everything a report says."""

    type: str
    title: str
    period: Period
    generated_at: dt.datetime
    metrics: Sequence[Metric]
    tables: Sequence[Table]
    notes: Sequence[str] = field(default_factory=list)
    filters: Sequence[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """The wire form: camelCase, ISO 8601 times, durations in milliseconds, shares from 0 to 1."""
        return {
            "reportType": self.type,
            "title": self.title,
            "period": _period_json(self.period),
            "previousPeriod": _period_json(self.period.previous),
            "generatedAt": self.generated_at.isoformat(),
            "filters": list(self.filters),
            "summary": {metric.key: metric.value for metric in self.metrics},
            "previous": {metric.key: metric.before for metric in self.metrics},
            "change": {metric.key: rounded(metric.change) for metric in self.metrics},
            **{table.key: _rows_json(table) for table in self.tables},
            "notes": list(self.notes),
        }


def _period_json(period: Period) -> dict[str, str]:
    return {"start": period.start.isoformat(), "end": period.end.isoformat(), "timezone": period.zone.key}


def _rows_json(table: Table) -> list[dict[str, Any]]:
    keys = [column.key for column in table.columns]
    return [{key: _plain(value) for key, value in zip(keys, row, strict=True)} for row in table.rows]


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, dt.date) else rounded(value)


def rounded(value: Any) -> Any:
    """A fraction to four places; anything else as it is."""
    return round(value, 4) if isinstance(value, float) else value


def share(part: int, whole: int) -> float | None:
    """part / whole, None of nothing."""
    return round(part / whole, 4) if whole else None
