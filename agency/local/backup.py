"""Backup and restore of an installation: the database as one consistent dump, taken while it works, and the files.

    python -m agency.local backup FOLDER       python -m agency.local restore FOLDER [--overwrite] [--hold]

Both read DATABASE_URL and MEDIA_ROOT from the environment, as `make run` sets them. The keys (CREDENTIAL_KEYS,
SECRET_KEY) are not in a backup: they must be kept apart from it, and without them stored credentials cannot be read.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Mapping
from pathlib import Path

import psycopg

from agency.local import places
from agency.local.checkout import CHECKOUT
from agency.local.places import LocalError

DUMP, FILES = "database.dump", "media.tar.gz"

#: A worker of before the restore may live on, with epochs that the backup does not know. Its attempts are fenced off, and
#: what the backup shows as running is found lost at once.
FENCE = """
SELECT set_config('agency.restoring', 'on', true);
UPDATE agency_tasks SET epoch = epoch + 1000000,
  lease_expires_at = CASE WHEN status = 'in_progress' THEN clock_timestamp() END
WHERE status IN ('pending', 'queued', 'deferred', 'in_progress');
"""

HOLD = """
import django; django.setup()
from tasks import services
from tasks.actors import Actor
from tasks.models import AgencyTask
from tasks.states import DEFERRABLE
ids = AgencyTask.objects.filter(status__in=DEFERRABLE).exclude(effect="read").values_list("pk", flat=True)
held = [services.defer(pk, Actor("restore"), None, "Restored from a backup: look whether it ran since") for pk in ids]
print(len(held))
"""


def backup(arguments: list[str]) -> int:
    """Writes a new folder with dump and files. The product may go on working."""
    folder = Path(_only(arguments, "backup FOLDER"))
    dump(os.environ, folder)
    size = sum(path.stat().st_size for path in folder.iterdir()) / 2**20
    print(f"{folder}: {size:.1f} MiB. Keep CREDENTIAL_KEYS and SECRET_KEY elsewhere; without them it is worth little.")
    return 0


def restore(arguments: list[str]) -> int:
    """Puts a backup into the database and folder of the settings. The product must not run."""
    flags = {argument for argument in arguments if argument.startswith("--")}
    unknown = flags - {"--overwrite", "--hold"}
    if unknown:
        raise LocalError(f"restore knows no {', '.join(sorted(unknown))}; it knows --overwrite and --hold.")
    folder = Path(_only([a for a in arguments if a not in flags], "restore FOLDER [--overwrite] [--hold]"))
    load(os.environ, folder, overwrite="--overwrite" in flags)
    held = hold(os.environ) if "--hold" in flags else 0
    print(
        f"Restored from {folder}."
        + (f" {held} tasks that write are deferred until somebody releases them." * bool(held))
    )
    print("Start the product, then run `manage.py doctor`.")
    return 0


def dump(environment: Mapping[str, str], folder: Path) -> None:
    """One snapshot of the database, then the files: rows never point at files that are not there. Raises LocalError."""
    folder.mkdir(parents=True, exist_ok=False)
    _program(environment, "pg_dump", "--format=custom", "--no-owner", "--file", str(folder / DUMP))
    media = _media(environment)
    with tarfile.open(folder / FILES, "w:gz") as archive:
        if media.is_dir():
            archive.add(media, arcname=".")


def load(environment: Mapping[str, str], folder: Path, *, overwrite: bool = False) -> None:
    """Replaces everything in the database. Raises LocalError: no backup, something is there already, or it failed."""
    if not (folder / DUMP).is_file():
        raise LocalError(f"There is no backup in {folder}: {DUMP} is missing.")
    with psycopg.connect(environment["DATABASE_URL"], autocommit=True) as connection:
        if _in_use(connection):
            raise LocalError("Somebody is connected to the database. Stop the product first (`make down`).")
        if _holds_tasks(connection) and not overwrite:
            raise LocalError("The database holds tasks already. `--overwrite` replaces them all.")
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
    _program(
        environment,
        "pg_restore",
        "--no-owner",
        "--single-transaction",
        "--exit-on-error",
        "--dbname",
        "",
        str(folder / DUMP),
    )
    with psycopg.connect(environment["DATABASE_URL"]) as connection:
        connection.execute(FENCE)
    media = _media(environment)
    media.mkdir(parents=True, exist_ok=True)
    with tarfile.open(folder / FILES) as archive:
        archive.extractall(media, filter="data")


def hold(environment: Mapping[str, str]) -> int:
    """Defers every task that writes and has not begun: since the backup it may have run. Answers how many."""
    told = {**environment, "DJANGO_SETTINGS_MODULE": "agency.settings"}
    done = subprocess.run(
        [sys.executable, "-c", HOLD], env=told, cwd=CHECKOUT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise LocalError(f"The tasks could not be held:\n{done.stderr[-2000:]}")
    return int(done.stdout.split()[-1])


def _in_use(connection: psycopg.Connection[tuple[object, ...]]) -> bool:
    others = connection.execute(
        "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        " AND backend_type = 'client backend' LIMIT 1"
    )
    return others.fetchone() is not None


def _holds_tasks(connection: psycopg.Connection[tuple[object, ...]]) -> bool:
    there = connection.execute("SELECT to_regclass('public.agency_tasks') IS NOT NULL").fetchone()
    return bool(there and there[0]) and connection.execute("SELECT 1 FROM agency_tasks LIMIT 1").fetchone() is not None


def _program(environment: Mapping[str, str], name: str, *arguments: str) -> None:
    """A program of PostgreSQL: the embedded one, which is new enough for every server, else that of the machine."""
    try:
        program = str(places.postgres_programs() / name)
    except LocalError:
        program = shutil.which(name) or name
    url = environment["DATABASE_URL"]
    given = [url if value == "" else value for value in arguments]
    command = [program, *given] if url in given else [program, *given, "--dbname", url]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LocalError(f"{name} failed:\n{done.stderr.strip()[-2000:]}")


def _media(environment: Mapping[str, str]) -> Path:
    return Path(environment.get("MEDIA_ROOT") or CHECKOUT / "media")


def _only(arguments: list[str], usage: str) -> str:
    if len(arguments) != 1:
        raise LocalError(f"usage: python -m agency.local {usage}")
    return arguments[0]
