"""Commands in a message: short imperatives about tasks that exist. Only rules read them, never a language model."""

from __future__ import annotations

import re
from dataclasses import replace

from webhooks.inbound.parsing.understanding import Intent, Missing, Setting, Understanding
from webhooks.inbound.parsing.when import find_moments

_IDS = r"(?P<ids>(?:\b(?:tasks?|nos?\.?|number)\s+)?#?\d{1,12}(?:\s*(?:,|and|&|\+)\s*(?:task\s+)?#?\d{1,12})*)\b"
_REST = r"(?:\s*[:,;.\-–]*\s*(?P<words>.*))?$"
_ABOUT = r"(?:\s+(?:of|for|on|about|with))?(?:\s+the)?"

_HELP = re.compile(r"^(?:help|commands?|\?+|what can (?:you|i) (?:do|say))\s*[?!.]*$", re.I)
_STOP = re.compile(r"^(?:stop|stopall|unsubscribe|end|quit|opt[ -]?out)\s*[.!]*$", re.I)
_START = re.compile(r"^(?:start|unstop|subscribe|opt[ -]?in)\s*[.!]*$", re.I)
_STATUS_OF = re.compile(
    r"^(?:status|state|progress|update|how(?:'s| is| are)|what(?:'s| is) the (?:status|state|progress)"
    r"|what about|is|check)"
    rf"{_ABOUT}\s+{_IDS}(?:\s+(?:done|finished|ready|ok|going|doing|status|complete[d]?))?\s*[?!.]*$",
    re.I,
)
_STATUS = re.compile(
    r"^(?:status|my tasks|list(?: my)? tasks|what(?:'s| is) (?:going on|pending|open|the status))\s*[?!.]*$", re.I
)
_VERBS: tuple[tuple[Intent, re.Pattern[str]], ...] = (
    (Intent.CANCEL, re.compile(rf"^(?:cancel|abort|stop|drop|call off)\s+(?:the\s+)?{_IDS}{_REST}", re.I | re.S)),
    (
        Intent.APPROVE,
        re.compile(rf"^(?:approved?|accept|confirm|yes,?\s+approve)\s+(?:the\s+)?{_IDS}{_REST}", re.I | re.S),
    ),
    (Intent.REJECT, re.compile(rf"^(?:reject(?:ed)?|decline|deny|refuse)\s+(?:the\s+)?{_IDS}{_REST}", re.I | re.S)),
    (Intent.RETRY, re.compile(rf"^(?:retry|rerun|re-run|run again|try again)\s+(?:the\s+)?{_IDS}{_REST}", re.I | re.S)),
    (Intent.ANSWER, re.compile(rf"^(?:answer|reply)\s+(?:to\s+)?{_IDS}\s*[:,\-–]?\s*(?P<words>.+)$", re.I | re.S)),
    (Intent.SNOOZE, re.compile(rf"^(?:snooze|postpone|defer)\s+{_IDS}{_REST}", re.I | re.S)),
    (Intent.ACKNOWLEDGE, re.compile(rf"^(?:ack|acknowledged?|done(?: with)?|got)\s+{_IDS}{_REST}", re.I | re.S)),
)
_BARE: tuple[tuple[Intent, re.Pattern[str]], ...] = (
    (Intent.CANCEL, re.compile(r"^(?:cancel|abort)(?:\s+(?:it|that|this))?\s*[.!]*$", re.I)),
    (
        Intent.APPROVE,
        re.compile(
            r"^(?:approved?|accept)(?:\s+(?:it|that|this))?(?:\s*[:,\-–]\s*(?P<words>.*))?\s*[.!]*$", re.I | re.S
        ),
    ),
    (
        Intent.REJECT,
        re.compile(
            r"^(?:reject(?:ed)?|decline|deny)(?:\s+(?:it|that|this))?(?:\s*[:,\-–]\s*|\s+because\s+)?(?P<words>.*)$",
            re.I | re.S,
        ),
    ),
    (Intent.RETRY, re.compile(r"^(?:retry|run (?:it )?again|try again)\s*[.!]*$", re.I)),
    (
        Intent.SNOOZE,
        re.compile(r"^(?:snooze|later|not now|postpone|remind me (?:again )?later)(?:\s+(?P<words>.*))?$", re.I | re.S),
    ),
    (
        Intent.ACKNOWLEDGE,
        re.compile(r"^(?:ack|acknowledged?|done|got it|ok(?:ay)?|roger|thanks?(?: you)?|thx|👍|✅)\s*[.!]*$", re.I),
    ),
)
_POLITE = re.compile(
    r"^(?:(?:hi|hello|hey|dear)\b[^,.!\n]{0,30}[,.!]\s*|please\s+|pls\s+"
    r"|(?:can|could|would) you (?:please )?|/?agency[:,]?\s+)+",
    re.I,
)


def bare_text(text: str) -> str:
    """The text without greeting and politeness in front."""
    stripped = text.strip()
    return _POLITE.sub("", stripped) or stripped


def read_command(text: str, setting: Setting) -> Understanding | None:
    """The command a text is, or None. Without a number it means the task the conversation is about."""
    plain = bare_text(text)
    for intent, pattern in (
        (Intent.HELP, _HELP),
        (Intent.STOP, _STOP),
        (Intent.START, _START),
        (Intent.STATUS, _STATUS),
    ):
        if pattern.match(plain):
            return Understanding(intent, 0.95)
    named = _STATUS_OF.match(plain)
    if named:
        return Understanding(Intent.STATUS, 0.95, _ids(named["ids"]))
    return _with_ids(plain, setting) or _without_ids(plain, setting)


def _with_ids(plain: str, setting: Setting) -> Understanding | None:
    for intent, pattern in _VERBS:
        match = pattern.match(plain)
        if match:
            reading = Understanding(intent, 0.95, _ids(match["ids"]), (match["words"] or "").strip())
            return _snoozed(reading, setting)
    return None


def _without_ids(plain: str, setting: Setting) -> Understanding | None:
    for intent, pattern in _BARE:
        match = pattern.match(plain)
        if match:
            words = (match.groupdict().get("words") or "").strip()
            open_id = setting.open_task_id
            reading = Understanding(intent, 0.9, (open_id,) if open_id else (), words)
            harmless = intent in {Intent.ACKNOWLEDGE, Intent.SNOOZE}
            missing = Missing.NOTHING if open_id or harmless else Missing.TASK
            return _snoozed(replace(reading, missing=missing), setting)
    return None


def _snoozed(reading: Understanding, setting: Setting) -> Understanding:
    """A snooze carries its time: the one named, a bare duration ("1h"), or none (the channel's default)."""
    if reading.intent != Intent.SNOOZE:
        return reading
    words = re.sub(r"^(?:for|until|till|to)\s+", "", reading.words)
    spelled = re.sub(
        r"^(\d+)\s*([mhdw])$",
        lambda m: f"{m[1]} " + {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}[m[2]],
        words,
    )
    moments = find_moments(spelled, setting.now, setting.zone) or find_moments(
        f"in {spelled}", setting.now, setting.zone
    )
    return replace(reading, until=moments[0].at if moments else None)


def _ids(text: str) -> tuple[int, ...]:
    return tuple(dict.fromkeys(int(number) for number in re.findall(r"\d+", text)))
