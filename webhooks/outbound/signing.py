"""Signatures and ids of what we send: Standard Webhooks 1.0.0."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
import time
from collections.abc import Iterable

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def new_message_id() -> str:
    """`msg_` and a ULID: 48 bits of milliseconds, 80 random bits. No dot, because ids are signed before a dot."""
    number = (time.time_ns() // 1_000_000 << 80) | int.from_bytes(os.urandom(10), "big")
    return "msg_" + "".join(_CROCKFORD[(number >> shift) & 31] for shift in range(125, -5, -5))


def new_secret() -> str:
    """A signing key: `whsec_` and the base64 of 32 random bytes."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


def signature(message_id: str, timestamp: int, body: bytes, keys: Iterable[str]) -> str:
    """The `webhook-signature` header: one `v1,…` per live key, the current one first."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    marks = (hmac.new(_key_bytes(key), signed, hashlib.sha256).digest() for key in keys)
    return " ".join("v1," + base64.b64encode(mark).decode() for mark in marks)


def _key_bytes(key: str) -> bytes:
    return base64.b64decode(key.removeprefix("whsec_"), validate=True)
