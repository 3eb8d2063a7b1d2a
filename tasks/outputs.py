"""Making what came back from outside storable: content must never make the end of an attempt fail."""

from __future__ import annotations

import json
import math
from typing import Any

MAX_DEPTH = 50
MAX_BYTES = 1 << 20
MAX_TEXT = 10_000


def clean_text(text: str, limit: int = MAX_TEXT) -> str:
    """Text that PostgreSQL stores: no NUL, no lone surrogates, at most `limit` characters."""
    safe = text.replace("\x00", "�").encode("utf-8", "replace").decode("utf-8")
    return safe if len(safe) <= limit else safe[: limit - 1] + "…"


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
    if depth > MAX_DEPTH:
        changed.append("depth")
        return "…"
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
        return {clean_text(str(key), 1000): _clean(item, depth + 1, changed) for key, item in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [_clean(item, depth + 1, changed) for item in value]
    return _as_text(value, changed)


def _as_text(value: Any, changed: list[str]) -> str:
    changed.append("type")
    if isinstance(value, int):
        return hex(value)[:100]
    return clean_text(str(value))
