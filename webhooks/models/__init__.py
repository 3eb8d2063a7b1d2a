"""Channels, the messages that come in through them, and the messages that go out."""

from __future__ import annotations

from webhooks.models.channel import ChannelEvent, ChannelKey, ChannelSender, Webhook
from webhooks.models.inbound import Conversation, InboundMessage
from webhooks.models.outbound import DeliveryAttempt, OutboundMessage

__all__ = [
    "ChannelEvent",
    "ChannelKey",
    "ChannelSender",
    "Conversation",
    "DeliveryAttempt",
    "InboundMessage",
    "OutboundMessage",
    "Webhook",
]
