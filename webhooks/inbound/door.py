"""What the inbox needs to know of a channel before it reads a body; remembered for one second per process."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from threading import Lock

from django.conf import settings

from webhooks import keys
from webhooks.inbound.verification import Options
from webhooks.models import ChannelKey, Webhook

REMEMBER_S = 1.0
MAX_REMEMBERED = 10_000


@dataclass(frozen=True)
class Door:
    """A channel as the inbox sees it. `secrets` are all live inbound keys."""

    channel_id: int
    is_open: bool
    type: str
    provider: str
    scheme: str
    account: str
    max_body_bytes: int
    structured_policy: str
    options: Options
    secrets: tuple[bytes, ...] = field(repr=False)


_doors: dict[str, tuple[float, Door | None]] = {}
_lock = Lock()


def find(token: str) -> Door | None:
    """The open door of a token, or None. A channel switched off, or a key revoked, shows within a second."""
    now = time.monotonic()
    known = _doors.get(token)
    if known is None or known[0] < now:
        known = (now + REMEMBER_S, _load(token))
        with _lock:
            if len(_doors) >= MAX_REMEMBERED:
                _doors.clear()
            _doors[token] = known
    door = known[1]
    return door if door is not None and door.is_open else None


def forget() -> None:
    """Forget all doors of this process: after a change, and between tests."""
    with _lock:
        _doors.clear()


def _load(token: str) -> Door | None:
    channel = Webhook.objects.filter(token=token).first()
    if channel is None:
        return None
    secrets = keys.live([channel.pk], ChannelKey.Purpose.INBOUND).get(channel.pk, [])
    return Door(
        channel_id=channel.pk,
        is_open=channel.is_active and channel.accepts_inbound,
        type=channel.type,
        provider=channel.provider,
        scheme=channel.verification,
        account=channel.account,
        max_body_bytes=channel.max_body_bytes,
        structured_policy=channel.structured_policy,
        options=_options(channel),
        secrets=tuple(secret.encode() for secret in secrets),
    )


def _options(channel: Webhook) -> Options:
    chosen = channel.verification_options
    published = (settings.GHL_WEBHOOK_PUBLIC_KEY,) if settings.GHL_WEBHOOK_PUBLIC_KEY else ()
    return Options(
        header=chosen.get("header", ""),
        encoding=chosen.get("encoding", "hex"),
        prefix=chosen.get("prefix", ""),
        timestamp_header=chosen.get("timestampHeader", ""),
        id_header=chosen.get("idHeader", ""),
        username=chosen.get("username", ""),
        public_keys=tuple(chosen.get("publicKeys", ())) or published,
    )
