"""Holding a result to a JSON Schema: values coerced to the asked types, the whole validated."""

from __future__ import annotations

from typing import Any

import jsonschema

from tasks.executors.browser.understanding.base import Extraction
from tasks.executors.browser.understanding.deterministic import values
from tasks.executors.browser.understanding.deterministic.schema_shape import record_schema, wrapped_list

_TRUE = ("true", "yes", "on", "1", "in stock", "available", "✓", "✔")


def shaped(found: Extraction, schema: dict[str, Any]) -> Extraction:
    """The extraction with `data` in the schema's shape. What does not satisfy it is named in `missing` and `notes`."""
    record, many = record_schema(schema)
    if found.text is not None and schema.get("type") == "string":
        found.data = found.text
    elif many:
        rows = found.items if found.items is not None else [found.item] if found.item else []
        made = [_record(row, record) for row in rows]
        if record.get("type") not in (None, "object"):
            made = [_coerced(next(iter(row.values()), ""), record) for row in rows]
        name = wrapped_list(schema)
        found.data = {name: made} if name else made
    else:
        row = found.item or (found.items[0] if found.items else {})
        found.data = _record(row, schema)
    problem = problem_with(found.data, schema)
    if problem:
        found.notes = [*found.notes, problem]
        found.missing = found.missing or ["schema"]
    return found


def problem_with(data: Any, schema: dict[str, Any]) -> str:
    """Why the data does not satisfy the schema, "" when it does."""
    error = next(iter(jsonschema.Draft202012Validator(schema).iter_errors(data)), None)
    if error is None:
        return ""
    place = "/".join(str(step) for step in error.absolute_path) or "result"
    return f"the result does not satisfy the schema: {place}: {error.message[:200]}"


def _record(row: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    properties = schema.get("properties", {})
    if not properties:
        return row
    for name, sub in properties.items():
        if name in row and (value := _coerced(row[name], sub)) is not None:
            made[name] = value
        elif "null" in _types(sub) or None in sub.get("enum", []):
            made[name] = None
    return made


def _coerced(value: Any, schema: dict[str, Any]) -> Any:
    """The value in the first type of the schema that it can take; None when it can take none."""
    for wanted in _types(schema) or ["any"]:
        made = _as(wanted, value, schema)
        if made is not None:
            return made
    return None


def _types(schema: dict[str, Any]) -> list[str]:
    given = schema.get("type") or [sub.get("type") for sub in schema.get("anyOf", []) if sub.get("type")]
    return [given] if isinstance(given, str) else list(given or [])


def _as(wanted: str, value: Any, schema: dict[str, Any]) -> Any:
    if wanted == "any":
        return value
    if wanted == "string":
        text = str(value)
        return (values.date(text) or text) if schema.get("format") in ("date", "date-time") else text
    if wanted in ("number", "integer"):
        return _numeric(wanted, value)
    if wanted == "boolean":
        return value if isinstance(value, bool) else str(value).strip().lower() in _TRUE
    if wanted == "array":
        parts = value if isinstance(value, list) else [part.strip() for part in str(value).split(",")]
        return [_coerced(part, schema.get("items") or {}) for part in parts if part]
    if wanted == "object":
        return value if isinstance(value, dict) else None
    return None


def _numeric(wanted: str, value: Any) -> float | int | None:
    if isinstance(value, bool):
        return None
    parsed = value if isinstance(value, (int, float)) else values.number(str(value))
    if parsed is None:
        return None
    return int(parsed) if wanted == "integer" and parsed == int(parsed) else None if wanted == "integer" else parsed
