"""API tokens: made once, shown once, kept as a hash.

A token reads `agy_<prefix>_<secret>`: the prefix finds the row, the secret has 256 bits, so that a plain sha256 at rest
is enough.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import re
import secrets
import string
from collections.abc import Sequence
from functools import cache
from typing import Any

from django.contrib.auth import get_user_model
from django.db import connection
from django.utils import timezone

from agency.models import ApiToken

SCOPES = ("read", "write", "review", "admin")
#: `last_used_at` is written at most so often.
USE_NOTED_EVERY = dt.timedelta(minutes=1)
_ALPHABET = string.ascii_lowercase + string.digits
_FORM = re.compile(r"agy_([a-z0-9]{8})_([A-Za-z0-9_-]{43})")


def create(
    user: Any,
    *,
    scopes: Sequence[str],
    name: str = "",
    expires_at: dt.datetime | None = None,
    share: int = 100,
) -> tuple[ApiToken, str]:
    """A new token's row and its text, which nobody can read again. Raises ValueError for an unknown scope."""
    unknown = [scope for scope in scopes if scope not in SCOPES]
    if unknown or not scopes:
        wrong = f"unknown scope {unknown[0]!r}" if unknown else "no scope given"
        raise ValueError(f"{wrong}; expected some of {', '.join(SCOPES)}")
    prefix = "".join(secrets.choice(_ALPHABET) for _ in range(8))
    text = f"agy_{prefix}_{secrets.token_urlsafe(32)}"
    row = ApiToken.objects.create(
        user=user,
        name=name,
        prefix=prefix,
        digest=_digest(text),
        scopes=[scope for scope in SCOPES if scope in scopes],
        expires_at=expires_at,
        share=share,
    )
    return row, text


def verify(text: str) -> ApiToken | None:
    """The live token that `text` is, with its user; None for everything else."""
    form = _FORM.fullmatch(text)
    if form is None:
        return None
    row = _live(form[1])
    if row is None or not hmac.compare_digest(row.digest.encode(), _digest(text).encode()):
        return None
    now = timezone.now()
    if (row.expires_at is not None and row.expires_at <= now) or not row.user.is_active:
        return None
    if row.last_used_at is None or now - row.last_used_at >= USE_NOTED_EVERY:
        ApiToken.objects.filter(pk=row.pk).update(last_used_at=now)
    return row


def _live(prefix: str) -> ApiToken | None:
    """The token with its user. Every request asks this: the statement is written once, not composed each time."""
    statement, split = _statement()
    with connection.cursor() as cursor:
        cursor.execute(statement, [prefix])
        values = cursor.fetchone()
    if values is None:
        return None
    users = get_user_model()
    row = ApiToken.from_db(connection.alias, [f.attname for f in ApiToken._meta.concrete_fields], values[:split])
    row.user = users.from_db(connection.alias, [f.attname for f in users._meta.concrete_fields], values[split:])
    return row


@cache
def _statement() -> tuple[str, int]:
    """The statement, and how many of its columns are the token's."""
    users = get_user_model()._meta
    own = [f't."{field.column}"' for field in ApiToken._meta.concrete_fields]
    theirs = [f'u."{field.column}"' for field in users.concrete_fields]
    table, key = users.db_table, users.pk.column
    statement = (
        f"SELECT {', '.join([*own, *theirs])} FROM api_tokens t "  # noqa: S608  (names of columns, no input)
        f'JOIN "{table}" u ON u."{key}" = t.user_id WHERE t.prefix = %s AND t.revoked_at IS NULL'
    )
    return statement, len(own)


def revoke(row: ApiToken) -> None:
    """Ends a token now; the row stays for the record."""
    ApiToken.objects.filter(pk=row.pk, revoked_at__isnull=True).update(revoked_at=timezone.now())


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
