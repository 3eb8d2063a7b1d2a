"""What an extract instruction asks for: of which things, which fields, one or many, from which part of the page."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

from tasks.executors.browser.understanding.deterministic.german import asking_in_english
from tasks.executors.browser.understanding.deterministic.phrases import (
    THINGS,
    head_and_rest,
    is_thing,
    names_many,
    phrase,
    split,
)
from tasks.executors.browser.understanding.deterministic.questions import Asked, asked
from tasks.executors.browser.understanding.deterministic.schema_shape import record_schema
from tasks.executors.browser.understanding.deterministic.wish_fields import (
    EVERYTHING,
    KNOWN,
    LITTLE,
    VOCABULARY,
    WishedField,
    field_of,
    is_plural,
)
from tasks.executors.browser.understanding.deterministic.words import Token, content, tokens

_VERB = re.compile(
    r"^\s*(?:please\s+)?(?:extract|get|list|find|collect|scrape|return|give(?: me)?|read|fetch|show(?: me)?|grab|pull|retrieve|gather|"
    r"capture|save|copy|parse|tell me|what(?: is|'s| are)|identify|record|note|obtain|take|pull up|look up)\s+(?:out\s+)?(?:me\s+)?",
    re.I,
)
_PAGE = re.compile(
    r"\s*\b(?:from|on|of|in|off|shown on|listed on|displayed on|available on|visible on)\s+(?:the|this|that|current|each|every)?\s*(?:current\s+)?"
    r"(?:web\s*)?(?:page|site|website|screen|webpage|document|url)\b(?:'s)?",
    re.I,
)
_SCOPE = re.compile(
    r"\s*\b(?:from|in|under|of|on|inside|within|below)\s+(?:the\s+)?(?:[\"“'](?P<quoted>[^\"”']{2,80})[\"”']\s*|(?P<plain>(?:(?!\b(?:in|of|from|on|under|every|each|all|everybody|everyone)\b)[\w&' -]){2,50}?)\s+)"
    r"(?P<what>section|table|list|block|panel|area|box|column|sidebar|card|part|heading|grid)\b",
    re.I,
)
_SCOPE_AFTER = re.compile(
    r"\s*\b(?:from|in|under|of|on|inside|within)\s+(?:the\s+)?(?P<what>section|table|list|block|panel|grid)\s+(?:called |named |titled |labell?ed |headed )?"
    r"[\"“'](?P<quoted>[^\"”']{2,80})[\"”']",
    re.I,
)
#: "all links under Business Development", "… from Example 2".
_UNDER = re.compile(
    r"^(?P<before>[^,]+?)\s+(?:under|below|beneath|unter)\s+(?:the\s+)?(?:heading\s+|title\s+)?[\"“]?(?P<plain>[A-ZÄÖÜ][^,\"”]{2,60}?)[\"”]?$"
)
_LINKS_IN = re.compile(
    r"^(?:all\s+|the\s+|every\s+)*links?\s+(?:in|of|from|inside)\s+(?:the\s+)?(?P<place>footer|header|sidebar|navigation|nav|navigation bar|main menu)$",
    re.I,
)
_NUMBERED = re.compile(
    r"\s+(?:from|in|of)\s+(?P<plain>(?P<what>Example|Table|Figure|Section|Part|Chapter|Beispiel|Tabelle|Abschnitt) \d{1,3}\w?)\b"
)
_MANY = re.compile(
    r"\b(all|every|each|list of|any|the list|table of|rows?|entries|multiple|both|various|everyone|everybody|history|schedule|timetable|ranking|log)\b",
    re.I,
)
_TOP = re.compile(r"\b(?:first|top|latest|newest)\s+(\d{1,4}|two|three|four|five|six|seven|eight|nine|ten)\b", re.I)
WHOLE_KINDS = {
    "link": "links", "hyperlink": "links", "heading": "headings", "headline": "headings", "image": "images", "picture": "images",
    "email": "emails", "phone": "phones", "telephone": "phones",
}  # fmt: skip


@dataclass(frozen=True)
class Wish:
    """What is asked for. `many` is None when the instruction does not tell; `beside` is what else it says about the things."""

    fields: tuple[WishedField, ...] = ()
    entity: str = ""
    many: bool | None = None
    scope: str = ""
    scope_kind: str = ""
    limit: int | None = None
    whole: str = ""
    text_only: bool = False
    beside: str = ""
    counting: bool = False
    shown: bool = False

    @property
    def entity_tokens(self) -> list[Token]:
        return content(tokens(self.entity)) if self.entity else []


def parse(instruction: str, schema: dict[str, Any] | None = None) -> Wish:
    """The wish behind an instruction; a schema's properties are the fields when there is one."""
    told = _from_text(instruction)
    return _with_schema(told, schema) if schema else told


def _from_text(instruction: str) -> Wish:
    plain = re.sub(r"\s+", " ", instruction).strip().rstrip(".?!")
    question = asked(plain)
    text = asking_in_english(re.sub(r"\b(des\s+\w{3,}?)e?s\b", r"\1", question.text))  # a genitive is no plural
    text = _VERB.sub("", text, count=1)
    text = _PAGE.sub("", text)
    text = re.sub(r"\bnumber of (\w+)(?=\s*(?:,|and\b|$))", r"\1 count", text, flags=re.I)
    scope, scope_kind, text = _scope(text)
    many = True if _MANY.search(text) else None
    limit = None
    if top := _TOP.search(text):
        limit, many = int(tokens(top.group(1))[0].stem), True
        text = text[: top.start()] + text[top.end() :]
    said = phrase(re.sub(r"^list of (?:the )?", "", text.strip(), flags=re.I))
    many = many if said.many is None else said.many
    if re.search(r"\bdes \w+s$", plain) and not _MANY.search(plain):
        many = False  # "des Artikels" is one, though "Artikel" may be many
    wish = _wish(said.entity, said.rest, many, scope, scope_kind)
    if said.listed and wish.many:
        wish = _with_names(wish)
    return _questioned(replace(wish, limit=limit), question)


def _questioned(wish: Wish, question: Asked) -> Wish:
    """The kind of value a question wants."""
    if question.count:
        said = wish.fields or (field_of(wish.entity),)
        fields = tuple(replace(one, kind="count", known="", words=one.own, plural=False) for one in said)
        entity = wish.entity if wish.fields else ""
        return replace(
            wish,
            fields=fields,
            entity=entity,
            many=False,
            whole="",
            text_only=False,
            counting=True,
            shown=question.shown,
        )
    if re.match(r"(?:how|why|who|where|wie|warum|was|wer|wo)\b", question.text, re.I):
        # A question in no known form: only what bears its words answers it, whatever kind they are of.
        plainly = tuple(replace(one, kind="text", known="", words=one.own) for one in wish.fields)
        return replace(wish, fields=plainly, text_only=False, whole="")
    if question.kind == "person":
        fields = tuple(replace(one, known=one.known or "person") for one in wish.fields)
        return replace(wish, fields=fields)
    if question.kind == "date":
        said = wish.fields or (field_of(wish.entity),)
        dates = tuple(
            replace(one, kind="time", known="date", words=(*one.own, *tokens(VOCABULARY["date"][1]))) for one in said
        )
        return replace(wish, fields=dates, entity=wish.entity if wish.fields else "", many=False, text_only=False)
    return wish


def _with_names(wish: Wish) -> Wish:
    """ "the schools with their dates": a list of things with one or two of their fields names the things as well."""
    if (
        not wish.fields
        or len(wish.fields) > 2
        or any(one.known in ("name", "author", "sku", "url") for one in wish.fields)
    ):
        return wish
    if not is_plural(wish.entity):
        return wish
    named = replace(field_of("name", key=field_of(wish.entity.split()[-1]).key), optional=True)
    if any(one.key == named.key for one in wish.fields):
        return wish
    own = tuple(content(tokens(wish.entity.split()[-1])))
    return replace(wish, fields=(replace(named, words=(*own, *named.words)), *wish.fields))


def _scope(text: str) -> tuple[str, str, str]:
    if inside := _LINKS_IN.match(text):
        return inside.group("place").lower(), "place", "all links"
    if under := _UNDER.match(text):
        return under.group("plain"), "section", under.group("before")
    found = _SCOPE_AFTER.search(text) or _SCOPE.search(text) or _NUMBERED.search(text)
    if not found:
        return "", "", text
    named = found.groupdict()
    name = named.get("quoted") or named.get("plain") or ""
    name = " ".join(word for word in name.split() if word.lower() not in LITTLE)
    rest = (text[: found.start()] + text[found.end() :]).strip()
    return (name, found.group("what").lower(), rest) if rest and name else ("", "", text)


def _wish(entity: str, rest: str, many: bool | None, scope: str, scope_kind: str) -> Wish:
    parts = split(rest)
    entity, beside = head_and_rest(re.sub(r"^\s*(?:from|in|of|on) (?:the )?", "", entity))
    if not entity:
        entity, parts = _leading_entity(parts)
    made = Wish(entity=entity, scope=scope, scope_kind=scope_kind, beside=beside)
    if whole := _whole(entity, parts):
        return replace(made, entity=entity or parts[0], many=True, whole=whole)
    if not entity and len(parts) == 1:
        head, about = head_and_rest(parts[0])
        if is_thing(head, many) and (many or not about or about.split()[0].lower() not in ("of", "for", "by", "to")):
            return replace(made, entity=head, many=_count([head], "", many), beside=about)
        parts = [head] if about and about.split()[0].lower() not in ("of", "for", "by", "to") else parts
        made = replace(made, beside=about if parts == [head] else "")
    if len(parts) == 1 and entity and tokens(parts[0]) == tokens(entity):
        parts = []
    if len(parts) == 1 and entity and tokens(parts[0]) and tokens(parts[0])[-1].stem in EVERYTHING:
        entity, parts = f"{entity} {parts[0]}", []
    fields = _renamed(_unique([field_of(_without_entity(part, entity)) for part in parts]), parts)
    text_only = len(fields) == 1 and fields[0].kind == "body" and not entity
    if many is False and entity and tokens(entity)[-1].stem in EVERYTHING:
        many = None  # "the billing information" may be of several
    if scope_kind in ("table", "list", "grid", "example") and len(fields) > 1:
        many = True
    return replace(made, fields=tuple(fields), entity=entity, many=_count(parts, entity, many), text_only=text_only)


def _renamed(fields: list[WishedField], parts: list[str]) -> list[WishedField]:
    """ "weight, power as Gewicht, Leistung": the names behind "as" are the keys, and further names of the fields."""
    at = next((n for n, part in enumerate(parts) if re.search(r"\w (?:as|als) \w", part)), None)
    if at is None or len(parts) != 2 * at + 1 or len(fields) != len(parts):
        return fields
    last, first = re.split(r" (?:as|als) ", parts[at], maxsplit=1)
    old, new = [*parts[:at], last], [first, *parts[at + 1 :]]
    made = [(field_of(one), field_of(other)) for one, other in zip(old, new, strict=False)]
    return [replace(one, key=other.key, words=(*one.words, *other.words)) for one, other in made]


def _without_entity(part: str, entity: str) -> str:
    """ "book title" of a book is its title; "page title" is the title."""
    first, _, rest = part.partition(" ")
    known = {token.stem for token in tokens(entity)} | {tokens("page")[0].stem}
    return rest if rest and tokens(first) and tokens(first)[0].stem in known else part


def _count(parts: list[str], entity: str, many: bool | None) -> bool | None:
    if many is not None:
        return many
    if entity and names_many(entity):
        return True
    plural = [part for part in parts if is_plural(part) and tokens(part)[-1].stem not in ("detail", "content", "hour")]
    if not parts or (plural and len(plural) < len(parts)):
        return None
    if plural and any(tokens(part)[-1].stem not in KNOWN for part in parts) and len(parts) > 1:
        return None
    return True if plural else False if len(parts) == 1 else None


def _leading_entity(parts: list[str]) -> tuple[str, list[str]]:
    """ "product names", "prices" → product; name, price: what stands before a field word is the thing it is of."""
    if not parts:
        return "", parts
    words = parts[0].split()
    last = tokens(words[-1])
    if len(words) < 2 or not last or last[-1].stem not in KNOWN:
        return "", parts
    if words[0].lower() in ("page", "site", "website"):
        return "", parts
    before = " ".join(words[:-1])
    kept = field_of(parts[0])
    known_thing = tokens(before) and tokens(before)[-1].stem in {tokens(thing)[0].stem for thing in THINGS}
    if kept.known in ("name", "price", "url", "image", "rating", "description") and (
        known_thing or (len(parts) > 1 and is_plural(parts[0]))
    ):
        if kept.known == "price" and KNOWN.get(tokens(before)[-1].stem) == "original price":
            return "", parts
        return before, [words[-1], *parts[1:]]
    return "", parts


def _whole(entity: str, parts: list[str]) -> str:
    """links, headings, images, e-mails or phones as such: no record has to be found for them."""
    only = [part for part in parts if part]
    if entity and only:
        return ""
    said = only[0] if len(only) == 1 else entity if not only else ""
    stems = [token.canon for token in content(tokens(said))] if said else []
    stems = [stem for stem in stems if stem not in ("address", "number", "url")]
    if len(stems) != 1 or not is_plural(said):
        return ""
    return next((whole for word, whole in WHOLE_KINDS.items() if tokens(word)[0].canon == stems[0]), "")


def _unique(fields: list[WishedField]) -> list[WishedField]:
    seen: dict[str, WishedField] = {}
    for one in fields:
        seen.setdefault(one.key, one)
    return list(seen.values())


def _with_schema(told: Wish, schema: dict[str, Any]) -> Wish:
    """The fields of the schema's record; the instruction still says of what and from where."""
    record, many = record_schema(schema)
    properties = record.get("properties", {})
    required = set(record.get("required", []))
    fields = tuple(
        replace(_schema_field(name, sub, told), schema=sub, required=name in required)
        for name, sub in properties.items()
    )
    return replace(told, fields=fields, many=many, whole="" if fields else told.whole, text_only=False)


def _schema_field(name: str, schema: dict[str, Any], told: Wish) -> WishedField:
    found = field_of(name, key=name)
    if not found.known and schema.get("description"):
        described = field_of(str(schema["description"])[:60], key=name)
        return replace(described, own=found.own, words=(*found.own, *described.words))
    if not found.known:
        twin = next((one for one in told.fields if set(one.own) & set(found.own)), None)
        return replace(twin, key=name) if twin else found
    return found
