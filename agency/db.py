"""Giving database connections back to the pool."""

from __future__ import annotations

from django.db import connection


def release() -> None:
    """Returns this thread's connection to the pool, unless a transaction is open on it.

    Called before anything that waits (the network, a browser, a sleep): a waiting thread holds no connection.
    """
    if not connection.in_atomic_block:
        connection.close()
