"""A HighLevel conversation: POST /conversations/messages with the location's token, within the location's limit."""

from __future__ import annotations

import time
from typing import Annotated, Any

from django.conf import settings
from pydantic import Field

from agency import http
from tasks.executors.ghl import limits
from tasks.executors.ghl.client import version_of
from webhooks.outbound.transports.base import (
    Busy,
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

#: A shorter wait for the location's limit is slept through.
NAP_S = 0.25


class GhlConfig(TransportConfig):
    """The location is the channel's account; `defaultContactId` is who is meant when a message names nobody."""

    default_contact_id: Annotated[str, Field(max_length=100)] = ""


class GhlConversation(Transport):
    """One message to a contact. HighLevel has no idempotency key: a send without an answer is held for a person.

    Requests count against the location's limit together with those of ghl_action.
    """

    type = "ghl"
    Config = GhlConfig
    once = True
    max_text = 1600

    def send(self, envelope: Envelope, timeout_s: float) -> Result:
        config = typed(GhlConfig, envelope)
        contact = envelope.address.get("contactId") or envelope.recipient or config.default_contact_id
        if not contact:
            return Failed("no HighLevel contact to write to", permanent=True, sent=False)
        url = f"{settings.GHL_BASE_URL.rstrip('/')}/conversations/messages"
        kind = envelope.address.get("type") or "SMS"
        document = {"type": kind, "contactId": contact, "message": envelope.text[: self.max_text]}
        document |= {"subject": envelope.subject} if kind == "Email" else {}
        token = envelope.secret_for(http.host_of(url)) or settings.GHL_API_KEY
        if not token:
            return Failed("the channel has no HighLevel token and GHL_API_KEY is not set", permanent=True, sent=False)
        location = envelope.account or settings.GHL_LOCATION_ID
        wait_s = _wait_for_ticket(location)
        if wait_s > 0:
            return Busy(wait_s, "waits for HighLevel's request limit")
        headers = {"Authorization": f"Bearer {token}", "Version": version_of("conversations")}
        try:
            response = http.request("POST", url, headers=headers, json=document, timeout_s=timeout_s)
        except http.OutboundError as error:
            return failed_by(error)
        limits.learn(location, response.headers)
        return _read(response, location)

    def host(self, url: str, config: dict[str, Any]) -> str:
        return http.host_of(settings.GHL_BASE_URL)


def _wait_for_ticket(location: str) -> float:
    """Seconds until the location's limit has room again; 0 when this request may go now."""
    wait_s = limits.take(location)
    if 0 < wait_s <= NAP_S:
        time.sleep(wait_s)
        wait_s = limits.take(location)
    return wait_s


def _read(response: http.Response, location: str) -> Result:
    result = judged(response)
    if response.status == 429:
        wait_s = response.retry_after_s or limits.interval_s(response.headers)
        limits.pause(location, wait_s)
        return Busy(wait_s, "HighLevel's request limit is used up", answer_of(response))
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
