"""What people may do with messages that went out, or did not: resend one, many or all since a time; cancel, forget."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from tasks.actors import Actor
from tasks.errors import Conflict, Invalid, NotFound
from tasks.validation import FieldError
from webhooks import doorbell
from webhooks.audit import record
from webhooks.models import OutboundMessage

BULK_LIMIT = 1000
SINCE_LIMIT = dt.timedelta(days=14)

_RESEND = """
UPDATE outbound_messages SET manual = true, manual_from = state, resume_at = next_attempt_at, state = 'pending',
  next_attempt_at = clock_timestamp()
WHERE id = %(id)s AND state IN ('pending', 'delivered', 'dead', 'held') AND expunged_at IS NULL AND NOT manual
RETURNING webhook_id
"""
#: Dead letters begin a new schedule of tries.
_REVIVE = """
WITH chosen AS (
  SELECT m.id FROM outbound_messages m JOIN webhooks w ON w.id = m.webhook_id
  WHERE m.state = 'dead' AND m.expunged_at IS NULL AND w.is_active AND w.sends_outbound AND {which}
  ORDER BY m.id LIMIT %(limit)s FOR UPDATE OF m SKIP LOCKED)
UPDATE outbound_messages m SET state = 'pending', attempts = 0, refusals = 0, crashes = 0, finished_at = NULL,
  next_attempt_at = clock_timestamp()
FROM chosen WHERE m.id = chosen.id RETURNING m.webhook_id
"""
_CANCEL = """
UPDATE outbound_messages SET state = 'cancelled', finished_at = clock_timestamp(), next_attempt_at = NULL,
  held_reason = '', last_error = %(reason)s
WHERE id = %(id)s AND state IN ('pending', 'held') RETURNING webhook_id
"""
_EXPUNGE = """
UPDATE outbound_messages SET body = NULL, text = '', expunged_at = clock_timestamp()
WHERE id = %(id)s AND expunged_at IS NULL AND state IN ('delivered', 'dead', 'cancelled') RETURNING webhook_id
"""


def resend(message_id: int, actor: Actor) -> OutboundMessage:
    """Try one message now, under its own id. Success ends it; failure schedules nothing. Raises NotFound, Conflict."""
    return _one(message_id, _RESEND, actor, "message_resent", "cannot be sent again")


def cancel(message_id: int, actor: Actor, reason: str = "Cancelled") -> OutboundMessage:
    """A message that waits is not sent any more. Raises NotFound, Conflict."""
    return _one(message_id, _CANCEL, actor, "message_cancelled", "cannot be cancelled", reason)


def expunge(message_id: int, actor: Actor) -> OutboundMessage:
    """Forget what a message said; that it was sent stays known. Raises NotFound, Conflict."""
    return _one(message_id, _EXPUNGE, actor, "message_expunged", "has no text to forget, or is still to be sent")


def resend_many(message_ids: Sequence[int], actor: Actor) -> int:
    """Dead messages of a list begin anew; answers how many. Raises Invalid for more than 1,000."""
    if len(message_ids) > BULK_LIMIT:
        raise Invalid([FieldError("#/ids", "too_long", f"at most {BULK_LIMIT} messages at once")])
    return _revive("m.id = ANY(%(ids)s)", {"ids": list(message_ids)}, actor, {"asked": len(message_ids)})


def resend_since(channel_id: int, since: dt.datetime, actor: Actor) -> int:
    """Dead messages of a channel since a time begin anew, 1,000 per call, oldest first; answers how many."""
    now = timezone.now()
    if not now - SINCE_LIMIT <= since <= now:
        raise Invalid([FieldError("#/since", "range", f"since must lie within the last {SINCE_LIMIT.days} days")])
    which = "m.webhook_id = %(channel)s AND m.created_at >= %(since)s"
    return _revive(which, {"channel": channel_id, "since": since}, actor, {"since": since.isoformat()})


def _one(message_id: int, statement: str, actor: Actor, action: str, refusal: str, reason: str = "") -> OutboundMessage:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, {"id": message_id, "reason": reason[:500]})
        row = cursor.fetchone()
        message = OutboundMessage.objects.filter(pk=message_id).first()
        if message is None:
            raise NotFound("No such message")
        if row is None:
            raise Conflict(f"A message that is {message.state} {refusal}")
        record(row[0], action, actor, {"message": message.message_id}, reason)
        doorbell.ring_on_commit(doorbell.OUTBOX)
    return message


def _revive(which: str, params: dict[str, Any], actor: Actor, data: dict[str, Any]) -> int:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_REVIVE.format(which=which), {**params, "limit": BULK_LIMIT})
        channels = [row[0] for row in cursor.fetchall()]
        for channel_id in sorted(set(channels)):
            record(channel_id, "messages_resent", actor, {**data, "count": channels.count(channel_id)})
        doorbell.ring_on_commit(doorbell.OUTBOX)
    return len(channels)
