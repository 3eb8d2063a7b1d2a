"""Making the task a message asks for."""

from __future__ import annotations

from typing import Any

from tasks import services
from tasks.drafts import Source
from tasks.inputs import parse_task
from tasks.models import AgencyTask
from webhooks.inbound.people import Person
from webhooks.models import InboundMessage, Webhook

SOURCE_TYPES = {
    Webhook.Type.SMS: "webhook_sms",
    Webhook.Type.EMAIL: "webhook_email",
    Webhook.Type.SLACK: "webhook_slack",
    Webhook.Type.GHL: "webhook_ghl",
    Webhook.Type.CUSTOM: "webhook_custom",
}


def create_task(
    message: InboundMessage,
    document: dict[str, Any],
    person: Person,
    review_reasons: list[str],
    original: str,
    *,
    from_text: bool = False,
) -> AgencyTask:
    """One task for one message; a second one is refused by the dedupe key. Raises tasks.errors.TaskError."""
    source = Source(
        type=SOURCE_TYPES[Webhook.Type(message.webhook.type)],
        webhook_id=message.webhook_id,
        message_id=message.pk,
        original_message=original,
        dedupe_key=f"inbound:{message.pk}",
        review_reasons=review_reasons,
        from_text=from_text,
        authors=(person.sender.user_id if person.sender else None,),
        text_trusted=message.webhook.text_policy == Webhook.TextPolicy.RUN,
    )
    return services.create(parse_task(document), person.actor, source)
