"""How the body of a message is kept: as it came, or encrypted while it holds a secret, or with its secrets masked.

A task may arrive as JSON with a token in it. The token becomes a credential when a worker makes the task; until then the
body that holds it is encrypted with the key ring of the credentials, and afterwards it is kept with the token masked.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from agency import credentials
from agency.credentials import keyring
from webhooks.models import InboundMessage

#: What a body must hold for a secret to be found in it: a telling name, an address with a user, an escape that hides one.
_MAY_HOLD = (b"auth", b"cookie", b"pass", b"secret", b"token", b"key", b"sig", b"pwd", b"jwt", b"bearer", b"basic",
             b"code=", b"@", b"\\u")  # fmt: skip


@dataclass(frozen=True)
class Kept:
    """A body as it is stored."""

    raw: bytes
    sealed_by: str = ""
    masked: bool = False


def keep(body: bytes, channel_id: int, sha: str, *, waits: bool) -> Kept:
    """How to store a body that just came. What nothing will be made of (`waits` is False) keeps no secret at all."""
    hidden = masked(body)
    if hidden is None:
        return Kept(body)
    if not waits:
        return Kept(hidden, masked=True)
    sealed = keyring.seal(body.decode(), _place(channel_id, sha))
    return Kept(sealed.nonce + sealed.ciphertext, sealed_by=sealed.key_id)


def masked(body: bytes) -> bytes | None:
    """The body with its secrets masked; None when it is no JSON or holds none."""
    small = body.lower()
    if not any(mark in small for mark in _MAY_HOLD):
        return None
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return None
    shown = credentials.redact(document)
    return None if shown == document else json.dumps(shown, ensure_ascii=False).encode()


def body_of(message: InboundMessage) -> bytes:
    """The body as it came. Raises CredentialError when the key it was encrypted with is gone."""
    raw = bytes(message.raw or b"")
    if not message.sealed_by:
        return raw
    nonce, ciphertext = raw[: keyring.NONCE_BYTES], raw[keyring.NONCE_BYTES :]
    sealed = keyring.Sealed(ciphertext, nonce, message.sealed_by)
    return keyring.unseal(sealed, _place(message.webhook_id, message.body_sha256)).encode()


def mask(message: InboundMessage) -> None:
    """Let the stored body hold no secret any more; it cannot be processed again then. For a message that is done."""
    hidden = masked(body_of(message))
    if hidden is not None:
        InboundMessage.objects.filter(pk=message.pk).exclude(state=InboundMessage.State.RECEIVED).update(
            raw=hidden, sealed_by="", masked=True
        )


def _place(channel_id: int, sha: str) -> str:
    """Copied to another message it does not open."""
    return f"inbound_messages|raw|{channel_id}|{sha}"
