"""PostgreSQL, Valkey, clocks, migrations, files."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import redis
from django.conf import settings
from django.core.files.storage import FileSystemStorage, default_storage
from django.db import connection

from agency import health
from reports.doctor.finding import Finding, bad, good, note

MIN_POSTGRES = 160_000
#: Clocks further apart than this confuse people and links that expire, in seconds.
MAX_SKEW_S = 2.0
LOW_DISK = 0.05

_SETTINGS = """
SELECT name, setting FROM pg_settings WHERE name IN
  ('fsync', 'synchronous_commit', 'full_page_writes', 'max_connections', 'autovacuum', 'server_version_num')
"""
_SIZE = "SELECT pg_size_pretty(pg_database_size(current_database()))"


def database() -> Iterator[Finding]:
    """Does it answer, is it new enough, does it keep what it acknowledged, are there connections enough."""
    problem = health.database_problem()
    if problem:
        yield bad("database", problem, "Start PostgreSQL and check DATABASE_URL; `make up` brings its own.")
        return
    setting = dict(_rows(_SETTINGS))
    version, size = int(setting["server_version_num"]), _rows(_SIZE)[0][0]
    if version < MIN_POSTGRES:
        yield bad("database", f"PostgreSQL {version // 10_000}", "Upgrade to PostgreSQL 16 or newer; 18 is tested.")
    else:
        yield good("database", f"PostgreSQL {version // 10_000}, {size}")
    yield from _durability(setting)
    yield from _connections(setting)


def _rows(statement: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall()


def _durability(setting: dict[str, str]) -> Iterator[Finding]:
    off = [name for name in ("fsync", "full_page_writes", "synchronous_commit") if setting[name] == "off"]
    if off:
        what = f"{', '.join(off)} off: a crash of the machine may lose work that was acknowledged"
        yield bad("durability", what, f"Set {off[0]} = on in postgresql.conf and reload.")
    else:
        yield good("durability", "fsync, full_page_writes and synchronous_commit are on")
    if setting["autovacuum"] == "off":
        yield bad("vacuum", "autovacuum is off: tables and indexes grow without end", "Set autovacuum = on and reload.")


def _connections(setting: dict[str, str]) -> Iterator[Finding]:
    pool = settings.DATABASES["default"]["OPTIONS"]["pool"]["max_size"]
    processes = int(os.environ.get("WEB_WORKERS", "2")) + 5
    wanted, there = pool * processes, int(setting["max_connections"])
    if wanted > there:
        what = f"up to {wanted} wanted ({pool} a process), {there} allowed"
        yield note("connections", what, "Raise max_connections, lower DATABASE_POOL_MAX, or put PgBouncer in between.")
    else:
        yield good("connections", f"{there} allowed, up to {wanted} wanted")


def migrations() -> Iterator[Finding]:
    """Does the schema belong to this code."""
    problem = health.migrations_problem()
    yield bad("migrations", problem, "Run `manage.py migrate`.") if problem else good("migrations", "all applied")


def broker() -> Iterator[Finding]:
    """Does it answer, and does it forget nothing by itself."""
    client = redis.Redis.from_url(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2)
    try:
        info = client.info("server")
        policy = _eviction(client)
    except redis.RedisError as error:
        what = f"does not answer ({type(error).__name__}); work goes on slowly, by polling"
        yield bad("broker", what, "Start Valkey or Redis and check REDIS_URL.")
        return
    finally:
        client.close()
    version = info.get("valkey_version") or info.get("redis_version")
    if not policy:
        what = "CONFIG GET is not allowed, so whether it drops messages is not known"
        yield note("broker", what, "See in your provider's console that maxmemory-policy is noeviction.")
    elif policy != "noeviction":
        yield bad("broker", f"maxmemory-policy is {policy}: it may drop messages", "Set maxmemory-policy noeviction.")
    else:
        yield good("broker", f"{info.get('server_name', 'redis')} {version}")


def _eviction(client: redis.Redis) -> str:
    """What it forgets when its memory is full; "" where that may not be asked, as with some managed ones."""
    try:
        return str(client.config_get("maxmemory-policy").get("maxmemory-policy", ""))
    except redis.ResponseError:
        return ""


def clocks() -> Iterator[Finding]:
    """This machine's clock against the database's, halfway through the question."""
    before = time.time()
    there = _rows("SELECT extract(epoch FROM clock_timestamp())::float8")[0][0]
    apart = there - (before + time.time()) / 2
    if abs(apart) > MAX_SKEW_S:
        what = f"this machine is {abs(apart):.1f} s {'behind' if apart > 0 else 'ahead of'} the database"
        yield bad("clocks", what, "Run an NTP client (chrony, systemd-timesyncd) on both machines.")
    else:
        yield good("clocks", f"{abs(apart) * 1000:.0f} ms apart")


def files() -> Iterator[Finding]:
    """Can artifacts be written, and is there room."""
    if not isinstance(default_storage, FileSystemStorage):
        yield good("files", f"kept by {type(default_storage).__name__}")
        return
    folder = Path(settings.MEDIA_ROOT)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        yield bad("files", f"{folder} cannot be written: {error.strerror}", "Give it to the user the workers run as.")
        return
    usage = shutil.disk_usage(folder)
    left = f"{usage.free / 2**30:.1f} GiB free in {folder}"
    if usage.free / usage.total < LOW_DISK:
        yield bad("files", left, "Make room, or lower ARTIFACT_RETENTION_DAYS.")
    else:
        yield good("files", left)
