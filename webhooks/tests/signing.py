"""Requests signed as each provider signs them, written from the providers' documents and not from our own code."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from standardwebhooks import Webhook as PublicWebhook

STANDARD_SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()


def standard_headers(
    body: bytes, message_id: str, secret: str = STANDARD_SECRET, at: float | None = None
) -> dict[str, str]:
    """Headers made by the public ``standardwebhooks`` library."""
    moment = time.time() if at is None else at
    stamp = datetime.fromtimestamp(int(moment), tz=UTC)
    signature = PublicWebhook(secret).sign(message_id, stamp, body.decode())
    return {"webhook-id": message_id, "webhook-timestamp": str(int(moment)), "webhook-signature": signature}


def slack_headers(body: bytes, secret: str, at: float | None = None) -> dict[str, str]:
    """Headers as Slack's "Verifying requests" describes."""
    stamp = str(int(time.time() if at is None else at))
    mark = hmac.new(secret.encode(), f"v0:{stamp}:".encode() + body, hashlib.sha256).hexdigest()
    return {"x-slack-request-timestamp": stamp, "x-slack-signature": f"v0={mark}"}


def twilio_signature(url: str, params: Mapping[str, str], token: str) -> str:
    """The header as Twilio's "Webhooks security" describes: address, then sorted names with their values."""
    text = url + "".join(name + params[name] for name in sorted(params))
    return base64.b64encode(hmac.new(token.encode(), text.encode(), hashlib.sha1).digest()).decode()


def form(params: Mapping[str, str]) -> bytes:
    """An urlencoded body."""
    return urlencode(params).encode()


def compact(document: Any) -> bytes:
    """JSON bytes without blanks."""
    return json.dumps(document, separators=(",", ":")).encode()
