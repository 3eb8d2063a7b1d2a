"""What a provider reports of a message after it took it: Twilio's status callbacks.

Source: Twilio, "Outbound message status in status callbacks": reports may come late, twice and out of order.
"""

from __future__ import annotations

import logging
from typing import Any

from django.db import connection

from webhooks.models import OutboundMessage
from webhooks.outbound import sql

logger = logging.getLogger(__name__)

Receipt = OutboundMessage.Receipt
_BEFORE = {
    Receipt.SENT: [""],
    Receipt.DELIVERED: ["", "sent"],
    Receipt.UNDELIVERED: ["", "sent"],
    Receipt.FAILED: ["", "sent"],
    Receipt.READ: ["", "sent", "delivered"],
}
"""What a receipt may follow; any other is a repeat, or older than what is known."""
LOST = frozenset({Receipt.UNDELIVERED, Receipt.FAILED})


def record(channel_id: int, provider_id: str, receipt: str, code: str) -> str | None:
    """Move a message's receipt on. Answers our id of the message, None when the channel sent none under that id.

    A repeat and a report that comes out of order change nothing. Inside the transaction of the report's own row.
    """
    message = OutboundMessage.objects.filter(webhook_id=channel_id, provider_id=provider_id).only("message_id").first()
    if message is None:
        return None
    params: dict[str, Any] = {
        "webhook_id": channel_id,
        "provider_id": provider_id,
        "receipt": receipt,
        "code": code[:40],
        "lost": receipt in LOST,
        "error": f"reported as {receipt}" + (f", code {code[:40]}" if code else ""),
        "before": _BEFORE[Receipt(receipt)],
    }
    with connection.cursor() as cursor:
        cursor.execute(sql.RECEIPT, params)
        moved = cursor.rowcount > 0
    if moved and receipt in LOST:
        logger.warning("[Messages] message %s did not arrive: %s", message.message_id, params["error"])
    return message.message_id
