"""Fields of a wish: what kind of value one is, and the words a page may call it by."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from tasks.executors.browser.understanding.deterministic.words import Token, content, plain_words, tokens

#: Field → (kind of value, words it goes by). The kind says which values fit and how they are typed.
VOCABULARY: dict[str, tuple[str, str]] = {
    "name": ("name", "name title headline heading product label subject ttl titel bezeichnung"),
    "price": (
        "money",
        "price cost amount fee pricing fare rate total preis kosten betrag charge summe gesamtpreis gesamtbetrag gesamtsumme endbetrag",
    ),
    "original price": ("oldmoney", "original old list regular was previous rrp strike"),
    "date": ("date", "date published publication posted day when created updated released release datum zeitpunkt"),
    "time": ("time", "time uhrzeit hour zeit clock"),
    "duration": ("time", "duration runtime length dauer laufzeit"),
    "period": ("date", "period zeitraum"),
    "author": (
        "author",
        "author writer byline by creator poster username user posted who sender autor verfasser absender",
    ),
    "description": (
        "long",
        "description summary teaser excerpt abstract blurb desc details overview intro snippet subtitle beschreibung",
    ),
    "image": ("image", "image picture photo thumbnail img cover logo bild"),
    "url": ("url", "url link href permalink"),
    "rating": ("rating", "rating star score grade stars bewertung"),
    "reviews": ("count", "reviews votes ratings"),
    "availability": ("text", "availability stock available instock verfugbarkeit lager"),
    "status": ("text", "status state badge pill chip zustand"),
    "sku": ("text", "sku mpn ean isbn upc code article id number artikelnummer"),
    "brand": ("text", "brand manufacturer maker vendor marke hersteller"),
    "category": ("text", "category section topic genre department kategorie"),
    "servings": ("text", "servings serves yield portions portionen"),
    "tags": ("text", "tags tag keywords labels"),
    "location": ("text", "location place city venue where region area loc ort standort"),
    "company": ("text", "company employer organization organisation firm org firma unternehmen arbeitgeber"),
    "salary": ("text", "salary pay wage compensation gehalt lohn"),
    "email": ("email", "email mail"),
    "phone": ("phone", "phone telephone mobile tel telefon"),
    "fax": ("phone", "fax telefax"),
    "address": ("text", "address street adresse anschrift"),
    "content": ("body", "content text body article story post"),
    "quantity": ("count", "quantity qty count units menge anzahl"),
    "comment": ("long", "comment review text message quote msg"),
    "position": ("text", "position role job rank"),
}
KNOWN: dict[str, str] = {}
for _name, (_kind, _words) in VOCABULARY.items():
    for _word in _words.split():
        KNOWN.setdefault(tokens(_word)[0].stem, _name)
        KNOWN.setdefault(tokens(_word)[0].canon, _name)
#: "the product details" are whatever there is.
EVERYTHING = {
    token.stem for token in tokens("details information info data specifications specs facts attributes properties")
}
TITLES = {token.stem for token in tokens("name title headline heading content")}
LITTLE = frozenset(
    "the a an its their all every each of any this these those following full complete exact main respective his her your our".split()
)


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
    optional: bool = False


def field_of(name: str, *, key: str = "") -> WishedField:
    """One field by its name in an instruction or a schema."""
    own = tuple(content(tokens(spaced(name))))
    known = next((KNOWN[word] for token in reversed(own) for word in (token.stem, token.canon) if word in KNOWN), "")
    if known == "price" and any(KNOWN.get(token.stem) == "original price" for token in own):
        known = "original price"
    if known == "price" and len(own) > 1 and own[-1].stem == "rate":
        known = ""  # an open rate is no price
    if (
        known == "price"
        and len(own) > 1
        and any(re.fullmatch(r"alte[nrs]?|statt|ehemalige?r?|frühere?r?", word, re.I) for word in name.split())
    ):
        known = "original price"
    if known == "time" and len(own) > 1 and not {own[-1].stem, own[-1].canon} & KNOWN.keys():
        known = ""  # a time perspective is no time
    if known == "date" and own[-1].stem == "post" and is_plural(name):
        known = ""  # posts are no dates
    if known in ("name", "sku", "content", "comment") and len(own) > 1 and own[-1].stem not in TITLES:
        known = ""
    kind, words = VOCABULARY.get(known, ("text", ""))
    synonyms = tuple(tokens(words)) if known else ()
    return WishedField(key or key_of(name), kind, (*own, *synonyms), known, own, plural=is_plural(name))


def key_of(name: str, *, as_written: bool = False) -> str:
    """A field's key: camelCase of its words, in the singular unless it is the page's own word."""
    words = [word for word in plain_words(spaced(name)) if word not in LITTLE] or plain_words(name) or ["value"]
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


def is_plural(text: str) -> bool:
    """Whether the last word of a name is a plural."""
    words = plain_words(text)
    return bool(words) and singular(words[-1]) != words[-1]


def spaced(name: str) -> str:
    """camelCase and snake_case as words."""
    return re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", name).replace("_", " ").replace("-", " ")
