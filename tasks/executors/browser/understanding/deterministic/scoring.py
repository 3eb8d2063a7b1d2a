"""How well each thing on the page fits a reading of the instruction. Pure: no browser is asked here.

Figures come from BROWSER's rule: act at 0.75 or better and 0.10 ahead of the next different target, else ask.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tasks.executors.browser.understanding.deterministic.instructions import FILLER, SOFT, Reading
from tasks.executors.browser.understanding.deterministic.words import (
    Token,
    content,
    fold,
    likeness,
    plain_words,
    tokens,
)

#: Words that say what would happen: they must be the control's own, never borrowed from its surroundings.
ACTIONS = frozenset(
    token.canon
    for word in (
        "delete remove add edit save submit send buy order pay cancel close open accept reject decline approve "
        "confirm login logout signup subscribe unsubscribe download upload next previous back continue search "
        "share reply like follow unfollow block report archive restore duplicate copy print export import start "
        "stop pause play enable disable show hide expand collapse view update publish book reserve checkout apply "
        "reset clear create rename move assign sort filter refresh install upgrade connect disconnect star pin "
        "like flag mute snooze bookmark vote undo redo call invite ban unpublish deactivate activate "
    ).split()
    for token in tokens(word)
)
#: Those of them nobody wants done who did not ask: "account" is not "Delete account".
CHANGES = frozenset(
    token.canon
    for word in (
        "delete", "remove", "add", "edit", "buy", "pay", "cancel", "reject", "decline", "unsubscribe", "unfollow",
        "block", "archive", "restore", "duplicate", "clear", "reset", "rename", "disconnect", "disable", "logout",
    )
    for token in tokens(word)
)  # fmt: skip
#: Asked for by these names, plain text is not meant.
_PLAIN_FIELDS = frozenset(
    [
        "checkbox",
        "check box",
        "tick box",
        "radio",
        "radio button",
        "switch",
        "toggle",
        "field",
        "text field",
        "slider",
        "dropdown",
    ]
)
_SWITCHES = frozenset(
    [
        "turn on",
        "turn off",
        "toggle",
        "check",
        "uncheck",
        "tick",
        "untick",
        "enable",
        "disable",
        "switch on",
        "switch off",
    ]
)
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


@dataclass
class Scored:
    """One candidate under one reading."""

    candidate: dict[str, Any]
    reading: Reading
    name_score: float
    role_score: float
    score: float
    why: str
    context_score: float = 1.0
    missing: list[str] = field(default_factory=list)

    @property
    def index(self) -> int:
        return int(self.candidate["i"])


@dataclass(frozen=True)
class _Source:
    """One text a candidate is known by, and how much it counts."""

    words: tuple[Token, ...]
    weight: float
    kind: str
    raw: str = ""


class Page:
    """The candidates of a page with what is common to them: how rare each word is."""

    def __init__(self, items: list[dict[str, Any]]) -> None:
        self.items = items
        self.sources = [_sources(item) for item in items]
        counts: Counter[str] = Counter()
        for sources in self.sources:
            counts.update({token.canon for source in sources[:3] for token in source.words})
        self._whole = {one[0].words[0].stem for one in self.sources if one and len(one[0].words) == 1}
        self._begin = {words[0] for item in items if (words := plain_words(item["name"] or item["text"]))}
        #: Little words that are all there is of a name: the fields From and To.
        self.bare = {one[0].words[0].stem for one in self.sources if len(one[0].words) == 1 and one[0].words[0].stop}
        self._counts = counts
        self._total = max(1, len(items))

    def rarity(self, token: Token) -> float:
        """From 0.3 (on every control) to 1 (on none or one); next to nothing for little words."""
        if token.stop:
            return 0.7 if token.stem in self.bare else 0.15
        seen = self._counts.get(token.canon, 0)
        return max(0.3, math.log(1 + self._total / (1 + seen)) / math.log(1 + self._total))

    def score(self, item: dict[str, Any], reading: Reading) -> Scored:
        """How well one candidate fits one reading, before the places named in it are looked at."""
        name, why, missing = self._name_score(item, reading)
        role = role_score(item, reading)
        score = name * role * _state_score(item) - reading.cost
        if self._is_named(reading):
            score -= 0.2
        return Scored(item, reading, name, role, max(0.0, score), why, missing=missing)

    def _is_named(self, reading: Reading) -> bool:
        """Whether a verb that was taken for ours ("select the flight") is what controls of this page are called."""
        if reading.verb in ("", "click", "press", "tap", "hit") or not reading.name:
            return False
        return reading.verb in self._begin and not reading.name.lower().startswith(reading.verb)

    def _name_score(self, item: dict[str, Any], reading: Reading) -> tuple[float, str, list[str]]:
        wanted = reading.tokens
        if self.bare and any(t.stop and t.stem in self.bare for t in tokens(reading.name)):
            wanted = [t for t in tokens(reading.name) if not t.stop or t.stem in self.bare]
        if not wanted:
            return (0.9, "kind", []) if reading.roles else (0.0, "", [])
        best = self._best(item, wanted, reading)
        lighter = [t for t in wanted if t.stem not in SOFT and t.stem not in FILLER]
        if lighter and len(lighter) < len(wanted):
            other = self._best(item, lighter, reading)
            best = max(best, (other[0] - 0.04, other[1], other[2]), key=lambda b: b[0])
        return best

    def _best(self, item: dict[str, Any], wanted: list[Token], reading: Reading) -> tuple[float, str, list[str]]:
        sources = self.sources[item["i"]]
        best = (0.0, "", [t.stem for t in wanted])
        folded = " ".join(fold(reading.name).split())
        for source in sources:
            if (
                folded
                and source.raw.replace(" ", "") == folded.replace(" ", "")
                and source.kind in ("name", "text", "label", "placeholder")
            ):
                return (1.0 if source.kind != "placeholder" else 0.98, f"{source.kind} is the same", [])
            score, missing = self._source_score(wanted, source, sources, reading)
            if score * source.weight > best[0]:
                best = (score * source.weight, f"{source.kind} fits", missing)
        return best

    def _source_score(
        self, wanted: list[Token], source: _Source, sources: list[_Source], reading: Reading
    ) -> tuple[float, list[str]]:
        """Coverage of what was asked by this text (the rest may come from elsewhere at a discount), times precision."""
        offered = source.words
        if not offered:
            return 0.0, []
        total = got = 0.0
        own_hits = 0
        missing: list[str] = []
        used: set[int] = set()
        for token in wanted:
            weight = self.rarity(token)
            total += weight
            credit, at = max(((likeness(token, other), n) for n, other in enumerate(offered)), default=(0.0, -1))
            if credit:
                used.add(at)
                own_hits += 1
            else:
                noun = bool(reading.verb or reading.role_word) or _all_meant(source, wanted)
                credit = (
                    0.0
                    if token.stem in self._whole
                    else _borrowed(token, source, sources, leads=token is wanted[0], noun=noun)
                )
            if not credit:
                missing.append(token.stem)
            got += weight * credit
        if not own_hits or (wanted[0].canon in ACTIONS and wanted[0].stem in missing):
            return 0.0, missing
        coverage = got / total
        asked = {t.stem for t in wanted}
        # How many there are ("Cart (2)", "Inbox 12") is no part of a name.
        meant = [t for t in content(offered) if not t.stem.isdigit() or t.stem in asked] or content(offered)
        precision = sum(self.rarity(t) for n, t in enumerate(offered) if n in used) / sum(self.rarity(t) for t in meant)
        precision = 1.0 if source.kind == "hints" else min(1.0, precision)
        score = coverage * (0.8 + 0.14 * precision)
        if any(t.canon in CHANGES and n not in used for n, t in enumerate(offered)):
            score *= 0.84
        return (score if not missing else score * coverage), missing


def _all_meant(source: _Source, wanted: list[Token]) -> bool:
    """Whether every word of a control's name was asked for: "size 42" is what "42" under "Size" is called."""
    return source.kind in ("name", "text", "label") and {word.stem for word in source.words} <= {t.stem for t in wanted}


def role_score(item: dict[str, Any], reading: Reading) -> float:
    """Whether it is the kind of control that was asked for."""
    rank = {"native": 1.0, "role": 1.0, "label": 0.98, "handler": 0.97, "pointer": 0.96, "text": 0.88}[item["rank"]]
    if not reading.roles and reading.verb in _SWITCHES and item["rank"] == "text":
        return rank * 0.85
    if not reading.roles:
        return rank * (0.92 if item["role"] in ("textbox", "searchbox") and reading.verb != "type" else 1.0)
    if reading.role_word == "icon" and len(item["text"]) > 3:
        return rank * 0.85
    if item["role"] == reading.roles[0] or _also(item, reading.role_word):
        return rank
    if item["role"] in reading.roles:
        return rank * 0.96
    if reading.role_word == "submit button":
        return rank if item["type"] == "submit" and "form" in item["marks"] else 0.3
    if reading.role_word in _PLAIN_FIELDS and item["rank"] in ("text", "pointer"):
        return rank * 0.72
    if item["rank"] in ("handler", "pointer", "text", "label") and item["role"] not in ("textbox", "combobox"):
        return rank * 0.95
    return rank * 0.72


def _also(item: dict[str, Any], role_word: str) -> bool:
    """What the role does not say: a submit input is a button, a link dressed as a button is one to the reader."""
    if role_word == "button":
        return item["role"] == "link" and any(hint in ("btn", "button", "cta") for hint in item["hints"])
    if role_word == "icon":
        return not item["text"] or len(item["text"]) <= 2
    if role_word in ("search box", "search bar", "search field"):
        return item["role"] == "searchbox" or item["type"] == "search"
    if role_word in ("text area", "textarea"):
        return bool(item["tag"] == "textarea")
    if role_word in ("dropdown", "drop down", "select"):
        return item["tag"] == "select" or item["expanded"] is not None
    return role_word in ("date picker",) and item["type"] in ("date", "datetime-local")


def _state_score(item: dict[str, Any]) -> float:
    score = 1.0
    if item["disabled"]:
        score *= 0.85
    if item["top"] is False:
        score *= 0.85
    if item["hidden"]:
        score *= 0.9
    return score


def _borrowed(token: Token, source: _Source, sources: list[_Source], *, leads: bool, noun: bool) -> float:
    """A word the text lacks may stand in another of the control's texts, or around it when it names no action."""
    if source.kind in ("around", "hints"):
        return 0.0
    for other in sources:
        # Without a verb of ours before it, the first word is what would be done ("star the message"): nobody lends that.
        if other.kind == "around" and leads and (token.canon in ACTIONS or not noun):
            continue
        if other is not source and any(likeness(token, word) >= 0.9 for word in other.words):
            return 0.78 if other.kind == "around" else 0.88
    return 0.0


def _sources(item: dict[str, Any]) -> list[_Source]:
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
        _Source(tokens(text), weight, kind, " ".join(fold(text).strip(" :*").split()))
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
    return [*found, _Source(tokens(around), 0.0, "around")]


def _label_of(text: str) -> str:
    return text.strip(" :*")
