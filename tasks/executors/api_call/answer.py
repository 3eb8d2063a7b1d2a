"""From an answer, or none, to an outcome."""

from __future__ import annotations

import base64
from typing import Any

from agency import http
from tasks.executors.api_call.config import ApiCallConfig
from tasks.executors.base import Effect, Failed, Lost, Outcome, Success
from tasks.retry import HEALING_STATUS

#: Text and bytes are kept up to here; JSON is kept whole, because half of it is none.
MAX_KEPT = 64 << 10


def answered(config: ApiCallConfig, response: http.Response) -> Outcome:
    """What an answer means: expected, or a failure that may heal (408, 425, 429, 5xx) or not."""
    output = output_of(response)
    if is_expected(config, response):
        return Success(output, f"{config.api_method} answered {_status(response)}")
    sentence = f"HTTP {_status(response)}"
    if response.location:
        sentence += f" (a redirect to {response.location} was not followed)"
    elif not response.ok and (said := _said(response)):
        sentence += f": {said}"
    return Failed(
        sentence,
        heals=response.status in HEALING_STATUS,
        code=f"http_{response.status}",
        retry_after_s=response.retry_after_s if response.status in (429, 503) else None,
        output=output,
    )


def unanswered(config: ApiCallConfig, effect: Effect, error: http.OutboundError) -> Outcome:
    """No complete answer. Work that must not happen twice is unknown once a byte has left, unless a status was seen."""
    if isinstance(error, http.TargetNotAllowed):
        return Failed(str(error), code="target_not_allowed")
    if isinstance(error, http.CertificateRefused):
        return Failed(str(error), code="certificate")
    if error.sent and effect == Effect.ONCE:
        if error.response is not None and is_expected(config, error.response):
            output = output_of(error.response, complete=False)
            return Success(output, f"{config.api_method} answered {_status(error.response)}, then the answer broke off")
        return Lost(f"{config.api_method} was sent, then: {error}.")
    timed_out = isinstance(error, http.TimedOut)
    return Failed(str(error), heals=True, code="timeout" if timed_out else "connection", timed_out=timed_out)


def is_expected(config: ApiCallConfig, response: http.Response) -> bool:
    return response.status in config.expected_status if config.expected_status else response.ok


def output_of(response: http.Response, *, complete: bool = True) -> dict[str, Any]:
    """The seed's result: data and metadata."""
    data, whole = _data(response)
    metadata = {
        "status": response.status,
        "statusText": response.reason,
        "headers": response.headers,
        "truncated": response.truncated or not whole,
        "durationMs": response.duration_ms,
    }
    return {"data": data, "metadata": metadata if complete else {**metadata, "incomplete": True}}


def _data(response: http.Response) -> tuple[Any, bool]:
    """(the body as JSON, text or base64; whether all of what was read is in it)."""
    kind = response.content_type
    if not response.body:
        return None, True
    if "json" in kind or (not kind and response.body[:1] in b"{["):
        try:
            return response.json(), True
        except ValueError:
            return _cut(response)
    if _is_text(kind) or (not kind and _decodes(response.body)):
        return _cut(response)
    kept = response.body[:MAX_KEPT]
    data = {"base64": base64.b64encode(kept).decode(), "bytes": len(response.body), "contentType": kind}
    return data, len(kept) == len(response.body)


def _cut(response: http.Response) -> tuple[str, bool]:
    text = response.text
    return text[:MAX_KEPT], len(text) <= MAX_KEPT


def _is_text(kind: str) -> bool:
    return kind.startswith("text/") or kind.endswith(("xml", "javascript", "x-www-form-urlencoded", "csv", "yaml"))


def _decodes(body: bytes) -> bool:
    try:
        return "\x00" not in body[:4096].decode()
    except UnicodeDecodeError:
        return False


def _said(response: http.Response) -> str:
    """A short reason from the usual places of an error body."""
    if "json" not in response.content_type:
        return ""
    try:
        body = response.json()
    except ValueError:
        return ""
    for key in ("detail", "message", "error_description", "error", "title"):
        said = body.get(key) if isinstance(body, dict) else None
        if isinstance(said, dict):
            said = said.get("message")
        if isinstance(said, str) and said.strip():
            return " ".join(said.split())[:300]
    return ""


def _status(response: http.Response) -> str:
    return f"{response.status} {response.reason}".strip()
