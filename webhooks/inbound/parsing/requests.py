"""Requests for work in a message: which task they ask for, written as the API would take it (camelCase)."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from webhooks.inbound.parsing.browsing import browser_steps
from webhooks.inbound.parsing.commands import bare_text
from webhooks.inbound.parsing.entities import Entities, without_urls
from webhooks.inbound.parsing.understanding import Intent, Missing, Setting, Understanding
from webhooks.inbound.parsing.when import Moment, cut, find_moments, is_recurring

_REMIND = re.compile(
    r"^(?:set (?:a |an )?|create (?:a |an )?|add (?:a |an )?)?(?:remind(?:er)?)\b(?P<whom>\s+(?:me|us))?", re.I
)
_REMIND_WHAT = re.compile(r"^(?:[:,\-–]|\s)*(?:to|about|that|of|for)?\s+", re.I)
_EXTRACT = re.compile(r"\b(?:extract|scrape|collect|gather|pull|grab|list|read|find|get)\b", re.I)
_BROWSE = re.compile(r"\b(?:open|go to|visit|navigate|browse|screenshot|click|log ?in|fill)\b", re.I)
_CALL = re.compile(
    r"^(?:call|request|ping|fetch|hit)\b.*\b(?:api|endpoint|url)\b"
    r"|^(?P<verb>GET|HEAD)\s+https?://|^(?:call|ping|fetch|hit)\s+https?://",
    re.I,
)
_REPORT = re.compile(r"\b(?:report|summary|statistics|stats)\b", re.I)
_TASK_REPORT = re.compile(
    r"\btasks?\b|\bwork\b|\b(?:summary|report)\s*(?:for|of)?\s*(?:last|this|past|today|yesterday)"
    r"|\b(?:weekly|monthly|daily)\s+(?:report|summary)",
    re.I,
)
_NOTIFY = re.compile(
    r"^(?:notify|tell|inform|alert|let)\s+(?P<whom>me|us|the owner|owner)\b(?:\s+know)?"
    r"(?:\s+(?:that|about|when|if))?[:,]?\s*(?P<what>.*)$",
    re.I | re.S,
)
_ADD_CONTACT = re.compile(
    r"^(?:add|create|save|new)\s+(?:a\s+|the\s+)?(?:new\s+)?(?:contact|lead)\b[:,]?\s*(?P<who>.*)$", re.I | re.S
)
_SEND_SMS = re.compile(
    r"^(?:send\s+(?:an?\s+)?(?:sms|text)(?:\s+message)?\s+to|text|sms)\s+contact\s+(?P<contact>[\w-]{4,40})"
    r"\s*[:,\-–]\s*(?P<what>.+)$",
    re.I | re.S,
)
_TAG = re.compile(r"^tag\s+contact\s+(?P<contact>[\w-]{4,40})\s+(?:with|as)\s+(?P<tags>.+)$", re.I | re.S)
_VERB = re.compile(r"^[a-z]{2,20}\b", re.I)
_TALK = re.compile(
    r"^(?:hi|hello|hey|yo|thanks?|thank you|good (?:morning|evening|day)|test(?:ing)?"
    r"|who|why|what|how|yes|no|maybe|sure|ok)\b",
    re.I,
)

Reader = Callable[[str, "Understanding", Setting], Understanding | None]


def read_request(text: str, entities: Entities, setting: Setting) -> Understanding:
    """The task a text asks for; an :attr:`Intent.UNCLEAR` reading when it asks for none that can be told."""
    plain = bare_text(text)
    base = Understanding(Intent.CREATE, 0.0, entities=entities)
    reading = next((found for reader in READERS if (found := reader(plain, base, setting))), base)
    if reading.intent == Intent.UNCLEAR or not reading.task:
        return replace(reading, intent=Intent.UNCLEAR, missing=reading.missing or Missing.WHAT)
    return _with_common_fields(reading, plain, setting)


def _with_common_fields(reading: Understanding, text: str, setting: Setting) -> Understanding:
    """Title, times, urgency: the same for every kind of task."""
    said = _outside_quotes(reading, text)
    moments = find_moments(said, setting.now, setting.zone)
    task = {"title": title_of(cut(said, moments) or text), "description": text[:5000], **reading.task}
    assumed = list(reading.assumed)
    if reading.intent == Intent.CREATE and task["taskType"] != "report_generation":
        for moment in moments:
            if moment.at > setting.now:
                task.setdefault("deadline" if moment.is_deadline else "scheduledFor", moment.at.isoformat())
                assumed += [moment.assumed] if moment.assumed else []
        if "scheduledFor" in task:
            task["executionType"] = "scheduled"
    if reading.entities.urgency != "normal" or reading.entities.priority != "medium":
        task |= {"urgency": reading.entities.urgency, "priority": reading.entities.priority}
    missing = Missing.ONCE if is_recurring(text) and not reading.missing else reading.missing
    return replace(reading, task=task, assumed=tuple(assumed), missing=missing)


def _outside_quotes(reading: Understanding, text: str) -> str:
    """What is to be sent to somebody else is not about us: a time in it is no time of the task."""
    quoted = reading.task["executionConfig"].get("message", "") if reading.task["taskType"] == "ghl_action" else ""
    return text.replace(quoted, " ") if quoted else text


def title_of(text: str) -> str:
    """A line of at most 80 characters, cut at a word."""
    line = re.sub(r"\s+(?=[,;.])|\s+every$", "", re.sub(r"\s+", " ", text.strip())).strip(" .,;:")
    if len(line) > 80:
        line = line[:79].rsplit(" ", 1)[0].rstrip(" ,;:") + "…"
    return line[:1].upper() + line[1:]


# --- one reader per kind of work ---


def _remind(text: str, base: Understanding, setting: Setting) -> Understanding | None:
    match = _REMIND.match(text)
    if match is None:
        return None
    moments = find_moments(text, setting.now, setting.zone)
    future = [moment for moment in moments if moment.at > setting.now]
    what = _REMIND_WHAT.sub("", " " + _REMIND.sub("", cut(text, moments), count=1)).strip(" .")
    config: dict[str, Any] = {"recipient": "sender", "reminderMessage": what}
    if future:
        config["reminderTime"] = future[0].at.isoformat()
    missing = Missing.WHAT if not what else Missing.NOTHING if future else Missing.WHEN
    task = {"taskType": "reminder", "title": title_of(f"Reminder: {what}"), "executionConfig": config}
    return replace(base, intent=Intent.REMIND, confidence=0.9, task=task, missing=missing, assumed=_assumed(future))


def _assumed(moments: list[Moment]) -> tuple[str, ...]:
    return (moments[0].assumed,) if moments and moments[0].assumed else ()


def _ghl(text: str, base: Understanding, setting: Setting) -> Understanding | None:
    for reader in (_add_contact, _send_sms, _tag):
        config = reader(text, base.entities)
        if config is not None:
            complete = config["ghlAction"] != "add_contact" or config.get("email") or config.get("phone")
            missing = Missing.NOTHING if complete else Missing.CONTACT
            return replace(
                base, confidence=0.85, task={"taskType": "ghl_action", "executionConfig": config}, missing=missing
            )
    return None


def _add_contact(text: str, entities: Entities) -> dict[str, Any] | None:
    match = _ADD_CONTACT.match(text)
    if match is None:
        return None
    name = re.split(r"[,;:(<]|\s[\w.+-]+@|\s\+?\d|\bwith\b|\bphone\b|\be-?mail\b", match["who"])[0].strip()
    names = name.split(maxsplit=1) if re.fullmatch(r"[^\d@]{2,80}", name) else []
    config: dict[str, Any] = {"ghlAction": "add_contact"}
    config |= dict(zip(("firstName", "lastName"), names, strict=False))
    config |= {"email": entities.emails[0]} if entities.emails else {}
    return config | ({"phone": entities.phones[0]} if entities.phones else {})


def _send_sms(text: str, entities: Entities) -> dict[str, Any] | None:
    match = _SEND_SMS.match(text)
    return match and {"ghlAction": "send_sms", "contactId": match["contact"], "message": match["what"].strip()}


def _tag(text: str, entities: Entities) -> dict[str, Any] | None:
    match = _TAG.match(text)
    if match is None:
        return None
    tags = [tag.strip(" .\"'") for tag in re.split(r",|\band\b", match["tags"])]
    return {"ghlAction": "add_tag", "contactId": match["contact"], "tags": [tag for tag in tags if tag]}


def _call(text: str, base: Understanding, setting: Setting) -> Understanding | None:
    match = _CALL.search(text)
    if match is None:
        return None
    if not base.entities.urls:
        return replace(base, intent=Intent.UNCLEAR, confidence=0.3, missing=Missing.PAGE)
    method = (match["verb"] or "GET").upper()
    config = {"apiEndpoint": base.entities.urls[0], "apiMethod": method}
    return replace(base, confidence=0.85, task={"taskType": "api_call", "executionConfig": config})


def _browse(text: str, base: Understanding, setting: Setting) -> Understanding | None:
    wants_data, wants_page = _EXTRACT.search(text), _BROWSE.search(text)
    if not base.entities.urls:
        wants = wants_data and re.search(r"\b(?:web ?)?(?:page|site|website)\b", text, re.I)
        return replace(base, intent=Intent.UNCLEAR, confidence=0.3, missing=Missing.PAGE) if wants else None
    if not (wants_data or wants_page):
        return None
    steps = browser_steps(text, base.entities.urls)
    task_type = "browser_automation" if wants_page and not _only_extracts(steps) else "data_extraction"
    return replace(base, confidence=0.85, task={"taskType": task_type, "executionConfig": {"automationSteps": steps}})


def _only_extracts(steps: list[dict[str, Any]]) -> bool:
    return {step["type"] for step in steps} == {"navigate", "extract"}


def _report(text: str, base: Understanding, setting: Setting) -> Understanding | None:
    if not _REPORT.search(text) or base.entities.urls:
        return None
    kind = "task_summary"
    if re.search(r"\b(?:execution|performance|success)", text, re.I):
        kind = "execution_stats"
    elif re.search(r"\b(?:webhook|message|channel|inbound)", text, re.I):
        kind = "webhook_activity"
    elif not _TASK_REPORT.search(text):
        return None
    start, end = _period(text, setting)
    config = {"reportType": kind, "startDate": start.isoformat(), "endDate": end.isoformat(), "sendNotification": True}
    return replace(base, confidence=0.8, task={"taskType": "report_generation", "executionConfig": config})


def _period(text: str, setting: Setting) -> tuple[dt.datetime, dt.datetime]:
    """The time a report covers, in local midnights (the end may be now); the last seven days when none is named."""
    today = setting.now.astimezone(setting.zone).replace(hour=0, minute=0, second=0, microsecond=0)
    monday, first = today - dt.timedelta(days=today.weekday()), today.replace(day=1)
    words = text.lower()
    if "last month" in words:
        return (first - dt.timedelta(days=1)).replace(day=1), first
    if "last week" in words:
        return monday - dt.timedelta(days=7), monday
    if "yesterday" in words:
        return today - dt.timedelta(days=1), today
    starts = {"this month": first, "monthly": first, "this week": monday, "today": today, "daily": today}
    start = next((day for name, day in starts.items() if name in words), today - dt.timedelta(days=7))
    return start, setting.now.astimezone(setting.zone).replace(microsecond=0)


def _notify(text: str, base: Understanding, setting: Setting) -> Understanding | None:
    match = _NOTIFY.match(text)
    if match is None:
        return None
    what = cut(match["what"], find_moments(match["what"], setting.now, setting.zone)).strip(" .")
    recipient = "sender" if match["whom"].lower() in {"me", "us"} else "owner"
    task = {"taskType": "notification", "executionConfig": {"recipient": recipient, "message": what}}
    return replace(base, confidence=0.8, task=task, missing=Missing.NOTHING if what else Missing.WHAT)


def _for_a_person(text: str, base: Understanding, setting: Setting) -> Understanding | None:
    """Work no bot can do as it stands ("update the homepage by Friday"): kept as a task for a person."""
    words = re.findall(r"[^\W\d_]{2,}", without_urls(text))
    if len(words) < 3 or _TALK.match(text) or not _VERB.match(text):
        return None
    config = {"recipient": "owner", "message": text[:2000]}
    task = {"taskType": "notification", "assignedToBot": False, "category": "request", "executionConfig": config}
    return replace(base, confidence=0.55 if len(words) >= 4 else 0.5, task=task)


READERS: tuple[Reader, ...] = (_remind, _ghl, _notify, _call, _browse, _report, _for_a_person)
