"""A column of values, of a table or of repeated records: what kind of values it holds, and which field it could be."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from tasks.executors.browser.understanding.deterministic import values
from tasks.executors.browser.understanding.deterministic.wish_fields import WishedField
from tasks.executors.browser.understanding.deterministic.words import tokens

_URL = re.compile(r"^https?://\S+$")
_LOOKED_AT = 40


@dataclass
class Column:
    """Texts by record ("" where one has none) and the shares of them that are of each kind."""

    key: str
    texts: list[str]
    kind: str = "text"
    tag: str = ""
    words: frozenset[str] = frozenset()
    label: str = ""
    position: int = 0
    struck: float = 0.0
    links: float = 0.0
    fill: float = 0.0
    distinct: float = 0.0
    length: float = 0.0
    shares: dict[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, key: str, texts: list[str], *, kind: str = "text", position: int = 0) -> Column:
        """A column with its shares measured."""
        column = cls(key, texts, kind=kind, position=position)
        filled = [text for text in texts if text]
        column.fill = len(filled) / max(1, len(texts))
        column.distinct = len(set(filled)) / max(1, len(filled))
        column.length = sum(len(text) for text in filled) / max(1, len(filled))
        sample = filled[:_LOOKED_AT]
        tests = {
            "money": lambda t: values.money(t) is not None and len(t) < 60,
            "date": values.looks_dated,
            "time": values.looks_timed,
            "rating": lambda t: len(t) < 60 and values.rating(t) is not None and not values.money(t),
            "email": lambda t: values.email(t) is not None and len(t) < 80,
            "phone": lambda t: values.phone(t) is not None and len(t) < 60,
            "number": lambda t: bool(re.fullmatch(r"[\W_]*[\d.,\s]+[\W_]*(?:\w{1,12})?", t)),
            "url": lambda t: bool(_URL.match(t)),
        }
        column.shares = {name: sum(map(test, sample)) / max(1, len(sample)) for name, test in tests.items()}
        return column

    @property
    def filled(self) -> bool:
        return self.fill > 0

    @property
    def constant(self) -> bool:
        """The same in every record: a button's caption, not a value."""
        return len(self.texts) > 2 and self.distinct * len([t for t in self.texts if t]) <= 1.0


def says(one: WishedField, column: Column) -> bool:
    """Whether the values say themselves what they are: "98 reviews" are reviews."""
    if not one.own or one.kind not in ("text", "count") or column.constant or column.kind != "text":
        return False
    filled = [text for text in column.texts if text][:_LOOKED_AT]
    counted = [text for text in filled if len(text) < 40 and re.search(r"\d", text)]
    said = [text for text in counted if {token.stem for token in one.own} <= {token.stem for token in tokens(text)}]
    return len(filled) > 1 and len(said) >= 0.7 * len(filled)


def kind_fit(one: WishedField, column: Column) -> float:
    """How well the values of a column suit the kind of a field, from 0 to 1."""
    share = column.shares
    if column.kind in ("image", "href") and one.kind not in ("image", "url"):
        return 0.0
    if one.kind in ("money", "oldmoney"):
        fit = max(share["money"], 0.35 * share["number"])
        return (
            fit * (0.5 if column.struck > 0.5 else 1.0)
            if one.kind == "money"
            else fit * (1.0 if column.struck > 0.5 else 0.6)
        )
    if one.kind == "date":
        # Today's mails show the time of day, older ones the date.
        mixed = sum(values.looks_dated(t) or values.looks_timed(t) for t in column.texts[:_LOOKED_AT] if len(t) < 20)
        filled = sum(1 for t in column.texts[:_LOOKED_AT] if t)
        return 1.0 if column.kind == "datetime" else max(share["date"], mixed / filled if share["date"] >= 0.3 else 0.0)
    if one.kind == "time":
        return max(share["time"], 0.8 * share["date"], 0.8 if column.kind == "datetime" else 0.0)
    if one.kind == "rating":
        return 1.0 if column.kind == "rating" else share["rating"]
    if one.kind == "count":
        return max(share["number"], 0.6 if share["rating"] else 0.0)
    if one.kind in ("email", "phone"):
        return share[one.kind]
    if one.kind == "image":
        return 1.0 if column.kind == "image" else 0.0
    if one.kind == "url":
        return 1.0 if column.kind == "href" else 0.7 * share["url"]
    return _text_fit(one, column)


def _text_fit(one: WishedField, column: Column) -> float:
    if column.kind in ("image", "href", "datetime", "rating"):
        return 0.0
    odd = max(column.shares["money"], column.shares["url"])
    if one.kind in ("long", "body"):
        return (1.0 if column.length > 60 else 0.7 if column.length > 25 else 0.35) * (1 - odd)
    if one.kind == "name":
        return (1.0 if 2 < column.length < 200 else 0.4) * (1 - odd) * (0.4 if column.shares["date"] > 0.6 else 1.0)
    return (0.8 if column.length < 200 else 0.4) * (1 - 0.6 * odd)
