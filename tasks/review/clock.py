"""When a decision is due: minutes that count only while the office is open. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass

#: A calendar with no open minute in so many days has none at all.
HORIZON_DAYS = 370


@dataclass(frozen=True)
class Hours:
    """The open hours of a week in a time zone; no days means that the clock always runs. Monday is 0."""

    days: Collection[int] = ()
    opens: dt.time = dt.time(9)
    closes: dt.time = dt.time(17)
    zone: dt.tzinfo = dt.UTC

    def after(self, start: dt.datetime, minutes: int) -> dt.datetime:
        """`minutes` of open time after an aware `start`, in UTC."""
        left = dt.timedelta(minutes=minutes)
        if not self.days:
            return (start + left).astimezone(dt.UTC)
        day = start.astimezone(self.zone).date()
        for number in range(HORIZON_DAYS + minutes // 60):
            opens, closes = self._open(day + dt.timedelta(days=number))
            begin = max(opens, start)
            if begin < closes:
                if left <= closes - begin:
                    return begin + left
                left -= closes - begin
        return (start + dt.timedelta(days=HORIZON_DAYS)).astimezone(dt.UTC)

    def _open(self, day: dt.date) -> tuple[dt.datetime, dt.datetime]:
        """The instants between which the office is open on a day, in UTC; the same twice when it is closed."""
        opens = dt.datetime.combine(day, self.opens, self.zone).astimezone(dt.UTC)
        if day.weekday() not in self.days:
            return opens, opens
        return opens, dt.datetime.combine(day, self.closes, self.zone).astimezone(dt.UTC)
