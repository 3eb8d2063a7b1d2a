"""What every kind of report is given, and what they share."""

from __future__ import annotations

import datetime as dt
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from reports.document import Metric, Report, Table
from reports.period import Period
from reports.queries import Reader


@dataclass(frozen=True)
class Wish:
    """What a person or a task asks for. No types or channels means all of them."""

    period: Period
    now: dt.datetime
    task_types: Sequence[str] = ()
    channels: Sequence[int] = ()
    names: dict[str, str] = field(default_factory=dict)


class Kind(ABC):
    """One kind of report: reads the period and the one before, and says what there is to say."""

    type: ClassVar[str]
    title: ClassVar[str]
    about: ClassVar[str]

    def __init__(self, wish: Wish) -> None:
        self.wish = wish
        subjects = self.subjects()
        self.now = Reader(wish.period, subjects)
        self.before = Reader(wish.period.previous, subjects)

    def subjects(self) -> Sequence[str]:
        """What the figures are restricted to."""
        return self.wish.task_types

    @abstractmethod
    def metrics(self) -> list[Metric]:
        """The headline figures."""

    @abstractmethod
    def tables(self) -> list[Table]:
        """The tables, most telling first."""

    def notes(self) -> list[str]:
        """What a reader must know about the figures."""
        found = []
        if self.now.approximate or self.before.approximate:
            found.append(
                "Medians and 95th percentiles come from a histogram and are at most 2 % off; the rest is exact."
            )
        if self.now.widened or self.before.widened:
            found.append("Details at an edge of the period were pruned, so that edge counts its whole hour.")
        return found

    def filters(self) -> list[str]:
        """The restrictions, in words."""
        return [f"Task types: {', '.join(self.wish.task_types)}"] if self.wish.task_types else []

    def build(self) -> Report:
        """The report."""
        metrics, tables = self.metrics(), self.tables()
        return Report(
            self.type,
            self.title,
            self.wish.period,
            self.wish.now,
            metrics,
            tables,
            self.notes(),
            self.filters(),
        )
