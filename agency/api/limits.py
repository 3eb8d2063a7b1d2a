"""Rate limits, counted atomically in Valkey: so many requests of a kind per minute, per user and per token.

A window begins with the first request and lasts a minute. One script looks at all counters first and counts only what
is allowed, so that a refused request costs nobody anything and two requests cannot both take the last place.

When Valkey does not answer, limits that guard (approve) refuse, and all others let pass: work goes on while the broker
is down, decisions wait.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from functools import cache
from typing import Any

import redis
from django.conf import settings

logger = logging.getLogger(__name__)

WINDOW_S = 60
TIMEOUT_S = 0.5
#: After a failure Valkey is left alone for so long: requests must not wait for it one after the other.
REST_S = 5.0
#: Limits that refuse while they cannot count.
GUARDS = frozenset({"approve"})

# ARGV: the window in ms, then the limit of each key. Answers {allowed, places left, ms until the window ends}.
_SCRIPT = """
local window, left, wait = tonumber(ARGV[1]), nil, 0
for i, key in ipairs(KEYS) do
  local free = tonumber(ARGV[i + 1]) - tonumber(redis.call('GET', key) or '0')
  local ends = redis.call('PTTL', key)
  if ends < 0 then ends = window end
  if left == nil or free < left then left, wait = free, ends end
end
if left < 1 then return {0, 0, wait} end
for _, key in ipairs(KEYS) do
  if redis.call('INCR', key) == 1 then redis.call('PEXPIRE', key, window) end
end
return {1, left - 1, wait}
"""

_resting_until = 0.0


class CannotCount(Exception):
    """Valkey did not answer, and the limit is one that guards."""


@dataclass(frozen=True)
class Count:
    """What the counters say: whether the request may pass, how many more may, and when the window ends (seconds)."""

    allowed: bool
    limit: int
    left: int
    wait_s: float


def take(name: str, user_id: int, token: Any = None) -> Count | None:
    """Takes one place of the limit `name`; None where nothing is counted. Raises CannotCount."""
    limit = settings.RATES[name]
    if not settings.RATE_LIMITS or not limit:
        return None
    keys, limits = [f"agency:limit:{name}:user:{user_id}"], [limit]
    if token is not None:
        keys.append(f"agency:limit:{name}:token:{token.pk}")
        limits.append(max(1, limit * token.share // 100))
    try:
        allowed, left, wait_ms = _run(keys, limits)
    except redis.RedisError as error:
        logger.warning("rate limit %s cannot be counted: %s", name, error.__class__.__name__)
        if name in GUARDS:
            raise CannotCount(name) from error
        return None
    return Count(bool(allowed), min(limits), left, wait_ms / 1000)


def _run(keys: list[str], limits: list[int]) -> Any:
    global _resting_until
    if time.monotonic() < _resting_until:
        raise redis.ConnectionError("resting")
    try:
        return _script(settings.REDIS_URL)(keys=keys, args=[WINDOW_S * 1000, *limits])
    except redis.RedisError:
        _resting_until = time.monotonic() + REST_S
        raise


@cache
def _script(url: str) -> Any:
    client = redis.Redis.from_url(url, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S)
    return client.register_script(_SCRIPT)
