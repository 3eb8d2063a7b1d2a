"""When a text means: dates and times in the sender's zone, with what was assumed said.

A few regular expressions find the pieces ("next Friday", "at 9", "by 3 pm", "in two hours", "2024-12-15T10:00Z");
dateparser reads the dates among them; pieces that stand together are one moment. Searching a whole sentence with a date
library finds dates in words like "may" and "second", so only pieces with an unmistakable shape are given to it.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import dateparser

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MORNING, NOON, AFTERNOON, CLOSE, EVENING, NIGHT = (dt.time(hour) for hour in (9, 12, 14, 17, 18, 20))
DAY_PARTS = {
    "morning": MORNING,
    "noon": NOON,
    "lunch": NOON,
    "midday": NOON,
    "afternoon": AFTERNOON,
    "evening": EVENING,
    "night": NIGHT,
    "tonight": NIGHT,
    "midnight": dt.time(0),
    "eod": CLOSE,
    "end of day": CLOSE,
    "end of the day": CLOSE,
    "close of business": CLOSE,
    "cob": CLOSE,
}

_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?"
    r"|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"
)
_DAY = r"(?:mon(?:day)?|tue(?:s(?:day)?)?|wed(?:nesday)?|thu(?:r(?:s(?:day)?)?)?|fri(?:day)?|sat(?:urday)?|sun(?:day)?)"
_NUMBER = (
    r"(?:\d{1,4}|half\s+an|a\s+couple\s+of|a\s+few|an?|one|two|three|four|five|six|seven|eight|nine|ten"
    r"|twelve|fifteen|twenty|thirty)"
)
_UNIT = r"(?:min(?:ute)?s?|h(?:(?:ou)?rs?)?|days?|weeks?|months?|years?)"
_PIECE = re.compile(
    rf"""(?<![\w@/.-])(?:
    (?P<iso>\d{{4}}-\d\d-\d\d(?:[T\ ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?\ ?(?:Z\b|[+-]\d\d:?\d\d)?)?)
  | (?P<relative>(?:in\s+{_NUMBER}\s*{_UNIT}|{_NUMBER}\s+{_UNIT}\s+from\s+now))
  | (?P<date>
        \d{{1,2}}(?:st|nd|rd|th)?(?:\s+of)?\s+{_MONTH}(?:,?\s+\d{{4}})?
      | {_MONTH}\s+\d{{1,2}}(?:st|nd|rd|th)?(?:,?\s+\d{{4}})?
      | \d{{1,2}}/\d{{1,2}}(?:/\d{{2,4}})? | \d{{1,2}}\.\d{{1,2}}\.(?:\d{{2,4}})?)
  | (?P<weekday>(?:(?:next|this|coming)\s+)?{_DAY}(?=\b))
  | (?P<word>the\s+day\s+after\s+tomorrow|today|tonight|tomorrow|tmrw|tmw|next\s+(?:week|month|year)
      | end\s+of\s+(?:the\s+)?(?:week|month))
  | (?P<clock>(?:at|@)\s*\d{{1,2}}(?:[:.]\d\d)?\s*(?:[ap]\.?m\b\.?)?(?:\s*o'?clock)?
      | \d{{1,2}}(?::\d\d)?\s*[ap]\.?m\b\.? | \d{{1,2}}:\d\d\b)
  | (?P<part>(?:(?:in\s+the|this|at)\s+)?(?:morning|noon|midday|lunch|afternoon|evening|night|midnight)
      | end\s+of\s+(?:the\s+)?day|eod|cob|close\s+of\s+business)
    )(?![\w@])""",
    re.IGNORECASE | re.VERBOSE,
)
_GLUE = re.compile(r"[\s,]*(?:(?:at|on|in\s+the|by|of|@)[\s,]+)?", re.IGNORECASE)
_LEAD = re.compile(
    r"(?:\b(?P<by>by|before|until|till|no\s+later\s+than|due(?:\s+(?:by|on|at))?|deadline(?:\s+is)?:?)"
    r"|\b(?:on|from|at|for|starting|scheduled\s+for))(?:\s+the)?\s*$",
    re.IGNORECASE,
)
_ZONE_AFTER = re.compile(
    r"\s*\(?\b(UTC|GMT|Z|EST|EDT|CST|CDT|MST|MDT|PST|PDT|CET|CEST|BST|[A-Z][a-z]+/[A-Z][A-Za-z_]+)\b\)?"
)
_ZONES = {
    **dict.fromkeys(("UTC", "GMT", "Z"), "UTC"),
    **dict.fromkeys(("EST", "EDT"), "America/New_York"),
    **dict.fromkeys(("CST", "CDT"), "America/Chicago"),
    **dict.fromkeys(("MST", "MDT"), "America/Denver"),
    **dict.fromkeys(("PST", "PDT"), "America/Los_Angeles"),
    **dict.fromkeys(("CET", "CEST"), "Europe/Berlin"),
    "BST": "Europe/London",
}
_RECURRING = re.compile(
    rf"\b(every|each)\s+({_DAY}|day|week|month|morning|evening|hour|weekday|year|other|\d+)"
    r"|\b(daily|weekly|monthly|hourly)\b",
    re.IGNORECASE,
)
_WORDS = {"half an": "30", "a couple of": "2", "a few": "3", "an": "1", "a": "1"}
_HALF_HOUR = re.compile(r"half\s+an\s+h(?:our|r)", re.IGNORECASE)


@dataclass(frozen=True)
class Moment:
    """A time a text names: aware, with the part of the text it was read from and whether it is a deadline ("by").

    `assumed` says in words what the text left open, empty when it left nothing.
    """

    at: dt.datetime
    start: int
    end: int
    is_deadline: bool = False
    assumed: str = ""


@dataclass
class _Pieces:
    """Pieces that stand together, before they are one moment."""

    start: int
    end: int
    day: dt.date | None = None
    time: dt.time | None = None
    exact: dt.datetime | None = None
    assumed: str = ""
    zone: ZoneInfo | None = None


def find_moments(text: str, now: dt.datetime, zone: ZoneInfo) -> list[Moment]:
    """Every moment a text names, in order. `now` is aware; times without a zone are meant in `zone`."""
    here = now.astimezone(zone)
    moments = []
    for group in _groups(text, here):
        lead = _LEAD.search(text[: group.start])
        deadline = bool(lead and lead["by"])
        at = _resolve(group, here, zone, deadline=deadline)
        if at is not None:
            start = lead.start() if lead else group.start
            moments.append(Moment(at, start, group.end, deadline, group.assumed))
    return moments


def cut(text: str, moments: list[Moment]) -> str:
    """The text without the parts that name moments."""
    for moment in reversed(moments):
        text = text[: moment.start] + " " + text[moment.end :]
    return re.sub(r"\s{2,}", " ", text).strip(" ,;:-–")


def is_recurring(text: str) -> bool:
    """Whether a text asks for work again and again."""
    return _RECURRING.search(text) is not None


def _groups(text: str, here: dt.datetime) -> Iterator[_Pieces]:
    current: _Pieces | None = None
    for match in _PIECE.finditer(text):
        joined = current is not None and _GLUE.fullmatch(text[current.end : match.start()]) is not None
        if current is None or not joined or not _add(current, match, here):
            if current is not None:
                yield current
            current = _Pieces(match.start(), match.end())
            if not _add(current, match, here):
                current = None
                continue
        current.end = match.end()
        current.zone, current.end = _zone_after(text, current)
    if current is not None:
        yield current


def _zone_after(text: str, group: _Pieces) -> tuple[ZoneInfo | None, int]:
    match = _ZONE_AFTER.match(text, group.end)
    if match is None or (group.time is None and group.exact is None):
        return group.zone, group.end
    name = _ZONES.get(match[1], match[1])
    try:
        return ZoneInfo(name), match.end()
    except (ValueError, OSError, KeyError):
        return group.zone, group.end


def _add(group: _Pieces, match: re.Match[str], here: dt.datetime) -> bool:
    """Put a piece into a group. False when the group already has one of its kind, or the piece means nothing."""
    kind = match.lastgroup or ""
    piece = re.sub(r"\s+", " ", match[0].lower())
    if kind in {"clock", "part"}:
        return _add_time(group, kind, piece)
    if group.day is not None or group.exact is not None:
        return False
    if kind in {"iso", "relative"}:
        return _add_exact(group, kind, piece, here)
    day, time = _day(kind, piece, here)
    group.day, group.time = day, group.time or time
    return day is not None


def _add_time(group: _Pieces, kind: str, piece: str) -> bool:
    if group.exact is not None:
        return False
    if kind == "part":
        name = re.sub(r"^(in the|this|at) ", "", piece)
        if group.time is not None:
            # "at 9 in the evening": the part of the day settles the half of it.
            if name in {"evening", "night", "afternoon"} and group.time.hour < 12:
                group.time, group.assumed = group.time.replace(hour=group.time.hour + 12), ""
            return True
        group.time = DAY_PARTS[name]
        return True
    if group.time is not None and group.time not in (MORNING, AFTERNOON, EVENING, NIGHT):
        return False
    evening = group.time in (AFTERNOON, EVENING, NIGHT)
    time, assumed = _clock(piece, evening=evening, morning=group.time == MORNING)
    group.time, group.assumed = time, assumed
    return time is not None


def _clock(piece: str, *, evening: bool, morning: bool) -> tuple[dt.time | None, str]:
    match = re.search(r"(\d{1,2})(?:[:.](\d\d))?\s*(?:([ap])\.?m)?", piece)
    if match is None:
        return None, ""
    hour, minute, half = int(match[1]), int(match[2] or 0), match[3]
    if hour > 23 or minute > 59 or (half and not 1 <= hour <= 12):
        return None, ""
    if half:
        return dt.time(hour % 12 + (12 if half == "p" else 0), minute), ""
    if evening and 1 <= hour < 12:
        return dt.time(hour + 12, minute), ""
    if 1 <= hour <= 7 and not morning and len(match[1]) == 1:
        return dt.time(hour + 12, minute), f"{hour} is taken as {hour} pm"
    return dt.time(hour, minute), ""


def _add_exact(group: _Pieces, kind: str, piece: str, here: dt.datetime) -> bool:
    if kind == "relative":
        group.exact = _relative(piece, here)
        return group.exact is not None
    try:
        parsed = dt.datetime.fromisoformat(piece.upper().replace(" ", "T", 1).replace(" ", ""))
    except ValueError:
        return False
    if len(piece) == 10:
        group.day = parsed.date()
    elif parsed.tzinfo is None:
        group.day, group.time = parsed.date(), parsed.time()
    else:
        group.exact = parsed
    return True


def _relative(piece: str, here: dt.datetime) -> dt.datetime | None:
    if _HALF_HOUR.search(piece):
        return here + dt.timedelta(minutes=30)
    plain = piece.removeprefix("in ").removesuffix(" from now")
    for word, digits in _WORDS.items():
        plain = re.sub(rf"^{word}\b", digits, plain)
    return _dateparser(f"in {plain}", here)


def _day(kind: str, piece: str, here: dt.datetime) -> tuple[dt.date | None, dt.time | None]:
    today = here.date()
    if kind == "weekday":
        return _weekday(piece, today), None
    if kind == "date":
        parsed = _dateparser(piece, here)
        return (parsed.date() if parsed else None), None
    return _day_word(piece, today)


def _day_word(piece: str, today: dt.date) -> tuple[dt.date | None, dt.time | None]:
    monday = today - dt.timedelta(days=today.weekday())
    first_of_next = (today.replace(day=1) + dt.timedelta(days=32)).replace(day=1)
    days = {
        "today": today,
        "tonight": today,
        "tomorrow": today + dt.timedelta(days=1),
        "tmrw": today + dt.timedelta(days=1),
        "tmw": today + dt.timedelta(days=1),
        "the day after tomorrow": today + dt.timedelta(days=2),
        "next week": monday + dt.timedelta(days=7),
        "next month": first_of_next,
        "next year": dt.date(today.year + 1, 1, 1),
        "end of week": monday + dt.timedelta(days=4),
        "end of the week": monday + dt.timedelta(days=4),
        "end of month": first_of_next - dt.timedelta(days=1),
        "end of the month": first_of_next - dt.timedelta(days=1),
    }
    times = {"tonight": NIGHT, **{name: CLOSE for name in days if name.startswith("end of")}}
    return days.get(piece), times.get(piece)


def _weekday(piece: str, today: dt.date) -> dt.date | None:
    """The coming one; "next Friday" is the Friday of the following calendar week."""
    name = piece.split()[-1]
    wanted = next((index for index, day in enumerate(WEEKDAYS) if day.startswith(name[:3])), None)
    if wanted is None:
        return None
    if piece.startswith("next "):
        return today - dt.timedelta(days=today.weekday()) + dt.timedelta(days=7 + wanted)
    return today + dt.timedelta(days=(wanted - today.weekday() - 1) % 7 + 1)


def _dateparser(piece: str, here: dt.datetime) -> dt.datetime | None:
    settings = {
        "RELATIVE_BASE": here.replace(tzinfo=None),
        "PREFER_DATES_FROM": "future",
        "RETURN_AS_TIMEZONE_AWARE": False,
    }
    parsed = dateparser.parse(piece, languages=["en"], settings=settings)
    return parsed.replace(tzinfo=here.tzinfo) if parsed else None


def _resolve(group: _Pieces, here: dt.datetime, zone: ZoneInfo, *, deadline: bool) -> dt.datetime | None:
    if group.exact is not None:
        return group.exact
    zone = group.zone or zone
    local_now = here.astimezone(zone)
    time = group.time
    if time is None:
        time = CLOSE if deadline else MORNING
        group.assumed = f"no time given, {time:%H:%M} is taken"
    if group.day is not None:
        return _local(group.day, time, zone)
    today = _local(local_now.date(), time, zone)
    return today if today > local_now else _local(local_now.date() + dt.timedelta(days=1), time, zone)


def _local(day: dt.date, time: dt.time, zone: ZoneInfo) -> dt.datetime:
    """A wall-clock time; one that a change of clocks skips is moved forward by what was skipped."""
    at = dt.datetime.combine(day, time, tzinfo=zone)
    return at.astimezone(dt.UTC).astimezone(zone)
