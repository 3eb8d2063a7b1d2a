"""Writing messages into the outbox, in the transaction of what causes them."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection
from django.utils import timezone

from webhooks import doorbell
from webhooks.models import Conversation, Webhook
from webhooks.outbound import signing, sql
from webhooks.outbound.notes import Note, text_for
from webhooks.outbound.transports import TRANSPORTS

MAX_BODY = 64 * 1024
"""Bytes of an outbound event; a larger result is left out and the link leads to it."""
NEEDS_RECIPIENT = frozenset({Webhook.Type.SMS, Webhook.Type.EMAIL})


@dataclass(frozen=True)
class Draft:
    """A message to be sent. `dedupe_key` makes a second one for the same cause impossible."""

    channel: Webhook
    event_type: str
    dedupe_key: str
    note: Note
    data: dict[str, Any] = field(default_factory=dict)
    conversation: Conversation | None = None
    task_id: int | None = None
    in_reply_to_id: int | None = None
    recipient: str = ""
    address: dict[str, Any] = field(default_factory=dict)
    not_before: dt.datetime | None = None
    pressing: bool = False
    created_by_id: int | None = None


def post(draft: Draft) -> int | None:
    """Write one message; it is delivered after the transaction commits. Answers its id, None when it exists already."""
    channel, now = draft.channel, timezone.now()
    recipient, address, held = _where(draft)
    not_before = draft.not_before if draft.pressing else after_quiet(channel, draft.not_before or now)
    params: dict[str, Any] = {
        "message_id": signing.new_message_id(),
        "dedupe_key": draft.dedupe_key[:255],
        "webhook_id": channel.pk,
        "conversation_id": draft.conversation.pk if draft.conversation else None,
        "task_id": draft.task_id,
        "in_reply_to_id": draft.in_reply_to_id,
        "event_type": draft.event_type,
        "recipient": recipient[:300],
        "address": json.dumps(address),
        "subject": " ".join(draft.note.subject.split())[:500],
        "text": text_for(channel.type, draft.note)[: TRANSPORTS[channel.type].max_text],
        "body": _body(draft, now) if channel.type == Webhook.Type.CUSTOM else None,
        "created_by_id": draft.created_by_id,
        "not_before": not_before if not_before and not_before > now else None,
        "held": held,
    }
    with connection.cursor() as cursor:
        cursor.execute(sql.INSERT, params)
        row = cursor.fetchone()
    if row is None:
        return None
    if params["not_before"] is None and row[1] == "pending":
        doorbell.ring_on_commit(doorbell.OUTBOX)
    return int(row[0])


def _where(draft: Draft) -> tuple[str, dict[str, Any], str]:
    """The recipient named, else the person of the conversation, else the channel's owner; and why it must wait.

    A sender nobody vouches for (any mail can claim any From line) is not written to: the owner is told instead.
    """
    talk, owner = draft.conversation, draft.channel.owner_address
    if draft.recipient:
        return draft.recipient, draft.address, ""
    if talk is not None and talk.authentic:
        return talk.address, {**talk.reply_to, **draft.address}, ""
    nobody = not owner and draft.channel.type in NEEDS_RECIPIENT
    return owner, draft.address, "nobody to send it to: the channel has no owner address" if nobody else ""


def recipient_of(draft: Draft) -> str:
    """Who a message would go to."""
    return _where(draft)[0][:300]


def _body(draft: Draft, now: dt.datetime) -> bytes:
    """The event of a custom webhook, serialised once: these bytes are signed and sent on every try."""
    words = {"message": text_for("custom_webhook", draft.note), "url": draft.note.link}
    data = {**draft.data, **{name: value for name, value in words.items() if value}}
    body = _packed(draft.event_type, now, data)
    if len(body) > MAX_BODY:
        body = _packed(draft.event_type, now, {**data, "result": None, "resultTruncated": True})
    if len(body) > MAX_BODY:
        short = {name: value for name, value in data.items() if isinstance(value, int | bool)}
        body = _packed(draft.event_type, now, {**short, "resultTruncated": True, "url": draft.note.link})
    return body


def _packed(event_type: str, now: dt.datetime, data: dict[str, Any]) -> bytes:
    event = {"type": event_type, "timestamp": now.isoformat(), "data": data}
    return json.dumps(event, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def after_quiet(channel: Webhook, at: dt.datetime) -> dt.datetime:
    """The time itself, or the end of the channel's quiet hours when it lies in them."""
    if channel.quiet_start is None or channel.quiet_end is None:
        return at
    local = at.astimezone(ZoneInfo(channel.timezone))
    start, end, clock = channel.quiet_start, channel.quiet_end, local.time()
    overnight = start > end
    quiet = (clock >= start or clock < end) if overnight else (start <= clock < end)
    if not quiet:
        return at
    day = local.date() + dt.timedelta(days=1 if overnight and clock >= start else 0)
    return dt.datetime.combine(day, end, tzinfo=local.tzinfo)
