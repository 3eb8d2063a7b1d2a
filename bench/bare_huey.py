"""huey with threads doing the same work as bench.bare_celery."""

from __future__ import annotations

import os

import requests
from huey import RedisHuey

from bench.bare_celery import INSERT, pool

huey = RedisHuey("bare", url=os.environ.get("REDIS_URL"), results=False)


@huey.task()
def call(n: int, url: str) -> None:
    """The same call and the same row."""
    answer = requests.get(url, timeout=30)
    with pool().connection() as connection:
        connection.execute(INSERT, [n, answer.status_code, answer.text])
