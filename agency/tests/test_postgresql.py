from __future__ import annotations

import threading
import uuid

import psutil
import psycopg
import pytest
from django.db import connections
from psycopg_pool import ConnectionPool

from agency.local import scratch
from agency.local.servers import Postgres
from agency.postgresql.base import DatabaseWrapper

MANY = 8

pytestmark = pytest.mark.django_db  # allows connections at all; each test has a server of its own


@pytest.fixture
def server():
    with scratch.folder() as home, Postgres(home / "postgres", durable=False) as server:
        yield server


@pytest.fixture
def connect(server):
    """Makes connections of one pool, as each thread of a process has one."""
    described = {
        **connections.settings["default"],
        "NAME": "agency",
        "USER": "postgres",
        "HOST": str(server.socket),
        "OPTIONS": {"pool": {"min_size": 1, "max_size": MANY, "timeout": 10}},
    }
    alias = f"restarted-{uuid.uuid4()}"
    yield lambda: DatabaseWrapper(described, alias)
    DatabaseWrapper(described, alias).close_pool()


def answer(connection):
    """What the server says, and the connection given back."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            return cursor.fetchone()
    finally:
        connection.close()


def fill(connect):
    """Has as many connections at once as the pool lends, then gives them all back."""
    together = threading.Barrier(MANY)

    def use():
        connection = connect()
        connection.ensure_connection()
        together.wait(30)
        connection.close()

    threads = [threading.Thread(target=use) for _ in range(MANY)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def kill(server):
    """The server dies, and with it, a moment later, what served each connection: until then a query may still break off."""
    backends = psutil.Process(server.pid).children(recursive=True)
    server.kill()
    _, left = psutil.wait_procs(backends, 30)
    assert left == []


def test_the_first_request_after_a_restart_is_answered_however_many_connections_died(server, connect):
    fill(connect)
    kill(server)
    server.start()
    assert answer(connect()) == (1,)


def test_a_request_waits_for_a_server_that_is_on_its_way_back(server, connect):
    fill(connect)
    kill(server)
    back = threading.Timer(1.0, server.start)
    back.start()
    assert answer(connect()) == (1,)
    back.join()


def test_the_product_uses_this_engine():
    assert isinstance(connections["default"], DatabaseWrapper)


def test_a_connection_that_answered_a_moment_ago_is_asked_again_only_when_the_server_spoke(
    server, connect, monkeypatch
):
    asked, check = [], ConnectionPool.check_connection
    monkeypatch.setattr(ConnectionPool, "check_connection", lambda connection: (asked.append(1), check(connection)))
    fill(connect)
    fill(connect)  # each of the pool's connections has been asked once
    known, ours = len(asked), connect()
    for _ in range(5):
        assert answer(ours) == (1,)
    assert len(asked) == known
    with psycopg.connect(server.url(), autocommit=True) as other:
        other.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )
    assert answer(ours) == (1,)
    assert len(asked) > known
