"""Bare Celery doing the same work: one HTTP call with plain requests, one INSERT. No states, no leases, no audit."""

from __future__ import annotations

import os

import requests
from celery import Celery
from psycopg_pool import ConnectionPool

TABLE = (
    "CREATE TABLE IF NOT EXISTS bare_results"
    " (id bigserial PRIMARY KEY, n int, status int, body jsonb, at timestamptz DEFAULT now())"
)
INSERT = "INSERT INTO bare_results (n, status, body) VALUES (%s, %s, %s::jsonb)"

app = Celery("bare", broker=os.environ.get("REDIS_URL"))
app.conf.update(
    task_ignore_result=True,
    task_default_queue="bare",
    worker_prefetch_multiplier=16,
    worker_hijack_root_logger=False,
    broker_transport_options={"global_keyprefix": "bare:"},
)
_pools: dict[int, ConnectionPool] = {}


def pool() -> ConnectionPool:
    """One pool a process: made after the fork."""
    if os.getpid() not in _pools:
        _pools[os.getpid()] = ConnectionPool(
            os.environ["DATABASE_URL"], min_size=1, max_size=20, open=True, kwargs={"autocommit": True}
        )
    return _pools[os.getpid()]


@app.task(name="bare.call")
def call(n: int, url: str) -> None:
    """The same call as the product's api_call, and its result in one row."""
    answer = requests.get(url, timeout=30)
    with pool().connection() as connection:
        connection.execute(INSERT, [n, answer.status_code, answer.text])
