"""Writing new task rows by COPY: one stream for any number of rows, without an INSERT of eighty parameters per row."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from typing import Any, cast

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
    names, jsons, words = _columns()
    with connection.cursor() as cursor:
        cursor.execute(_NUMBERS, {"count": len(rows), "request": logs.request_id()})
        for row, (number, now, _request) in zip(rows, cursor.fetchall(), strict=True):
            row.pk, row.created_at, row.updated_at = number, now, now
            row._state.adding, row._state.db = False, connection.alias
        columns = ", ".join(connection.ops.quote_name(name) for name in names)
        with connection.wrap_database_errors, cursor.copy(f"COPY agency_tasks ({columns}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(_values(row, names, jsons, words))


@cache
def _columns() -> tuple[list[str], list[int], list[int]]:
    """The columns that are written, and the places of those that are jsonb and of those that hold words of an enum."""
    fields = AgencyTask._meta.concrete_fields
    jsons = [place for place, field in enumerate(fields) if isinstance(field, models.JSONField)]
    words = [place for place, field in enumerate(fields) if field.choices and isinstance(field, models.CharField)]
    return [field.attname for field in fields], jsons, words


def _values(row: AgencyTask, names: list[str], jsons: list[int], words: list[int]) -> list[Any]:
    found = row.__dict__
    values = [found[name] for name in names]
    for place in jsons:
        if values[place] is not None:
            values[place] = json.dumps(values[place])
    for place in words:
        values[place] = str(values[place])  # psycopg would write the name of an enum's member
    return values


@cache
def _defaults() -> list[tuple[str, str, Any, bool]]:
    """Every column: the name of its attribute, that of its field, and its default or what makes one."""
    found = []
    for field in AgencyTask._meta.concrete_fields:
        makes = callable(field.default) and field.default is not models.NOT_PROVIDED
        default = field.default if makes else None if field.has_db_default() else field.get_default()
        found.append((field.attname, field.name, default, makes))
    return found


@cache
def _known() -> frozenset[str]:
    return frozenset(word for attname, name, _default, _makes in _defaults() for word in (attname, name))


def new_row(columns: dict[str, Any]) -> AgencyTask:
    """An unsaved task. The values go in by position: by name, a row of eighty columns takes four times as long.

    Raises TypeError for a name that is no column.
    """
    unknown = columns.keys() - _known()
    if unknown:
        raise TypeError(f"AgencyTask has no column {', '.join(sorted(unknown))}")
    values = [_given(columns, *column) for column in _defaults()]
    made: Any = AgencyTask  # to the type checker's plugin a list of values is the first column's value
    return cast(AgencyTask, made(*values))


def _given(columns: dict[str, Any], attname: str, name: str, default: Any, makes: bool) -> Any:
    if attname in columns:
        return columns[attname]
    if name in columns:
        return columns[name]
    return default() if makes else default
