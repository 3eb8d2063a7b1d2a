"""Channels that do not work any more are switched off, and people hear of it another way."""

from __future__ import annotations

import logging
from typing import Any

from django.db import connection, transaction

from tasks.actors import SYSTEM
from webhooks.audit import record

logger = logging.getLogger(__name__)

FAILING_HOURS, FAILED_MESSAGES = 120, 3
GONE = "The receiver answered 410: it wants no more messages"

_DISABLE = """
UPDATE webhooks SET is_active = false, disabled_at = clock_timestamp(), disabled_reason = %(reason)s
WHERE id = %(id)s AND is_active AND (NOT %(only_failing)s OR (exhausted_count >= %(messages)s
  AND failing_since < clock_timestamp() - make_interval(hours => %(hours)s)))
RETURNING name
"""
_HOLD = """
UPDATE outbound_messages SET state = 'held', held_reason = 'the channel is disabled', next_attempt_at = NULL
WHERE webhook_id = %(id)s AND state = 'pending'
"""


def disable_gone(channel_id: int) -> bool:
    """The receiver wants no more (410)."""
    return _disable(channel_id, GONE, only_failing=False)


def disable_if_failing(channel_id: int) -> bool:
    """No success for five days and three messages given up."""
    reason = f"No message could be delivered for {FAILING_HOURS} hours"
    return _disable(channel_id, reason, only_failing=True)


def _disable(channel_id: int, reason: str, *, only_failing: bool) -> bool:
    params: dict[str, Any] = {
        "id": channel_id,
        "reason": reason,
        "only_failing": only_failing,
        "messages": FAILED_MESSAGES,
        "hours": FAILING_HOURS,
    }
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_DISABLE, params)
        row = cursor.fetchone()
        if row is None:
            return False
        cursor.execute(_HOLD, params)
        record(channel_id, "disabled", SYSTEM, {"held": cursor.rowcount}, reason)
        transaction.on_commit(lambda: _tell(channel_id, row[0], reason))
    return True


def _tell(channel_id: int, name: str, reason: str) -> None:
    """By mail to the administrators, never through the channel that does not work."""
    from webhooks.jobs import tell_disabled

    logger.error("[Messages] channel %s (%s) was disabled: %s", channel_id, name, reason)
    tell_disabled.delay(channel_id)
