"""From a stored message to what it asks for. A worker runs this; each message is decided in one transaction of its own.

Reading (and a language model) come before the transaction; inside it the message's row is taken by a conditional look,
so that two workers with the same message do its work once.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
from typing import Any

from django.db import Error as DatabaseError
from django.db import connection, transaction
from django.db.models.functions import Now

from agency import credentials, db
from tasks.errors import TaskError
from webhooks.inbound import bodies, dialogue
from webhooks.inbound.incoming import Incoming, Kind, RawMessage, Unusable
from webhooks.inbound.people import conversation_for, person_for
from webhooks.inbound.providers import parse
from webhooks.inbound.tasks_from import create_task
from webhooks.models import InboundMessage, Webhook
from webhooks.outbound import receipts

logger = logging.getLogger(__name__)

State = InboundMessage.State
MAX_ATTEMPTS = 5
LEASE_S = 60.0

_CLAIM = """
UPDATE inbound_messages SET attempts = attempts + 1,
  next_try_at = clock_timestamp() + make_interval(secs => %(lease_s)s * power(2, attempts)) WHERE id IN (
  SELECT id FROM inbound_messages WHERE state = 'received' AND next_try_at <= clock_timestamp()
  ORDER BY next_try_at, id LIMIT %(free)s FOR UPDATE SKIP LOCKED)
RETURNING id
"""
_NEXT = """
SELECT extract(epoch FROM min(next_try_at) - clock_timestamp())::float8 FROM inbound_messages WHERE state = 'received'
"""


def claim(owner: str, free: int) -> tuple[list[int], float | None]:
    """Take up to `free` messages; the lease is the time of their next try. Answers ids, and a wait when none is due."""
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, {"free": free, "lease_s": LEASE_S})
        ids = [row[0] for row in cursor.fetchall()]
        if ids:
            return ids, 0.0
        cursor.execute(_NEXT)
        seconds = cursor.fetchone()[0]
    return [], None if seconds is None else max(0.5, seconds)


def process(message_id: int) -> str:
    """Decide about one message; answers its new state. A failing database or a crash leaves it for its next try."""
    message = InboundMessage.objects.select_related("webhook").filter(pk=message_id, state=State.RECEIVED).first()
    if message is None:
        return ""
    try:
        return _decide(message)
    except DatabaseError:
        raise
    except Exception as error:
        logger.exception("[Webhook] message %s: try %s failed", message_id, message.attempts)
        if message.attempts < MAX_ATTEMPTS:
            return ""
        return _give_up(message, f"{type(error).__name__} at every try")


def _decide(message: InboundMessage) -> str:
    try:
        incoming = parse(message.webhook.provider, _raw(message))
    except Unusable as error:
        return _give_up(message, str(error), State.UNUSABLE)
    except credentials.CredentialError as error:
        return _give_up(message, f"its body cannot be read: {error}")
    if incoming.kind == Kind.TASK:
        return _structured(message, incoming)
    if incoming.kind == Kind.RECEIPT:
        return _receipt(message, incoming.document)
    return _words(message, incoming)


def _raw(message: InboundMessage) -> RawMessage:
    headers = {"content-type": message.content_type, **message.headers}
    return RawMessage(headers, bodies.body_of(message), message.content_type.partition(";")[0].strip().lower())


# --- a task as JSON ---


def _structured(message: InboundMessage, incoming: Incoming) -> str:
    channel = message.webhook
    if channel.structured_policy == Webhook.Policy.IGNORE:
        return _give_up(message, "the channel makes no tasks of documents", State.IGNORED)
    shown = credentials.redact(incoming.document)
    try:
        with transaction.atomic():
            if not _take(message):
                return ""
            person = person_for(channel, incoming)
            conversation = conversation_for(channel, incoming, person)
            _tie(message, incoming, conversation)
            asks = channel.structured_policy == Webhook.Policy.REVIEW
            reasons = ["The channel asks for a review of every task"] if asks else []
            task = create_task(message, incoming.document, person, reasons, original=_as_text(shown))
            dialogue.about(conversation, task)
            _end(message, State.PROCESSED, task_id=task.pk)
            bodies.mask(message)
    except TaskError as error:
        return _give_up(message, str(error), State.UNUSABLE)
    return State.PROCESSED


def _as_text(document: dict[str, Any]) -> str:
    return json.dumps(document, ensure_ascii=False)[:5000]


# --- what became of a message of ours ---


def _receipt(message: InboundMessage, report: dict[str, Any]) -> str:
    """A report can overtake the answer to the request that sent the message: then it waits for that a little."""
    with transaction.atomic():
        if not _take(message):
            return ""
        ours = receipts.record(message.webhook_id, report["providerId"], report["receipt"], report["code"])
        if ours is None and message.attempts < MAX_ATTEMPTS:
            soon = Now() + dt.timedelta(seconds=2 * 3**message.attempts)
            InboundMessage.objects.filter(pk=message.pk).update(next_try_at=soon)
            return ""
        if ours is None:
            _end(message, State.IGNORED, state_reason="the channel sent no message under this id")
            return State.IGNORED
        _end(message, State.PROCESSED, understanding={"reports": ours, **report})
    return State.PROCESSED


# --- words of a person ---


def _words(message: InboundMessage, incoming: Incoming) -> str:
    channel = message.webhook
    person = person_for(channel, incoming)
    if channel.known_senders_only and person.sender is None:
        return _give_up(message, "the sender is not known on this channel", State.IGNORED)
    conversation = conversation_for(channel, incoming, person)
    setting = dialogue.setting_for(message, conversation, person)
    text = dialogue.with_what_was_asked(conversation, incoming.text, setting)
    reading = dialogue.read(channel, text, incoming.subject, setting)
    db.release()
    with transaction.atomic():
        if not _take(message):
            return ""
        _tie(message, incoming, conversation)
        message.understanding = reading.as_json()
        talk = dialogue.Talk(message, incoming, conversation, person, reading, text)
        task_id = dialogue.act(talk)
        _end(message, State.PROCESSED, task_id=task_id, understanding=message.understanding)
        if message.sealed_by:
            bodies.mask(message)
    return State.PROCESSED


# --- the message's row ---


def _take(message: InboundMessage) -> bool:
    """Lock the row if nobody has decided about it yet."""
    found = InboundMessage.objects.select_for_update(of=("self",)).filter(pk=message.pk, state=State.RECEIVED)
    return found.exists()


def _tie(message: InboundMessage, incoming: Incoming, conversation: Any) -> None:
    """Before a task is made: whoever hears of it finds the conversation through the message."""
    message.conversation = conversation
    InboundMessage.objects.filter(pk=message.pk).update(
        conversation=conversation,
        sender=incoming.sender[:300],
        subject=incoming.subject[:500],
        text=incoming.text[:20_000],
        event_type=incoming.event_type[:200],
        attachments=[
            {"name": file.name, "contentType": file.content_type, "size": len(file.data)}
            for file in incoming.attachments
        ],
    )


def _end(message: InboundMessage, state: str, **columns: Any) -> None:
    InboundMessage.objects.filter(pk=message.pk, state=State.RECEIVED).update(
        state=state, processed_at=Now(), **columns
    )


def _give_up(message: InboundMessage, reason: str, state: str = State.FAILED) -> str:
    _end(message, state, state_reason=credentials.redact(reason)[:500])
    if state != State.FAILED:
        bodies.mask(message)
    logger.warning("[Webhook] message %s is %s: %s", message.pk, state, reason)
    return state


def replay(message_id: int) -> bool:
    """Let a message that made no task be processed again. False when its body is gone or it made one."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE inbound_messages SET state = 'received', state_reason = '', processed_at = NULL, attempts = 0,"
            " next_try_at = clock_timestamp() WHERE id = %s AND state <> 'received' AND task_id IS NULL"
            " AND raw IS NOT NULL AND NOT masked",
            [message_id],
        )
        return cursor.rowcount == 1
