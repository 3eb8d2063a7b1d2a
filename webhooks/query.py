"""Reading rows of hand-written SQL."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from django.db import connection


def rows(statement: str, params: dict[str, Any], jsonb: Iterable[str] = ()) -> list[dict[str, Any]]:
    """The rows of a statement by column name; the columns named in `jsonb` (they come as text) are decoded."""
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        names = [column.name for column in cursor.description or []]
        found = [dict(zip(names, values, strict=True)) for values in cursor.fetchall()]
    for row in found:
        row.update({name: json.loads(row[name]) for name in jsonb if row[name] is not None})
    return found
