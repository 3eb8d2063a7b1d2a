"""Custom HTTP receivers: a signed POST after the Standard Webhooks specification 1.0.0."""

from __future__ import annotations

import re
from typing import Any

from agency import http
from webhooks.outbound import signing
from webhooks.outbound.transports.base import Envelope, Failed, Result, Transport, TransportConfig, failed_by, judged

HOPS_HEADER = "Agency-Hops"
"""How often a message has passed through installations of this product; more than three come back refused."""
_RESERVED = re.compile(
    r"webhook-.*|host|content-length|content-type|transfer-encoding|connection|te|upgrade|trailer|expect|proxy-.*"
    r"|keep-alive|cookie|agency-hops|accept-encoding|user-agent",
    re.IGNORECASE,
)


def reserved_headers(headers: dict[str, str]) -> list[str]:
    """Names among custom headers that only the product may set."""
    return [name for name in headers if _RESERVED.fullmatch(name)]


class CustomWebhook(Transport):
    """POST of the stored bytes with `webhook-id`, `webhook-timestamp` and `webhook-signature`."""

    type = "custom_webhook"
    Config = TransportConfig

    def send(self, envelope: Envelope, timeout_s: float) -> Result:
        if not envelope.secrets:
            return Failed("the channel has no signing key", permanent=True, sent=False)
        headers = {
            **envelope.custom_headers,
            "Content-Type": "application/json",
            HOPS_HEADER: str(envelope.hops + 1),
            "webhook-id": envelope.message_id,
            "webhook-timestamp": str(envelope.sent_at),
            "webhook-signature": signing.signature(
                envelope.message_id, envelope.sent_at, envelope.body, envelope.secrets
            ),
        }
        try:
            return judged(http.request("POST", envelope.url, headers=headers, body=envelope.body, timeout_s=timeout_s))
        except http.OutboundError as error:
            return failed_by(error)

    def host(self, url: str, config: dict[str, Any]) -> str:
        return http.host_of(url) if url else ""

    def problems(self, url: str, config: dict[str, Any]) -> list[tuple[str, str]]:
        found = super().problems(url, config)
        if not url:
            return [*found, ("/url", "url is required for a custom webhook that sends")]
        try:
            http.check_url(url)
        except http.OutboundError as error:
            found.append(("/url", str(error)))
        return found
