"""The face of `make`: python -m agency.local test|up|down|run|demo …"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module

from agency.local.places import LocalError


def _command(module: str, function: str) -> Callable[[list[str]], int]:
    """Imported only when called: each command pays for what it needs."""

    def call(arguments: list[str]) -> int:
        return int(getattr(import_module(f"agency.local.{module}"), function)(arguments))

    return call


COMMANDS = {
    "test": _command("testrun", "run"),
    "up": _command("up", "up"),
    "down": _command("up", "down"),
    "run": _command("up", "run"),
    "check": _command("check", "run"),
    "demo": _command("demo.run", "run"),
    "chaos": _command("chaos.run", "run"),
    "bench": _command("bench", "run"),
    "backup": _command("backup", "backup"),
    "restore": _command("backup", "restore"),
    "backup-test": _command("backup_drill", "run"),
}


def main(arguments: list[str]) -> int:
    if not arguments or arguments[0] not in COMMANDS:
        print(f"usage: python -m agency.local {'|'.join(COMMANDS)} …", file=sys.stderr)
        return 2
    try:
        return COMMANDS[arguments[0]](arguments[1:])
    except LocalError as problem:
        print(f"\n{problem}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
