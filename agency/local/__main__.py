"""The face of `make`: python -m agency.local test|up|down|run|demo …"""

from __future__ import annotations

import sys

from agency.local.places import LocalError


def test(arguments: list[str]) -> int:
    from agency.local import testrun

    return testrun.run(arguments)


COMMANDS = {"test": test}


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
