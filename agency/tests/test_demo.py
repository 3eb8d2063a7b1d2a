"""The demo itself: a few of its lines on a whole stack, and that it fails when a promise is not kept."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from agency.local.checkout import CHECKOUT
from agency.local.demo import run
from agency.local.demo.play import Line, Seen, expect
from agency.local.demo.show import Row


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_demo_runs_lines_on_a_stack_of_its_own_and_tells():
    command = [sys.executable, "-m", "agency.local", "demo", "as soon as", "Waits for review"]
    shown = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=850)
    assert shown.returncode == 0, shown.stdout + shown.stderr
    told = re.search(r"(\d+) of (\d+) as they should be", shown.stdout)
    assert told is not None, shown.stdout
    assert told[1] == told[2]
    assert int(told[1]) >= 3


def test_a_demo_of_no_line_is_no_success():
    assert not run.all_good([])


def played(act):
    row = Row(Line("api_call", "a line", act))
    run.act(row, play=type("Play", (), {})())
    return row


def test_a_promise_not_kept_makes_its_line_bad():
    row = played(lambda play: expect(False, "one effect", 2))
    assert (row.state, row.note) == ("bad", "expected: one effect; found: 2")
    assert not run.all_good([row])


def test_a_line_that_breaks_is_bad_and_keeps_its_traceback():
    row = played(lambda play: 1 / 0)
    assert row.state == "bad"
    assert "ZeroDivisionError" in row.trace


def test_a_kept_promise_is_good():
    row = played(lambda play: Seen("completed", 1, 5, "fine"))
    assert run.all_good([row])
