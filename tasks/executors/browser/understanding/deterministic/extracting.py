"""Extraction: the wish, every source that could serve it, one scored choice, typed and held to the schema."""

from __future__ import annotations

from typing import Any

from selenium.webdriver.remote.webdriver import WebDriver

from tasks.executors.browser.driver import run_script
from tasks.executors.browser.understanding.base import Extraction, ExtractRequest
from tasks.executors.browser.understanding.deterministic import facts, grids, lists, records, structured, values
from tasks.executors.browser.understanding.deterministic.answers import Answer, only_named, type_row
from tasks.executors.browser.understanding.deterministic.schemas import shaped
from tasks.executors.browser.understanding.deterministic.wishes import Wish, parse

#: Below this nothing is claimed.
LEAST = 0.3
MOST_TEXT = 200_000
#: Parts of a page by the landmark they are.
_PLACES = {"footer": "footer", "header": "header", "sidebar": "aside"} | dict.fromkeys(
    ("navigation", "nav", "navigation bar", "main menu"), "nav"
)


def extract(driver: WebDriver, request: ExtractRequest) -> Extraction:
    """What the current frame's page holds of what is asked for."""
    model = run_script(driver, ("dom", "lists", "model"), request.selector)
    if model is None:
        return Extraction(source="none", confidence=0.0, notes=[f"{request.selector} is not on the page"])
    return extract_from(model, request)


def extract_from(model: dict[str, Any], request: ExtractRequest) -> Extraction:
    """The same from a page's model: pure."""
    wish = parse(request.instruction, request.schema)
    found = _found(model, wish)
    found.truncated = found.truncated or bool(model["truncated"])
    limit = request.limit or wish.limit
    if limit and found.items is not None and len(found.items) > limit:
        found.items = found.items[:limit]
    return shaped(found, request.schema) if request.schema else found


def _found(model: dict[str, Any], wish: Wish) -> Extraction:
    if wish.whole:
        named = lists.found(model, wish) if wish.scope_kind not in ("", "place") and wish.whole == "links" else None
        return named if named is not None and named.confidence > 0.9 else _whole(model, wish)
    if wish.text_only:
        return _text(model)
    best, score = _best(model, wish)
    plain = None
    if not wish.counting:
        plain = (_declared_list(model, wish) if len(wish.fields) < 2 else None) or lists.found(model, wish)
    if plain is not None and plain.confidence > score:
        return plain
    if len(wish.fields) == 1 and not wish.counting and score < 0.6 and (block := _named_block(model, wish)):
        return block
    if best is None or (score < LEAST and not _some_fact(best, wish)):
        return Extraction(source="none", confidence=score, fields=[one.key for one in wish.fields])
    return _extraction(best, score, wish)


def _best(model: dict[str, Any], wish: Wish) -> tuple[Answer | None, float]:
    offered = [
        *structured.answers(model, wish), *grids.answers(model, wish), *records.answers(model, wish), *facts.answers(model, wish),
    ]  # fmt: skip
    offered = [only_named(answer, wish) for answer in offered if answer.rows]
    if wish.counting:
        offered = [answer for answer in offered if not answer.many]
    ranked = sorted(offered, key=lambda answer: -answer.score(wish))
    if not ranked:
        return None, 0.0
    best = ranked[0]
    if not best.many and wish.fields:
        _complete(best, ranked[1:], wish)
    return best, best.score(wish)


def _some_fact(best: Answer, wish: Wish) -> bool:
    """Of a single thing, one field that is sure is worth telling even when others are missing; `missing` names those."""
    return not best.many and wish.many is not True and any(fit >= 0.6 for fit in best.fits.values())


def _complete(best: Answer, others: list[Answer], wish: Wish) -> None:
    """A single thing's fields come each from the source that knows it best: the price from JSON-LD, the height from a list."""
    single = [other for other in others if not other.many and other.prior >= 0.85]
    for one in wish.fields:
        for other in single:
            if one.key in other.rows[0] and other.fits.get(one.key, 0.5) > best.fits.get(one.key, 0.0) + 0.04:
                best.rows[0][one.key] = other.rows[0][one.key]
                best.fits[one.key] = other.fits.get(one.key, 0.5)
                best.notes = [*best.notes, f"{one.key} from {other.source}"]


def _extraction(best: Answer, score: float, wish: Wish) -> Extraction:
    typed = [type_row(row, wish.fields or best.fields) for row in best.rows]
    wished = [one.key for one in wish.fields]
    fields = wished or list(dict.fromkeys(key for row in typed for key in row))
    optional = {one.key for one in wish.fields if one.optional}
    missing = [key for key in wished if key not in optional and not any(key in row for row in typed)]
    rows_meant = best.source == "table" and best.many and not wish.entity and len(wished) > 2 and len(typed) > 1
    # Three columns of a table named without a thing they are of: its rows are meant.
    single = (wish.many is False and not rows_meant) or (wish.many is None and len(typed) == 1 and not best.many)
    extraction = Extraction(best.source, score, fields=fields, missing=missing, notes=best.notes)
    if single:
        extraction.item = typed[0]
        if len(typed) > 1:
            extraction.notes = [*best.notes, f"the first of {len(typed)} that are alike"]
    else:
        extraction.items = typed
    return extraction


def _text(model: dict[str, Any]) -> Extraction:
    main, whole = model["main"]["text"], model["text"]
    text = main if len(main) > 140 or len(main) > 0.3 * len(whole) else whole
    return Extraction(
        "main text", 0.9 if text is main and text else 0.6, text=text[:MOST_TEXT], truncated=len(text) > MOST_TEXT
    )


def _whole(model: dict[str, Any], wish: Wish) -> Extraction:
    """All links, headings, images, e-mail addresses or phone numbers as such."""
    if wish.whole == "links":
        place = _PLACES.get(wish.scope) if wish.scope_kind == "place" else None
        items: list[dict[str, Any]] = [
            {"text": one["text"], "url": one["url"]} for one in model["links"] if place in (None, one["place"])
        ]
    elif wish.whole == "headings":
        items = [dict(one) for one in model["headings"]]
    elif wish.whole == "images":
        items = [dict(one) for one in model["images"]]
    else:
        find = values.emails if wish.whole == "emails" else values.phones
        linked = "\n".join(
            one["url"].removeprefix("mailto:") for one in model["links"] if one["url"].startswith("mailto:")
        )
        items = [{wish.whole[:-1]: each} for each in find(f"{model['text']}\n{linked}")]
    return Extraction(wish.whole, 0.9 if items else 0.0, items=items, fields=list(items[0]) if items else [])


def _named_block(model: dict[str, Any], wish: Wish) -> Extraction | None:
    """ "the opening hours" is a table (or a list of keys and values) of that name, whole."""
    name = " ".join([wish.entity, *(token.stem for token in wish.fields[0].own)]).strip()
    whole = Wish(scope=name)
    offered = [*grids.answers(model, whole), *facts.answers(model, whole)]
    named = [answer for answer in offered if answer.rows and answer.prior >= 1.0 and answer.fits.get("", 0) >= 0.8]
    if not named:
        return None
    return _extraction(named[0], 0.75, Wish(many=named[0].many))


def _declared_list(model: dict[str, Any], wish: Wish) -> Extraction | None:
    """A list that the page declares: the ingredients of a recipe, the keywords of an article."""
    if wish.many is False and not (wish.fields and wish.fields[0].plural):
        return None
    texts = structured.text_list(model, wish)
    if not texts:
        return None
    name = wish.fields[0].key if wish.fields else lists.item_name(wish)
    return Extraction("declared list", 1.0, items=[{name: text} for text in texts], fields=[name])
