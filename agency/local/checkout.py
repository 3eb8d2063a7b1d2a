"""This checkout on this machine: its folders, its secrets, and the settings that every process of it gets.

.local/env       where the running servers are; there only while they run; settings.py reads it
.local/secrets   SECRET_KEY and CREDENTIAL_KEYS, made once, mode 600
.local/log/      one file per process
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import environ

from agency.local import places
from agency.local.places import LocalError

CHECKOUT = Path(__file__).resolve().parents[2]
LOG_KEPT = 20 << 20  # bytes of a log file that are kept from earlier runs


@dataclass(frozen=True)
class Running:
    """What `make up` says about itself while it runs."""

    pid: int
    url: str
    ready: bool = False


@dataclass(frozen=True)
class Checkout:
    root: Path = CHECKOUT

    @property
    def local(self) -> Path:
        return self.root / ".local"

    @property
    def env_file(self) -> Path:
        return self.local / "env"

    @property
    def logs(self) -> Path:
        return self.local / "log"

    @property
    def static(self) -> Path:
        return self.local / "static"

    @property
    def state(self) -> Path:
        return places.state(self.root)

    def open(self) -> None:
        """Makes the folders. Raises LocalError: they belong to somebody else."""
        try:
            places.make_passable(self.local)
            self.logs.mkdir(exist_ok=True)
        except PermissionError as refused:
            raise self._not_mine(Path(refused.filename or self.local)) from refused
        for folder in (self.local, self.logs):
            if not os.access(folder, os.W_OK):
                raise self._not_mine(folder)

    @staticmethod
    def _not_mine(folder: Path) -> LocalError:
        owner = next(path for path in (folder, *folder.parents) if path.exists()).owner()
        return LocalError(f"{folder} belongs to {owner}. Run this as that user, or make a clone of your own.")

    def log(self, name: str) -> Path:
        """The log file of a process; one that grew large is put aside as NAME.log.1."""
        path = self.logs / f"{name}.log"
        if path.is_file() and path.stat().st_size > LOG_KEPT:
            path.replace(path.with_suffix(".log.1"))
        return path

    def secrets(self) -> dict[str, str]:
        path = self.local / "secrets"
        if not path.is_file():
            _write_private(
                path,
                {
                    "SECRET_KEY": secrets.token_urlsafe(48),
                    "CREDENTIAL_KEYS": "k1:" + base64.b64encode(secrets.token_bytes(32)).decode(),
                },
            )
        return read(path)

    def given(self) -> dict[str, str]:
        """The settings a person gave: the process environment, then .env, as settings.py reads them."""
        dotenv = self.root / os.environ.get("ENV_FILE", ".env")
        names = dict(os.environ)
        if dotenv.is_file():
            names = {**read(dotenv), **names}
        return names

    def announce(self, environment: Mapping[str, str]) -> None:
        """From now on every manage.py command of this checkout talks to these servers."""
        _write_private(self.env_file, environment)

    def withdraw(self) -> None:
        self.env_file.unlink(missing_ok=True)
        self.running_file.unlink(missing_ok=True)

    @property
    def running_file(self) -> Path:
        return self.local / "running"

    def say_running(self, running: Running) -> None:
        self.running_file.write_text(json.dumps(vars(running)))

    def running(self) -> Running | None:
        """What runs here now, if its process is alive."""
        try:
            found = Running(**json.loads(self.running_file.read_text()))
        except (OSError, ValueError, TypeError):
            return None
        return found if self._locked() else None

    def _locked(self) -> bool:
        try:
            with self.alone(wait=False):
                return False
        except BlockingIOError:
            return True

    @contextmanager
    def alone(self, *, wait: bool) -> Iterator[None]:
        """Holds this checkout's servers. Raises BlockingIOError: somebody else holds them (wait=False)."""
        with (self.local / "lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            yield


def _write_private(path: Path, values: Mapping[str, str]) -> None:
    draft = path.with_name(path.name + ".new")
    draft.unlink(missing_ok=True)
    draft.touch(mode=0o600)
    draft.write_text("".join(f"{name}={value}\n" for name, value in values.items()))
    draft.replace(path)


def read(path: Path) -> dict[str, str]:
    """A file of NAME=value lines, read as settings.py reads it, but into no environment."""

    class Reader(environ.Env):
        ENVIRON: ClassVar[dict[str, str]] = {}

    Reader.read_env(path)
    return Reader.ENVIRON
