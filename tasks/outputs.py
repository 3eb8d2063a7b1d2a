"""Making what came back from outside storable: content must never make the end of an attempt fail."""

from __future__ import annotations

import json
import math
from typing import Any

MAX_DEPTH = 50
MAX_BYTES = 1 << 20
MAX_TEXT = 10_000
#: Stands for what was nested too deep.
TOO_DEEP = "…"


def clean_text(text: str, limit: int = MAX_TEXT) -> str:
    """Text that PostgreSQL stores: no NUL, no lone surrogates, at most `limit` characters."""
    safe = text.replace("\x00", "�").encode("utf-8", "replace").decode("utf-8")
    return safe if len(safe) <= limit else safe[: limit - 1] + "…"


def bounded(value: Any, depth: int = 0) -> Any:
    """The same value, not deeper than MAX_DEPTH: what walks through it afterwards cannot run out of stack."""
    if not isinstance(value, (dict, list, tuple, set)):
        return value
    if depth > MAX_DEPTH:
        return TOO_DEEP
    if isinstance(value, dict):
        return {key: bounded(item, depth + 1) for key, item in value.items()}
    return [bounded(item, depth + 1) for item in value]


def clean(value: Any, max_bytes: int = MAX_BYTES) -> tuple[Any, bool]:
    """(JSON value that jsonb stores, whether something had to be changed). Never raises."""
    changed: list[str] = []
    safe = _clean(value, 0, changed)
    size = len(json.dumps(safe))
    if size > max_bytes:
        return {"truncated": True, "bytes": size, "start": json.dumps(safe)[: max_bytes // 4]}, True
    return safe, bool(changed)


def _clean(value: Any, depth: int, changed: list[str]) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if (isinstance(value, str) and value == TOO_DEEP) or depth > MAX_DEPTH:
        changed.append("depth")
        return TOO_DEEP
    if isinstance(value, str):
        safe = clean_text(value, MAX_BYTES)
        if safe != value:
            changed.append("text")
        return safe
    if isinstance(value, int):
        return value if abs(value) < 10**300 else _as_text(value, changed)
    if isinstance(value, float):
        return value if math.isfinite(value) else _as_text(value, changed)
    if isinstance(value, dict):
        return {_clean_key(key, changed): _clean(item, depth + 1, changed) for key, item in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [_clean(item, depth + 1, changed) for item in value]
    return _as_text(value, changed)


def _clean_key(key: Any, changed: list[str]) -> str:
    safe = clean_text(str(key), 1000)
    if safe != key:
        changed.append("key")
    return safe


def _as_text(value: Any, changed: list[str]) -> str:
    changed.append("type")
    if isinstance(value, int):
        return hex(value)[:100]
    return clean_text(str(value))
