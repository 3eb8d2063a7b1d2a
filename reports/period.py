"""The time a report covers, the time it is compared with, and the names of periods that move with the calendar."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum
from zoneinfo import ZoneInfo

MAX_DAYS = 3660

UTC = ZoneInfo("UTC")


class Span(StrEnum):
    """Periods that a recurring report can name; each ends at the last local midnight, or now where it says `this`."""

    YESTERDAY = "yesterday"
    LAST_7_DAYS = "last_7_days"
    LAST_30_DAYS = "last_30_days"
    LAST_WEEK = "last_week"
    LAST_MONTH = "last_month"
    TODAY = "today"
    THIS_WEEK = "this_week"
    THIS_MONTH = "this_month"


@dataclass(frozen=True)
class Period:
    """[start, end), with the zone whose midnights divide its days. `previous_start` begins the period before."""

    start: dt.datetime
    end: dt.datetime
    zone: ZoneInfo = UTC
    previous_start: dt.datetime | None = None

    @property
    def previous(self) -> Period:
        """As long as this one and just before it; for a calendar month, the month before."""
        return Period(self.previous_start or self.start - (self.end - self.start), self.start, self.zone)

    def until(self, moment: dt.datetime) -> Period:
        """The part of it that lies before a moment; empty when it lies ahead."""
        return Period(self.start, max(self.start, min(self.end, moment)), self.zone)

    def days(self) -> list[dt.date]:
        """Every local day it touches."""
        first = self.start.astimezone(self.zone).date()
        last = (self.end - dt.timedelta(microseconds=1)).astimezone(self.zone).date()
        return [first + dt.timedelta(days=n) for n in range((last - first).days + 1)]

    def __str__(self) -> str:
        first, last = self.start.astimezone(self.zone), self.end.astimezone(self.zone)
        if _midnight(first) and _midnight(last):
            last_day = last.date() - dt.timedelta(days=1)
            same = first.date() == last_day
            return f"{first:%d %b %Y}" if same else f"{first:%d %b %Y} to {last_day:%d %b %Y}"
        return f"{first:%d %b %Y %H:%M} to {last:%d %b %Y %H:%M} ({self.zone.key})"


def between(start: dt.datetime, end: dt.datetime, zone: ZoneInfo = UTC) -> Period:
    """A period from two moments. An end that names the last second of a minute means all of that second.

    Raises ValueError: it is empty, turned round, or longer than ten years.
    """
    if end.second == 59 and end.microsecond == 0:
        end += dt.timedelta(seconds=1)
    if end <= start:
        raise ValueError("endDate must be after startDate")
    if end - start > dt.timedelta(days=MAX_DAYS):
        raise ValueError(f"a report covers at most {MAX_DAYS} days")
    return Period(start.astimezone(dt.UTC), end.astimezone(dt.UTC), zone)


def of_span(span: Span, now: dt.datetime, zone: ZoneInfo = UTC) -> Period:
    """The period a span means at `now`."""
    today = now.astimezone(zone).date()
    monday, first = today - dt.timedelta(days=today.weekday()), today.replace(day=1)
    month_before = _month_before(first)
    whole: dict[Span, tuple[dt.date, dt.date, dt.date]] = {
        Span.YESTERDAY: (today - dt.timedelta(days=1), today, today - dt.timedelta(days=2)),
        Span.LAST_7_DAYS: (today - dt.timedelta(days=7), today, today - dt.timedelta(days=14)),
        Span.LAST_30_DAYS: (today - dt.timedelta(days=30), today, today - dt.timedelta(days=60)),
        Span.LAST_WEEK: (monday - dt.timedelta(days=7), monday, monday - dt.timedelta(days=14)),
        Span.LAST_MONTH: (month_before, first, _month_before(month_before)),
    }
    if span in whole:
        start, end, before = (_local_midnight(day, zone) for day in whole[span])
        return Period(start, end, zone, before)
    begun = {Span.TODAY: today, Span.THIS_WEEK: monday, Span.THIS_MONTH: first}[span]
    start = _local_midnight(begun, zone)
    return Period(start, max(now.astimezone(dt.UTC), start + dt.timedelta(seconds=1)), zone)


def _month_before(first: dt.date) -> dt.date:
    return (first - dt.timedelta(days=1)).replace(day=1)


def _local_midnight(day: dt.date, zone: ZoneInfo) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(), zone).astimezone(dt.UTC)


def _midnight(moment: dt.datetime) -> bool:
    return moment.time() == dt.time()
