"""The answers about channels and messages: camelCase on the wire, never a secret."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.urls import reverse
from pydantic import Field, RootModel

from agency import credentials
from tasks.api.serializers import Answer
from webhooks.models import (
    ChannelEvent,
    ChannelKey,
    ChannelSender,
    DeliveryAttempt,
    InboundMessage,
    OutboundMessage,
    Webhook,
)


class KeyOut(Answer):
    """A key of a channel."""

    id: int
    purpose: str
    hint: str
    is_current: bool
    created_at: dt.datetime
    expires_at: dt.datetime | None


class ChannelOut(Answer):
    """A channel. Its secrets are never shown; `keys` has their hints."""

    id: int
    name: str
    type: str
    is_active: bool
    disabled_at: dt.datetime | None
    disabled_reason: str
    account: str
    accepts_inbound: bool
    inbound_url: str = Field(description="Where the provider posts to.")
    provider: str
    verification: str
    verification_options: dict[str, Any]
    is_weak: bool = Field(description="Nothing signs the body of its inbound messages.")
    max_body_bytes: int
    text_policy: str
    structured_policy: str
    known_senders_only: bool
    use_model: bool
    timezone: str
    region: str
    sends_outbound: bool
    url: str
    config: dict[str, Any]
    custom_headers: dict[str, str]
    owner_address: str
    quiet_start: str | None
    quiet_end: str | None
    last_success_at: dt.datetime | None
    failing_since: dt.datetime | None
    keys: list[KeyOut]
    created_at: dt.datetime
    updated_at: dt.datetime


class ChannelMade(ChannelOut):
    """A new channel with the secrets made for it."""

    secrets: dict[str, str] = Field(description="By purpose; shown this once.")


class KeyMade(KeyOut):
    """A new key with its secret."""

    secret: str = Field(description="Shown this once.")


class SenderOut(Answer):
    """Somebody known on a channel."""

    id: int
    address: str
    name: str
    user_id: int | None
    may_command: bool


class ChannelEventOut(Answer):
    """One line of a channel's history."""

    id: int
    at: dt.datetime
    action: str
    actor: str
    reason: str
    data: dict[str, Any]


class InboundOut(Answer):
    """A received message. `text` and `sender` only for people with the permission tasks.view_sensitive."""

    id: int
    webhook_id: int
    external_id: str
    state: str
    state_reason: str
    event_type: str
    sender: str | None
    subject: str | None
    text: str | None
    attachments: list[dict[str, Any]]
    understanding: dict[str, Any]
    weak: bool
    duplicates: int
    conflicts: int
    conversation_id: int | None
    task_id: int | None
    received_at: dt.datetime
    processed_at: dt.datetime | None


class OutboundOut(Answer):
    """A message that goes out. `text` and `recipient` only for people with the permission tasks.view_sensitive."""

    id: int
    message_id: str = Field(description="The same on every try; receivers know a repeat by it.")
    webhook_id: int
    task_id: int | None
    conversation_id: int | None
    in_reply_to_id: int | None
    event_type: str
    sequence: int
    state: str
    held_reason: str
    attempts: int
    last_error: str
    next_attempt_at: dt.datetime | None
    recipient: str | None
    subject: str | None
    text: str | None
    provider_id: str
    receipt: str = Field(
        description="What the provider reported later: sent, delivered, undelivered, failed, read; empty: nothing."
    )
    receipt_code: str
    receipt_at: dt.datetime | None
    acknowledged_at: dt.datetime | None
    created_at: dt.datetime
    finished_at: dt.datetime | None


class AttemptOut(Answer):
    """One try to deliver."""

    number: int
    manual: bool
    outcome: str
    status_code: int | None
    error: str
    location: str
    response_headers: dict[str, Any]
    response_body: str
    duration_ms: int | None
    started_at: dt.datetime
    finished_at: dt.datetime | None


class OutboundDetail(OutboundOut):
    """A message with its tries."""

    delivery_attempts: list[AttemptOut]


class Page(Answer):
    """One page of a list."""

    count: int | None = None
    count_is_exact: bool | None = None
    next: str | None
    previous: str | None


class ChannelPage(Page):
    """Channels."""

    results: list[ChannelOut]


class InboundPage(Page):
    """Received messages."""

    results: list[InboundOut]


class OutboundPage(Page):
    """Messages that go out."""

    results: list[OutboundOut]


class KeyList(RootModel[list[KeyOut]]):
    """The live keys of a channel."""


class SenderList(RootModel[list[SenderOut]]):
    """Who is known on a channel."""


class ChannelEventList(RootModel[list[ChannelEventOut]]):
    """The history of a channel."""


class ResentOut(Answer):
    """How many messages begin anew."""

    resent: int


def channel_out(channel: Webhook) -> ChannelOut:
    """One channel."""
    return ChannelOut.model_construct(**_channel(channel, list(_live_keys([channel]))))


def channel_made(channel: Webhook, secrets: dict[str, str]) -> ChannelMade:
    """A new channel."""
    return ChannelMade.model_construct(**_channel(channel, list(_live_keys([channel]))), secrets=secrets)


def channels_out(channels: Sequence[Webhook]) -> list[ChannelOut]:
    """Many channels with one query for their keys."""
    keys = list(_live_keys(channels))
    return [
        ChannelOut.model_construct(**_channel(one, [key for key in keys if key.webhook_id == one.pk]))
        for one in channels
    ]


def _live_keys(channels: Sequence[Webhook]) -> Any:
    return ChannelKey.objects.filter(webhook__in=channels, revoked_at__isnull=True).select_related("credential")


def _channel(channel: Webhook, keys: list[ChannelKey]) -> dict[str, Any]:
    path = reverse("webhook-inbound", args=[channel.token])
    own = {"inbound_url", "keys", "quiet_start", "quiet_end", "config", "custom_headers"}
    same = {name: getattr(channel, name) for name in ChannelOut.model_fields if name not in own}
    return {
        **same,
        "inbound_url": settings.PUBLIC_URL + path,
        "config": credentials.redact(channel.config),
        "custom_headers": credentials.redact(channel.custom_headers),
        "quiet_start": f"{channel.quiet_start:%H:%M}" if channel.quiet_start else None,
        "quiet_end": f"{channel.quiet_end:%H:%M}" if channel.quiet_end else None,
        "keys": [key_out(key) for key in keys],
    }


def _key(key: ChannelKey) -> dict[str, Any]:
    return {
        "id": key.pk,
        "purpose": key.purpose,
        "hint": key.credential.hint,
        "is_current": key.expires_at is None,
        "created_at": key.created_at,
        "expires_at": key.expires_at,
    }


def key_out(key: ChannelKey) -> KeyOut:
    """A key without its secret."""
    return KeyOut.model_construct(**_key(key))


def key_made(key: ChannelKey, secret: str) -> KeyMade:
    """A new key."""
    return KeyMade.model_construct(**_key(key), secret=secret)


def sender_out(sender: ChannelSender) -> SenderOut:
    """A known sender."""
    return SenderOut.model_construct(**{name: getattr(sender, name) for name in SenderOut.model_fields})


def event_out(event: ChannelEvent) -> ChannelEventOut:
    """A line of history."""
    return ChannelEventOut.model_construct(**{name: getattr(event, name) for name in ChannelEventOut.model_fields})


def inbound_out(message: InboundMessage, *, sensitive: bool) -> InboundOut:
    """A received message."""
    fields = {name: getattr(message, name) for name in InboundOut.model_fields}
    if not sensitive:
        fields |= {"sender": None, "subject": None, "text": None, "understanding": {}}
    return InboundOut.model_construct(**fields)


def _outbound(message: OutboundMessage, sensitive: bool) -> dict[str, Any]:
    fields = {name: getattr(message, name) for name in OutboundOut.model_fields}
    return fields if sensitive else {**fields, "recipient": None, "subject": None, "text": None}


def outbound_out(message: OutboundMessage, *, sensitive: bool) -> OutboundOut:
    """A message that goes out."""
    return OutboundOut.model_construct(**_outbound(message, sensitive))


def outbound_detail(message: OutboundMessage, *, sensitive: bool) -> OutboundDetail:
    """A message with its tries."""
    tries = DeliveryAttempt.objects.filter(message=message).order_by("epoch")
    return OutboundDetail.model_construct(
        **_outbound(message, sensitive),
        delivery_attempts=[
            AttemptOut.model_construct(**{name: getattr(one, name) for name in AttemptOut.model_fields})
            for one in tries
        ],
    )
