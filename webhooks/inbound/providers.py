"""One parser per provider: from a request's bytes to an :class:`Incoming`. Pure; raises only :class:`Unusable`.

Sources: Slack "Events API" and "Slash commands"; Twilio "Messaging webhooks"; HighLevel "InboundMessage"; GitHub
"Webhook events and payloads"; Standard Webhooks 1.0.0 (envelope `type`, `timestamp`, `data`).
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from typing import Any

from agency.strict_json import StrictJsonError, loads
from webhooks.inbound.forms import Form, FormError, read_form
from webhooks.inbound.incoming import Attachment, Incoming, Kind, RawMessage, Unusable
from webhooks.inbound.mail import mailgun, postmark, sendgrid

Parser = Callable[[RawMessage], Incoming]

OWN_EVENT_PREFIXES = ("task.", "review.", "message.", "channel.", "reminder.")
"""Types of the events we send: coming back in, they create nothing (the loop guard)."""
CREATE_TYPES = frozenset({"task.create", "task.requested"})
TASK_KEYS = frozenset({"taskType", "executionConfig"})

JSON_TYPES = frozenset({"application/json"})
FORM_TYPES = frozenset({"application/x-www-form-urlencoded"})
MAIL_TYPES = frozenset({"multipart/form-data", "application/x-www-form-urlencoded"})


def parse(provider: str, raw: RawMessage) -> Incoming:
    """Read one message. Raises :class:`Unusable` with a sentence for the sender."""
    try:
        return PARSERS[provider][0](raw)
    except (StrictJsonError, FormError) as error:
        raise Unusable(str(error)) from error


def accepts(provider: str, content_type: str) -> bool:
    """Whether a provider sends bodies of this media type (else the answer is 415)."""
    return content_type in PARSERS[provider][1]


def _object(raw: RawMessage) -> dict[str, Any]:
    document = loads(raw.body)
    if not isinstance(document, dict):
        raise Unusable("the body must be a JSON object")
    return document


def _text(document: dict[str, Any], *names: str) -> str:
    """The first of the named values that is a non-empty text."""
    return next((value for name in names if isinstance(value := document.get(name), str) and value), "")


def _part(document: dict[str, Any], name: str) -> dict[str, Any]:
    value = document.get(name)
    return value if isinstance(value, dict) else {}


# --- custom JSON, Standard Webhooks ---


def custom(raw: RawMessage) -> Incoming:
    """JSON of any program: a task, an envelope with a task or a text in `data`, or a text."""
    document = _object(raw)
    event_type = _text(document, "type")
    data = _part(document, "data") if event_type and "data" in document else document
    common: dict[str, Any] = {
        "event_type": event_type,
        "external_id": _text(document, "id", "messageId", "eventId"),
        "sender": _text(data, "from", "sender"),
        "sender_name": _text(data, "senderName", "fromName"),
        "thread": _text(data, "thread", "conversationId") or _text(data, "from", "sender"),
        "authentic_sender": True,
    }
    if event_type.startswith(OWN_EVENT_PREFIXES) and event_type not in CREATE_TYPES:
        return Incoming(Kind.IGNORED, **common)
    task = _part(data, "task") or data
    if TASK_KEYS & task.keys() or event_type in CREATE_TYPES:
        return Incoming(Kind.TASK, document=_without_envelope(task, data), **common)
    text = _text(data, "text", "message", "body")
    if text:
        return Incoming(Kind.TEXT, text=text, subject=_text(data, "subject"), **common)
    if event_type:
        return Incoming(Kind.IGNORED, **common)
    raise Unusable("expected a task (taskType, title, executionConfig …) or a text in `text` or `message`")


def _without_envelope(task: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
    """Keys that name the message and not the task must not reach the task's strict validation."""
    if task is not data:
        return task
    envelope = {"id", "messageId", "eventId", "type", "timestamp", "from", "sender", "senderName", "fromName", "thread"}
    return {name: value for name, value in task.items() if name not in envelope}


# --- Slack ---

_MENTION = re.compile(r"<@[A-Z0-9]+(?:\|[^>]*)?>")
_LINK = re.compile(r"<((?:https?|mailto|tel):[^|>]+)(?:\|([^>]*))?>")
_SILENT_SUBTYPES = frozenset({"file_share", "thread_broadcast", ""})


def slack(raw: RawMessage) -> Incoming:
    """An Events API callback, a slash command, or a pressed button."""
    if raw.content_type in FORM_TYPES:
        return _slack_form(read_form(raw.body, raw.content_type))
    document = _object(raw)
    if document.get("type") == "url_verification":
        return Incoming(Kind.CHALLENGE, challenge=_text(document, "challenge"))
    event = _part(document, "event")
    event_type = _text(event, "type") or _text(document, "type")
    team, channel, stamp = _text(document, "team_id"), _text(event, "channel"), _text(event, "ts")
    is_message = event_type in {"message", "app_mention"} and bool(channel and stamp)
    # One post reaches us as `message` and as `app_mention` with two event ids: place and time name the post itself.
    external_id = f"{team}:{channel}:{stamp}" if is_message else _text(document, "event_id")
    from_bot = bool(event.get("bot_id")) or _text(event, "subtype") not in _SILENT_SUBTYPES
    if not is_message or from_bot or not _text(event, "user"):
        return Incoming(Kind.IGNORED, external_id=external_id or _text(document, "event_id"), event_type=event_type)
    thread = _text(event, "thread_ts") or stamp
    direct = _text(event, "channel_type") == "im"
    return Incoming(
        Kind.TEXT,
        external_id=external_id,
        sender=_text(event, "user"),
        thread=channel if direct and not _text(event, "thread_ts") else f"{channel}:{thread}",
        text=slack_text(_text(event, "text")),
        reply_to={"channel": channel, "threadTs": "" if direct else thread},
        authentic_sender=True,
        event_type=event_type,
        account=team,
    )


def slack_text(text: str) -> str:
    """Slack's markup as plain words: mentions dropped, links written out, entities decoded."""
    plain = _LINK.sub(lambda link: link[1].removeprefix("mailto:").removeprefix("tel:"), _MENTION.sub("", text))
    return html.unescape(plain).strip()


def _slack_form(form: Form) -> Incoming:
    if form.get("payload"):
        return _slack_button(form)
    return Incoming(
        Kind.TEXT,
        external_id=form.get("trigger_id"),
        sender=form.get("user_id"),
        sender_name=form.get("user_name"),
        thread=f"{form.get('channel_id')}:command",
        text=slack_text(form.get("text")),
        reply_to={"channel": form.get("channel_id"), "threadTs": ""},
        authentic_sender=True,
        event_type="command",
        account=form.get("team_id"),
    )


def _slack_button(form: Form) -> Incoming:
    """A pressed button: its value is a command in words ("approve 12"), so it means what the same reply would mean."""
    payload = loads(form.get("payload").encode())
    if not isinstance(payload, dict) or payload.get("type") != "block_actions":
        return Incoming(Kind.IGNORED, event_type="interaction")
    actions = payload.get("actions")
    action = actions[0] if isinstance(actions, list) and actions and isinstance(actions[0], dict) else {}
    container = _part(payload, "container")
    channel, stamp = _text(container, "channel_id"), _text(container, "thread_ts", "message_ts")
    return Incoming(
        Kind.TEXT,
        external_id=_text(payload, "trigger_id"),
        sender=_text(_part(payload, "user"), "id"),
        thread=f"{channel}:{stamp}",
        text=_text(action, "value"),
        reply_to={"channel": channel, "threadTs": stamp},
        authentic_sender=True,
        event_type="block_actions",
        account=_text(_part(payload, "team"), "id"),
    )


# --- Twilio ---


_RECEIPTS = {
    "sent": "sent",
    "delivered": "delivered",
    "undelivered": "undelivered",
    "failed": "failed",
    "canceled": "failed",
    "read": "read",
}
"""Twilio's MessageStatus, as far as it tells something that is not known when the message was taken."""


def twilio(raw: RawMessage) -> Incoming:
    """An incoming SMS or WhatsApp message, or the report of what became of one of ours."""
    form = read_form(raw.body, raw.content_type)
    sid = form.get("MessageSid") or form.get("SmsSid") or form.get("CallSid")
    if not sid:
        raise Unusable("the form has no MessageSid")
    status = form.get("MessageStatus")
    if status or "Body" not in form.fields:
        receipt = {"providerId": sid, "receipt": _RECEIPTS.get(status, ""), "code": form.get("ErrorCode")}
        return Incoming(
            Kind.RECEIPT if receipt["receipt"] else Kind.IGNORED,
            external_id=f"{sid}:{status or 'event'}",
            event_type=f"status:{status}",
            document=receipt,
            account=form.get("AccountSid"),
        )
    return Incoming(
        Kind.TEXT,
        external_id=sid,
        sender=form.get("From"),
        sender_name=form.get("ProfileName"),
        thread=form.get("From"),
        text=_with_media(form),
        reply_to={"to": form.get("From"), "from": form.get("To")},
        authentic_sender=True,
        event_type="message",
        account=form.get("AccountSid"),
    )


def _with_media(form: Form) -> str:
    count = form.get("NumMedia")
    links = [form.get(f"MediaUrl{index}") for index in range(min(int(count), 10))] if count.isdecimal() else []
    return "\n".join([form.get("Body"), *(link for link in links if link)]).strip()


# --- HighLevel ---


def ghl(raw: RawMessage) -> Incoming:
    """A signed marketplace event, or the body of a workflow's "Custom Webhook" action."""
    document = _object(raw)
    event_type = _text(document, "type")
    custom_data = _part(document, "customData")
    contact = _text(document, "contactId", "contact_id")
    common: dict[str, Any] = {
        "external_id": _text(document, "webhookId", "messageId"),
        "sender": contact,
        "sender_name": _text(document, "full_name", "contactName"),
        "thread": _text(document, "conversationId") or contact,
        "reply_to": {"contactId": contact, "type": _ghl_reply_type(_text(document, "messageType"))},
        "authentic_sender": bool(contact),
        "event_type": event_type,
        "account": _text(document, "locationId") or _text(_part(document, "location"), "id"),
    }
    if TASK_KEYS & custom_data.keys():
        return Incoming(Kind.TASK, document=custom_data, **common)
    text = _text(document, "body") or _text(_part(document, "message"), "body") or _text(custom_data, "message", "text")
    outbound = _text(document, "direction") == "outbound"
    if text and contact and not outbound and event_type in {"", "InboundMessage"}:
        return Incoming(Kind.TEXT, text=text, subject=_text(document, "subject"), **common)
    return Incoming(Kind.IGNORED, **common)


def _ghl_reply_type(message_type: str) -> str:
    """The `type` a reply needs: HighLevel is strict about its case."""
    known = {name.lower(): name for name in ("SMS", "Email", "WhatsApp", "IG", "FB", "Live_Chat", "RCS", "Custom")}
    return known.get(message_type.lower().removeprefix("type_"), "SMS")


# --- code hosts and payment providers ---


def github(raw: RawMessage) -> Incoming:
    """A GitHub event: kept and searchable; it makes no task."""
    document = _object(raw)
    event_type = raw.headers.get("x-github-event", "")
    sender = _text(_part(document, "sender"), "login")
    return Incoming(Kind.IGNORED, sender=sender, event_type=event_type, authentic_sender=True)


def stripe(raw: RawMessage) -> Incoming:
    """A Stripe event, named by its own id; it makes no task."""
    document = _object(raw)
    if not _text(document, "id"):
        raise Unusable("the event has no id")
    return Incoming(Kind.IGNORED, external_id=_text(document, "id"), event_type=_text(document, "type"))


PARSERS: dict[str, tuple[Parser, frozenset[str]]] = {
    "custom": (custom, JSON_TYPES),
    "slack": (slack, JSON_TYPES | FORM_TYPES),
    "twilio": (twilio, FORM_TYPES),
    "ghl": (ghl, JSON_TYPES),
    "github": (github, JSON_TYPES),
    "stripe": (stripe, JSON_TYPES),
    "sendgrid": (sendgrid, MAIL_TYPES),
    "mailgun": (mailgun, MAIL_TYPES),
    "postmark": (postmark, JSON_TYPES),
}

__all__ = ["PARSERS", "Attachment", "Incoming", "Kind", "accepts", "parse"]
