"""Who did what to a channel: append-only rows, written in the transaction of the act."""

from __future__ import annotations

from typing import Any

from tasks.actors import Actor
from webhooks.models import ChannelEvent


def record(webhook_id: int, action: str, actor: Actor, data: dict[str, Any] | None = None, reason: str = "") -> None:
    """Write one row. `data` holds names and numbers, never secrets or message bodies."""
    ChannelEvent.objects.create(
        webhook_id=webhook_id,
        action=action,
        actor=str(actor),
        actor_user_id=actor.user_id,
        reason=reason[:500],
        data=data or {},
    )
