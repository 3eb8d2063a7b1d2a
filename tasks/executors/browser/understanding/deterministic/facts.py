"""Single facts: keys and values, and what every page has (title, heading, author, date, main text)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from tasks.executors.browser.understanding.deterministic import lines, values
from tasks.executors.browser.understanding.deterministic.answers import Answer, Raw, entity_fit, name_fit, scope_fit
from tasks.executors.browser.understanding.deterministic.bylines import author_of
from tasks.executors.browser.understanding.deterministic.columns import Column, kind_fit
from tasks.executors.browser.understanding.deterministic.records import columns_of
from tasks.executors.browser.understanding.deterministic.wish_fields import WishedField, key_of
from tasks.executors.browser.understanding.deterministic.wishes import Wish
from tasks.executors.browser.understanding.deterministic.words import tokens

_DAY = re.compile(
    r"(?:mo|tue|di|wed|mi|thu|do|fri|fr|sat|sa|sun|so)(?:\w*(?:day|tag|woch)\w*)?\.?(?:\b|\s*[-–])|daily|täglich|weekdays?|weekends?",
    re.I,
)

_TITLES = frozenset(token.stem for token in tokens("title heading headline titel überschrift subject"))
_PRICES = frozenset(token.stem for token in tokens("price amount preis cost"))
_OLD = frozenset(token.stem for token in tokens("old was original regular before strike previous list rrp uvp"))
_RATINGS = frozenset(token.stem for token in tokens("rating score stars grade bewertung"))


def answers(model: dict[str, Any], wish: Wish) -> Iterator[Answer]:
    """The page's keys and values, and the page itself; and both together, for a wish that mixes them."""
    pairs = _pairs_answer(model, wish)
    page = _page_answer(model, wish)
    yield from (answer for answer in (pairs, page) if answer)
    if pairs and page and pairs.rows and page.rows:
        fits = {**page.fits, **{key: fit for key, fit in pairs.fits.items() if fit > page.fits.get(key, 0)}}
        row = {
            key: (pairs if pairs.fits.get(key, 0) >= page.fits.get(key, 0) else page).rows[0].get(key, "")
            for key in fits
        }
        yield Answer("key-value and page", [{k: v for k, v in row.items() if v}], fits, 0.97)


def _pairs_answer(model: dict[str, Any], wish: Wish) -> Answer | None:
    pairs = [pair for pair in model["pairs"] if scope_fit(wish, pair["group"]) >= 0.6] or (
        [] if wish.scope else model["pairs"]
    )
    keys = {pair["key"] for pair in pairs}
    # A value that begins with another label is the neighbour's, not this one's.
    pairs = [pair for pair in pairs if ":" not in pair["value"] or pair["value"].partition(":")[0] not in keys]
    if not pairs:
        return None
    if not wish.fields:
        fit = (
            max((scope_fit(wish, pair["group"]) for pair in pairs), default=0.0)
            if wish.scope
            else _heading_fit(wish, pairs)
        )
        if fit >= 0.6 and not wish.scope:
            pairs = [pair for pair in pairs if _heading_fit(wish, [pair]) >= 0.6]
        if days := _by_day(pairs):
            return Answer("key-value", days, {"": 0.85 if fit >= 0.6 else 0.35}, 1.0, many=True)
        row = {key_of(pair["key"], as_written=True): pair["value"] for pair in reversed(pairs)}
        return Answer("key-value", [dict(reversed(row.items()))], {"": 0.85 if fit >= 0.6 else 0.35}, 1.0)
    row, fits = _each_its_pair(pairs, wish)
    return Answer("key-value", [row] if row else [], fits, 1.0)


def _each_its_pair(pairs: list[dict[str, str]], wish: Wish) -> tuple[Raw, dict[str, float]]:
    """Each field its best pair, the surest first; one pair serves one field: the company's name is not the person's too."""
    ranked = sorted(
        (
            (_pair_fit(one, pair) * _grouped(wish, pair), -n, one.key)
            for one in wish.fields
            for n, pair in enumerate(pairs)
        ),
        reverse=True,
    )
    row: Raw = {}
    fits: dict[str, float] = {}
    taken: set[str] = set()
    for fit, n, key in ranked:
        if fit >= 0.5 and key not in row and pairs[-n]["key"] not in taken:
            row[key], fits[key] = pairs[-n]["value"], fit
            taken.add(pairs[-n]["key"])
    return row, fits


def _by_day(pairs: list[dict[str, str]]) -> list[Raw]:
    """Hours by weekday are a list of days, not a thing with a field Monday."""
    days = [pair for pair in pairs if _DAY.match(pair["key"])]
    return (
        [{"day": pair["key"], "hours": pair["value"]} for pair in days]
        if len(days) >= 2 and len(days) == len(pairs)
        else []
    )


def _grouped(wish: Wish, pair: dict[str, str]) -> float:
    """Of keys that are called the same, those under the name of the thing that is asked for come first."""
    return 1.0 if not wish.entity or entity_fit(wish, pair["group"]) else 0.95


def _heading_fit(wish: Wish, pairs: list[dict[str, str]]) -> float:
    """Whether keys and values stand under a heading that names what is asked for, or its last word ("details")."""
    wanted = [wish.entity, wish.entity.split()[-1]] if wish.entity else []
    groups = {pair["group"] for pair in pairs if pair["group"]}
    return max((scope_fit(Wish(scope=name), group) for name in wanted for group in groups), default=0.0)


def _pair_fit(one: WishedField, pair: dict[str, str]) -> float:
    named = name_fit(one.words, one.own, tokens(pair["key"]))
    if one.known == "person" and not re.search(r"[^\W\d_]{2}", pair["value"]):
        return 0.0
    if one.kind == "count":
        return named * kind_fit(one, Column.of("", [pair["value"]]))
    if named < 0.5 or one.kind not in ("money", "date", "time", "email", "phone", "rating"):
        return named
    return named * (0.6 + 0.4 * kind_fit(one, Column.of("", [pair["value"]])))


def _page_answer(model: dict[str, Any], wish: Wish) -> Answer | None:
    row: Raw = {}
    fits: dict[str, float] = {}
    for one in wish.fields:
        fit, text = _page_fact(model, one, wish)
        if text:
            row[one.key], fits[one.key] = text, fit
    return Answer("page", [row] if row else [], fits, 1.0) if wish.fields else None


def _page_fact(model: dict[str, Any], one: WishedField, wish: Wish) -> tuple[float, str]:
    main = model["main"]
    heading = next((h["text"] for h in model["headings"] if h["level"] == 1), "")
    simple = len([token for token in one.own if not token.stop]) <= 2
    if one.known == "name" and simple:
        # The window's caption is a title; whether it is the name of a thing nobody knows.
        titled = heading or any(token.stem in _TITLES for token in one.own)
        return (0.85, heading or model["title"]) if titled else (0.0, "")
    if one.kind == "body" and simple:
        return (0.85, main["text"]) if main["text"] else (0.5, model["text"])
    if one.known == "author":
        return 0.7, author_of(main["byline"])
    if one.known == "date" and (simple or one.kind == "time"):
        return 0.75, next((text for text in main["dates"] if values.looks_dated(text)), "")
    if one.kind in ("email", "phone"):
        return 0.75, lines.contact(model["text"], one, wish.entity_tokens)
    if one.kind == "count":
        return 0.8, lines.count_of(model["text"], one)
    if one.kind == "image":
        return 0.55, next((image["url"] for image in model["images"]), "")
    if one.known == "description":
        return 0.7, model["meta"].get("description", "") or main["text"].split("\n")[0][:500]
    if one.known == "url":
        return 0.6, model["canonical"] or model["url"]
    return _marked_fact(model, one)


def _marked_fact(model: dict[str, Any], one: WishedField) -> tuple[float, str]:
    """A price (and the like) that stands once on the page, outside any list."""
    if (mark := _mark(model, one)) is not None:
        return 0.7, mark
    if one.kind != "money":
        return 0.62, lines.numbered(model["text"], one)
    for group in model["groups"]:
        for column in columns_of(group["records"]):
            if (
                len(group["records"]) <= 3
                and column.shares["money"] > 0.9
                and name_fit(one.words, one.own, tokens(" ".join(column.words)))
            ):
                return 0.6, column.texts[0]
    brief = [line.strip() for line in model["text"].split("\n") if len(line) < 40]
    priced = [line for line in brief if values.money(line) is not None]
    named = {line for line in priced if name_fit(one.words, one.own, tokens(line)) >= 0.75}
    plain = [line for line in priced if values.only_money(line)]
    if len(named) == 1:
        return 0.6, named.pop()
    return (0.6 if len(set(plain)) == 1 else 0.5, plain[0]) if plain else (0.0, "")


def _mark(model: dict[str, Any], one: WishedField) -> str | None:
    """The text of the only element whose class names the field and whose value is of its kind; None without one, or with two."""
    if one.kind not in ("money", "oldmoney", "rating"):
        return None
    fitting = [mark for mark in model["marks"] if _is_marked(one, mark)]
    texts = {mark["text"] for mark in fitting}
    return texts.pop() if len(texts) == 1 else None


def _is_marked(one: WishedField, mark: dict[str, Any]) -> bool:
    words = {token.stem for token in tokens(" ".join(mark["words"]))}
    old = bool(mark["struck"] or words & _OLD)
    if one.kind in ("money", "oldmoney"):
        return (one.kind == "oldmoney") == old and values.only_money(mark["text"]) and bool(words & _PRICES)
    return bool(words & _RATINGS) and kind_fit(one, Column.of("", [mark["text"]])) >= 0.6
