"""The texts a candidate is known by: its name, its label, what stands beside it, what its makers call it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from tasks.executors.browser.understanding.deterministic.words import Token, fold, tokens

#: Signs before a name that are no part of it.
_DECORATION = re.compile(r"^[+☆★♡♥›»→↓✓•⬇▸▾\s]+(?=\w)|\s+[+›»→↓▸▾▼]+$")
_FIELD_TYPES = {
    "email": "email", "tel": "phone telephone", "password": "password", "search": "search", "url": "url website link",
    "number": "number", "date": "date", "time": "time", "datetime-local": "date time", "month": "month",
    "color": "color", "file": "file upload", "range": "range slider",
}  # fmt: skip
_AUTOCOMPLETE = {
    "given": "first name", "family": "last name", "tel": "phone", "bday": "birthday", "organization": "company",
    "cc": "card", "postal": "zip",
}  # fmt: skip


@dataclass(frozen=True)
class Source:
    """One text a candidate is known by, and how much it counts."""

    words: tuple[Token, ...]
    weight: float
    kind: str
    raw: str = ""


def sources_of(item: dict[str, Any]) -> list[Source]:
    """The texts a candidate is known by, its name first."""
    named = any(any(c.isalpha() for c in item[key]) for key in ("name", "text", "label"))
    texts = [
        ("name", item["name"], 1.0),
        ("text", item["text"], 0.99),
        ("name", _DECORATION.sub("", item["text"] or item["name"]), 1.0),
        ("label", item["label"], 1.0),
        ("placeholder", item["placeholder"], 0.97),
        ("title", item["title"], 0.95),
        ("label", _label_of(item["before"]), 0.96 if not item["label"] else 0.8),
        ("text after", item["after"] if item["type"] in ("checkbox", "radio") or not item["before"] else "", 0.94),
        ("description", item["description"], 0.8),
        ("column", item["column"], 0.86),
        ("type", _FIELD_TYPES.get(item["type"], "") if item["tag"] == "input" else "", 0.9),
        (
            "hints",
            " ".join([*item["hints"], *(_AUTOCOMPLETE.get(hint, "") for hint in item["hints"])]),
            0.8 if named else 0.9,
        ),
        ("options", " ".join(item["options"][:20]), 0.7),
    ]
    found = [
        Source(tokens(text), weight, kind, " ".join(fold(text).strip(" :*").split()))
        for kind, text, weight in texts
        if text
    ]
    around = " ".join(
        [
            *item["groups"],
            item["row"][:200],
            item["near"],
            item["heading"],
            " ".join(item["zone"]),
            *item["marks"],
            item.get("page", ""),
        ]
    )
    return [*found, Source(tokens(around), 0.0, "around")]


def _label_of(text: str) -> str:
    return text.strip(" :*")
