"""What came back, cleaned: a chosen set of headers, and text and JSON that the database can hold."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from django.utils import timezone

MAX_HEADER_VALUE = 1024
MAX_DEPTH = 64
RETRY_AFTER_SECONDS = (1.0, 3600.0)

_KEPT_HEADERS = frozenset(
    "age allow cache-control content-disposition content-encoding content-language content-length content-type date "
    "deprecation etag expires last-modified link location retry-after server sunset traceid vary via "
    "x-correlation-id x-request-id x-total-count x-trace-id idempotency-replayed idempotent-replayed".split()
)
_KEPT_PREFIXES = ("x-ratelimit-", "ratelimit-", "x-rate-limit-")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]+")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_CHARSET = re.compile(r"charset\s*=\s*\"?([A-Za-z0-9_.:-]+)", re.IGNORECASE)
_CHARSETS = {"iso-8859-1": "cp1252", "latin-1": "cp1252", "latin1": "cp1252", "windows-1252": "cp1252"}


@dataclass(frozen=True)
class Response:
    """One answer. `headers` are lower-case names of a fixed list; `body` is decompressed and at most `max_bytes` long.

    `truncated`: there was more than `max_bytes`, and reading stopped. `location`: where a redirect pointed; it was
    not followed. `duration_ms` counts from the call to the last byte, name look-up included.
    """

    status: int
    reason: str
    headers: dict[str, str]
    body: bytes
    truncated: bool
    duration_ms: int

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    @property
    def location(self) -> str | None:
        return self.headers.get("location") if 300 <= self.status < 400 or self.status == 201 else None

    @property
    def content_type(self) -> str:
        """The media type in lower case, without parameters; empty when the target named none."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def text(self) -> str:
        """The body as text: UTF-8 or Latin-1 as declared, bad bytes replaced, NUL dropped."""
        found = _CHARSET.search(self.headers.get("content-type", ""))
        charset = _CHARSETS.get(found[1].lower(), "utf-8") if found else "utf-8"
        return self.body.decode(charset, "replace").replace("\x00", "")

    def json(self) -> Any:
        """The body as JSON that PostgreSQL can hold: finite numbers, no NUL, no lone surrogates, at most 64 deep.

        Raises ValueError when the body is not such JSON.
        """
        return parse_json(self.body)

    @property
    def retry_after_s(self) -> float | None:
        """The Retry-After header in seconds from now (RFC 9110 10.2.3), within 1 s and 1 h; None when there is none."""
        return parse_retry_after(self.headers.get("retry-after"))


def keep_headers(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The headers worth keeping, names in lower case, values of one clean line; repeated ones joined by a comma."""
    kept: dict[str, str] = {}
    for name, value in pairs:
        lower = name.lower()
        if lower in _KEPT_HEADERS or lower.startswith(_KEPT_PREFIXES):
            clean = clean_line(value, MAX_HEADER_VALUE)
            kept[lower] = f"{kept[lower]}, {clean}"[:MAX_HEADER_VALUE] if lower in kept else clean
    return kept


def clean_line(text: str, limit: int) -> str:
    """One line that can be stored and shown: control characters become spaces, bytes that are no UTF-8 are replaced."""
    if not text.isascii():  # http.client reads header bytes as Latin-1
        text = text.encode("latin-1", "replace").decode("utf-8", "replace")
    return _CONTROL.sub(" ", text).strip()[:limit]


def parse_json(body: bytes) -> Any:
    """See Response.json. Raises ValueError."""
    try:
        value = json.loads(body.decode("utf-8-sig"), parse_constant=_refuse, parse_float=_finite)
    except RecursionError as error:
        raise ValueError("JSON is nested too deeply") from error
    if b"\\u" in body or body.count(b"[") + body.count(b"{") > MAX_DEPTH:
        return _storable(value, MAX_DEPTH)
    return value


def parse_retry_after(text: str | None) -> float | None:
    if not text:
        return None
    low, high = RETRY_AFTER_SECONDS
    if text.strip().isascii() and text.strip().isdigit():
        return min(max(float(text.strip()[:9]), low), high)
    try:
        until = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    if until.tzinfo is None:
        return None
    return min(max((until - timezone.now()).total_seconds(), low), high)


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("number out of range")
    return number


def _storable(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return _UNSTORABLE.sub("", value)
    if depth <= 0 and isinstance(value, list | dict):
        raise ValueError("JSON is nested too deeply")
    if isinstance(value, list):
        return [_storable(item, depth - 1) for item in value]
    if isinstance(value, dict):
        return {_UNSTORABLE.sub("", key): _storable(item, depth - 1) for key, item in value.items()}
    return value
