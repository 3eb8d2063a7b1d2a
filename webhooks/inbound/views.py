"""The one address messages come in through: POST /webhooks/inbound/<token>/, and GET for a provider that checks it.

Nothing is asked of another system here but PostgreSQL and Valkey: Slack waits three seconds, others not much longer.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import re
import time
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.db import Error as DatabaseError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from webhooks.inbound import limits
from webhooks.inbound.door import Door, find
from webhooks.inbound.incoming import RawMessage
from webhooks.inbound.intake import Taken, prove, take
from webhooks.inbound.providers import accepts
from webhooks.inbound.verification import SignedRequest

logger = logging.getLogger(__name__)

MAX_UNKNOWN = 1 << 20
_TOKEN = re.compile(r"[A-Za-z0-9_-]{22,64}")
_CHALLENGE = re.compile(r"[A-Za-z0-9._~=+/-]{1,512}")
_REFUSED = {"success": False, "error": "The request is not authentic"}


class Stop(Exception):
    """The request ends here with this answer."""

    def __init__(self, response: HttpResponse) -> None:
        super().__init__()
        self.response = response


@csrf_exempt
def inbound(request: HttpRequest, token: str) -> HttpResponse:
    """Take one message in, or answer a provider's check."""
    try:
        if request.method == "GET":
            return _check(request, token)
        if request.method != "POST":
            raise Stop(_answer(405, "expected POST", headers={"Allow": "GET, POST"}))
        return _receive(request, token)
    except Stop as stop:
        return stop.response
    except DatabaseError as error:
        logger.error("[Webhook] a message could not be stored: %s", type(error).__name__)
        return _answer(503, "cannot store messages now, send it again later", headers={"Retry-After": "5"})


def _receive(request: HttpRequest, token: str) -> HttpResponse:
    door = find(token) if _TOKEN.fullmatch(token) else None
    length = _content_length(request, door)
    address = limits.client_address(request)
    _check_rate(door, address)
    raw = _raw_message(request, length)
    if door is not None and not accepts(door.provider, raw.content_type):
        raise Stop(_answer(415, f"the content type {raw.content_type[:100]!r} is not taken here"))
    proof = prove(door, _signed_request(request, raw))
    if door is None or proof is None:
        limits.count_bad(address)
        raise Stop(JsonResponse(_REFUSED, status=404 if door is None else 401))
    if limits.is_full():
        raise Stop(_answer(503, "too many messages wait already", headers={"Retry-After": "30"}))
    return _told(door, raw, take(door, raw, proof))


def _content_length(request: HttpRequest, door: Door | None) -> int:
    text = request.META.get("CONTENT_LENGTH") or ""
    if not text.isdecimal():
        raise Stop(_answer(411, "expected a Content-Length"))
    if int(text) > (door.max_body_bytes if door else MAX_UNKNOWN):
        raise Stop(_answer(413, "the body is too large"))
    return int(text)


def _check_rate(door: Door | None, address: str) -> None:
    wait_s = limits.retry_after(door.channel_id if door else 0, address)
    if wait_s is not None:
        raise Stop(_answer(429, "too many requests", headers={"Retry-After": str(wait_s)}))


def _raw_message(request: HttpRequest, length: int) -> RawMessage:
    try:
        body = request.read(length)
    except OSError as error:
        raise Stop(_answer(400, "the body did not arrive whole")) from error
    if len(body) != length:
        raise Stop(_answer(400, "the body did not arrive whole"))
    content_type, _, parameters = request.META.get("CONTENT_TYPE", "").partition(";")
    charset = re.search(r"charset\s*=\s*\"?([^\s;\"]+)", parameters, re.IGNORECASE)
    if charset and charset[1].lower() not in {"utf-8", "utf8"}:
        raise Stop(_answer(415, "expected the charset utf-8"))
    return RawMessage(_headers(request.META), body, content_type.strip().lower())


def _headers(meta: Mapping[str, Any]) -> dict[str, str]:
    """As request.headers, with names in lower case, at a fifth of its cost."""
    found = {name[5:].replace("_", "-").lower(): value for name, value in meta.items() if name.startswith("HTTP_")}
    found["content-type"] = meta.get("CONTENT_TYPE", "")
    return found


def _signed_request(request: HttpRequest, raw: RawMessage) -> SignedRequest:
    """The address is the configured one: a Host header is the sender's to choose."""
    url = settings.PUBLIC_URL + request.get_full_path()
    return SignedRequest(raw.headers, raw.body, url, raw.content_type, time.time())


def _told(door: Door, raw: RawMessage, taken: Taken) -> HttpResponse:
    if taken.challenge:
        return JsonResponse({"challenge": taken.challenge})
    if taken.code == 400:
        errors = [{"pointer": one.pointer, "code": one.code, "message": one.message} for one in taken.errors]
        return _answer(400, taken.error, errors=errors, messageId=taken.message_id)
    if door.provider == "slack" and raw.content_type != "application/json":
        return HttpResponse(status=200)  # a slash command or button takes any other code for a failure
    if door.provider == "twilio":
        return HttpResponse("<Response/>", content_type="text/xml", status=taken.code)
    told = json.dumps({"success": True, "status": taken.status, "messageId": taken.message_id})
    return HttpResponse(told, content_type="application/json", status=taken.code)


def _answer(code: int, error: str, headers: dict[str, str] | None = None, **more: Any) -> JsonResponse:
    return JsonResponse({"success": False, "error": error, **more}, status=code, headers=headers)


def _check(request: HttpRequest, token: str) -> HttpResponse:
    """GET: `hub.challenge` and its like are echoed to whoever knows the channel's secret; else a plain "ready"."""
    door = find(token) if _TOKEN.fullmatch(token) else None
    if door is None:
        return JsonResponse(_REFUSED, status=404)
    challenge = request.GET.get("hub.challenge", "")
    if not challenge:
        return JsonResponse({"success": True, "status": "ready"})
    given = hashlib.sha256(request.GET.get("hub.verify_token", "").encode()).digest()
    known = [hmac.compare_digest(hashlib.sha256(secret).digest(), given) for secret in door.secrets if secret]
    if not any(known) or not _CHALLENGE.fullmatch(challenge):
        limits.count_bad(limits.client_address(request))
        return JsonResponse(_REFUSED, status=401)
    return HttpResponse(challenge, content_type="text/plain", headers={"X-Content-Type-Options": "nosniff"})
