"""Django looks for a `DatabaseWrapper` in the module `base` of an engine.

psycopg's pool meets a dead connection with a pause that grows (0, 1, 2, 4 s …) before it tries the next one. After a
restart of PostgreSQL every idle connection is dead, so with eight of them each request paused for its whole timeout and
failed, for more than 20 s. Here the first dead connection empties the pool: what comes next is new.

A check is a round trip, as dear as the one INSERT that many requests come for. A server that goes away says so on the
socket: one that is silent, and that answered a minute ago or less, is taken without asking.
"""

from __future__ import annotations

import select
import time
from typing import Any
from weakref import WeakKeyDictionary

import psycopg
from django.db.backends.base.base import NO_DB_ALIAS
from django.db.backends.postgresql import base
from psycopg_pool import ConnectionPool

DRAIN_AT_MOST_EVERY = 1.0  # seconds; threads that find dead connections together empty the pool once
ASK_EVERY = 60.0  # seconds; an answer holds for so long, for networks that forget a connection that lies idle


class DatabaseWrapper(base.DatabaseWrapper):
    """One thread's connection, lent by the process's pool."""

    _connection_pools: dict[str, Any]  # Django's own, one for each alias of the process

    @property
    def pool(self) -> Any:
        """The process's pool for this alias; None where the settings ask for none. As Django's, but for the check."""
        options = self.settings_dict["OPTIONS"].get("pool")
        if self.alias == NO_DB_ALIAS or not options:
            return None
        if self.alias not in self._connection_pools:
            self._connection_pools.setdefault(self.alias, self._new_pool(options))
        return self._connection_pools[self.alias]

    def _new_pool(self, options: dict[str, Any]) -> ConnectionPool[Any]:
        drained = 0.0
        answered: WeakKeyDictionary[psycopg.Connection[Any], float] = WeakKeyDictionary()

        def check(connection: psycopg.Connection[Any]) -> None:
            nonlocal drained
            if time.monotonic() - answered.get(connection, -ASK_EVERY) < ASK_EVERY and _is_silent(connection):
                return
            try:
                ConnectionPool.check_connection(connection)
                answered[connection] = time.monotonic()
            except psycopg.Error:
                if time.monotonic() - drained > DRAIN_AT_MOST_EVERY:
                    drained = time.monotonic()
                    pool.drain()
                raise

        pool: ConnectionPool[Any] = ConnectionPool(
            kwargs={**self.get_connection_params(), "autocommit": True},
            open=False,  # Django opens it with the first connection
            configure=self._configure_connection,  # type: ignore[attr-defined]
            check=check,
            **options,
        )
        return pool


def _is_silent(connection: psycopg.Connection[Any]) -> bool:
    """Nothing has come on the socket since the last answer: neither the server's farewell nor the end of the stream."""
    if connection.closed:
        return False
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN | select.POLLPRI)
    return not poll.poll(0)
