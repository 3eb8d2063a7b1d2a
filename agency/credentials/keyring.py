"""AES-256-GCM under a ring of keys. The first key writes; all of them read, so that a key can be replaced.

`CREDENTIAL_KEYS` is `k2:<base64 of 32 bytes>,k1:<…>`. It is not derived from SECRET_KEY: replacing that loses nothing.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
from dataclasses import dataclass
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

from agency.credentials.errors import CredentialError

NONCE_BYTES = 12  # what NIST SP 800-38D recommends for GCM
_KEY_ID = re.compile(r"[A-Za-z0-9_-]{1,40}")


@dataclass(frozen=True, slots=True)
class Sealed:
    """A secret as it is stored."""

    ciphertext: bytes
    nonce: bytes
    key_id: str


def seal(secret: str, place: str) -> Sealed:
    """Encrypt for one place (table, row and field): copied to another row it does not open. Raises CredentialError."""
    key_id = writing_key()
    nonce = os.urandom(NONCE_BYTES)
    ciphertext = _ring()[key_id].encrypt(nonce, secret.encode(), _bound_to(place, key_id))
    return Sealed(ciphertext, nonce, key_id)


def unseal(sealed: Sealed, place: str) -> str:
    """The secret. Raises CredentialError when the key is not in the ring or the row was tampered with."""
    key = _ring().get(sealed.key_id)
    if key is None:
        raise CredentialError(f"the key {sealed.key_id!r} of this credential is not in CREDENTIAL_KEYS")
    try:
        return key.decrypt(sealed.nonce, sealed.ciphertext, _bound_to(place, sealed.key_id)).decode()
    except (InvalidTag, UnicodeDecodeError) as error:
        raise CredentialError("the credential cannot be decrypted: it or its row was changed") from error


def writing_key() -> str:
    """The id of the key that new secrets are written with. Raises CredentialError when there is none."""
    return next(iter(_ring()))


def known_keys() -> list[str]:
    """The ids of all keys, the writing one first. Raises CredentialError when CREDENTIAL_KEYS is not valid."""
    return list(_ring())


def _bound_to(place: str, key_id: str) -> bytes:
    return f"{place}|{key_id}".encode()


def _ring() -> dict[str, AESGCM]:
    return _parse(settings.CREDENTIAL_KEYS)


@lru_cache(maxsize=4)
def _parse(text: str) -> dict[str, AESGCM]:
    ring: dict[str, AESGCM] = {}
    for entry in filter(None, (part.strip() for part in text.split(","))):
        key_id, _, encoded = entry.partition(":")
        if not _KEY_ID.fullmatch(key_id) or key_id in ring:
            raise CredentialError("CREDENTIAL_KEYS: expected id:key,id:key with ids that are different words")
        try:
            key = base64.b64decode(encoded, validate=True)
        except binascii.Error:
            key = b""
        if len(key) != 32:
            raise CredentialError(f"CREDENTIAL_KEYS: the key {key_id!r} is not the base64 of 32 bytes")
        ring[key_id] = AESGCM(key)
    if not ring:
        raise CredentialError("CREDENTIAL_KEYS is empty: no secret can be stored or read")
    return ring
