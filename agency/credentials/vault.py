"""Storing secrets, and handing them out at the moment of a call, to the hosts they are meant for and to nobody else."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from agency import redaction
from agency.credentials import keyring
from agency.credentials.errors import CredentialError
from agency.models import Credential, CredentialEvent

MAX_SECRET = 8192
_HOST = re.compile(r"\.?[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[1-9][0-9]{0,4})?|\[?[0-9a-f:]+\]?(:[1-9][0-9]{0,4})?")
_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]{0,199}")
Action = CredentialEvent.Action


@transaction.atomic
def store(
    secret: str,
    *,
    name: str,
    kind: str,
    allowed_hosts: Iterable[str],
    owner: Any = None,
    account: str = "",
    inline: bool = False,
) -> Credential:
    """Encrypt a secret into a new row. Raises CredentialError when the secret, a host or the key ring is not valid."""
    hosts = clean_hosts(allowed_hosts)
    pk = _next_id()
    sealed = keyring.seal(_checked(secret), _place(pk))
    credential = Credential.objects.create(
        pk=pk,
        name=name[:200],
        kind=kind,
        account=account,
        ciphertext=sealed.ciphertext,
        nonce=sealed.nonce,
        key_id=sealed.key_id,
        hint=hint_of(secret),
        allowed_hosts=hosts,
        owner=owner,
        inline=inline,
    )
    _record(credential, Action.CREATED, actor=owner)
    redaction.note(secret)
    return credential


@transaction.atomic
def change(
    credential: Credential,
    *,
    actor: Any,
    secret: str | None = None,
    allowed_hosts: Iterable[str] | None = None,
    name: str | None = None,
    account: str | None = None,
) -> None:
    """Replace what is given; the secret itself is never read back. Raises CredentialError."""
    row = Credential.objects.select_for_update().get(pk=credential.pk)
    changed = []
    if secret:
        sealed = keyring.seal(_checked(secret), _place(row.pk))
        row.ciphertext, row.nonce, row.key_id = sealed.ciphertext, sealed.nonce, sealed.key_id
        row.hint = hint_of(secret)
        changed.append("secret")
    for field, value in (
        ("allowed_hosts", clean_hosts(allowed_hosts) if allowed_hosts is not None else None),
        ("name", name),
        ("account", account),
    ):
        if value is not None and value != getattr(row, field):
            changed.append(f"{field}: {getattr(row, field)} -> {value}")
            setattr(row, field, value)
    if changed:
        row.save()
        _record(row, Action.CHANGED, actor=actor, detail="; ".join(changed))


@transaction.atomic
def revoke(credential: Credential, *, actor: Any) -> None:
    """End its use for good: tasks that refer to it fail. Its secret is overwritten."""
    sealed = keyring.seal("revoked", _place(credential.pk))
    changed = Credential.objects.filter(pk=credential.pk, revoked_at__isnull=True).update(
        revoked_at=timezone.now(), ciphertext=sealed.ciphertext, nonce=sealed.nonce, key_id=sealed.key_id
    )
    if changed:
        _record(credential, Action.REVOKED, actor=actor)


def reference(credential: Credential) -> dict[str, Any]:
    """What stands in a config, an answer or a preview in place of the secret."""
    return {"credential": credential.pk, "hint": credential.hint}


def resolve(ref: dict[str, Any], *, host: str, used_by: str) -> str:
    """The secret behind a reference, for a call to `host` (as `agency.http.host_of` spells it); the use is logged.

    From now on every sink takes the secret out by its value. Raises CredentialError: unknown, revoked, not for `host`.
    """
    if not redaction.is_reference(ref):
        raise CredentialError('expected a reference: {"credential": 12} or {"env": "NAME"}')
    secret = _from_environment(ref["env"], host) if "env" in ref else _from_row(ref["credential"], host, used_by)
    if "env" in ref:
        CredentialEvent.objects.create(variable=ref["env"], action=Action.USED, host=host[:300], used_by=used_by[:200])
    redaction.note(secret)
    return secret


def unlogged(credential: Credential) -> str:
    """The secret of a channel's key, to make or check a signature here: it is sent to nobody, so no use is logged.

    Raises CredentialError for a credential of another kind, and for one that was revoked.
    """
    if credential.kind != Credential.Kind.CHANNEL or credential.revoked_at is not None:
        raise CredentialError(f"credential {credential.pk} is no live key of a channel")
    secret = keyring.unseal(_sealed(credential), _place(credential.pk))
    redaction.note(secret)
    return secret


def opens(credential: Credential) -> bool:
    """Whether the key ring opens it: the doctor's question. The secret is dropped at once and no use is logged."""
    try:
        keyring.unseal(_sealed(credential), _place(credential.pk))
    except CredentialError:
        return False
    return True


def for_account(kind: str, account: str) -> Credential | None:
    """The live credential of an account, such as the token of a GoHighLevel location."""
    return Credential.objects.filter(kind=kind, account=account, revoked_at__isnull=True).order_by("-id").first()


def extra_ports(refs: Iterable[Any]) -> frozenset[int]:
    """Ports that people (not tasks) listed in the allowed hosts of these credentials: allowed like those of the web."""
    ids = [ref["credential"] for ref in refs if redaction.is_reference(ref) and "credential" in ref]
    if not ids:
        return frozenset()
    lists = Credential.objects.filter(pk__in=ids, inline=False).values_list("allowed_hosts", flat=True)
    ports = (host.rpartition(":")[2] for hosts in lists for host in hosts if ":" in host)
    return frozenset(int(port) for port in ports if port.isdigit())


def is_for(host: str, allowed_hosts: Iterable[str]) -> bool:
    """Whether `host` (`name` or `name:port`) is one of the allowed ones."""
    name = host.rpartition(":")[0] or host
    return any(host == allowed or (allowed.startswith(".") and name.endswith(allowed)) for allowed in allowed_hosts)


def rotate(batch: int = 500) -> int:
    """Encrypt again, with the writing key, every row under another one; answers how many. Safe to run at any time."""
    newest = keyring.writing_key()
    done = 0
    while count := _rotate_some(newest, batch):
        done += count
    return done


@transaction.atomic
def _rotate_some(newest: str, batch: int) -> int:
    rows = list(Credential.objects.select_for_update(skip_locked=True).exclude(key_id=newest).order_by("pk")[:batch])
    for row in rows:
        sealed = keyring.seal(keyring.unseal(_sealed(row), _place(row.pk)), _place(row.pk))
        row.ciphertext, row.nonce, row.key_id = sealed.ciphertext, sealed.nonce, sealed.key_id
    Credential.objects.bulk_update(rows, ["ciphertext", "nonce", "key_id"])
    CredentialEvent.objects.bulk_create(
        [CredentialEvent(credential=row, action=Action.ROTATED, detail=f"key {newest}") for row in rows]
    )
    return len(rows)


def clean_hosts(hosts: Iterable[str]) -> list[str]:
    """Hosts in one spelling. Raises CredentialError when there is none or one is no host."""
    cleaned = list(dict.fromkeys(host.strip().lower().removeprefix("*") for host in hosts if host.strip()))
    if not cleaned:
        raise CredentialError("a credential names at least one host it may be sent to", "allowedHosts")
    for host in cleaned:
        if not _HOST.fullmatch(host):
            raise CredentialError(f"{host[:80]!r} is not a host: expected name, name:port or .suffix", "allowedHosts")
    return cleaned


def hint_of(secret: str) -> str:
    """The last characters, when the secret is long enough to lose them."""
    return f"…{secret[-4:]}" if len(secret) >= 16 and secret[-4:].isprintable() else "…"


def allowed_variable(name: str) -> bool:
    """Whether tasks may name this environment variable."""
    prefix = settings.CREDENTIAL_ENV_PREFIX
    usable = bool(prefix) and name.startswith(prefix) and len(name) > len(prefix)
    return usable and _VARIABLE.fullmatch(name) is not None and not name.endswith("_HOSTS")


def _from_row(pk: int, host: str, used_by: str) -> str:
    row = Credential.objects.filter(pk=pk).first()
    if row is None or row.revoked_at is not None:
        raise CredentialError(f"credential {pk} does not exist or was revoked")
    allowed = is_for(host, row.allowed_hosts)
    _log_use(pk, Action.USED if allowed else Action.REFUSED, host, used_by)
    if not allowed:
        raise CredentialError(f"credential {pk} may not be sent to {host}: allowed are {', '.join(row.allowed_hosts)}")
    return keyring.unseal(_sealed(row), _place(pk))


def _from_environment(name: str, host: str) -> str:
    if not allowed_variable(name):
        raise CredentialError(
            f"tasks may only name environment variables that begin with {settings.CREDENTIAL_ENV_PREFIX}"
        )
    secret = os.environ.get(name, "")
    if not secret:
        raise CredentialError(f"the environment variable {name} is not set")
    hosts = os.environ.get(f"{name}_HOSTS", "")
    if hosts and not is_for(host, clean_hosts(hosts.split(","))):
        raise CredentialError(f"{name} may not be sent to {host}: {name}_HOSTS does not list it")
    return secret


_LOG_USE = """
WITH used AS (
  UPDATE agency_credential SET last_used_at = now()
  WHERE id = %(id)s AND %(action)s = 'used' AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute'))
INSERT INTO agency_credentialevent (credential_id, variable, action, host, used_by, detail, at)
VALUES (%(id)s, '', %(action)s, %(host)s, %(used_by)s, '', now())
"""


def _log_use(pk: int, action: str, host: str, used_by: str) -> None:
    """One statement; the row's own time is touched at most once a minute, so that busy credentials do not queue."""
    with connection.cursor() as cursor:
        cursor.execute(_LOG_USE, {"id": pk, "action": action, "host": host[:300], "used_by": used_by[:200]})


def _record(credential: Credential, action: str, *, actor: Any, detail: str = "") -> None:
    user = actor if getattr(actor, "pk", None) else None
    CredentialEvent.objects.create(credential=credential, action=action, actor=user, detail=detail[:500])


def _next_id() -> int:
    """The id comes first: the ciphertext is bound to it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval(pg_get_serial_sequence('agency_credential', 'id'))")
        return int(cursor.fetchone()[0])


def _checked(secret: str) -> str:
    if not isinstance(secret, str) or not secret.strip():
        raise CredentialError("the secret is empty")
    if len(secret) > MAX_SECRET:
        raise CredentialError(f"the secret is longer than {MAX_SECRET} characters")
    if not secret.isprintable():
        raise CredentialError("the secret holds line breaks or control characters")
    return secret


def _place(pk: int) -> str:
    return f"agency_credential|{pk}|secret"


def _sealed(row: Credential) -> keyring.Sealed:
    return keyring.Sealed(bytes(row.ciphertext), bytes(row.nonce), row.key_id)
