"""Who sent this request: every signature scheme, on bytes, failing closed.

Each scheme is one small function ``(secrets, request, options) -> Verified`` that raises :class:`Refused` with a
reason code. :func:`verify` is the only public door: it never raises, and answers None whenever anything is not right.

Sources: Standard Webhooks specification 1.0.0; Slack "Verifying requests"; Stripe "Verify webhook signatures manually";
GitHub "Validating webhook deliveries"; Twilio "Webhooks security"; Mailgun "Securing webhooks"; HighLevel "Webhook
authentication".
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import logging
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit, urlunsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from agency.strict_json import StrictJsonError, loads
from webhooks.inbound.forms import FormError, read_form
from webhooks.inbound.proof import Options, Refused, SignedRequest, Verified

logger = logging.getLogger(__name__)

TOLERANCE_S = 300
"""How far a signed timestamp may lie from our clock, in both directions, in seconds."""
GHL_MAX_AGE_S = 24 * 3600
"""HighLevel repeats a failed delivery with its first payload for hours: its age check must be loose."""
MAX_SIGNATURES = 10
MAX_HEADER_BYTES = 4096
GHL_PUBLIC_KEY = "MCowBQYDK2VwAyEAi2HR1srL4o18O8BRa7gVJY7G7bupbN3H9AwJrHCDiOg="
"""The Ed25519 key HighLevel publishes in its webhook integration guide (DER SubjectPublicKeyInfo, base64)."""

_TIMESTAMP = re.compile(r"[0-9]{1,12}")
# Printable ASCII without blanks and without commas: WSGI joins a header that came twice with a comma.
_MESSAGE_ID = re.compile(r"[!-+\--~]{1,200}")
_HEX_64 = re.compile(r"[0-9a-f]{64}")


Scheme = Callable[[Sequence[bytes], SignedRequest, Options], Verified]


def verify(
    scheme: str, secrets: Iterable[bytes], request: SignedRequest, options: Options | None = None
) -> Verified | None:
    """Answer the proof, or None when the request must be refused. Never raises; the reason code goes to the log only.

    ``secrets`` are all live keys of the channel (a rotated key stays live for its grace time); empty ones are ignored,
    and a
    scheme that needs a secret refuses when none is left.
    """
    try:
        check = SCHEMES[scheme]
        live = [secret for secret in secrets if secret]
        if not live and scheme not in KEYLESS:
            raise Refused("no_secret")
        return check(live, request, options or Options())
    except Refused as refusal:
        logger.info("[Webhook] request refused: scheme=%s reason=%s", scheme, refusal)
    except Exception:
        logger.exception("[Webhook] request refused: scheme=%s reason=unexpected", scheme)
    return None


# --- what several schemes share ---


def _header(request: SignedRequest, name: str) -> str:
    value = request.headers.get(name.lower(), "")
    if not value:
        raise Refused(f"missing:{name.lower()}")
    if len(value) > MAX_HEADER_BYTES:
        raise Refused(f"too_long:{name.lower()}")
    if not value.isascii():
        raise Refused(f"not_ascii:{name.lower()}")
    return value


def _timestamp(text: str) -> int:
    if not _TIMESTAMP.fullmatch(text):
        raise Refused("bad_timestamp")
    return int(text)


def _fresh(sent_at: int, request: SignedRequest, tolerance_s: float = TOLERANCE_S) -> None:
    if abs(request.now - sent_at) > tolerance_s:
        raise Refused("stale")


def _unbase64(text: str | bytes, reason: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Refused(reason) from error


def _mac(secret: bytes, message: bytes) -> bytes:
    return hmac.new(secret, message, hashlib.sha256).digest()


def _any_equal(expected: Iterable[bytes], given: Iterable[bytes]) -> bool:
    """Compare every pair in constant time, without leaving early."""
    candidates = list(given)
    matches = [hmac.compare_digest(one, other) for one in expected for other in candidates]
    return any(matches)


def _require(matches: bool) -> None:
    if not matches:
        raise Refused("bad_signature")


# --- Standard Webhooks / Svix / Browserbase ---


def standard_secret(secret: bytes) -> bytes:
    """The key bytes of a ``whsec_`` secret. Raises :class:`Refused` for a key under 24 bytes, as the specification
    demands.
    """
    key = _unbase64(secret.removeprefix(b"whsec_"), "bad_secret")
    if len(key) < 24:
        raise Refused("short_secret")
    return key


def _standard_headers(request: SignedRequest) -> tuple[str, str, str]:
    prefix = "webhook" if request.headers.get("webhook-id") else "svix"
    return (
        _header(request, f"{prefix}-id"),
        _header(request, f"{prefix}-timestamp"),
        _header(request, f"{prefix}-signature"),
    )


def _standard_signatures(header: str) -> dict[str, list[bytes]]:
    parts = header.split(" ")
    if len(parts) > MAX_SIGNATURES:
        raise Refused("too_many_signatures")
    found: dict[str, list[bytes]] = {"v1": [], "v1a": []}
    for part in parts:
        version, comma, signature = part.partition(",")
        if comma and version in found:
            found[version].append(_unbase64(signature, "bad_base64"))
    return found


def _standard(secrets: Sequence[bytes], request: SignedRequest, options: Options) -> Verified:
    message_id, timestamp, header = _standard_headers(request)
    if not _MESSAGE_ID.fullmatch(message_id):
        raise Refused("bad_id")
    sent_at = _timestamp(timestamp)
    given = _standard_signatures(header)
    signed = b".".join((message_id.encode(), timestamp.encode(), request.body))
    symmetric = [secret for secret in secrets if not secret.startswith(b"whpk_")]
    public = [secret for secret in secrets if secret.startswith(b"whpk_")]
    matches = _any_equal([_mac(standard_secret(secret), signed) for secret in symmetric], given["v1"])
    matches |= any(_ed25519(_unbase64(key[5:], "bad_secret"), mark, signed) for key in public for mark in given["v1a"])
    _require(matches)
    _fresh(sent_at, request)
    return Verified("standard_webhooks", message_id, sent_at)


def _ed25519(key: bytes, signature: bytes, message: bytes) -> bool:
    """``key`` is 32 raw bytes or a DER SubjectPublicKeyInfo."""
    public = Ed25519PublicKey.from_public_bytes(key) if len(key) == 32 else load_der_public_key(key)
    if not isinstance(public, Ed25519PublicKey):
        raise Refused("bad_key")
    try:
        public.verify(signature, message)
    except InvalidSignature:
        return False
    return True


# --- providers with schemes of their own ---


def _ghl(_secrets: Sequence[bytes], request: SignedRequest, options: Options) -> Verified:
    header = _header(request, "x-ghl-signature")
    if header == "N/A":  # HighLevel sends this text when it has not signed
        raise Refused("missing:x-ghl-signature")
    signature = _unbase64(header, "bad_base64")
    keys = options.public_keys or (GHL_PUBLIC_KEY,)
    _require(any(_ed25519(_unbase64(key, "bad_key"), signature, request.body) for key in keys))
    sent_at = _ghl_timestamp(request.body)
    if sent_at is not None:
        _fresh(sent_at, request, GHL_MAX_AGE_S)
    return Verified("ghl", "", sent_at)


def _ghl_timestamp(body: bytes) -> int | None:
    """The signed body's own time. None for a body that is not an object or has none: then only the id protects from
    replays.
    """
    try:
        event: Any = loads(body)
        stamp = event.get("timestamp") if isinstance(event, dict) else None
        return int(datetime.fromisoformat(stamp).timestamp()) if isinstance(stamp, str) else None
    except (StrictJsonError, ValueError, OverflowError):
        return None


def _slack(secrets: Sequence[bytes], request: SignedRequest, options: Options) -> Verified:
    timestamp = _header(request, "x-slack-request-timestamp")
    sent_at = _timestamp(timestamp)
    given = _hex_signature(_header(request, "x-slack-signature"), "v0=")
    signed = b":".join((b"v0", timestamp.encode(), request.body))
    _require(_any_equal([_mac(secret, signed) for secret in secrets], [given]))
    _fresh(sent_at, request)
    return Verified("slack", "", sent_at)


def _hex_signature(header: str, prefix: str) -> bytes:
    if not header.startswith(prefix):
        raise Refused("bad_prefix")
    text = header[len(prefix) :].lower()
    if not _HEX_64.fullmatch(text):
        raise Refused("bad_hex")
    return bytes.fromhex(text)


def _stripe(secrets: Sequence[bytes], request: SignedRequest, options: Options) -> Verified:
    parts = [part.partition("=") for part in _header(request, "stripe-signature").split(",")]
    if len(parts) > MAX_SIGNATURES:
        raise Refused("too_many_signatures")
    stamps = [value for name, _, value in parts if name.strip() == "t"]
    if len(stamps) != 1:
        raise Refused("bad_timestamp")
    sent_at = _timestamp(stamps[0])
    given = [_hex_signature(value, "") for name, _, value in parts if name.strip() == "v1"]
    signed = stamps[0].encode() + b"." + request.body
    _require(_any_equal([_mac(secret, signed) for secret in secrets], given))
    _fresh(sent_at, request)
    return Verified("stripe", "", sent_at)


def _github(secrets: Sequence[bytes], request: SignedRequest, options: Options) -> Verified:
    given = _hex_signature(_header(request, "x-hub-signature-256"), "sha256=")
    _require(_any_equal([_mac(secret, request.body) for secret in secrets], [given]))
    # X-GitHub-Delivery is not signed: a replay may carry a new one, so the body's hash is the id (intake adds it).
    return Verified("github")


def _twilio(secrets: Sequence[bytes], request: SignedRequest, options: Options) -> Verified:
    given = _unbase64(_header(request, "x-twilio-signature"), "bad_base64")
    params = _twilio_params(request)
    expected = [
        hmac.new(secret, (url + params).encode(), hashlib.sha1).digest()
        for secret in secrets
        for url in _with_and_without_port(request.url)
    ]
    _require(_any_equal(expected, [given]))
    return Verified("twilio")


def _twilio_params(request: SignedRequest) -> str:
    """What Twilio appends to the address: sorted form fields; for another body nothing, but its hash must be in the
    query.
    """
    if request.content_type == "application/x-www-form-urlencoded":
        fields = _form(request).items()
        return "".join(name + value for name, values in sorted(fields) for value in sorted(set(values)))
    claimed = parse_qs(urlsplit(request.url).query).get("bodySHA256", [""])
    if not hmac.compare_digest(claimed[0].lower().encode(), hashlib.sha256(request.body).hexdigest().encode()):
        raise Refused("bad_body_hash")
    return ""


def _form(request: SignedRequest) -> dict[str, list[str]]:
    try:
        return read_form(request.body, request.headers.get("content-type", "")).fields
    except FormError as error:
        raise Refused("bad_form") from error


def _with_and_without_port(url: str) -> list[str]:
    """Twilio signs some requests with the default port written out and some without (its own libraries try both)."""
    parts = urlsplit(url)
    default = {"https": 443, "http": 80}.get(parts.scheme)
    host = parts.hostname or ""
    if parts.port in (None, default) and default:
        return [urlunsplit(parts._replace(netloc=netloc)) for netloc in (host, f"{host}:{default}")]
    return [url]


def _mailgun(secrets: Sequence[bytes], request: SignedRequest, options: Options) -> Verified:
    fields = _form(request)
    timestamp, token, mark = (fields.get(name, [""])[0] for name in ("timestamp", "token", "signature"))
    sent_at = _timestamp(timestamp)
    if not token:
        raise Refused("missing:token")
    given = _hex_signature(mark, "")
    _require(_any_equal([_mac(secret, (timestamp + token).encode()) for secret in secrets], [given]))
    _fresh(sent_at, request)
    # Only time and token are signed, not the mail: the token is the id, so nobody can post another mail under it.
    return Verified("mailgun", token[:200], sent_at, weak=True)


# --- generic ---


def _hmac_sha256(secrets: Sequence[bytes], request: SignedRequest, options: Options) -> Verified:
    header = _header(request, options.header or "x-signature-256")
    if not header.startswith(options.prefix):
        raise Refused("bad_prefix")
    text = header[len(options.prefix) :]
    given = _hex_signature(text, "") if options.encoding == "hex" else _unbase64(text, "bad_base64")
    signed, sent_at = request.body, None
    if options.timestamp_header:
        timestamp = _header(request, options.timestamp_header)
        sent_at = _timestamp(timestamp)
        signed = timestamp.encode() + b"." + request.body
    _require(_any_equal([_mac(secret, signed) for secret in secrets], [given]))
    if sent_at is not None:
        _fresh(sent_at, request)
    return Verified("hmac_sha256", _chosen_id(request, options), sent_at)


def _chosen_id(request: SignedRequest, options: Options) -> str:
    chosen = request.headers.get(options.id_header.lower(), "") if options.id_header else ""
    return chosen if _MESSAGE_ID.fullmatch(chosen) else ""


def _same_token(secrets: Sequence[bytes], given: str, scheme: str, external_id: str = "") -> Verified:
    """Digests are compared, so neither length nor content of the secret shows in the time it takes."""
    _require(
        _any_equal([hashlib.sha256(secret).digest() for secret in secrets], [hashlib.sha256(given.encode()).digest()])
    )
    return Verified(scheme, external_id, weak=True)


def _bearer(secrets: Sequence[bytes], request: SignedRequest, options: Options) -> Verified:
    scheme, _, token = _header(request, "authorization").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Refused("not_bearer")
    return _same_token(secrets, token, "bearer", _chosen_id(request, options))


def _api_key(secrets: Sequence[bytes], request: SignedRequest, options: Options) -> Verified:
    return _same_token(
        secrets, _header(request, options.header or "x-api-key"), "api_key", _chosen_id(request, options)
    )


def _basic(secrets: Sequence[bytes], request: SignedRequest, options: Options) -> Verified:
    scheme, _, packed = _header(request, "authorization").partition(" ")
    if scheme.lower() != "basic":
        raise Refused("not_basic")
    username, colon, password = _unbase64(packed, "bad_base64").partition(b":")
    if not colon or not hmac.compare_digest(username, options.username.encode()):
        raise Refused("bad_username")
    _require(_any_equal([hashlib.sha256(one).digest() for one in secrets], [hashlib.sha256(password).digest()]))
    return Verified("basic", _chosen_id(request, options), weak=True)


SCHEMES: dict[str, Scheme] = {
    "standard_webhooks": _standard,
    "ghl": _ghl,
    "slack": _slack,
    "stripe": _stripe,
    "github": _github,
    "twilio": _twilio,
    "mailgun": _mailgun,
    "hmac_sha256": _hmac_sha256,
    "bearer": _bearer,
    "api_key": _api_key,
    "basic": _basic,
}
KEYLESS = frozenset({"ghl"})
"""Schemes that verify with a published public key and need no secret of the channel."""
WEAK = frozenset({"bearer", "api_key", "basic", "mailgun"})
"""Schemes that do not sign the body: the admin marks such channels as weak."""

__all__ = ["KEYLESS", "SCHEMES", "WEAK", "Options", "Refused", "SignedRequest", "Verified", "verify"]
