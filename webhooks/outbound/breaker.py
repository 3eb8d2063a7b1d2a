"""A breaker per channel: a receiver that fails almost always is left alone for a minute, then probed with one message.

Waiting costs no attempt. Figures: SECURITY.md §2 (at least 10 tries in 5 minutes, at least 70 % failed, open 60 s).
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from webhooks import valkey

WINDOW_S, BUCKET_S = 300, 15
MIN_TRIES, MAX_FAILED = 10, 0.7
OPEN_S = 60

_RECORD = valkey.Script(
    """
    local now, failed, channel = tonumber(ARGV[1]), ARGV[2] == '1', ARGV[3]
    local bucket = math.floor(now / tonumber(ARGV[4]))
    local oldest = bucket - math.floor(tonumber(ARGV[5]) / tonumber(ARGV[4]))
    local until_ = redis.call('ZSCORE', KEYS[2], channel)
    if until_ and not failed and tonumber(until_) <= now then
      redis.call('ZREM', KEYS[2], channel)
      redis.call('DEL', KEYS[1])
      return 'closed'
    end
    redis.call('HINCRBY', KEYS[1], 't:' .. bucket, 1)
    if failed then redis.call('HINCRBY', KEYS[1], 'f:' .. bucket, 1) end
    redis.call('EXPIRE', KEYS[1], tonumber(ARGV[5]) + 60)
    if until_ then
      if failed and tonumber(until_) <= now then
        redis.call('ZADD', KEYS[2], now + tonumber(ARGV[8]), channel)
        return 'opened'
      end
      return 'open'
    end
    local tries, bad, all = 0, 0, redis.call('HGETALL', KEYS[1])
    for index = 1, #all, 2 do
      local kind, when = string.match(all[index], '(%a):(%d+)')
      if tonumber(when) < oldest then redis.call('HDEL', KEYS[1], all[index])
      elseif kind == 't' then tries = tries + tonumber(all[index + 1])
      else bad = bad + tonumber(all[index + 1]) end
    end
    if failed and tries >= tonumber(ARGV[6]) and bad / tries >= tonumber(ARGV[7]) then
      redis.call('ZADD', KEYS[2], now + tonumber(ARGV[8]), channel)
      return 'opened'
    end
    return 'closed'
    """
)


@dataclass(frozen=True)
class Breakers:
    """Channels to leave alone now, and channels that may be tried with one message at a time."""

    blocked: list[int]
    probing: list[int]


def record(channel_id: int, *, failed: bool, now: float | None = None) -> str:
    """Counts one try; answers closed, open or opened (just now). Closed while Valkey is away."""
    args = [now or time.time(), int(failed), channel_id, BUCKET_S, WINDOW_S, MIN_TRIES, MAX_FAILED, OPEN_S]
    return str(_RECORD.run([f"breaker:{channel_id}", "breaker:open"], args, "closed"))


def standing(now: float | None = None) -> Breakers:
    """Which breakers are open, and which wait for their probe."""
    moment = now or time.time()
    until = {int(channel): end for channel, end in valkey.scores("breaker:open").items()}
    return Breakers(
        blocked=[channel for channel, end in until.items() if end > moment],
        probing=[channel for channel, end in until.items() if end <= moment],
    )
