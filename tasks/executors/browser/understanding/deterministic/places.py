"""The places an instruction names ("in the footer", "in the row of Bob", "next to Total"), checked on the page."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from tasks.executors.browser.understanding.deterministic.reading import Context
from tasks.executors.browser.understanding.deterministic.scoring import Scored
from tasks.executors.browser.understanding.deterministic.words import STOP, fold, plain_words, stem

#: Asks the page: (candidate indexes, words) → per candidate the smallest ancestor holding the words, and distances.
Lookup = Callable[[list[int], list[str]], dict[int, dict[str, Any]]]

_ZONE_WORDS = {
    "header": {"header", "topbar", "masthead", "banner"},
    "nav": {"nav", "navbar", "navigation", "menu", "sidenav"},
    "footer": {"footer"},
    "aside": {"sidebar", "aside", "sidenav"},
    "main": {"main", "content"},
    "dialog": {"modal", "dialog", "popup", "overlay", "drawer", "toast", "banner"},
    "form": {"form"},
    "toolbar": {"toolbar"},
    "menu": {"menu"},
    "tabs": {"tabs", "tablist"},
}
#: Parts of a page that are there or not; the others may merely not be marked as such.
_MUST_BE = frozenset(["dialog", "form", "toolbar", "menu", "tabs"])
#: A place that only ranks among others can lower a score to this share of it.
_FLOOR = 0.5


def apply(contexts: tuple[Context, ...], scored: list[Scored], lookup: Lookup) -> None:
    """Lowers the score of every candidate by how badly it fits the named places."""
    for context in contexts:
        fits = _fits(context, scored, lookup)
        # What is named nowhere on the page tells nothing, but it leaves a doubt.
        nowhere = not any(fits.values()) and not set(context.region) & _MUST_BE
        for one in scored:
            one.context_score *= (0.4 if context.text else 0.55) if nowhere else fits.get(one.index, 0.0)
    for one in scored:
        one.score *= _FLOOR + (1 - _FLOOR) * one.context_score


def _fits(context: Context, scored: list[Scored], lookup: Lookup) -> dict[int, float]:
    if context.sides:
        return _side_fits(context.sides, [one for one in scored if one.score >= scored[0].score - 0.15])
    fits = {one.index: _region_fit(context, one.candidate) for one in scored}
    words = _lookup_words(context.text)
    if not words:
        return fits
    if context.relation in ("within", "below", "near"):
        order = (_heading, _group, _row, _own) if context.part else (_row, _heading, _group, _own)
        apart = _told_apart(words, [one for one in scored if one.score >= scored[0].score - 0.2], order)
        if apart:
            return {one.index: apart.get(one.index, 0.3) * (0.4 + 0.6 * fits[one.index]) for one in scored}
    indexes = [one.index for one in scored]
    found = lookup(indexes, words)
    if (
        context.relation == "within"
        and len(words) > 1
        and not any(p["level"] >= 0 or p["attribute"] >= 0 for p in found.values())
    ):
        return _piecewise(context, indexes, words, fits, lookup)
    if context.relation in ("near", "below", "above"):
        # How near is near is measured by those that are called so, not by whatever stands between.
        named = {one.index for one in scored if one.score >= scored[0].score - 0.2}
        told = _nearness(context, {index: place for index, place in found.items() if index in named})
    else:
        told = _enclosure(context, found)
    if context.relation == "near" and told:
        # What shares a row with the words is nearer to the reader than what stands a line off.
        shared = _enclosure(Context(context.text, "within"), found)
        told = {index: fit * (0.6 + 0.4 * shared.get(index, 0.0)) for index, fit in told.items()}
    return {index: told.get(index, 0.0) * (0.4 + 0.6 * fit) for index, fit in fits.items()}


def _told_apart(
    words: list[str], scored: list[Scored], surroundings: tuple[Callable[[dict[str, Any]], str], ...]
) -> dict[int, float]:
    """Where the row of some holds the words and the row of others does not, that decides; then their headings, likewise (of
    a named part of the page first the headings).

    A word that all rows hold, or none ("invoice 2026-032" among invoices), tells nothing.
    """
    for text_of in surroundings:
        texts = {one.index: fold(text_of(one.candidate)) for one in scored}
        telling = [word for word in words if len({_holds(text, word) for text in texts.values()}) == 2]
        # A heading must hold them all; of a row's words only those count that not every row holds.
        asked = telling if text_of in (_own, _row) else words
        holds = {index: bool(asked) and all(_holds(text, word) for word in asked) for index, text in texts.items()}
        if len(set(holds.values())) == 2:
            return {index: 1.0 if held else 0.3 for index, held in holds.items()}
    return {}


def _holds(text: str, word: str) -> bool:
    """Long words may stand for their beginning; a number or a little word is meant as it is."""
    return word in text if len(word) > 3 else re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text) is not None


def _row(item: dict[str, Any]) -> str:
    return str(item["row"] or item["near"])


def _group(item: dict[str, Any]) -> str:
    return " ".join(item["groups"][:2])


def _heading(item: dict[str, Any]) -> str:
    return str(item["heading"])


def _own(item: dict[str, Any]) -> str:
    return str(item["name"] or item["text"])


def _side_fits(sides: tuple[str, ...], scored: list[Scored]) -> dict[int, float]:
    """Who stands furthest on the named sides, among those that are called so; one alone stands there anyhow."""
    fits = {one.index: 1.0 for one in scored}
    for side in sides:
        axis = 0 if side in ("left", "right") else 1
        sign = 1 if side in ("left", "top") else -1
        at = {
            one.index: sign * (one.candidate["box"][axis] + (one.candidate["box"][axis + 2] if sign < 0 else 0))
            for one in scored
        }
        first, last = min(at.values()), max(at.values())
        for index, where in at.items():
            fits[index] *= 1.0 if last - first < 24 else 1.0 - 0.8 * (where - first) / (last - first)
    return fits


def _piecewise(
    context: Context, indexes: list[int], words: list[str], fits: dict[int, float], lookup: Lookup
) -> dict[int, float]:
    """No part of the page holds all the words ("the Savings account" on a card that says Savings): each word counts alone.

    A word that is nowhere, or with everyone alike, tells nothing; one that tells them apart decides, at a discount.
    """
    told = [_enclosure(context, lookup(indexes, [word])) for word in words[:4]]
    telling = [each for each in told if each and max(each.values()) - min(each.get(i, 0.0) for i in indexes) > 0.3]
    if not telling:
        return dict.fromkeys(indexes, 0.0)
    return {i: 0.9 * min(each.get(i, 0.0) for each in telling) * (0.4 + 0.6 * fits[i]) for i in indexes}


def _region_fit(context: Context, item: dict[str, Any]) -> float:
    if not context.region:
        return 1.0
    if any(mark in context.region for mark in item["marks"]):
        return 1.0
    zone = set(item["zone"])
    if any(zone & _ZONE_WORDS.get(mark, set()) for mark in context.region):
        return 0.95
    return 0.0


def _enclosure(context: Context, found: dict[int, dict[str, Any]]) -> dict[int, float]:
    """Best is whoever shares the smallest part of the page with the words; ties are told apart by nearness."""
    inside = {index: place for index, place in found.items() if place["level"] >= 0}
    named = {index: place for index, place in found.items() if place["attribute"] >= 0}
    fits = {index: 0.95 for index in named if index not in inside or place_is_closer(named[index])}
    if not inside:
        return fits
    smallest = min(place["size"] for place in inside.values())
    # What holds half a page is no place.
    doubt = 0.4 if smallest > 2500 else 1.0
    smallest += min(20, smallest // 3)
    for index, place in inside.items():
        fits[index] = max(fits.get(index, 0.0), doubt * min(1.0, smallest / (place["size"] + 1)))
    shared = [index for index, fit in fits.items() if fit > 0.9 and index in inside]
    if len(shared) > 1:
        near = _nearness(context, {index: found[index] for index in shared})
        for index in shared:
            fits[index] *= 0.55 + 0.45 * near.get(index, 0.0)
    return fits


def place_is_closer(place: dict[str, Any]) -> bool:
    """Whether an ancestor is called so nearer than the words are found in text."""
    return bool(place["level"] < 0 or place["attribute"] <= place["level"])


def _nearness(context: Context, found: dict[int, dict[str, Any]]) -> dict[int, float]:
    """Best is the nearest on screen, on the asked side; one that is half as far again falls behind clearly."""
    usable = {i: place for i, place in found.items() if place["distance"] is not None and _on_side(context, place)}
    if not usable:
        return {}
    nearest = min(place["distance"] for place in usable.values())
    return {i: min(1.0, (nearest + 12) / (place["distance"] + 12)) for i, place in usable.items()}


def _on_side(context: Context, place: dict[str, Any]) -> bool:
    if context.relation == "below":
        return bool(place["below"] or place["after"])
    if context.relation == "above":
        return not place["after"]
    return True


def _lookup_words(text: str) -> list[str]:
    """The words as substrings to look for: cut to their stem where that is how they begin."""
    kept = [word for word in plain_words(text) if word not in STOP] or plain_words(text)
    return [stem(word) if word.startswith(stem(word)) else word for word in kept]
