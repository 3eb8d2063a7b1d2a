"""Backup and restore on a real server. The whole way, with a working product, is `make backup-test`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from agency.local import backup
from agency.local.checkout import CHECKOUT
from agency.local.places import LocalError

pytestmark = pytest.mark.slow


def new_database(name: str) -> str:
    url = os.environ["DATABASE_URL"]
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    base, mark, query = url.partition("?")
    return f"{base.rpartition('/')[0]}/{name}{mark}{query}"


@pytest.fixture
def old(tmp_path: Path) -> dict[str, str]:
    """An installation with one task and one file."""
    environment = {
        **os.environ,
        "DATABASE_URL": new_database(f"old_{os.getpid()}"),
        "MEDIA_ROOT": str(tmp_path / "old"),
    }
    subprocess.run([sys.executable, "manage.py", "migrate", "-v", "0"], env=environment, cwd=CHECKOUT, check=True)
    code = """
import django; django.setup()
from tasks.tests.factories import make_task
make_task(executionType="manual_trigger", title="Reads", requiresHumanReview=True)
writes = {"apiEndpoint": "https://x.example/", "apiMethod": "POST"}
make_task(executionConfig=writes, title="Writes", executionType="manual_trigger")
"""
    with_settings = {**environment, "DJANGO_SETTINGS_MODULE": "agency.settings"}
    subprocess.run([sys.executable, "-c", code], env=with_settings, cwd=CHECKOUT, check=True)
    (tmp_path / "old" / "artifacts").mkdir(parents=True)
    (tmp_path / "old" / "artifacts" / "a.txt").write_text("kept")
    return environment


def titles(environment: dict[str, str]) -> list[tuple[str, str]]:
    with psycopg.connect(environment["DATABASE_URL"]) as connection:
        return connection.execute("SELECT title, status FROM agency_tasks ORDER BY id").fetchall()  # type: ignore[return-value]


def test_what_was_there_is_there_again_and_what_is_there_is_not_lost_by_mistake(
    old: dict[str, str], tmp_path: Path
) -> None:
    folder = tmp_path / "backup"
    backup.dump(old, folder)
    new = {**old, "DATABASE_URL": new_database(f"new_{os.getpid()}"), "MEDIA_ROOT": str(tmp_path / "new")}
    backup.load(new, folder)
    with psycopg.connect(new["DATABASE_URL"]) as connection:
        fenced = connection.execute("SELECT count(*) FROM agency_tasks WHERE epoch = 1000000").fetchone()
    assert fenced == (2,), "a worker of before must not end what is claimed from now on"
    assert titles(new) == titles(old) == [("Reads", "pending"), ("Writes", "pending")]
    assert (tmp_path / "new" / "artifacts" / "a.txt").read_text() == "kept"
    with pytest.raises(LocalError, match="holds tasks already"):
        backup.load(new, folder)
    with psycopg.connect(new["DATABASE_URL"]), pytest.raises(LocalError, match="Stop the product first"):
        backup.load(new, folder, overwrite=True)
    backup.load(new, folder, overwrite=True)
    assert len(titles(new)) == 2
    assert backup.hold(new) == 1
    assert titles(new) == [("Reads", "pending"), ("Writes", "deferred")]


def test_a_backup_is_never_written_over_another(old: dict[str, str], tmp_path: Path) -> None:
    folder = tmp_path / "backup"
    backup.dump(old, folder)
    with pytest.raises(FileExistsError):
        backup.dump(old, folder)


@pytest.mark.parametrize("arguments", [[], ["a", "b"], ["a", "--force"]])
def test_a_wrong_call_says_how_it_is_called(arguments: list[str]) -> None:
    with pytest.raises(LocalError, match=r"restore"):
        backup.restore(arguments)


def test_a_folder_without_a_backup_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match="There is no backup"):
        backup.load({"DATABASE_URL": "unused"}, tmp_path)
