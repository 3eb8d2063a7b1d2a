"""What changed between two configs, path by path. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

#: A diff longer than this is read in the JSON, not in a table.
MOST = 60
#: Characters shown of one value.
SHOWN = 400


@dataclass(frozen=True)
class Change:
    """One value that differs; None on a side where it does not exist."""

    path: str
    before: str | None
    now: str | None


def changes(before: Any, now: Any) -> list[Change]:
    """Every leaf that was added, removed or changed, in order of its path; at most MOST."""
    old, new = dict(_leaves("", before)), dict(_leaves("", now))
    paths = sorted(path for path in old.keys() | new.keys() if old.get(path) != new.get(path))
    return [Change(path, old.get(path), new.get(path)) for path in paths[:MOST]]


def _leaves(path: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _leaves(f"{path}.{key}" if path else str(key), inner)
    elif isinstance(value, list) and value:
        for number, inner in enumerate(value, 1):
            yield from _leaves(f"{path}[{number}]", inner)
    else:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
        yield path, text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
