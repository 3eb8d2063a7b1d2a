"""Writing new task rows by COPY: one stream for any number of rows, without an INSERT of eighty parameters per row."""

from __future__ import annotations

import json
from collections.abc import Sequence
from enum import Enum
from functools import cache
from typing import Any

from django.db import connection, models

from agency import logs
from tasks.models import AgencyTask

#: Ids, the time, and the request that the audit rows name, in one question.
_NUMBERS = """
SELECT nextval('agency_tasks_id_seq'), statement_timestamp(),
  set_config('agency.request_id', coalesce(nullif(%(request)s, ''), current_setting('agency.request_id', true), ''), true)
FROM generate_series(1, %(count)s)
"""


def insert(rows: Sequence[AgencyTask]) -> None:
    """Writes new rows, in order, and gives them their ids and times. Raises IntegrityError. Inside a transaction."""
    if not rows:
        return
    names, jsons = _columns()
    with connection.cursor() as cursor:
        cursor.execute(_NUMBERS, {"count": len(rows), "request": logs.request_id()})
        for row, (number, now, _request) in zip(rows, cursor.fetchall(), strict=True):
            row.pk, row.created_at, row.updated_at = number, now, now
            row._state.adding, row._state.db = False, connection.alias
        columns = ", ".join(connection.ops.quote_name(name) for name in names)
        with connection.wrap_database_errors, cursor.copy(f"COPY agency_tasks ({columns}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row([_plain(row, name, name in jsons) for name in names])


@cache
def _columns() -> tuple[list[str], frozenset[str]]:
    """The columns that are written, and those among them that are jsonb."""
    fields = AgencyTask._meta.concrete_fields
    jsons = frozenset(field.attname for field in fields if isinstance(field, models.JSONField))
    return [field.attname for field in fields], jsons


def _plain(row: AgencyTask, name: str, is_json: bool) -> Any:
    value = row.__dict__[name]
    if is_json:
        return None if value is None else json.dumps(value)
    return value.value if isinstance(value, Enum) else value
