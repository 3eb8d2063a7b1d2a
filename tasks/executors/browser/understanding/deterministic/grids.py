"""Tables: header cells name the columns; where they don't, what is in them does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from tasks.executors.browser.understanding.deterministic.answers import (
    Answer,
    Raw,
    beside_fit,
    entity_fit,
    name_fit,
    scope_fit,
)
from tasks.executors.browser.understanding.deterministic.columns import Column, kind_fit, says
from tasks.executors.browser.understanding.deterministic.wish_fields import WishedField, key_of
from tasks.executors.browser.understanding.deterministic.wishes import Wish
from tasks.executors.browser.understanding.deterministic.words import tokens

_BUTTONS = frozenset("edit delete view details remove actions action".split())


def answers(model: dict[str, Any], wish: Wish) -> Iterator[Answer]:
    """One answer for each table that is not a list of keys and values."""
    for table in map(_with_heads, model["tables"]):
        if not table["sideHeads"] and table["rows"]:
            yield _answer(table, wish)
            if wish.fields and (turned := _transposed(table)):
                yield _answer(turned, wish)


def _with_heads(table: dict[str, Any]) -> dict[str, Any]:
    """A first row of words over columns of numbers is the head, also when it is not marked as one."""
    rows = table["rows"]
    if any(table["headers"]) or len(rows) < 3 or table["sideHeads"]:
        return table
    words = [n for n, text in enumerate(rows[0]) if text and not re.search(r"\d", text)]
    named = len(words) >= 2 and len(words) == sum(1 for text in rows[0] if text)
    counted = any(all(re.search(r"\d", row[n]) for row in rows[1:]) for n in words)
    if not (named and counted):
        return table
    return {**table, "headers": rows[0], "rows": rows[1:], "links": table["links"][1:]}


def _answer(table: dict[str, Any], wish: Wish) -> Answer:
    width = len(table["rows"][0])
    headers = [*table["headers"], *[""] * width][:width]
    columns = [_column(table, n, headers[n]) for n in range(width)]
    named = (table["caption"], table["heading"], table["id"])
    placed = (*named, f"{table['caption']} {table['heading']}", table["outer"])
    fit = max(
        entity_fit(wish, *named), 0.6 if wish.entity_tokens and any(entity_fit(wish, h) for h in headers) else 0.0
    )
    prior = 1.0 if scope_fit(wish, *placed) >= 0.6 else 0.75
    if not wish.fields:
        rows, fits = _all(columns, headers), {"": 0.85 if fit or wish.scope else 0.55}
        if wish.scope and (only := _column_called(wish, headers)):
            rows = [{key: row[key]} for row in rows if (key := only) in row]
        return Answer("table", rows, fits, prior, fit, many=True)
    chosen, fits = _match(columns, headers, wish)
    rows = [
        {
            one.key: text
            for one in wish.fields
            if (n := chosen.get(one.key)) is not None and (text := _value(table, r, n, one))
        }
        for r in range(len(table["rows"]))
    ]
    contexts = [" ".join(row) for row, made in zip(table["rows"], rows, strict=True) if made]
    beside = beside_fit(wish, *placed)
    return Answer("table", [row for row in rows if row], fits, prior, fit, many=True, contexts=contexts, beside=beside)


def _column_called(wish: Wish, headers: list[str]) -> str:
    """ "all platforms in the Server table": the column of that name, not the whole table."""
    own = tuple(wish.entity_tokens)
    return next((key_of(h, as_written=True) for h in headers if own and name_fit(own, own, tokens(h)) >= 0.9), "")


def _match(columns: list[Column], headers: list[str], wish: Wish) -> tuple[dict[str, int], dict[str, float]]:
    """Each field its best column, the surest first; one column serves one field (a name and its link share one)."""
    pairs = sorted(
        ((_fit(one, column, headers[n]), one.key, n) for one in wish.fields for n, column in enumerate(columns)),
        reverse=True,
    )
    links = {one.key for one in wish.fields if one.kind == "url"}
    chosen: dict[str, int] = {}
    fits: dict[str, float] = {}
    for fit, key, n in pairs:
        taken = n in {at for other, at in chosen.items() if other not in links}
        if fit < 0.45 or key in chosen or (taken and key not in links):
            continue
        chosen[key], fits[key] = n, fit
    return chosen, fits


def _fit(one: WishedField, column: Column, header: str) -> float:
    named = max(name_fit(one.words, one.own, tokens(header)), 0.85 if says(one, column) else 0.0)
    kind = kind_fit(one, column)
    if named >= 0.6:
        return named * (0.7 + 0.3 * kind) if one.kind in ("money", "date", "time", "email", "rating") else named
    if one.kind == "url" and column.links >= 0.6:
        return 0.6
    if not header and (column.fill < 0.5 or one.kind == "text" or (column.constant and one.kind in ("name", "long"))):
        return 0.0  # the caption of a button that every row has
    if not header or one.kind in ("money", "email", "phone", "date", "time", "image"):
        return 0.62 * kind if kind >= 0.6 else 0.0
    if one.known == "name" and column.position == 0 and column.distinct > 0.7:
        return 0.58
    return named


def _column(table: dict[str, Any], n: int, header: str) -> Column:
    texts = [row[n] for row in table["rows"]]
    column = Column.of(f"column {n}", texts, position=n)
    column.links = sum(1 for row in table["links"] if n < len(row) and row[n]) / max(1, len(table["rows"]))
    column.label = header
    return column


def _value(table: dict[str, Any], row: int, column: int, one: WishedField) -> str:
    links = table["links"]
    if one.kind == "url" and row < len(links) and column < len(links[row]) and links[row][column]:
        return str(links[row][column])
    return str(table["rows"][row][column])


def _all(columns: list[Column], headers: list[str]) -> list[Raw]:
    """Every column that holds something, under its header's name."""
    keys: list[str] = []
    for n, column in enumerate(columns):
        key = key_of(headers[n], as_written=True) if headers[n] else f"column{n + 1}"
        if not column.filled or {word for text in column.texts[:5] for word in text.lower().split()} <= _BUTTONS:
            key = ""
        keys.append(f"{key}{n + 1}" if key in keys and key else key)
    rows = [{key: column.texts[r] for key, column in zip(keys, columns, strict=True) if key and column.texts[r]}
            for r in range(len(columns[0].texts))]  # fmt: skip
    return [row for row in rows if row]


def _transposed(table: dict[str, Any]) -> dict[str, Any] | None:
    """A comparison table: the things are the columns, the fields the row heads."""
    rows = table["rows"]
    if not table["headers"] or len(rows) < 2 or len(rows[0]) < 3 or not all(row[0] for row in rows):
        return None
    heads = [table["headers"][0] or "name", *(row[0] for row in rows)]
    body = [[table["headers"][n], *(row[n] for row in rows)] for n in range(1, len(rows[0]))]
    return {**table, "headers": heads, "rows": body, "links": [[""] * len(heads) for _ in body]}
