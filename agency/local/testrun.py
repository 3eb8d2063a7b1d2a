"""`python -m agency.local test`: the suite on servers of its own, whatever else runs on the machine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from types import FrameType

from agency.local import scratch

CHECKOUT = Path(__file__).resolve().parents[2]
WHOLE_SUITE = ["-n", "2"]


def run(arguments: list[str]) -> int:
    """pytest's exit code. Ctrl-C and SIGTERM end pytest first, then the servers."""
    with scratch.stack() as servers:
        environment = {**os.environ, **servers.environment()}
        command = [sys.executable, "-m", "pytest", *(arguments or WHOLE_SUITE)]
        return _wait(subprocess.Popen(command, env=environment, cwd=CHECKOUT))


def _wait(child: subprocess.Popen[bytes]) -> int:
    def pass_on(number: int, frame: FrameType | None) -> None:
        child.send_signal(signal.SIGINT)

    before = {number: signal.signal(number, pass_on) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        return child.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
