"""What an extract instruction asks for: of which things, which fields, one or many, from which part of the page."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Any

from tasks.executors.browser.understanding.deterministic.german import asking_in_english
from tasks.executors.browser.understanding.deterministic.schema_shape import record_schema
from tasks.executors.browser.understanding.deterministic.words import Token, content, plain_words, tokens

#: Field → (kind of value, words it goes by). The kind says which values fit and how they are typed.
VOCABULARY: dict[str, tuple[str, str]] = {
    "name": ("name", "name title headline heading product label subject ttl titel bezeichnung"),
    "price": ("money", "price cost amount fee pricing fare rate total preis kosten betrag"),
    "original price": ("oldmoney", "original old list regular was previous rrp strike"),
    "date": ("date", "date published publication posted day when created updated time released release datum"),
    "author": ("author", "author writer byline by creator poster username user posted who autor verfasser"),
    "description": (
        "long",
        "description summary teaser excerpt abstract blurb desc details overview intro snippet subtitle beschreibung",
    ),
    "image": ("image", "image picture photo thumbnail img cover avatar logo bild"),
    "url": ("url", "url link href permalink"),
    "rating": ("rating", "rating star score grade stars bewertung"),
    "reviews": ("count", "reviews votes ratings"),
    "availability": ("text", "availability stock available instock status verfugbarkeit lager"),
    "sku": ("text", "sku mpn ean isbn upc code article id number artikelnummer"),
    "brand": ("text", "brand manufacturer maker vendor marke hersteller"),
    "category": ("text", "category section topic genre department kategorie"),
    "tags": ("text", "tags tag keywords labels"),
    "location": ("text", "location place city venue where region area loc ort standort"),
    "company": ("text", "company employer organization organisation firm org firma unternehmen arbeitgeber"),
    "salary": ("text", "salary pay wage compensation gehalt lohn"),
    "email": ("email", "email mail"),
    "phone": ("phone", "phone telephone mobile tel fax telefon"),
    "address": ("text", "address street adresse anschrift"),
    "content": ("body", "content text body article story post"),
    "quantity": ("count", "quantity qty count units menge anzahl"),
    "comment": ("long", "comment review text message quote msg"),
    "position": ("text", "position role job rank"),
}
_KNOWN: dict[str, str] = {}
for _name, (_kind, _words) in VOCABULARY.items():
    for _word in _words.split():
        _KNOWN.setdefault(tokens(_word)[0].stem, _name)
        _KNOWN.setdefault(tokens(_word)[0].canon, _name)
#: "the product details" are whatever there is.
_EVERYTHING = {
    token.stem for token in tokens("details information info data specifications specs facts attributes properties")
}
_TITLES = {token.stem for token in tokens("name title headline heading content")}
#: Words that are fields only beside others: alone they are things.
_THINGS = frozenset(
    "product book article post story job review comment user tag link image picture photo heading quote company category "
    "section topic city place email phone stars article message".split()
)
_VERB = re.compile(
    r"^\s*(?:please\s+)?(?:extract|get|list|find|collect|scrape|return|give(?: me)?|read|fetch|show(?: me)?|grab|pull|retrieve|gather|"
    r"capture|save|copy|parse|tell me|what(?: is|'s| are)|identify|record|note|obtain|take)\s+(?:out\s+)?(?:me\s+)?",
    re.I,
)
_PAGE = re.compile(
    r"\s*\b(?:from|on|of|in|off|shown on|listed on|displayed on|available on|visible on)\s+(?:the|this|that|current|each|every)?\s*(?:current\s+)?"
    r"(?:web\s*)?(?:page|site|website|screen|webpage|document|url)\b(?:'s)?",
    re.I,
)
_SCOPE = re.compile(
    r"\s*\b(?:from|in|under|of|on|inside|within|below)\s+(?:the\s+)?(?:[\"“'](?P<quoted>[^\"”']{2,80})[\"”']|(?P<plain>[\w&' -]{2,50}?))"
    r"\s*(?P<what>section|table|list|block|panel|area|box|column|sidebar|card|part|heading|grid)\b",
    re.I,
)
_SCOPE_AFTER = re.compile(
    r"\s*\b(?:from|in|under|of|on|inside|within)\s+(?:the\s+)?(?P<what>section|table|list|block|panel|grid)\s+(?:called |named |titled |labell?ed |headed )?"
    r"[\"“'](?P<quoted>[^\"”']{2,80})[\"”']",
    re.I,
)
_MANY = re.compile(
    r"\b(all|every|each|list of|any|the list|table of|rows?|entries|multiple|both|various|history|schedule|timetable|ranking|log)\b",
    re.I,
)
_TOP = re.compile(r"\b(?:first|top|latest|newest)\s+(\d{1,4}|two|three|four|five|six|seven|eight|nine|ten)\b", re.I)
_WITH = re.compile(
    r"\s+(?:with|including|along with|together with|and (?:their|its|the corresponding)|incl\.?|showing|containing|as well as|by)\s+(?:their|its|the|his|her|also|respective|corresponding)?\s*",
    re.I,
)
_AND_THEIR = re.compile(
    r"\s+(?:and|with|plus)\s+(?:their|its|his|her)(?:\s+(?:own|respective|corresponding))?\s+", re.I
)
_EACH = re.compile(
    r"^(?:for|of|from)\s+(?:each|every|all|the)\s+(?:of the\s+)?(?P<entity>[\w -]+?)\s*[,:]\s*(?P<rest>.+)$", re.I
)
_OF_EACH = re.compile(
    r"\s+(?:of|for|from|in)\s+(?:(?P<many>each|every|all)\s+(?:of\s+)?(?:the\s+)?|(?P<the>the|this|a|an)\s+)?(?P<entity>[\w' -]+)$",
    re.I,
)
_SPLIT = re.compile(r"\s*(?:,\s*and\s+|,|;|\band\b|&|\bplus\b|\bas well as\b|\balong with\b|\+)\s*", re.I)
_POSSESSIVE = re.compile(r"^(?:the\s+)?(?P<entity>[\w -]+?)(?:'s|s')\s+(?P<rest>.+)$", re.I)
_LITTLE = frozenset(
    [
        "the",
        "a",
        "an",
        "its",
        "their",
        "all",
        "every",
        "each",
        "of",
        "any",
        "this",
        "these",
        "following",
        "full",
        "complete",
        "exact",
        "main",
        "respective",
        "list",
    ]
)
WHOLE_KINDS = {
    "link": "links", "hyperlink": "links", "heading": "headings", "headline": "headings", "image": "images", "picture": "images",
    "email": "emails", "phone": "phones", "telephone": "phones",
}  # fmt: skip


@dataclass(frozen=True)
class WishedField:
    """One field: the key it gets, its kind of value, and the words a page may call it by."""

    key: str
    kind: str
    words: tuple[Token, ...]
    known: str = ""
    own: tuple[Token, ...] = ()
    schema: dict[str, Any] | None = field(default=None, compare=False)
    required: bool = False
    plural: bool = False


@dataclass(frozen=True)
class Wish:
    """What is asked for. `many` is None when the instruction does not tell."""

    fields: tuple[WishedField, ...] = ()
    entity: str = ""
    many: bool | None = None
    scope: str = ""
    scope_kind: str = ""
    limit: int | None = None
    whole: str = ""
    text_only: bool = False

    @property
    def entity_tokens(self) -> list[Token]:
        return content(tokens(self.entity)) if self.entity else []


def parse(instruction: str, schema: dict[str, Any] | None = None) -> Wish:
    """The wish behind an instruction; a schema's properties are the fields when there is one."""
    told = _from_text(instruction)
    return _with_schema(told, schema) if schema else told


def field_of(name: str, *, key: str = "") -> WishedField:
    """One field by its name in an instruction or a schema."""
    own = tuple(content(tokens(_spaced(name))))
    known = next((_KNOWN[word] for token in reversed(own) for word in (token.stem, token.canon) if word in _KNOWN), "")
    if known == "price" and any(_KNOWN.get(token.stem) == "original price" for token in own):
        known = "original price"
    if known in ("name", "sku", "content", "comment") and len(own) > 1 and own[-1].stem not in _TITLES:
        known = ""
    kind, words = VOCABULARY.get(known, ("text", ""))
    synonyms = tuple(tokens(words)) if known else ()
    return WishedField(key or key_of(name), kind, (*own, *synonyms), known, own, plural=_plural(name))


def key_of(name: str, *, as_written: bool = False) -> str:
    """A field's key: camelCase of its words, in the singular unless it is the page's own word."""
    words = [word for word in plain_words(_spaced(name)) if word not in _LITTLE] or plain_words(name) or ["value"]
    words[-1] = words[-1] if as_written else singular(words[-1])
    return words[0] + "".join(word.capitalize() for word in words[1:])


def singular(word: str) -> str:
    """prices → price, companies → company; statistics and address stay."""
    if (
        len(word) < 4
        or word.endswith(("ss", "us", "is", "ics"))
        or word in ("news", "sales", "details", "hours", "tags", "keywords")
    ):
        return word
    if word.endswith("ies"):
        return word[:-3] + "y"
    if word.endswith(("xes", "ches", "shes", "sses")):
        return word[:-2]
    return word[:-1] if word.endswith("s") else word


def _from_text(instruction: str) -> Wish:
    text = asking_in_english(re.sub(r"\s+", " ", instruction).strip().rstrip(".?!"))
    text = _VERB.sub("", text, count=1)
    text = _PAGE.sub("", text)
    text = re.sub(r"\bnumber of (\w+)(?=\s*(?:,|and\b|$))", r"\1 count", text, flags=re.I)
    scope, scope_kind, text = _scope(text)
    many = True if _MANY.search(text) else None
    limit = None
    if top := _TOP.search(text):
        limit, many = int(tokens(top.group(1))[0].stem), True
        text = text[: top.start()] + text[top.end() :]
    each = _EACH.match(text)
    if each:
        return _wish(each.group("entity"), each.group("rest"), True, scope, scope_kind, limit)
    entity, rest, said_many = _entity_and_fields(text)
    return _wish(entity, rest, said_many or many, scope, scope_kind, limit)


def _scope(text: str) -> tuple[str, str, str]:
    found = _SCOPE_AFTER.search(text) or _SCOPE.search(text)
    if not found:
        return "", "", text
    name = found.group("quoted") or found.groupdict().get("plain") or ""
    name = " ".join(word for word in name.split() if word.lower() not in _LITTLE)
    rest = (text[: found.start()] + text[found.end() :]).strip()
    return (name, found.group("what").lower(), rest) if rest and name else ("", "", text)


def _entity_and_fields(text: str) -> tuple[str, str, bool | None]:
    """("product", "name, price", many): the forms people use."""
    of = _OF_EACH.search(text)
    # "the X of every Y" says itself what is the field and what the thing, whatever X is called.
    told = of is not None and (of.group("many") or _is_field_list(text[: of.start()]))
    if of and told and not _is_field_list(of.group("entity"), alone=True):
        entity = of.group("entity")
        return (
            entity,
            text[: of.start()],
            True if of.group("many") or _plural(entity) else False if of.group("the") else None,
        )
    cut = re.search(r"\s*[:(]\s*", text)
    if cut and cut.start() > 2 and text[cut.end() :].strip(" )"):
        return text[: cut.start()], text[cut.end() :].rstrip(" )"), None
    also = _AND_THEIR.search(text)
    if also and not _is_field_list(text[: also.start()], alone=True):
        entity = text[: also.start()]
        return entity, f"{singular(entity.split()[-1])}, {text[also.end() :]}", True if _plural(entity) else None
    joined = _WITH.search(text)
    if joined and not _is_field_list(text[: joined.start()], alone=True):
        return text[: joined.start()], text[joined.end() :], None
    owned = _POSSESSIVE.match(text)
    if owned and not _is_field_list(owned.group("entity"), alone=True):
        return owned.group("entity"), owned.group("rest"), None
    return "", text, None


def _wish(entity: str, rest: str, many: bool | None, scope: str, scope_kind: str, limit: int | None) -> Wish:
    parts = [_trimmed(part) for part in _SPLIT.split(rest)]
    parts = [part for part in parts if part]
    entity = _trimmed(entity)
    if not entity:
        entity, parts = _leading_entity(parts)
    whole = _whole(entity, parts)
    if whole:
        return Wish(entity=entity or parts[0], many=True, scope=scope, scope_kind=scope_kind, limit=limit, whole=whole)
    if not entity and len(parts) == 1 and _is_thing(parts[0], many):
        return Wish(entity=parts[0], many=_count(parts, entity, many), scope=scope, scope_kind=scope_kind, limit=limit)
    if len(parts) == 1 and entity and tokens(parts[0]) == tokens(entity):
        parts = []
    if len(parts) == 1 and entity and tokens(parts[0])[-1].stem in _EVERYTHING:
        entity, parts = f"{entity} {parts[0]}", []
    fields = _unique([field_of(_without_entity(part, entity)) for part in parts])
    text_only = len(fields) == 1 and fields[0].kind == "body"
    if scope_kind in ("table", "list", "grid") and len(fields) > 1:
        many = True
    return Wish(tuple(fields), entity, _count(parts, entity, many), scope, scope_kind, limit, text_only=text_only)


def _without_entity(part: str, entity: str) -> str:
    """ "book title" of a book is its title; "page title" is the title."""
    first, _, rest = part.partition(" ")
    known = {token.stem for token in tokens(entity)} | {tokens("page")[0].stem}
    return rest if rest and tokens(first) and tokens(first)[0].stem in known else part


def _count(parts: list[str], entity: str, many: bool | None) -> bool | None:
    if many is not None:
        return many
    if entity and _plural(entity):
        return True
    plural = [part for part in parts if _plural(part) and tokens(part)[-1].stem not in ("detail", "content", "hour")]
    return True if plural and len(plural) >= (len(parts) + 1) // 2 else False if parts else None


def _leading_entity(parts: list[str]) -> tuple[str, list[str]]:
    """ "product names", "prices" → product; name, price: what stands before a field word is the thing it is of."""
    if not parts:
        return "", parts
    words = parts[0].split()
    last = tokens(words[-1])
    if len(words) < 2 or not last or last[-1].stem not in _KNOWN:
        return "", parts
    if words[0].lower() in ("page", "site", "website"):
        return "", parts
    before = " ".join(words[:-1])
    kept = field_of(parts[0])
    known_thing = tokens(before) and tokens(before)[-1].stem in {tokens(thing)[0].stem for thing in _THINGS}
    if kept.known in ("name", "price", "url", "image", "rating", "description") and (known_thing or len(parts) > 1):
        if kept.known == "price" and _KNOWN.get(tokens(before)[-1].stem) == "original price":
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
    if len(stems) != 1 or not _plural(said):
        return ""
    return next((whole for word, whole in WHOLE_KINDS.items() if tokens(word)[0].canon == stems[0]), "")


def _is_thing(part: str, many: bool | None) -> bool:
    last = tokens(part)[-1].stem if tokens(part) else ""
    if last in {tokens(thing)[0].stem for thing in _THINGS}:
        return bool(many) or _plural(part)
    return last not in _KNOWN and (bool(many) or _plural(part))


def _is_field_list(text: str, *, alone: bool = False) -> bool:
    """Whether every part of a list ends in a word that names a field."""
    parts = [_trimmed(part) for part in _SPLIT.split(text)]
    parts = [part for part in parts if part]
    things = {tokens(thing)[0].stem for thing in _THINGS}
    for part in parts:
        last = tokens(part)[-1].stem if tokens(part) else ""
        if last not in _KNOWN or (alone and last in things):
            return False
    return bool(parts)


def _trimmed(part: str) -> str:
    words = [word for word in re.sub(r"[\"“”]", "", part).strip(" .:'").split() if word]
    while words and words[0].lower() in _LITTLE - {"main", "full"}:
        words.pop(0)
    return " ".join(words)


def _plural(text: str) -> bool:
    words = plain_words(text)
    return bool(words) and singular(words[-1]) != words[-1]


def _unique(fields: list[WishedField]) -> list[WishedField]:
    seen: dict[str, WishedField] = {}
    for one in fields:
        seen.setdefault(one.key, one)
    return list(seen.values())


def _spaced(name: str) -> str:
    return re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", name).replace("_", " ").replace("-", " ")


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
