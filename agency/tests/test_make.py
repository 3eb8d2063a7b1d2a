"""The commands that the README promises, as a person gives them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys

import pytest

from agency.local.checkout import CHECKOUT, Checkout, Running
from agency.local.places import LocalError

TARGETS = ("up", "down", "test", "check", "demo", "run", "bench", "chaos")


def local(*arguments, **environment):
    command = [sys.executable, "-m", "agency.local", *arguments]
    return subprocess.run(
        command, env={**os.environ, **environment}, cwd=CHECKOUT, capture_output=True, text=True, timeout=60
    )


def setup(folder, **environment):
    """Runs set-up in a folder of its own, with only the given environment."""
    (folder / "agency" / "local").mkdir(parents=True)
    shutil.copy(CHECKOUT / "agency" / "local" / "setup.sh", folder / "agency" / "local")
    (folder / "requirements.txt").write_text("")
    given = {"NO_CHROMIUM": "1", "PATH": os.environ["PATH"], **environment}
    command = ["/bin/sh", str(folder / "agency" / "local" / "setup.sh"), "runtime"]
    return subprocess.run(command, env=given, capture_output=True, text=True, timeout=100)


@pytest.mark.parametrize("target", TARGETS)
def test_every_promised_target_exists_and_names_a_command_that_exists(target):
    dry = subprocess.run(["make", "-n", target, "CMD=true"], cwd=CHECKOUT, capture_output=True, text=True)
    assert dry.returncode == 0, dry.stderr
    from agency.local.__main__ import COMMANDS

    named = re.search(r"agency\.local (\w+)", dry.stdout)
    assert named, dry.stdout
    assert named[1] in COMMANDS


def test_ci_runs_check_and_test():
    script = (CHECKOUT / ".ci" / "run").read_text()
    assert "make check" in script
    assert "make test" in script
    assert os.access(CHECKOUT / ".ci" / "run", os.X_OK)


def test_an_unknown_command_says_what_there_is():
    answer = local("dance")
    assert answer.returncode == 2
    assert "up" in answer.stderr


def test_a_port_that_is_no_number_is_refused_by_name():
    answer = local("up", PORT="eighty")
    assert answer.returncode == 1
    assert "PORT is 'eighty'" in answer.stderr


def test_run_without_a_command_says_how():
    answer = local("run")
    assert answer.returncode == 1
    assert 'make run CMD="' in answer.stderr


def test_set_up_without_a_good_python_says_which_and_how(tmp_path):
    bare = tmp_path / "bin"
    bare.mkdir()
    for name in ("sh", "mkdir", "dirname", "cat", "cksum", "tail", "id", "stat", "rm", "flock"):
        if found := shutil.which(name):
            (bare / name).symlink_to(found)
    refused = setup(tmp_path / "clone", PATH=str(bare))
    assert refused.returncode == 1
    assert "No Python 3.11 or newer was found" in refused.stderr


def test_set_up_makes_the_environment_once(tmp_path):
    clone = tmp_path / "clone"
    first = setup(clone, PYTHON=sys.executable)
    assert first.returncode == 0, first.stderr
    assert (clone / ".venv" / "bin" / "python").exists()
    again = subprocess.run(
        ["/bin/sh", str(clone / "agency" / "local" / "setup.sh"), "runtime"],
        env={"NO_CHROMIUM": "1", "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
    )
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")


def test_secrets_are_made_once_and_private(tmp_path):
    place = Checkout(tmp_path)
    place.open()
    first = place.secrets()
    assert first == place.secrets()
    assert set(first) == {"SECRET_KEY", "CREDENTIAL_KEYS"}
    assert (tmp_path / ".local" / "secrets").stat().st_mode & 0o077 == 0


def test_two_clones_have_different_secrets(tmp_path):
    places = [Checkout(tmp_path / name) for name in ("a", "b")]
    for place in places:
        place.root.mkdir()
        place.open()
    assert places[0].secrets()["SECRET_KEY"] != places[1].secrets()["SECRET_KEY"]


def test_servers_are_announced_privately_and_only_while_they_run(tmp_path):
    place = Checkout(tmp_path)
    place.open()
    place.announce({"DATABASE_URL": "postgres://x", "REDIS_URL": "redis://y"})
    assert place.env_file.stat().st_mode & 0o077 == 0
    assert "DATABASE_URL=postgres://x\n" in place.env_file.read_text()
    place.withdraw()
    assert not place.env_file.exists()


def test_a_note_left_by_a_killed_supervisor_is_not_believed(tmp_path):
    place = Checkout(tmp_path)
    place.open()
    place.say_running(Running(os.getpid(), "http://localhost:1"))
    assert place.running() is None
    with place.alone(wait=False):
        assert place.running() == Running(os.getpid(), "http://localhost:1")


def test_a_persons_own_settings_are_read_from_dotenv_but_the_environment_wins(tmp_path, monkeypatch):
    (tmp_path / ".env").write_text("SITE_NAME=From file\nLOG_LEVEL=DEBUG\n")
    monkeypatch.setenv("ENV_FILE", ".env")
    monkeypatch.setenv("LOG_LEVEL", "ERROR")
    given = Checkout(tmp_path).given()
    assert (given["SITE_NAME"], given["LOG_LEVEL"]) == ("From file", "ERROR")
    assert "SITE_NAME" not in os.environ


def test_a_checkout_of_somebody_else_is_refused_with_a_way_out(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root, who also runs this, may write everywhere
    with pytest.raises(LocalError, match=r"belongs to \w+\. Run this as that user"):
        Checkout(tmp_path).open()
