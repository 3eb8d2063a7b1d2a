"""The secrets of channels: one current key per purpose, rotated ones live for a grace time, at most three at once."""

from __future__ import annotations

import datetime as dt
import secrets as random
from collections import defaultdict
from collections.abc import Iterable

from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from agency import credentials, http
from agency.models import Credential
from tasks.actors import Actor
from tasks.errors import Conflict, Invalid
from tasks.validation import FieldError
from webhooks.audit import record
from webhooks.models import ChannelKey, Webhook
from webhooks.models.channel import MAX_KEYS
from webhooks.outbound import signing
from webhooks.outbound.transports import TRANSPORTS

Purpose = ChannelKey.Purpose
GRACE = dt.timedelta(hours=24)
MAX_GRACE = dt.timedelta(days=7)
NOWHERE = "nowhere.invalid"
"""The allowed host of keys that only make and check signatures here: they are sent to nobody."""
GENERATED = frozenset({"standard_webhooks", "hmac_sha256", "bearer", "api_key", "basic", "github"})
"""Inbound schemes whose secret we may invent; the others are given by the provider."""


def live(channel_ids: Iterable[int], purpose: str) -> dict[int, list[str]]:
    """The live secrets of channels, the current one of each first. For signatures made and checked in this process."""
    rows = (
        ChannelKey.objects.filter(webhook_id__in=list(channel_ids), purpose=purpose)
        .filter(_is_live())
        .select_related("credential")
        .order_by(F("expires_at").desc(nulls_first=True), "-id")
    )
    found: dict[int, list[str]] = defaultdict(list)
    for row in rows:
        found[row.webhook_id].append(credentials.unlogged(row.credential))
    return found


def current(channel: Webhook, purpose: str) -> ChannelKey | None:
    """The key in use."""
    return channel.keys.filter(purpose=purpose, expires_at__isnull=True, revoked_at__isnull=True).first()


def _is_live() -> Q:
    return Q(revoked_at__isnull=True) & (Q(expires_at__isnull=True) | Q(expires_at__gt=Now()))


def new_secret(channel: Webhook, purpose: str) -> str:
    """A fresh secret of the right form. Raises Invalid when only the provider can give one."""
    if purpose == Purpose.OUTBOUND and channel.type == Webhook.Type.CUSTOM:
        return signing.new_secret()
    if purpose == Purpose.INBOUND and channel.verification == Webhook.Verification.STANDARD:
        return signing.new_secret()
    if purpose == Purpose.INBOUND and channel.verification in GENERATED:
        return random.token_urlsafe(32)
    message = "secret is required: it is given by the provider"
    raise Invalid([FieldError("#/secret", "missing", message)])


def rotate(
    channel: Webhook, purpose: str, actor: Actor, *, secret: str = "", grace: dt.timedelta = GRACE
) -> tuple[ChannelKey, str]:
    """Make a new current key and let the old one live for `grace` (0 to 7 days). Answers the key and its secret.

    The secret is shown this once. Raises Invalid, and Conflict when three keys are live.
    """
    if not dt.timedelta(0) <= grace <= MAX_GRACE:
        raise Invalid([FieldError("#/graceHours", "range", "graceHours must be between 0 and 168")])
    with transaction.atomic():
        locked = Webhook.objects.select_for_update(no_key=True).get(pk=channel.pk)
        secret = secret or new_secret(locked, purpose)
        ChannelKey.objects.filter(
            webhook=locked, purpose=purpose, expires_at__isnull=True, revoked_at__isnull=True
        ).update(expires_at=Now() + grace)
        _free_expired(locked, purpose)
        slot = _free_slot(locked, purpose)
        key = ChannelKey.objects.create(
            webhook=locked, purpose=purpose, slot=slot, credential=_store(locked, purpose, secret, actor)
        )
        record(
            locked.pk, "key_rotated", actor, {"purpose": purpose, "key": key.pk, "graceSeconds": grace.total_seconds()}
        )
    return key, secret


def revoke(key: ChannelKey, actor: Actor) -> None:
    """End a key now."""
    with transaction.atomic():
        if ChannelKey.objects.filter(pk=key.pk, revoked_at__isnull=True).update(revoked_at=Now()):
            credentials.revoke(key.credential, actor=None)
            record(key.webhook_id, "key_revoked", actor, {"purpose": key.purpose, "key": key.pk})


def _free_expired(channel: Webhook, purpose: str) -> None:
    expired = ChannelKey.objects.filter(
        webhook=channel, purpose=purpose, revoked_at__isnull=True, expires_at__lte=Now()
    ).select_related("credential")
    for key in expired:
        credentials.revoke(key.credential, actor=None)
    expired.update(revoked_at=Now())


def _free_slot(channel: Webhook, purpose: str) -> int:
    taken = set(channel.keys.filter(purpose=purpose, revoked_at__isnull=True).values_list("slot", flat=True))
    free = set(range(1, MAX_KEYS + 1)) - taken
    if not free:
        raise Conflict(f"{MAX_KEYS} keys are live already: revoke one first")
    return min(free)


def _store(channel: Webhook, purpose: str, secret: str, actor: Actor) -> Credential:
    try:
        return credentials.store(
            secret,
            name=f"{channel.name}: {purpose} key",
            kind="channel",
            allowed_hosts=[_host(channel, purpose)],
            account=str(channel.pk),
        )
    except credentials.CredentialError as error:
        raise Invalid([FieldError("#/secret", "invalid", str(error))]) from error


def _host(channel: Webhook, purpose: str) -> str:
    """Where a key may be sent: a transport's token to its provider, a signing key to nobody."""
    if purpose == Purpose.INBOUND or channel.type == Webhook.Type.CUSTOM:
        return NOWHERE
    try:
        host = TRANSPORTS[channel.type].host(channel.url, channel.config)
    except http.OutboundError as error:
        raise Invalid([FieldError("#/url", "invalid", str(error))]) from error
    return NOWHERE if host.startswith("smtp:") else host
