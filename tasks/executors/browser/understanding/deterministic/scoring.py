"""How well each thing on the page fits a reading of the instruction. Pure: no browser is asked here.

The scores are made for the rule in choosing.py: act at 0.75 or better and 0.10 ahead of the next different target, else ask.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tasks.executors.browser.understanding.deterministic import record_places
from tasks.executors.browser.understanding.deterministic.instructions import FILLER, SOFT
from tasks.executors.browser.understanding.deterministic.reading import Reading
from tasks.executors.browser.understanding.deterministic.record_places import LIGHT
from tasks.executors.browser.understanding.deterministic.sources import Source, sources_of
from tasks.executors.browser.understanding.deterministic.words import (
    PART,
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
#: Who wants to see something does not tick a box.
_READS = frozenset("open view read show see display go visit follow".split()) | {"go to", "navigate to"}
_BOXES = ("checkbox", "radio", "switch")
_INPUTS = (*_BOXES, "textbox", "searchbox", "spinbutton")
_NAMES = ("name", "text", "label", "title")


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
    #: Whether words of the instruction stand around it only, not in what it is called itself.
    borrowed: bool = False
    missing: list[str] = field(default_factory=list)

    @property
    def index(self) -> int:
        return int(self.candidate["i"])


class Page:
    """The candidates of a page with what is common to them: how rare each word is."""

    def __init__(self, items: list[dict[str, Any]]) -> None:
        self.items = items
        self.sources = [sources_of(item) for item in items]
        counts: Counter[str] = Counter()
        for sources in self.sources:
            counts.update({token.canon for source in sources[:3] for token in source.words})
        #: What the page as a whole is about: its title, its headings, what its lists are called.
        self._about = {token.stem for text in _about(items) for token in tokens(text)}
        self._vocabulary = {token.stem for sources in self.sources for source in sources for token in source.words}
        self._whole = {one[0].words[0].stem for one in self.sources if one and len(one[0].words) == 1}
        self._begin = {words[0] for item in items if (words := plain_words(item["name"] or item["text"]))}
        #: Little words that are all there is of a name: the fields From and To.
        self.bare = {one[0].words[0].stem for one in self.sources if len(one[0].words) == 1 and one[0].words[0].stop}
        self._counts = counts
        self._rows: dict[str, list[str]] = {}
        for item in items:
            self._rows.setdefault(_called(item), []).append(_row_of(item))
        self._total = max(1, len(items))

    def rarity(self, token: Token) -> float:
        """From 0.3 (on every control) to 1 (on none or one); less for what no control but the page is called by;
        next to nothing for little words."""
        if token.stop:
            return 0.7 if token.stem in self.bare else 0.15
        seen = self._counts.get(token.canon, 0)
        if token.stem in LIGHT or token.canon in LIGHT:
            return 0.25 if not seen else 0.35
        if not seen and token.stem in self._about:
            return 0.45
        return max(0.3, math.log(1 + self._total / (1 + seen)) / math.log(1 + self._total))

    def score(self, item: dict[str, Any], reading: Reading) -> Scored:
        """How well one candidate fits one reading, before the places named in it are looked at."""
        name, why, missing = self._name_score(item, reading)
        role = role_score(item, reading) * (0.85 if reading.verb in _READS and item["role"] in _INPUTS else 1.0)
        score = name * role * _state_score(item) - reading.cost
        if self._is_named(reading):
            score -= 0.2
        return Scored(item, reading, name, role, max(0.0, score), why, missing=missing, borrowed="borrowed" in why)

    def _is_named(self, reading: Reading) -> bool:
        """Whether a verb that was taken for ours ("select the flight") is what controls of this page are called."""
        if reading.verb in ("", "type", "click", "press", "tap", "hit") or not reading.name:
            return False
        return reading.verb in self._begin and not reading.name.lower().startswith(reading.verb)

    def _name_score(self, item: dict[str, Any], reading: Reading) -> tuple[float, str, list[str]]:
        wanted = reading.tokens
        if self.bare and any(t.stop and t.stem in self.bare for t in tokens(reading.name)):
            wanted = [t for t in tokens(reading.name) if not t.stop or t.stem in self.bare]
        if not wanted:
            return (0.82, "kind", []) if reading.roles else (0.0, "", [])
        best = self._best(item, wanted, reading)
        lighter = [t for t in wanted if t.stem not in SOFT and t.stem not in FILLER]
        if lighter and len(lighter) < len(wanted):
            other = self._best(item, lighter, reading)
            best = max(best, (other[0] - 0.04, other[1], other[2]), key=lambda b: b[0])
        return max(best, self._by_record(item, wanted), key=lambda b: b[0])

    def _by_record(self, item: dict[str, Any], wanted: list[Token]) -> tuple[float, str, list[str]]:
        """Its name is among the words, and the other words stand in its record: "archive the mail from Jonas"."""
        row = _row_of(item)
        if not row or item["role"] in ("row", "listitem", "gridcell", "cell"):
            return 0.0, "", []
        best = 0.0
        for source in self.sources[item["i"]]:
            words = source.words
            if source.kind == "hints" and not any(
                other.words for other in self.sources[item["i"]] if other.kind in _NAMES
            ):
                # An icon is known by what those who made the page call it: the one word that says what it does.
                words = tuple(word for word in words if word.canon == wanted[0].canon and word.canon in ACTIONS)
            elif source.kind not in _NAMES:
                continue
            if not words or not all(any(likeness(word, token) for token in wanted) for word in content(words)):
                continue
            # Who stands in a record lends it a deed ("archive …"), not another thing of it ("Lina K" beside Quote).
            if wanted[0].stem in LIGHT or not any(likeness(wanted[0], word) for word in words):
                continue
            weights = {token.stem: self.rarity(token) for token in wanted}
            fit = record_places.of_a_record(words, wanted, row, self._rows[_called(item)], weights)
            best = max(best, fit * source.weight)
        return best, "its record fits, with borrowed words", []

    def action_of(self, reading: Reading) -> Token | None:
        """The word that says what to do with a record, where controls of this page are called so."""
        first = next(iter(reading.tokens), None)
        if reading.verb or first is None or len(reading.tokens) < 2:
            return None
        return first if first.canon in ACTIONS or plain_words(reading.name)[0] in self._begin else None

    def _best(self, item: dict[str, Any], wanted: list[Token], reading: Reading) -> tuple[float, str, list[str]]:
        sources = self.sources[item["i"]]
        best = (0.0, "", [t.stem for t in wanted])
        folded = " ".join(fold(reading.name).split())
        for source in sources:
            if source.kind == "text after" and wanted[0].canon in CHANGES:
                # What stands beside a box is not what the box does.
                continue
            if (
                folded
                and source.raw.replace(" ", "") == folded.replace(" ", "")
                and source.kind in ("name", "text", "label", "placeholder")
            ):
                return (1.0 if source.weight > 0.97 else max(source.weight, 0.9), f"{source.kind} is the same", [])
            score, missing, borrowed = self._source_score(item, wanted, source, reading)
            if score * source.weight > best[0]:
                best = (
                    score * source.weight,
                    f"{source.kind} fits{', with borrowed words' if borrowed else ''}",
                    missing,
                )
        return best

    def _source_score(
        self, item: dict[str, Any], wanted: list[Token], source: Source, reading: Reading
    ) -> tuple[float, list[str], bool]:
        """Coverage of what was asked by this text (the rest may come from elsewhere at a discount), times precision."""
        offered, sources = source.words, self.sources[item["i"]]
        if not offered:
            return 0.0, [], False
        total = got = 0.0
        own_hits = 0
        missing: list[str] = []
        used: set[int] = set()
        for token in wanted:
            weight = self.rarity(token)
            total += weight
            slips = token.stem not in self._vocabulary
            credit, at = max(
                ((likeness(token, other, slips=slips), n) for n, other in enumerate(offered)), default=(0.0, -1)
            )
            if credit == PART and (parts := _parts(token, offered)):
                credit = 0.95
                used.update(parts)
            if credit:
                used.add(at)
                own_hits += 1
            else:
                noun = bool(reading.verb or reading.role_word) or _all_meant(source, wanted)
                elsewhere = token.stem in self._whole and not _of_its_list(token, item)
                credit = 0.0 if elsewhere else _borrowed(token, source, sources, leads=token is wanted[0], noun=noun)
            if not credit:
                missing.append(token.stem)
            got += weight * credit
        if not own_hits or (wanted[0].canon in ACTIONS and wanted[0].stem in missing):
            return 0.0, missing, False
        coverage = got / total
        asked = {t.stem for t in wanted}
        # How many there are ("Cart (2)", "Inbox 12") is no part of a name.
        meant = [t for t in content(offered) if not t.stem.isdigit() or t.stem in asked] or content(offered)
        precision = sum(self.rarity(t) for n, t in enumerate(offered) if n in used) / sum(self.rarity(t) for t in meant)
        precision = 1.0 if source.kind == "hints" else min(1.0, precision)
        score = coverage * (0.8 + 0.14 * precision)
        if any(t.canon in CHANGES and n not in used for n, t in enumerate(offered)):
            score *= 0.84
        return (score if not missing else score * coverage), missing, own_hits + len(missing) < len(wanted)


def _parts(token: Token, offered: tuple[Token, ...]) -> set[int]:
    """The words that a word is written together from: Direktverbindungen of "direkte Verbindungen"."""
    parts = {n for n, other in enumerate(offered) if len(other.stem) > 3 and other.stem in token.stem}
    return parts if len(parts) > 1 and sum(len(offered[n].stem) for n in parts) >= 0.8 * len(token.stem) else set()


def _of_its_list(token: Token, item: dict[str, Any]) -> bool:
    """Whether the records it stands in are called so: the deal of a table of deals."""
    return any(likeness(token, name) for place in item["records"] for name in (*place.names, *place.headings))


def _all_meant(source: Source, wanted: list[Token]) -> bool:
    """Whether every word of a control's name was asked for: "size 42" is what "42" under "Size" is called."""
    return source.kind in ("name", "text", "label") and {word.stem for word in source.words} <= {t.stem for t in wanted}


def role_score(item: dict[str, Any], reading: Reading) -> float:
    """Whether it is the kind of control that was asked for."""
    rank = {"native": 1.0, "role": 1.0, "label": 0.98, "handler": 0.97, "pointer": 0.96, "text": 0.88}[item["rank"]]
    if not reading.roles and reading.verb in _SWITCHES and item["rank"] == "text":
        return rank * 0.85
    if not reading.roles:
        return rank * (0.92 if item["role"] in ("textbox", "searchbox") and reading.verb != "type" else 1.0)
    if reading.role_word in ("row", "cell") and reading.verb in _SWITCHES | {"select", "choose", "mark"}:
        return rank * (1.0 if item["role"] in _BOXES else 0.72)
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
        score *= 0.96
    if item["top"] is False:
        score *= 0.96
    if item["hidden"]:
        score *= 0.96
    return score


def _borrowed(token: Token, source: Source, sources: list[Source], *, leads: bool, noun: bool) -> float:
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


def _about(items: list[dict[str, Any]]) -> set[str]:
    names = {place.called for item in items for place in item["records"]}
    headings = {place.heading for item in items for place in item["records"]}
    return (
        names
        | headings
        | {group for item in items for group in item["groups"]}
        | {item.get("page", "") for item in items}
    )


def _called(item: dict[str, Any]) -> str:
    return fold(item["name"] or item["text"] or item["title"])


def _row_of(item: dict[str, Any]) -> str:
    return str(item["row"] or item["near"])
