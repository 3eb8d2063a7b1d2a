"""How much is taken in: per channel and minute, bad signatures per address and minute, and how much may wait."""

from __future__ import annotations

import time

from django.conf import settings
from django.db import connection
from django.http import HttpRequest

from webhooks import valkey

WINDOW_S = 60
_BACKLOG_S = 5.0

_TAKE = valkey.Script(
    """
    local bad = tonumber(redis.call('GET', KEYS[2]) or '0')
    if bad >= tonumber(ARGV[3]) then return {'bad', redis.call('TTL', KEYS[2])} end
    local taken = redis.call('INCR', KEYS[1])
    if taken == 1 then redis.call('EXPIRE', KEYS[1], ARGV[1]) end
    if taken > tonumber(ARGV[2]) then return {'many', redis.call('TTL', KEYS[1])} end
    return {'ok', 0}
    """
)
_COUNT_BAD = valkey.Script(
    """
    local bad = redis.call('INCR', KEYS[1])
    if bad == 1 then redis.call('EXPIRE', KEYS[1], ARGV[1]) end
    return bad
    """
)
_backlog: tuple[float, bool] = (0.0, False)


def retry_after(channel_id: int, address: str) -> int | None:
    """None when the request may go on, else the seconds to wait. Without Valkey everything may."""
    if not settings.RATE_LIMITS:
        return None
    args = [WINDOW_S, settings.INBOUND_RATE, settings.INBOUND_BAD_RATE]
    verdict, left = _TAKE.run([f"rate:{channel_id}", f"bad:{address}"], args, ("ok", 0))
    return None if verdict == "ok" else max(1, int(left))


def count_bad(address: str) -> None:
    """One request with a bad signature came from this address."""
    if settings.RATE_LIMITS:
        _COUNT_BAD.run([f"bad:{address}"], [WINDOW_S], 0)


def is_full() -> bool:
    """Whether so many messages wait that no more should be taken. Looked up every five seconds."""
    global _backlog
    now = time.monotonic()
    if _backlog[0] < now:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM (SELECT 1 FROM inbound_messages WHERE state = 'received' LIMIT %s) waiting",
                [settings.INBOUND_BACKLOG],
            )
            _backlog = (now + _BACKLOG_S, cursor.fetchone()[0] >= settings.INBOUND_BACKLOG)
    return _backlog[1]


def client_address(request: HttpRequest) -> str:
    """The caller's address: what the outermost of our own proxies (NUM_PROXIES) saw, else the peer."""
    forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "")
    if settings.NUM_PROXIES and forwarded:
        hops = [hop.strip() for hop in forwarded.split(",")]
        return hops[-min(settings.NUM_PROXIES, len(hops))][:64]
    return str(request.META.get("REMOTE_ADDR", ""))[:64]
