"""`python -m agency.local bench [names]`: every measurement of bench/ that has a `main`, one after the other."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

from agency.local.checkout import CHECKOUT

#: Pieces of others, not measurements.
PIECES = {"__init__", "bare_celery", "bare_huey", "create", "send", "sql_floor", "target"}


def run(arguments: list[str]) -> int:
    """The worst exit code. Words choose measurements by name; what begins with a dash goes to them."""
    words = [word for word in arguments if not word.startswith("-")]
    options = [word for word in arguments if word.startswith("-")]
    names = [path.stem for path in sorted((CHECKOUT / "bench").glob("*.py")) if _measures(path)]
    chosen = [name for name in names if not words or name in words]
    print(f"Measuring {', '.join(chosen)}", flush=True)
    command = [sys.executable, "-m"]
    return max(
        (
            subprocess.run([*command, f"bench.{name}", *options], cwd=CHECKOUT, check=False).returncode
            for name in chosen
        ),
        default=2,
    )


def _measures(path: Path) -> bool:
    if path.stem in PIECES:
        return False
    return any(isinstance(node, ast.FunctionDef) and node.name == "main" for node in ast.parse(path.read_text()).body)
