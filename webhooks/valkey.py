"""Valkey for what may be forgotten at any moment: rates, breakers, doorbells. Without it all goes on, unlimited."""

from __future__ import annotations

import logging
import time
from functools import lru_cache
from typing import Any

import redis
from django.conf import settings

logger = logging.getLogger(__name__)

PREFIX = "agency:messages:"
_AWAY_S = 5.0
_away_until = 0.0


@lru_cache(maxsize=1)
def _client() -> redis.Redis:
    return redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=1.0, socket_connect_timeout=1.0, decode_responses=True, max_connections=200
    )


class Script:
    """A Lua script, run atomically. `run` answers `default` while Valkey is away: its users must live without it."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._script: Any = None

    def run(self, keys: list[str], args: list[Any], default: Any) -> Any:
        return _guarded(lambda: self._call(keys, args), default)

    def _call(self, keys: list[str], args: list[Any]) -> Any:
        if self._script is None:
            self._script = _client().register_script(self._source)
        return self._script(keys=[PREFIX + key for key in keys], args=args, client=_client())


def set_if_new(key: str, milliseconds: int) -> bool:
    """Whether the key was not there; it now is, for that long. True while Valkey is away."""
    return bool(_guarded(lambda: _client().set(PREFIX + key, 1, nx=True, px=milliseconds), True))


def forget(key: str) -> None:
    """Removes a key."""
    _guarded(lambda: _client().delete(PREFIX + key), None)


def forget_all() -> None:
    """Removes every key of messages: rates, breakers and bells start anew."""

    def sweep() -> None:
        keys = list(_client().scan_iter(PREFIX + "*"))
        if keys:
            _client().delete(*keys)

    _guarded(sweep, None)


def scores(key: str) -> dict[str, float]:
    """All members of a sorted set with their scores; none while Valkey is away."""
    return dict(_guarded(lambda: _client().zrange(PREFIX + key, 0, -1, withscores=True), []))


def _guarded(call: Any, default: Any) -> Any:
    """After a failure Valkey is left alone for five seconds: a hung server is not waited for again and again."""
    global _away_until
    if time.monotonic() < _away_until:
        return default
    try:
        return call()
    except redis.RedisError as error:
        _away_until = time.monotonic() + _AWAY_S
        logger.warning("[Messages] Valkey does not answer (%s): limits and breakers are off", type(error).__name__)
        return default
