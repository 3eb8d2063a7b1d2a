"""When a schedule starts: cron in a time zone across clock changes. Pure: no database, no clock.

Cron is read against the wall clock of its zone. A start that falls into the hour that spring skips happens at the first
minute that exists; one in the hour that autumn repeats happens the first time only. An occurrence is named by its wall
time, so that it is one occurrence however often it is computed.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from croniter import croniter
from croniter.croniter import CroniterBadDateError, CroniterError

#: A cron that does not come round within this time is a mistake: 31 February, for one.
HORIZON_YEARS = 8


@dataclass(frozen=True)
class Occurrence:
    """One planned start: its name (wall time in the schedule's zone) and the instant, in UTC."""

    name: str
    at: dt.datetime


def zone_of(name: str) -> ZoneInfo:
    """The IANA zone. Raises ValueError."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{name[:64]!r} is not a time zone of the IANA database, such as Europe/Berlin") from None


def check_cron(cron: str, zone: str) -> None:
    """Raises ValueError for what is no five-field cron, or never comes round."""
    tz = zone_of(zone)
    if len(cron.split()) != 5 or not croniter.is_valid(cron):
        raise ValueError(f"{cron[:100]!r} is not a cron expression of five fields: minute hour day month weekday")
    try:
        next(after(cron, tz, dt.datetime(2026, 1, 1, tzinfo=dt.UTC)))
    except StopIteration:
        raise ValueError(f"{cron[:100]!r} never comes round") from None


def after(cron: str, tz: ZoneInfo, start: dt.datetime) -> Iterator[Occurrence]:
    """The occurrences strictly after an instant, in order, each name and each instant once."""
    wall = start.astimezone(tz).replace(tzinfo=None)
    # An hour back: the wall clock may have been set back between `start` and the last occurrence.
    walk = croniter(cron, wall - dt.timedelta(hours=2), ret_type=dt.datetime, max_years_between_matches=HORIZON_YEARS)
    last: dt.datetime | None = None
    while True:
        try:
            planned: dt.datetime = walk.get_next()
        except (CroniterBadDateError, CroniterError):
            return
        at = instant_of(planned, tz)
        if at <= start or (last is not None and at <= last):
            continue
        last = at
        yield Occurrence(at.astimezone(tz).strftime("%Y-%m-%dT%H:%M"), at)


def instant_of(wall: dt.datetime, tz: ZoneInfo) -> dt.datetime:
    """The first instant, in UTC, at which the zone's clock shows `wall`, or the first one after the gap that skips it."""
    at = wall.replace(tzinfo=tz, fold=0).astimezone(dt.UTC)
    if at.astimezone(tz).replace(tzinfo=None) == wall:
        return at
    low, high = at - dt.timedelta(hours=3), at + dt.timedelta(hours=3)
    while high - low > dt.timedelta(minutes=1):  # the minute in which the clock jumps over `wall`
        middle = low + (high - low) / 2
        if middle.astimezone(tz).replace(tzinfo=None) < wall:
            low = middle
        else:
            high = middle
    return high.replace(second=0, microsecond=0)
