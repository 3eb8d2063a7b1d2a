"""Scripts that run in the page. Each file is one function body: it gets `arguments` and returns JSON."""

from __future__ import annotations

from functools import cache
from pathlib import Path

_FOLDER = Path(__file__).parent


@cache
def script(*names: str) -> str:
    """The source of one script, after the shared ones it builds on."""
    return "\n".join((_FOLDER / f"{name}.js").read_text() for name in names)
