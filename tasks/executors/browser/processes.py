"""Browser process groups: started under a guard, written down, and cleaned up after an owner that died.

A browser is a dozen processes. All of them live in one process group whose leader is a small shell, the guard: it
holds a pipe to its owner and kills the group the moment the pipe closes, so even a worker killed with -9 leaves
nothing. The record in the browser's folder is the second line: `reap` finds groups whose owner is gone, by process id
AND start time, and never touches what it did not start.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import mkdtemp

import psutil

logger = logging.getLogger(__name__)

PREFIX = "agency-browser-"
RECORD = "record.json"
_GUARD = '"$@" & while read -r line; do :; done; kill -KILL 0'
#: Two clocks of one machine agree on a start time within this many seconds.
_SAME_START_S = 1.0


@dataclass(frozen=True)
class Record:
    """Who owns a browser's process group. Start times are seconds since the epoch, as the kernel tells them."""

    pid: int
    started: float
    owner_pid: int
    owner_started: float


@dataclass(frozen=True)
class Account:
    """The ordinary user browsers run as when the worker is root, so that Chromium keeps its sandbox."""

    uid: int
    gid: int


class Group:
    """One guarded process group and the folder that belongs to it."""

    def __init__(self, process: subprocess.Popen[str], folder: Path) -> None:
        self.process = process
        self.folder = folder

    def alive(self) -> bool:
        return self.process.poll() is None

    def memory_bytes(self) -> int:
        """Proportional set size of the whole group; 0 where the system does not tell."""
        return sum(_pss(member) for member in members(self.process.pid))

    def kill(self) -> None:
        """Ends every process of the group and removes its folder. Safe to call twice and from any thread."""
        if self.alive():
            os.killpg(self.process.pid, signal.SIGKILL)
        else:
            _kill([p for p in members(self.process.pid) if _belongs(p, self.folder)])
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                stream.close()
        self.process.wait(timeout=10)
        remove_folder(self.folder)


def make_folder(base: Path, account: Account | None) -> Path:
    """A private folder for one browser below `base`, with room for its profile, downloads and uploads.

    Records and uploads are written by the worker: where that is root, they lie beyond the browser's reach.
    """
    base.mkdir(parents=True, exist_ok=True, mode=0o755)
    folder = Path(mkdtemp(prefix=PREFIX, dir=base))
    for name in ("tmp", "home", "downloads", "uploads"):
        (folder / name).mkdir()
    if account:
        for path in (folder, folder / "uploads"):
            path.chmod(0o711)
        for name in ("tmp", "home", "downloads"):
            (folder / name).chmod(0o700)
            os.chown(folder / name, account.uid, account.gid)
    return folder


def start(command: list[str], folder: Path, account: Account | None) -> Group:
    """Starts `command` under a guard in a process group of its own and writes its record. Raises OSError."""
    process = subprocess.Popen(  # noqa: S603 the command is ours: a browser by its configured path
        ["/bin/sh", "-c", _GUARD, "browser-guard", *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
        cwd=folder,
        env=_environment(folder),
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
    )
    write_record(folder, process.pid)
    return Group(process, folder)


def write_record(folder: Path, pid: int) -> None:
    """Writes who owns the group: at its start, and again when another process takes the browser over."""
    me = psutil.Process()
    record = Record(pid, psutil.Process(pid).create_time(), me.pid, me.create_time())
    part = folder / f"{RECORD}.part"
    part.write_text(json.dumps(asdict(record)))
    part.replace(folder / RECORD)


def remove_folder(folder: Path) -> None:
    """Removes a browser's folder, whatever is left of it."""
    shutil.rmtree(folder, ignore_errors=True)


def read_record(folder: Path) -> Record | None:
    """The record of a browser folder, None when there is none (yet) or it cannot be read."""
    try:
        return Record(**json.loads((folder / RECORD).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def reap(base: Path, *, folder_age_s: float = 60.0) -> int:
    """Ends the browsers below `base` whose owner is dead and removes their folders. Returns how many it ended."""
    ended = 0
    for folder in sorted(base.glob(f"{PREFIX}*")):
        record = read_record(folder)
        if record is None:
            _remove_if_old(folder, folder_age_s)
        elif not is_running(record.owner_pid, record.owner_started):
            ended += _end_orphan(folder, record)
    return ended


def is_running(pid: int, started: float) -> bool:
    """Whether the very process that started then still runs: a reused process id does not count."""
    try:
        process = psutil.Process(pid)
        same = abs(process.create_time() - started) < _SAME_START_S
        return same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def members(group: int) -> Iterator[psutil.Process]:
    """The living processes of a process group."""
    for process in psutil.process_iter():
        try:
            if os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE:
                yield process
        except (OSError, psutil.Error):
            continue


def _end_orphan(folder: Path, record: Record) -> int:
    guard_lives = is_running(record.pid, record.started)
    strays = [p for p in members(record.pid) if guard_lives or _belongs(p, folder)]
    _kill(strays)
    remove_folder(folder)
    if strays:
        logger.warning("ended a browser left by worker %s (%s processes)", record.owner_pid, len(strays))
    return 1 if strays else 0


def _belongs(process: psutil.Process, folder: Path) -> bool:
    """Whether a process names our folder: the guard is gone, so the group's number alone proves nothing."""
    try:
        return str(folder) in " ".join(process.cmdline()) or process.environ().get("HOME", "").startswith(str(folder))
    except psutil.Error:
        return False


def _remove_if_old(folder: Path, age_s: float) -> None:
    try:
        age = time.time() - folder.stat().st_mtime
    except OSError:
        return
    if age > age_s:
        remove_folder(folder)


def _kill(processes: list[psutil.Process]) -> None:
    for process in processes:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue


def _pss(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().pss)
    except (psutil.Error, AttributeError):
        return 0


def _environment(folder: Path) -> dict[str, str]:
    """Nothing of the worker's environment (settings, secrets) reaches a browser."""
    keep = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL", "TZ") if name in os.environ}
    return {**keep, "HOME": str(folder / "home"), "TMPDIR": str(folder / "tmp")}
