"""`make check`: what a machine can say about the code without running the suite. Any failure fails, after all ran."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from agency.local import scratch
from agency.local.checkout import CHECKOUT
from agency.local.testing import TEST_ENVIRONMENT

BIN = Path(sys.executable).parent
MANAGE = [sys.executable, "manage.py"]

STEPS: dict[str, list[str]] = {
    "lint": [str(BIN / "ruff"), "check", "."],
    "format": [str(BIN / "ruff"), "format", "--check", "--diff", "."],
    "types": [str(BIN / "mypy")],
    "directions": [str(BIN / "lint-imports"), "--no-cache"],
    "migrations": [*MANAGE, "makemigrations", "--check", "--dry-run"],
    "deployment": [*MANAGE, "check", "--deploy", "--fail-level", "WARNING"],
}
PRODUCTION = {
    "DEBUG": "false",
    "PUBLIC_URL": "https://agency.example.com",
    "ALLOWED_HOSTS": "agency.example.com",
    "REQUIRE_TWO_FACTOR": "true",
    "EMAIL_URL": "smtp+tls://mail.example.com:587",
    "RATE_LIMITS": "on",
}


def run(arguments: list[str]) -> int:
    """0 when every step (or each one named) passes, else 1."""
    chosen = {name: STEPS[name] for name in arguments} if arguments else STEPS
    with scratch.stack() as servers:
        environment = {**os.environ, **TEST_ENVIRONMENT, **servers.environment()}
        failed = [name for name, command in chosen.items() if not _passes(name, command, environment)]
    print(f"\nFailed: {', '.join(failed)}" if failed else "\nEverything is in order.")
    return 1 if failed else 0


def _passes(name: str, command: list[str], environment: Mapping[str, str]) -> bool:
    print(f"\n== {name}: {' '.join(Path(part).name if os.sep in part else part for part in command)}", flush=True)
    if name == "deployment":
        environment = {**environment, **PRODUCTION, "SECRET_KEY": secrets.token_urlsafe(48)}
    began = time.monotonic()
    code = subprocess.run(
        command, cwd=CHECKOUT, env=dict(environment), stdin=subprocess.DEVNULL, check=False
    ).returncode
    print(f"-- {name} {'passed' if code == 0 else 'FAILED'} in {time.monotonic() - began:.1f} s", flush=True)
    return code == 0
