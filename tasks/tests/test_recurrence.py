"""Cron across clock changes."""

from __future__ import annotations

import datetime as dt
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.recurrence import after, check_cron

BERLIN = ZoneInfo("Europe/Berlin")
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "America/Sao_Paulo"]


def utc(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


def starts(cron: str, start: str, count: int, tz: ZoneInfo = BERLIN) -> list[str]:
    return [f"{o.at:%m-%dT%H:%M}" for o in islice(after(cron, tz, utc(start)), count)]


def test_a_daily_start_keeps_its_wall_time_over_the_year() -> None:
    assert starts("0 9 * * *", "2026-03-27T12:00", 3) == ["03-28T08:00", "03-29T07:00", "03-30T07:00"]


def test_a_start_in_the_hour_that_spring_skips_happens_at_the_first_minute_that_exists() -> None:
    # 2026-03-29 02:00 → 03:00 in Berlin; 03:00 CEST is 01:00 UTC
    assert starts("30 2 * * *", "2026-03-28T12:00", 2) == ["03-29T01:00", "03-30T00:30"]


def test_a_start_in_the_hour_that_autumn_repeats_happens_once() -> None:
    # 2026-10-25 03:00 CEST → 02:00 CET
    assert starts("30 2 * * *", "2026-10-24T12:00", 2) == ["10-25T00:30", "10-26T01:30"]


def test_frequent_starts_in_a_gap_are_one_start() -> None:
    names = [o.name for o in islice(after("*/15 * * * *", BERLIN, utc("2026-03-29T00:31")), 4)]
    assert names == ["2026-03-29T01:45", "2026-03-29T03:00", "2026-03-29T03:15", "2026-03-29T03:30"]


@pytest.mark.parametrize("cron", ["0 0 31 2 *", "61 * * * *", "* * * *", "", "every day", "* * * * * *"])
def test_what_is_no_cron_or_never_comes_round_is_refused(cron: str) -> None:
    with pytest.raises(ValueError, match=r"cron expression|never comes round"):
        check_cron(cron, "UTC")


def test_an_unknown_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        check_cron("0 9 * * *", "Mars/Olympus")


@settings(max_examples=150, deadline=None)
@given(
    zone=st.sampled_from(ZONES),
    cron=st.sampled_from(["0 9 * * *", "30 2 * * *", "*/20 * * * *", "15 1 * * 0", "0 0 1 * *"]),
    start=st.datetimes(min_value=dt.datetime(2024, 1, 1), max_value=dt.datetime(2034, 1, 1)),
)
def test_occurrences_are_later_than_the_start_in_order_and_named_once(zone: str, cron: str, start: dt.datetime) -> None:
    begin = start.replace(tzinfo=dt.UTC)
    found = list(islice(after(cron, ZoneInfo(zone), begin), 30))
    assert all(a.at < b.at for a, b in pairwise(found))
    assert found[0].at > begin
    assert len({o.name for o in found}) == len(found)
    again = list(islice(after(cron, ZoneInfo(zone), found[0].at), 29))
    assert again == found[1:]
