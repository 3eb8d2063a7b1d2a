"""What a JSON Schema asks for: the shape of one record, and whether many are wanted. Pure."""

from __future__ import annotations

from typing import Any


def record_schema(schema: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    """The object schema of one record, and whether many are wanted: an array, or an object around one array."""
    if schema.get("type") == "array":
        return dict(schema.get("items") or {}), True
    lists = wrapped_list(schema)
    if lists:
        return dict(schema["properties"][lists].get("items") or {}), True
    return schema, False


def wrapped_list(schema: dict[str, Any]) -> str:
    """The name of the one property that holds a list of objects, "" when the schema is no such wrapper."""
    properties = schema.get("properties", {})
    lists = [
        name for name, sub in properties.items()
        if sub.get("type") == "array" and (sub.get("items") or {}).get("type") == "object"
    ]  # fmt: skip
    return lists[0] if len(lists) == 1 and len(properties) <= 2 else ""
