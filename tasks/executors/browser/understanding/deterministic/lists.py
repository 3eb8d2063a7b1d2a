"""Plain lists, and links that stand side by side: found by their class or by the heading they stand under."""

from __future__ import annotations

import re
from typing import Any

from tasks.executors.browser.understanding.base import Extraction
from tasks.executors.browser.understanding.deterministic.answers import entity_fit, scope_fit
from tasks.executors.browser.understanding.deterministic.wish_fields import WishedField, key_of
from tasks.executors.browser.understanding.deterministic.wishes import Wish
from tasks.executors.browser.understanding.deterministic.words import content, likeness, tokens

_ASIDE = ("nav", "footer", "header")
#: What every list has: "the links under …", "the items of …" are told by the rest of the words.
_ANY = frozenset(
    token.stem for token in tokens("link item entry name title point list text eintrag punkt titel verweis")
)


def found(model: dict[str, Any], wish: Wish) -> Extraction | None:
    """ "the ingredients" by their class or under their heading, one text an item; the list's parts together."""
    if not _suits(wish):
        return None
    key = wish.fields[0].key if wish.fields else ""
    offered = model["lists"]
    ranked = sorted(((_fit(one, wish, key), -n, one) for n, one in enumerate(offered)), key=lambda r: r[:2])
    if not ranked or ranked[-1][0] <= 0:
        return None
    most, _, best = ranked[-1]
    if wish.fields and wish.many is not True and most < 0.7:
        return None
    parts = [
        one for fit, _, one in ranked if fit >= most - 0.01 and (one is best or set(one["words"]) & set(best["words"]))
    ]
    parts.sort(key=offered.index)
    rows = [row for part in parts for row in _rows(part, wish)]
    return Extraction("list", most, items=rows, fields=list(rows[0])) if rows else None


def item_name(wish: Wish) -> str:
    """The key of an item that has one text only: what the things are called."""
    return key_of(wish.entity.split()[-1]) if wish.entity else "item"


def _suits(wish: Wish) -> bool:
    """A list gives one text an item, and the link behind it."""
    if wish.scope_kind in ("table", "grid"):
        return False
    texts = [one for one in wish.fields if one.kind != "url"]
    if len(wish.fields) < 2:
        return True
    return wish.many is True and len(texts) == 1 and len(wish.fields) == 2 and _is_name(texts[0], wish)


def _is_name(one: WishedField, wish: Wish) -> bool:
    own = {token.stem for token in one.own}
    return one.known == "name" or own <= {token.stem for token in wish.entity_tokens}


def _rows(part: dict[str, Any], wish: Wish) -> list[dict[str, Any]]:
    named = all(part["names"]) and (part["kind"] == "links" or wish.many is True or len(wish.fields) == 2)
    texts = part["names"] if named else part["items"]
    if len(wish.fields) < 2:
        key = wish.fields[0].key if wish.fields else item_name(wish)
        return [{key: text} for text in texts if text]
    links = [one.kind == "url" for one in wish.fields]
    made = [
        {one.key: url if link else text for one, link in zip(wish.fields, links, strict=True)}
        for text, url in zip(texts, part["urls"], strict=True)
    ]
    return made if all(part["urls"]) else []


def _fit(one: dict[str, Any], wish: Wish, key: str) -> float:
    heading, words = one["heading"], " ".join(one["words"])
    if one["kind"] != "options" and (
        any(_is_called(heading, name) for name in _names(wish)) or _is_told(heading, wish)
    ):
        return 0.95
    if one["kind"] == "options":
        return 0.8 if wish.many is True and wish.entity and _is_called(wish.entity, heading) else 0.0
    if one["kind"] == "links":
        return 0.0  # links side by side are a list by their heading only
    name = " ".join([wish.entity, *(token.stem for each in wish.fields for token in each.own)]).strip()
    asked = Wish(entity=wish.entity or key, scope=name)
    by_class = scope_fit(asked, words) if name else 0.0
    by_heading = 0.92 * scope_fit(asked, heading) if name else 0.0
    named = max(by_class, by_heading)
    if named < 0.82:
        named = 0.85 * max(entity_fit(asked, words), 0.9 * entity_fit(asked, heading)) if wish.many else 0.0
    scoped = scope_fit(wish, heading, words) if wish.scope else 0.0
    return 0.8 * max(named, scoped) * (0.6 if one["place"] in _ASIDE else 1.0)


def _names(wish: Wish) -> list[str]:
    """What a heading may call the list that is meant: "links under Careers", "names of all categories"."""
    if wish.scope:
        return [wish.scope]
    said = [re.sub(r"^(?:under|below|in|of|from|on)\s+(?:the\s+)?", "", wish.beside, flags=re.I)] if wish.beside else []
    whole = " ".join([wish.entity, *(token.stem for each in wish.fields for token in each.own if each.kind != "url")])
    plural = wish.many is True or any(each.plural for each in wish.fields)
    return [*said, *([wish.entity, whole] if plural else [])]


def _is_told(heading: str, wish: Wish) -> bool:
    """ "Related" over the related questions: the heading is what is said of them, and nothing else."""
    told = {token.stem for token in tokens(" ".join(wish.entity.split()[:-1])) if not token.stop}
    return bool(told) and wish.many is True and told == {token.stem for token in tokens(heading) if not token.stop}


def _is_called(heading: str, name: str) -> bool:
    """Whether a heading says the name, and little else."""
    wanted = [token for token in content(tokens(name)) if token.stem not in _ANY]
    offered = content(tokens(heading))
    if not wanted or not offered or len(offered) > len(wanted) + 2:
        return False
    return all(max(likeness(one, other, slips=False) for other in offered) >= 0.85 for one in wanted)
