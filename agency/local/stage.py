"""The whole product on servers and free ports of its own, for as long as a block lasts: for the demo and the drills.

    with stage.play({"RETRY_BASE_SECONDS": "0.5"}) as product:
        product.manage("createsuperuser", …)
        product.supervisor.pid("worker-io"); product.postgres.kill(); …

What dies is started again by its supervisor, as under `make up`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from agency.local import places, product, scratch
from agency.local.checkout import Checkout
from agency.local.processes import Supervisor
from agency.local.servers import Postgres, Valkey
from agency.local.testing import TEST_ENVIRONMENT

HOST = "127.0.0.1"


@dataclass
class Stage:
    home: Path
    port: int
    environment: dict[str, str]
    supervisor: Supervisor
    postgres: Postgres
    valkey: Valkey

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    def manage(self, *arguments: str) -> str:
        """Runs manage.py against this product; returns what it printed."""
        return product.manage(self.environment, *arguments)

    def log(self, name: str) -> str:
        return self.supervisor.log(name).read_text(errors="replace")


@contextmanager
def play(
    settings: Mapping[str, str] | None = None,
    *,
    durable: bool = False,
    say: Callable[[str], None] = print,
    prepare: Callable[[Mapping[str, str]], object] | None = None,
) -> Iterator[Stage]:
    """A running, ready product with the given settings. Stopped and removed at the end, logs included.

    `prepare` gets the environment when only the servers run; by default it migrates an empty database.

    Raises LocalError: something does not start.
    """
    with scratch.folder() as home:
        postgres = Postgres(home / "postgres", durable=durable)
        valkey = Valkey(home / "valkey", durable=durable)
        supervisor = Supervisor({}, lambda name: home / f"{name}.log", say)
        port = places.free_port()
        try:
            supervisor.add_server(postgres)
            supervisor.add_server(valkey)
            environment = _environment(home, port, {"DATABASE_URL": postgres.url(), "REDIS_URL": valkey.url})
            environment |= settings or {}
            supervisor.environment = environment
            (prepare or _migrate)(environment)
            for program in product.programs(HOST, port):
                supervisor.add(program)
            product.await_ready(supervisor, HOST, port)
            supervisor.tend_in_background()
            yield Stage(home, port, environment, supervisor, postgres, valkey)
        finally:
            supervisor.stop()


def _migrate(environment: Mapping[str, str]) -> None:
    product.manage(environment, "prepare")


def own_environment() -> dict[str, str]:
    """This process's environment without any of Agency's settings: not what a person exported for an installation."""
    known = Checkout().root / ".env.example"
    foreign = {line.lstrip("#").split("=")[0] for line in known.read_text().splitlines() if "=" in line}
    kept = {name: value for name, value in os.environ.items() if name.removesuffix("_FILE") not in foreign}
    browser = {name: os.environ[name] for name in ("CHROMIUM_PATH", "CHROMEDRIVER_PATH") if name in os.environ}
    return {**kept, **browser}


def _environment(home: Path, port: int, servers: dict[str, str]) -> dict[str, str]:
    own = {
        "PUBLIC_URL": f"http://localhost:{port}",
        "MEDIA_ROOT": str(home / "media"),
        "EMAIL_URL": "consolemail://",
        "PYTHONUNBUFFERED": "1",
    }
    return {**own_environment(), **TEST_ENVIRONMENT, **own, **servers}
