from __future__ import annotations

import psycopg
import pytest
import redis

from agency.local import scratch
from agency.local.places import LocalError
from agency.local.servers import Postgres, Valkey


@pytest.fixture
def home():
    with scratch.folder() as folder:
        yield folder


def test_postgres_keeps_committed_rows_through_kill_minus_nine(home):
    with Postgres(home / "pg", durable=False) as server:
        with psycopg.connect(server.url()) as connection:
            connection.execute("CREATE TABLE kept (id int)")
            connection.execute("INSERT INTO kept VALUES (7)")
        server.kill()
        assert not server.running
        server.start()
        with psycopg.connect(server.url()) as connection:
            assert connection.execute("SELECT id FROM kept").fetchall() == [(7,)]


def test_postgres_is_version_18_and_listens_on_no_network(home):
    with Postgres(home / "pg", durable=False) as server, psycopg.connect(server.url()) as connection:
        assert connection.info.server_version // 10000 == 18
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)


def test_a_server_left_by_a_dead_owner_is_ended_before_a_new_start(home):
    first = Postgres(home / "pg", durable=False)
    first.start()
    second = Postgres(home / "pg", durable=False)
    second.start()
    assert first.process.wait(10) == 0
    second.stop()


def test_data_of_another_postgres_version_is_refused_with_a_way_out(home):
    server = Postgres(home / "pg", durable=False)
    server.start()
    server.stop()
    (server.data / "PG_VERSION").write_text("17\n")
    with pytest.raises(LocalError, match=r"PostgreSQL 17.*move the folder away"):
        server.start()


def test_valkey_keeps_address_password_and_data_over_a_crash(home):
    with Valkey(home / "valkey") as server:
        address = server.url
        client = redis.Redis.from_url(address)
        client.set("kept", "1")
        client.bgrewriteaof()
        server.stop()
        again = Valkey(home / "valkey")
        again.start()
        assert again.url == address
        assert redis.Redis.from_url(address).get("kept") == b"1"
        again.stop()


def test_valkey_refuses_a_client_without_its_password_and_evicts_nothing(home):
    with Valkey(home / "valkey", durable=False) as server:
        with pytest.raises(redis.AuthenticationError):
            redis.Redis(port=server.port).ping()
        assert redis.Redis.from_url(server.url).config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}


def test_two_stacks_run_side_by_side_and_leave_nothing():
    with scratch.stack() as one, scratch.stack() as two:
        assert one.postgres.url() != two.postgres.url()
        assert one.valkey.port != two.valkey.port
    assert not one.home.exists()
    assert not two.home.exists()
