"""SMS and WhatsApp through Twilio's REST API (Messages resource, API version 2010-04-01)."""

from __future__ import annotations

import base64
from typing import Annotated, Any
from urllib.parse import quote, urlencode

from django.conf import settings
from pydantic import Field, model_validator

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

PERMANENT_CODES = frozenset({21211, 21214, 21217, 21219, 21408, 21606, 21610, 21612, 21614, 21617, 30004, 30006})
"""Twilio's error codes for recipients that cannot or must not be reached (21610: unsubscribed)."""


class TwilioConfig(TransportConfig):
    """The Twilio account and the number or service that sends."""

    account_sid: Annotated[str, Field(pattern=r"^AC[0-9a-fA-F]{32}$")]
    from_number: Annotated[str, Field(max_length=60)] = ""
    messaging_service_sid: Annotated[str, Field(max_length=40)] = ""

    @model_validator(mode="after")
    def _one_sender(self) -> TwilioConfig:
        if bool(self.from_number) == bool(self.messaging_service_sid):
            raise ValueError("give either fromNumber or messagingServiceSid")
        return self


class TwilioSms(Transport):
    """One text message. Twilio has no idempotency key, so a send without an answer is held for a person."""

    type = "sms"
    Config = TwilioConfig
    once = True
    max_text = 1600

    def send(self, envelope: Envelope, timeout_s: float) -> Result:
        config = typed(TwilioConfig, envelope)
        url = f"{settings.TWILIO_BASE_URL}/2010-04-01/Accounts/{quote(config.account_sid)}/Messages.json"
        token = envelope.secret_for(http.host_of(url))
        user = base64.b64encode(f"{config.account_sid}:{token}".encode()).decode()
        headers = {"Authorization": f"Basic {user}", "Content-Type": "application/x-www-form-urlencoded"}
        form = {"To": envelope.address.get("to") or envelope.recipient, "Body": envelope.text[: self.max_text]}
        form |= {"From": config.from_number} if config.from_number else {}
        form |= {"MessagingServiceSid": config.messaging_service_sid} if config.messaging_service_sid else {}
        form |= {"StatusCallback": envelope.callback_url} if envelope.callback_url else {}
        try:
            response = http.request("POST", url, headers=headers, body=urlencode(form).encode(), timeout_s=timeout_s)
        except http.OutboundError as error:
            return failed_by(error)
        return _read(response)

    def host(self, url: str, config: dict[str, Any]) -> str:
        return http.host_of(settings.TWILIO_BASE_URL)


def _read(response: http.Response) -> Result:
    try:
        document = response.json()
    except ValueError:
        document = {}
    document = document if isinstance(document, dict) else {}
    if response.ok:
        return Delivered(answer_of(response), str(document.get("sid", ""))[:200])
    code = document.get("code")
    if code in PERMANENT_CODES:
        message = f"Twilio refused the recipient ({code}): {str(document.get('message', ''))[:200]}"
        return Failed(message, answer_of(response), permanent=True)
    result = judged(response)
    return result if code is None or not isinstance(result, Failed) else _named(result, code)


def _named(result: Failed, code: Any) -> Failed:
    return Failed(
        f"{result.error}, Twilio code {code}",
        result.answer,
        slow_down=result.slow_down,
        retry_after_s=result.retry_after_s,
    )
