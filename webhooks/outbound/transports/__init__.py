"""The transports by channel type."""

from __future__ import annotations

from webhooks.outbound.transports.base import Transport
from webhooks.outbound.transports.custom import CustomWebhook
from webhooks.outbound.transports.email import Email
from webhooks.outbound.transports.ghl import GhlConversation
from webhooks.outbound.transports.slack import Slack
from webhooks.outbound.transports.sms import TwilioSms

TRANSPORTS: dict[str, Transport] = {
    transport.type: transport for transport in (CustomWebhook(), Email(), TwilioSms(), Slack(), GhlConversation())
}

__all__ = ["TRANSPORTS", "Transport"]
