"""Repeated records: what siblings that are built alike have in common are the columns, and columns become fields."""

from __future__ import annotations

import re
from collections import Counter
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
from tasks.executors.browser.understanding.deterministic.bylines import author_of
from tasks.executors.browser.understanding.deterministic.columns import Column, kind_fit, says
from tasks.executors.browser.understanding.deterministic.wish_fields import WishedField, field_of, key_of
from tasks.executors.browser.understanding.deterministic.wishes import Wish
from tasks.executors.browser.understanding.deterministic.words import tokens

_LABELLED = re.compile(r"^\s*([\w][\w .()/-]{1,30}?)\s*[:：]\s*(.+)$", re.S)
_BY = re.compile(r"^\s*(?:by|von|par|por|posted by|written by|author:?)\s+(.+)$", re.I | re.S)
_MORE = re.compile(r"(\.[\w-]+)\.[\w-]+")
_HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
_AUTOMATIC = ("name", "price", "date", "author", "rating", "description", "url", "image")


def answers(model: dict[str, Any], wish: Wish) -> Iterator[Answer]:
    """One answer for each group of repeated records."""
    heaviest = max((group["weight"] for group in model["groups"]), default=1) or 1
    for group in model["groups"]:
        columns = columns_of(group["records"])
        if not columns:
            continue
        size = (group["weight"] / heaviest) ** 0.12
        aside = 0.8 if group["place"] in ("nav", "footer", "header", "aside", "menu") else 1.0
        named = (" ".join(group["words"]), group["heading"], group["within"])
        prior = 0.97 * size * aside * _one_each(group["records"]) * (1.0 if scope_fit(wish, *named) >= 0.6 else 0.75)
        answer = _answer(group, columns, wish, prior, entity_fit(wish, *named))
        answer.beside = beside_fit(wish, *named)
        yield answer


def _one_each(records: list[dict[str, Any]]) -> float:
    """1 for records; less for what holds records itself (a column of cards), whose parts come again and again."""
    keys = [
        slot["key"] for record in records for slot in record["slots"] if slot["kind"] == "text" and not slot.get("part")
    ]
    again = sum(1 for key in keys if not key.endswith("|1"))
    return 0.82 if len(keys) > 4 and again / len(keys) > 0.25 else 1.0


def columns_of(records: list[dict[str, Any]]) -> list[Column]:
    """The columns that at least a third of the records have, with their labels taken off the values."""
    records = _alike(records)
    keys: Counter[str] = Counter(key for record in records for key in {slot["key"] for slot in record["slots"]})
    order: dict[str, int] = {}
    for record in records:
        for n, slot in enumerate(record["slots"]):
            order.setdefault(slot["key"], n)
    wanted = [key for key, count in keys.items() if count >= max(1, len(records) * 0.3)]
    columns = [_column(key, records, order[key]) for key in wanted]
    columns = sorted((column for column in columns if column.kind != "button"), key=lambda c: c.position)
    shared = Counter(word for column in columns for word in column.words)
    for column in columns:
        # What all columns are called names the record, not a column.
        column.words = frozenset(word for word in column.words if len(columns) < 3 or shared[word] < len(columns) * 0.7)
    return columns


def _alike(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The records with what is rare called by its first class: a "pill ok" and a "pill missing" are one column of pills."""
    keys: Counter[str] = Counter(key for record in records for key in {slot["key"] for slot in record["slots"]})
    rare = {
        key: plain
        for key, count in keys.items()
        if count < len(records) * 0.7 and (plain := _MORE.sub(r"\1", key)) != key
    }
    merged = Counter(
        plain for record in records for plain in {rare.get(slot["key"], "") for slot in record["slots"]} - {""}
    )
    made = []
    for record in records:
        own = {slot["key"] for slot in record["slots"]}
        again = Counter(rare.get(slot["key"], "") for slot in record["slots"])
        slots = [
            {**slot, "key": plain} if (plain := rare.get(slot["key"], "")) and plain not in own and again[plain] == 1
            and merged[plain] > keys[slot["key"]] else slot
            for slot in record["slots"]
        ]  # fmt: skip
        made.append({**record, "slots": slots})
    return made


def _column(key: str, records: list[dict[str, Any]], position: int) -> Column:
    slots = [next((slot for slot in record["slots"] if slot["key"] == key), None) for record in records]
    there = [slot for slot in slots if slot]
    texts = [slot["text"] if slot else "" for slot in slots]
    label, texts = _without_label(texts, [slot.get("lead", "") for slot in there])
    label = label or there[0]["label"]
    column = Column.of(key, texts, kind=there[0]["kind"], position=position)
    words: Counter[str] = Counter(word for slot in there for word in slot["words"])
    column.words = frozenset(word for word, count in words.items() if count >= len(there) * 0.5)
    column.tag = there[0]["tag"]
    column.struck = sum(slot["struck"] for slot in there) / len(there)
    column.label = label
    return column


def _without_label(texts: list[str], leads: list[str]) -> tuple[str, list[str]]:
    """ "Price: £5" in every record is a label and a value; so is a bold lead that is the same everywhere."""
    filled = [text for text in texts if text]
    found = [_LABELLED.match(text) for text in filled]
    labels = Counter(match.group(1).lower() for match in found if match)
    if labels and len(filled) > 1:
        label, count = labels.most_common(1)[0]
        if count >= len(filled) * 0.7 and not label.startswith("http"):
            return label, [
                m.group(2) if (m := _LABELLED.match(text)) and m.group(1).lower() == label else text for text in texts
            ]
    lead = Counter(leads).most_common(1)[0] if leads else ("", 0)
    if lead[0] and lead[1] >= max(2, len(filled) * 0.7) and len(set(filled)) > 1:
        return lead[0].strip(" :"), [
            text.removeprefix(lead[0]).lstrip(" :-–") if text.startswith(lead[0]) else text for text in texts
        ]
    return "", texts


def _answer(group: dict[str, Any], columns: list[Column], wish: Wish, prior: float, fit: float) -> Answer:
    wished = wish.fields or _automatic(columns)
    chosen, fits = match(columns, wished)
    if not wish.fields:
        rows = _rows(group, chosen, wished, _rest(columns, chosen))
        return Answer("records", rows, {"": 0.8 if fit else 0.5}, prior, fit, many=True, fields=wished)
    rows = _rows(group, chosen, wished, {})
    contexts = [record["text"] for record in group["records"]] if len(rows) == len(group["records"]) else []
    return Answer("records", rows, fits, prior, fit, many=True, contexts=contexts)


def match(columns: list[Column], wished: tuple[WishedField, ...]) -> tuple[dict[str, Column], dict[str, float]]:
    """Each field its best column, the surest first, each column once."""
    pairs = sorted(
        ((_fit(one, column, columns), -column.position, one.key, column) for one in wished for column in columns),
        key=lambda pair: (pair[0], pair[1]),
        reverse=True,
    )
    chosen: dict[str, Column] = {}
    fits: dict[str, float] = {}
    for fit, _, key, column in pairs:
        shared = {other for other, taken in chosen.items() if taken is column}
        if fit >= 0.4 and key not in chosen and (not shared or _shares(key, shared, column, wished)):
            chosen[key], fits[key] = column, min(1.0, fit)
    for key, column in _left_over(columns, wished, chosen):
        chosen[key], fits[key] = column, 0.5
    return chosen, fits


def _left_over(
    columns: list[Column], wished: tuple[WishedField, ...], chosen: dict[str, Column]
) -> list[tuple[str, Column]]:
    """Fields that nothing names, in their order, when just as many texts are left: the airline, in `<div class="al">`."""
    # What a schema or a code names is not guessed: "Sold out" is no ISBN.
    free = [one for one in wished if one.key not in chosen and one.kind == "text" and not one.optional]
    open_fields = [one for one in free if one.schema is None and one.known not in ("sku", "availability")]
    if len(open_fields) < len(free):
        return []
    taken = [column.texts for column in chosen.values()]
    left = [
        column
        for column in columns
        if column.kind == "text" and not column.constant and column.fill >= 0.9 and column.texts not in taken
        and column.length < 60 and not column.label and max(column.shares[k] for k in ("money", "date", "url", "rating")) < 0.5
    ]  # fmt: skip
    whole = [column for column in left if not any(_within(column, other) for other in left)]
    return (
        list(zip((one.key for one in open_fields), whole, strict=True))
        if len(chosen) >= len(open_fields) == len(whole)
        else []
    )


def _within(part: Column, whole: Column) -> bool:
    pairs = [(a, b) for a, b in zip(part.texts, whole.texts, strict=True) if a and b]
    return part is not whole and bool(pairs) and all(a in b and a != b for a, b in pairs)


def _shares(key: str, taken: set[str], column: Column, wished: tuple[WishedField, ...]) -> bool:
    """A byline ("posted by Edna on 12 April") holds an author and a date: both are read out of it."""
    kinds = {one.key: one.known for one in wished}
    byline = sum(1 for text in column.texts if _BY.match(text)) >= 0.7 * max(1, len(column.texts))
    return byline and {kinds.get(key), *(kinds.get(other) for other in taken)} == {"author", "date"}


def _fit(one: WishedField, column: Column, columns: list[Column]) -> float:
    """By what the column is called, by what is in it, and by where such things usually stand."""
    kind = kind_fit(one, column)
    named = max(
        name_fit(one.words, one.own, tokens(column.label)),
        0.85 if says(one, column) else 0.0,
        0.95 * max((name_fit(one.words, one.own, tokens(word)) for word in column.words), default=0.0),
        0.97 * name_fit(one.words, one.own, tokens(" ".join(sorted(column.words)))) if len(column.words) < 4 else 0.0,
    )
    usual = _usual(one, column, columns)
    if one.kind in ("money", "oldmoney", "date", "time", "rating", "email", "phone", "image", "url"):
        score = kind * (0.72 + 0.24 * named) if kind >= 0.5 else 0.45 * named * (0.2 + kind)
    else:
        score = max(named * (0.45 + 0.55 * kind), usual * kind)
        if named and usual:
            score = min(1.0, score + 0.06)
    if column.constant and one.kind in ("name", "long", "text", "body") and not column.label:
        score *= 0.5
    return score * (0.6 + 0.4 * column.fill)


def _usual(one: WishedField, column: Column, columns: list[Column]) -> float:
    """Where a name, a description or an author stands when nothing says so."""
    texts = [c for c in columns if c.kind in ("text", "title") and not c.constant and c.shares["money"] < 0.5]
    if one.known == "name":
        return _name_place(column, columns, texts)
    if one.kind in ("long", "body"):
        longest = max((c.length for c in texts), default=0)
        return 0.72 if column in texts and column.length == longest and longest > 25 else 0.0
    if one.known == "author":
        share = sum(1 for text in column.texts if _BY.match(text)) / max(1, len(column.texts))
        short = column in texts and column.length < 40 and (column.tag in ("b", "strong", "a") or ">a" in column.key)
        return max(0.85 * share, 0.5 if short else 0.0)
    return 0.0


def _name_place(column: Column, columns: list[Column], texts: list[Column]) -> float:
    if column.kind == "title" and column.distinct > 0.6 and column.length > 3 and column.shares["rating"] < 0.5:
        cut = any(c.kind == "text" and _is_cut(c, column) for c in texts)
        return 0.9 if cut else 0.5
    if column.kind == "alt":
        return 0.45 if column.distinct > 0.6 else 0.0
    if column not in texts:
        return 0.0
    distinct = 1.0 if column.distinct > 0.6 else 0.5
    if column.tag in _HEADINGS or re.search(r"(^|>)h[1-6](\.|>|\|)", column.key):
        return 0.88 * distinct
    if column.tag == "a" or ">a" in column.key:
        first = next((c for c in texts if c.tag == "a" or ">a" in c.key), None)
        return (0.78 if column is first else 0.6) * distinct
    if column.tag in ("b", "strong"):
        return 0.7 * distinct
    return (0.62 if texts and column is texts[0] else 0.42) * distinct


def _is_cut(short: Column, full: Column) -> bool:
    """Whether one column shows the beginnings of the other's texts ("A Light in the ...")."""
    pairs = [(a.rstrip(".… "), b) for a, b in zip(short.texts, full.texts, strict=True) if a and b]
    return (
        bool(pairs)
        and sum(b.startswith(a) for a, b in pairs) >= len(pairs) * 0.7
        and any(len(a) < len(b) for a, b in pairs)
    )


def _rows(
    group: dict[str, Any], chosen: dict[str, Column], wished: tuple[WishedField, ...], rest: dict[str, Column]
) -> list[Raw]:
    rows: list[Raw] = []
    kinds = {one.key: one for one in wished}
    for n in range(len(group["records"])):
        row = {
            key: _clean(kinds.get(key), column.texts[n])
            for key, column in {**chosen, **rest}.items()
            if column.texts[n]
        }
        for key, column in chosen.items():
            if not row.get(key) and (text := _instead(kinds[key], column, group["records"][n]["slots"])):
                row[key] = text
        row = {key: text for key, text in row.items() if text}
        if row and not (len(chosen) > 1 and len(row) == 1 and list(row) in (["url"], ["image"])):
            rows.append(row)
    return rows


def _instead(one: WishedField, column: Column, slots: list[dict[str, Any]]) -> str:
    """The value of a record that is built a little differently: of the right kind, under the same names, not struck."""
    if one.kind not in ("money", "date", "time", "rating", "email", "phone", "image"):
        return ""
    alike = [slot for slot in slots if slot["kind"] == column.kind or one.kind == "rating"]
    fitting = [slot for slot in alike if kind_fit(one, Column.of("", [slot["text"]], kind=slot["kind"])) > 0.9]
    fitting = [slot for slot in fitting if not slot["struck"]] or fitting
    named = [slot for slot in fitting if column.words & set(slot["words"])]
    return str((named or fitting)[0]["text"]) if fitting else ""


def _clean(one: WishedField | None, text: str) -> str:
    if one is not None and one.known == "author" and _BY.match(text):
        return author_of(text) or text
    if one is not None and one.kind == "long":
        return text.strip('“”" ') if text[:1] in '“"' and text[-1:] in '”"' else text
    return text


def _automatic(columns: list[Column]) -> tuple[WishedField, ...]:
    """The fields of a record when none were named: the usual ones that are there."""
    usual = tuple(field_of(name) for name in _AUTOMATIC)
    chosen, fits = match(columns, usual)
    return tuple(one for one in usual if one.key in chosen and fits[one.key] > 0.5)


def _rest(columns: list[Column], chosen: dict[str, Column]) -> dict[str, Column]:
    """Further columns that say themselves what they are."""
    rest: dict[str, Column] = {}
    taken = list(chosen.values())
    for column in columns:
        if column in taken or column.kind not in ("text", "title") or column.constant or column.fill < 0.5:
            continue
        name = column.label or next(
            (
                word
                for word in sorted(column.words)
                if len(word) > 3 and word not in ("text", "item", "card", "title", "name", "body", "content", "value")
            ),
            "",
        )
        key = key_of(name) if name else ""
        if key and key not in rest and key not in chosen and not any(column.texts == other.texts for other in taken):
            rest[key] = column
            taken.append(column)
    return dict(list(rest.items())[:8])
