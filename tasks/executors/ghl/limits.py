"""The request limit of a GoHighLevel location, kept in Valkey for all workers together.

100 requests in 10 s per location (docs/oauth/Authorization.md of the API's repository), and not all of them at once:
callers report 429 well below that. What the API's own headers say is believed over our counting. Losing Valkey, or what
it holds, loses the count of a few seconds and nothing else: the API then says 429 itself.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping
from functools import lru_cache

import redis
from django.conf import settings

logger = logging.getLogger(__name__)

WINDOW_MS = 10_000
SECOND_MS = 1_000
DAY_PAUSE_MS = 3_600_000

# One ticket per request in a sorted set by time. Answers 0 when a ticket was taken, else the milliseconds to wait.
_TAKE = """
local now = redis.call('TIME'); now = now[1] * 1000 + math.floor(now[2] / 1000)
local paused = redis.call('PTTL', KEYS[2])
if paused > 0 then return paused end
redis.call('ZREMRANGEBYSCORE', KEYS[1], 0, now - tonumber(ARGV[1]))
local limits = {{tonumber(ARGV[1]), tonumber(ARGV[2])}, {tonumber(ARGV[3]), tonumber(ARGV[4])}}
for _, limit in ipairs(limits) do
  local at = redis.call('ZRANGE', KEYS[1], -limit[2], -limit[2], 'WITHSCORES')[2]
  if at and tonumber(at) > now - limit[1] then return math.max(1, tonumber(at) + limit[1] - now) end
end
redis.call('ZADD', KEYS[1], now, ARGV[5])
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return 0
"""


def take(location: str) -> float:
    """Take a ticket for one request; answers 0, or the seconds to wait before asking again. Never raises."""
    limits = (
        WINDOW_MS,
        settings.GHL_REQUESTS_PER_10_SECONDS,
        SECOND_MS,
        settings.GHL_REQUESTS_PER_SECOND,
        uuid.uuid4().hex,
    )
    try:
        return float(_valkey().eval(_TAKE, 2, _key(location), _pause_key(location), *limits)) / 1000
    except redis.RedisError as error:
        logger.warning("[TaskExecution] GoHighLevel's limit is not counted: %s", type(error).__name__)
        return 0.0


def learn(location: str, headers: Mapping[str, str]) -> None:
    """Read the API's own count from an answer's headers (names in lower case); pause when it is used up."""
    if _number(headers, "x-ratelimit-daily-remaining") == 0:
        pause(location, DAY_PAUSE_MS / 1000)
    elif _number(headers, "x-ratelimit-remaining") == 0:
        pause(location, interval_s(headers))


def interval_s(headers: Mapping[str, str]) -> float:
    """The API's window in seconds, 10 when it does not say."""
    return min(max(_number(headers, "x-ratelimit-interval-milliseconds") or WINDOW_MS, 100), 60_000) / 1000


def pause(location: str, seconds: float) -> None:
    """No worker sends to the location for so long. A longer pause that is already set stays."""
    try:
        valkey = _valkey()
        if valkey.pttl(_pause_key(location)) < seconds * 1000:
            valkey.set(_pause_key(location), 1, px=max(1, int(seconds * 1000)))
    except redis.RedisError as error:
        logger.warning("[TaskExecution] GoHighLevel's pause is not kept: %s", type(error).__name__)


def _number(headers: Mapping[str, str], name: str) -> int | None:
    text = headers.get(name, "").split(",")[0].strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def _key(location: str) -> str:
    return f"agency:ghl:{location}:requests"


def _pause_key(location: str) -> str:
    return f"agency:ghl:{location}:paused"


def _valkey() -> redis.Redis:
    return _connect(settings.REDIS_URL)


@lru_cache(maxsize=2)
def _connect(url: str) -> redis.Redis:
    return redis.Redis.from_url(url, socket_timeout=1, socket_connect_timeout=1)
