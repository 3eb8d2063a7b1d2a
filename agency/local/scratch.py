"""Servers for one run only: tests, the demo, drills. Nothing of them stays, however the run ends."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from agency.local import places
from agency.local.servers import Postgres, Valkey, alive

PREFIX = "agency-run-"


@dataclass(frozen=True)
class Stack:
    home: Path
    postgres: Postgres
    valkey: Valkey

    def environment(self) -> dict[str, str]:
        return {"DATABASE_URL": self.postgres.url(), "REDIS_URL": self.valkey.url}


@contextmanager
def folder() -> Iterator[Path]:
    """A folder that is gone afterwards. What killed runs left behind (with their servers) is swept first."""
    sweep()
    home = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))
    home.chmod(0o711)  # the servers' user walks through, nobody reads
    try:
        yield home
    finally:
        shutil.rmtree(home, ignore_errors=True)


@contextmanager
def stack(*, durable: bool = False, max_connections: int = 200) -> Iterator[Stack]:
    """A private PostgreSQL and Valkey, started; stopped and removed at the end."""
    with folder() as home:
        postgres = Postgres(home / "postgres", durable=durable, max_connections=max_connections)
        valkey = Valkey(home / "valkey", durable=durable)
        with postgres, valkey:
            yield Stack(home, postgres, valkey)


def sweep() -> None:
    for home in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        owner = re.match(rf"{PREFIX}(\d+)-", home.name)
        if owner is None or alive(int(owner[1])) or home.stat().st_uid != os.getuid():
            continue
        for server in (Postgres(home / "postgres"), Valkey(home / "valkey")):
            server.stop_leftover()
        shutil.rmtree(places.socket_folder(home / "postgres"), ignore_errors=True)
        shutil.rmtree(home, ignore_errors=True)
