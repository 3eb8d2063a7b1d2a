"""Pages by limit and offset, or by a cursor: `{"count", "next", "previous", "results"}`.

A page costs the same however many rows there are: it is read from an index (the cursor is the last row's sort values),
`count` stops at COUNT_UP_TO, and offsets end at MAX_OFFSET.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.db.models import Q, QuerySet
from rest_framework.request import Request

from agency.api.problems import Problem

MAX_LIMIT = 100
DEFAULT_LIMIT = 20
MAX_OFFSET = 10_000
COUNT_UP_TO = 10_000


@dataclass(frozen=True)
class Sort:
    """An order that an index serves: a column and the id. `nullable`: rows without a value come last."""

    field: str
    descending: bool = True
    nullable: bool = False


@dataclass(frozen=True)
class Page:
    """One page of rows, and what leads to its neighbours. Pages by cursor are not counted."""

    rows: list[Any]
    count: int | None
    exact: bool | None
    next: str | None
    previous: str | None

    def answer(self, render: Callable[[list[Any]], list[Any]]) -> dict[str, Any]:
        """The body of the answer; `render` makes all rows' answers at once."""
        return {
            "count": self.count,
            "countIsExact": self.exact,
            "next": self.next,
            "previous": self.previous,
            "results": render(self.rows),
        }


@dataclass(frozen=True)
class Place:
    """Where a page begins, as the caller said."""

    limit: int = DEFAULT_LIMIT
    offset: int = 0
    cursor: str | None = None


def page_of(request: Request, rows: QuerySet[Any], sort: Sort, place: Place) -> Page:
    """The page at `place`. Raises Problem 400 for a cursor that is not one of ours."""
    if place.cursor is not None:
        return _by_cursor(request, rows, sort, place)
    return _by_offset(request, rows, sort, place)


def rows_at(rows: QuerySet[Any], sort: Sort, place: Place) -> list[Any]:
    """The rows alone of the page at an offset."""
    return _slice(_parts(rows, sort), place.offset, place.limit)


def _by_offset(request: Request, rows: QuerySet[Any], sort: Sort, place: Place) -> Page:
    found = _slice(_parts(rows, sort), place.offset, place.limit + 1)
    more = len(found) > place.limit
    found = found[: place.limit]
    count = place.offset + len(found) if not more and (found or not place.offset) else _count(rows)
    following = _link(request, cursor=_cursor(found[-1], sort)) if more else None
    back = max(0, place.offset - place.limit)
    return Page(
        found,
        min(count, COUNT_UP_TO),
        count <= COUNT_UP_TO,
        following,
        _link(request, offset=back) if place.offset else None,
    )


def _by_cursor(request: Request, rows: QuerySet[Any], sort: Sort, place: Place) -> Page:
    found = _slice(_parts_after(rows, sort, _decode(place.cursor or "", sort)), 0, place.limit + 1)
    following = _link(request, cursor=_cursor(found[place.limit - 1], sort)) if len(found) > place.limit else None
    return Page(found[: place.limit], None, None, following, None)


def _count(rows: QuerySet[Any]) -> int:
    return rows.order_by()[: COUNT_UP_TO + 1].count()


def _parts(rows: QuerySet[Any], sort: Sort) -> list[QuerySet[Any]]:
    """The rows in order: those with a value by an index that holds only them, then the rest by id."""
    sign = "-" if sort.descending else ""
    if sort.field == "id":
        return [rows.order_by(f"{sign}id")]
    ordered = rows.order_by(f"{sign}{sort.field}", f"{sign}id")
    if not sort.nullable:
        return [ordered]
    present = {f"{sort.field}__isnull": False}
    return [ordered.filter(**present), rows.exclude(**present).order_by(f"{sign}id")]


def _parts_after(rows: QuerySet[Any], sort: Sort, last: tuple[Any, int]) -> list[QuerySet[Any]]:
    value, last_id = last
    parts = _parts(rows, sort)
    than = "lt" if sort.descending else "gt"
    beyond = Q(**{f"id__{than}": last_id})
    if sort.field == "id":
        return [parts[0].filter(beyond)]
    if sort.nullable and value is None:
        return [parts[1].filter(beyond)]
    # The first condition alone bounds the index scan; the second takes out ties already seen.
    bound = Q(**{f"{sort.field}__{than}e": value})
    seen = Q(**{sort.field: value}) & ~beyond
    return [parts[0].filter(bound).exclude(seen), *parts[1:]]


def _slice(parts: Sequence[QuerySet[Any]], offset: int, wanted: int) -> list[Any]:
    found: list[Any] = []
    for part in parts:
        if len(found) >= wanted:
            break
        rows = list(part[offset : offset + wanted - len(found)])
        offset = 0 if rows else max(0, offset - part[:offset].count()) if offset else 0
        found += rows
    return found


def _cursor(row: Any, sort: Sort) -> str:
    value = getattr(row, sort.field)
    plain = value.isoformat() if isinstance(value, dt.datetime) else value
    return base64.urlsafe_b64encode(json.dumps([sort.field, plain, row.pk]).encode()).decode().rstrip("=")


def _decode(cursor: str, sort: Sort) -> tuple[Any, int]:
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        field, value, row_id = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        if field != sort.field or type(row_id) is not int or not 0 < row_id < 2**63:
            raise ValueError(field)
        if isinstance(value, str):
            value = dt.datetime.fromisoformat(value)
            if value.tzinfo is None:
                raise ValueError(value)
        elif value is not None and (type(value) is not int or not 0 <= value < 2**63):
            raise ValueError(value)
        if value is None and not sort.nullable:
            raise ValueError(value)
    except (ValueError, TypeError, RecursionError, binascii.Error):
        raise Problem(400, "cursor is not one that this list gave out", kind="cursor") from None
    return value, row_id


def _link(request: Request, **changed: Any) -> str:
    query = {name: request.query_params.getlist(name) for name in request.query_params}
    query = {name: values for name, values in query.items() if name not in ("cursor", "offset")}
    return request.build_absolute_uri(f"{request.path}?{urlencode({**query, **changed}, doseq=True)}")
