"""Secrets: stored encrypted, referred to by number, handed out at the moment of a call, and never shown again.

credential = credentials.store(token, name="CRM", kind="bearer", allowed_hosts=["api.example.com"], owner=user)
config["bearerToken"] = credentials.reference(credential)
...
token = credentials.resolve(config["bearerToken"], host="api.example.com", used_by="task 7")
"""

from __future__ import annotations

from agency.credentials import vault
from agency.credentials.absorb import absorb, mask, references
from agency.credentials.errors import CredentialError
from agency.credentials.vault import (
    change,
    extra_ports,
    for_account,
    is_for,
    reference,
    resolve,
    revoke,
    rotate,
    store,
    unlogged,
)
from agency.redaction import is_reference, is_secret_name, note, redact, run_scope

__all__ = [
    "CredentialError",
    "absorb",
    "change",
    "extra_ports",
    "for_account",
    "is_for",
    "is_reference",
    "is_secret_name",
    "mask",
    "note",
    "redact",
    "reference",
    "references",
    "resolve",
    "revoke",
    "rotate",
    "run_scope",
    "store",
    "unlogged",
    "vault",
]
