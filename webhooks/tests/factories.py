"""Channels for tests, made through the service as every door makes them."""

from __future__ import annotations

from typing import Any

from tasks.actors import Actor
from webhooks import channels
from webhooks.models import Webhook
from webhooks.tests.signing import STANDARD_SECRET

TESTER = Actor("test")
TWILIO_SID = "AC" + "0" * 32
SLACK_SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
TWILIO_TOKEN = "12345678901234567890123456789012"


def custom_channel(**fields: Any) -> Webhook:
    """A channel of a program: Standard Webhooks in, nothing out unless a url is given."""
    given = {
        "name": "Program",
        "type": "custom_webhook",
        "sendsOutbound": "url" in fields,
        "inboundSecret": STANDARD_SECRET,
        **fields,
    }
    return make(given)


def sms_channel(**fields: Any) -> Webhook:
    """A Twilio number."""
    given = {
        "name": "Text messages",
        "type": "sms",
        "account": TWILIO_SID,
        "config": {"accountSid": TWILIO_SID, "fromNumber": "+15559990000"},
        "inboundSecret": TWILIO_TOKEN,
        "outboundSecret": TWILIO_TOKEN,
        **fields,
    }
    return make(given)


def slack_channel(**fields: Any) -> Webhook:
    """A Slack workspace with a bot."""
    given = {
        "name": "Slack",
        "type": "slack",
        "account": "T1",
        "inboundSecret": SLACK_SECRET,
        "outboundSecret": "xoxb-test-token-1234567890",
        **fields,
    }
    return make(given)


def email_channel(**fields: Any) -> Webhook:
    """A mailbox that Postmark posts to us."""
    given = {
        "name": "Mailbox",
        "type": "email",
        "verification": "bearer",
        "inboundSecret": "a-shared-token-of-32-characters!",
        "config": {"fromAddress": "tasks@agency.example"},
        **fields,
    }
    return make(given)


def make(given: dict[str, Any]) -> Webhook:
    """Any channel."""
    return channels.create(channels.parse_channel(given), TESTER).channel
