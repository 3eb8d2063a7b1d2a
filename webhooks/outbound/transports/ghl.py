"""A HighLevel conversation: POST /conversations/messages with the location's token."""

from __future__ import annotations

from typing import Annotated, Any

from django.conf import settings
from pydantic import Field

from agency import http
from webhooks.outbound.transports.base import (
    Delivered,
    Envelope,
    Failed,
    Result,
    Transport,
    TransportConfig,
    answer_of,
    failed_by,
    judged,
    typed,
)


class GhlConfig(TransportConfig):
    """The location is the channel's account; `defaultContactId` is who is meant when a message names nobody."""

    default_contact_id: Annotated[str, Field(max_length=100)] = ""


class GhlConversation(Transport):
    """One message to a contact. HighLevel has no idempotency key: a send without an answer is held for a person."""

    type = "ghl"
    Config = GhlConfig
    once = True
    max_text = 1600

    def send(self, envelope: Envelope, timeout_s: float) -> Result:
        config = typed(GhlConfig, envelope)
        contact = envelope.address.get("contactId") or envelope.recipient or config.default_contact_id
        if not contact:
            return Failed("no HighLevel contact to write to", permanent=True, sent=False)
        url = f"{settings.GHL_BASE_URL}/conversations/messages"
        kind = envelope.address.get("type") or "SMS"
        document = {"type": kind, "contactId": contact, "message": envelope.text[: self.max_text]}
        document |= {"subject": envelope.subject} if kind == "Email" else {}
        token = envelope.secret_for(http.host_of(url)) or settings.GHL_API_KEY
        if not token:
            return Failed("the channel has no HighLevel token and GHL_API_KEY is not set", permanent=True, sent=False)
        headers = {"Authorization": f"Bearer {token}", "Version": settings.GHL_API_VERSION}
        try:
            return _read(http.request("POST", url, headers=headers, json=document, timeout_s=timeout_s))
        except http.OutboundError as error:
            return failed_by(error)

    def host(self, url: str, config: dict[str, Any]) -> str:
        return http.host_of(settings.GHL_BASE_URL)


def _read(response: http.Response) -> Result:
    result = judged(response)
    try:
        document = response.json()
    except ValueError:
        return result
    document = document if isinstance(document, dict) else {}
    if isinstance(result, Delivered):
        return Delivered(answer_of(response), str(document.get("messageId", ""))[:200])
    if response.status == 400:
        # "DND is active", "has unsubscribed", "Missing phone number": never heals by itself
        return Failed(f"HighLevel refused: {str(document.get('message', ''))[:200]}", result.answer, permanent=True)
    return result
