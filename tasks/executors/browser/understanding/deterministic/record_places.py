"""What is told by the record it stands in: "archive the mail from Jonas", "open the third conversation". Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from tasks.executors.browser.understanding.deterministic.instructions import SOFT
from tasks.executors.browser.understanding.deterministic.reading import Context, Reading
from tasks.executors.browser.understanding.deterministic.vocabulary import PARTS
from tasks.executors.browser.understanding.deterministic.words import Token, content, likeness, tokens

#: Words for one of many that fit every list of records.
_ANY_RECORD = frozenset(
    token.stem
    for token in tokens(
        "result item entry card listing record row article post story product tile line box block zeile eintrag ergebnis karte kachel"
    )
)
#: What holds records: "the third campaign in the list".
_HOLDERS = frozenset(token.stem for token in tokens("list table page liste tabelle seite"))
#: What a thing is, said beside its name ("size 42", "page 3", "letter F"): little is lost when nothing is called so.
LIGHT = frozenset(
    token.stem
    for word in [
        *PARTS,
        *"letter size option number profile version folder set day date time colour page plan tier chapter all field name value thing stuff same".split(),
    ]
    for token in tokens(word)
)
_PREPOSITIONS = frozenset("in on under below of at from for within inside".split())
_TICK = frozenset("check tick select mark uncheck untick choose pick toggle".split())
_BOXES = ("checkbox", "radio", "switch", "menuitemcheckbox", "menuitemradio")
_ASIDE = frozenset(["nav", "footer", "header", "aside", "menu", "tabs", "toolbar"])


@dataclass(frozen=True)
class Place:
    """A control's record: the `at`-th (from 1) of a list of `of`, with what the list is called and under which heading."""

    list: tuple[tuple[int, ...], int]
    at: int
    of: int = field(compare=False)
    #: Mean length of a record's text.
    size: int = field(compare=False)
    called: str = field(compare=False)
    heading: str = field(compare=False)

    @cached_property
    def names(self) -> tuple[Token, ...]:
        return tokens(self.called)

    @cached_property
    def headings(self) -> tuple[Token, ...]:
        return tokens(self.heading)


@dataclass
class Counted:
    """The control that stands for the n-th record, and how surely its list is the one that was meant."""

    item: dict[str, Any]
    score: float
    why: str


def nth(items: list[dict[str, Any]], reading: Reading, action: Token | None) -> Counted | None:
    """The control of the n-th record of the list that is called as the reading says; None when no list is, or two are.

    Where no list is called so, the page's one great list is meant: "the third conversation" of an inbox.
    """
    if _PREPOSITIONS & set(reading.name.lower().split()) or len(reading.contexts) > 1 or reading.verb == "type":
        return None
    noun = [token for token in reading.tokens if token != action] or list(tokens(reading.role_word))
    noun = [token for token in noun if token.stem not in SOFT and token.stem not in _HOLDERS] or noun
    lists: dict[Any, list[tuple[Place, dict[str, Any]]]] = {}
    for item in items:
        for place in item["records"]:
            lists.setdefault(place.list, []).append((place, item))
    where = reading.contexts[0] if reading.contexts else None
    lists = {
        key: members
        for key, members in lists.items()
        if members[0][0].of >= abs(reading.ordinal) and (where is None or _stands(members, where))
    }
    fitting = sorted(((_fit(noun, members), key) for key, members in lists.items()), key=lambda pair: -pair[0])
    if not noun or not fitting:
        return None
    if fitting[0][0] < 0.3:
        thing = any(token.stem not in LIGHT for token in noun)
        fitting = [(0.8, key) for key in lists] if where is not None else _greatest(lists) if thing else []
    if not fitting or fitting[0][0] < 0.6 or (len(fitting) > 1 and fitting[0][0] - fitting[1][0] < 0.02):
        return None
    fit, key = fitting[0]
    members = lists[key]
    at = reading.ordinal if reading.ordinal > 0 else members[0][0].of + 1 + reading.ordinal
    within = [item for place, item in members if place.at == at]
    control = _control(within, reading, action)
    return Counted(control, 0.76 + 0.1 * fit, f"record {at} of {members[0][0].of}") if control else None


def _stands(members: list[tuple[Place, dict[str, Any]]], where: Context) -> bool:
    """Whether a list stands under the heading, or in the part of the page, that is named."""
    place, first = members[0]
    if where.sides or where.relation not in ("within", "below"):
        return False
    if where.region and not set(where.region) & set(first["marks"]):
        return False
    return all(any(likeness(word, other) for other in (*place.names, *place.headings)) for word in where.tokens)


def _greatest(lists: dict[Any, list[tuple[Place, dict[str, Any]]]]) -> list[tuple[float, Any]]:
    """The list with the most text, when it has at least twice as much as any other of the page's main part."""
    sizes = sorted(
        ((members[0][0].of * members[0][0].size, key) for key, members in lists.items()
         if members[0][0].of > 2 and members[0][0].size > 20 and not _ASIDE & set(members[0][1]["marks"])),
        key=lambda pair: -pair[0],
    )  # fmt: skip
    return [(0.62, sizes[0][1])] if sizes and (len(sizes) == 1 or sizes[0][0] >= 2 * sizes[1][0]) else []


def _fit(noun: list[Token], members: list[tuple[Place, dict[str, Any]]]) -> float:
    place, first = members[0]
    named = [max((likeness(word, other) for other in place.names), default=0.0) for word in noun]
    headed = [max((likeness(word, other) for other in place.headings), default=0.0) for word in noun]
    generic = [0.8 if word.stem in _ANY_RECORD else 0.0 for word in noun]
    fit = sum(max(n, 0.98 * h, g) for n, h, g in zip(named, headed, generic, strict=True)) / max(1, len(noun))
    if _ASIDE & set(first["marks"]) and max(headed, default=0.0) < 0.9:
        fit *= 0.8
    return fit * (0.95 + 0.05 * min(place.size, 60) / 60) * (0.9 if place.of < 3 else 1.0)


def _control(within: list[dict[str, Any]], reading: Reading, action: Token | None) -> dict[str, Any] | None:
    """Of a record's controls the one for what is to be done: its box, its button of that name, or what opens it."""
    if not within:
        return None
    if action is not None:
        named = [item for item in within if any(likeness(action, t) for t in tokens(item["name"] or item["title"]))]
        return named[0] if len(named) == 1 else None
    if reading.verb in _TICK:
        boxes = [item for item in within if item["role"] in _BOXES]
        if boxes:
            return boxes[0]
    if reading.roles:
        of_kind = [item for item in within if item["role"] in reading.roles[:1]]
        return of_kind[0] if of_kind else None
    links = [item for item in within if item["role"] == "link" and (item["name"] or item["text"])]
    others = [item for item in within if item["role"] not in _BOXES and item["rank"] != "text"]
    return next(iter(links or others), None)


def of_a_record(
    own: tuple[Token, ...], wanted: list[Token], row: str, twins: list[str], rarity: dict[str, float]
) -> float:
    """How well a control whose name is among the words ("archive …") fits by the record it stands in (… "Jonas Feld").

    `twins` are the rows of all that are called so. A word that no row or every row holds tells nothing.
    """
    rest = [token for token in wanted if not any(likeness(token, other) for other in content(own))]
    rest = [token for token in rest if token.stem not in SOFT]
    if not rest or not row:
        return 0.0
    here = tokens(row)
    got = total = 0.0
    told = False
    for token in rest:
        holds = _in(token, here)
        share = sum(_in(token, tokens(other)) for other in twins) / len(twins)
        telling = len(twins) == 1 or 0 < share < 1
        weight = rarity.get(token.stem, 1.0) if telling else 0.3
        total += weight
        got += weight * holds
        told = told or (holds and telling)
    return 0.92 * got / total if told else 0.0


def _in(token: Token, texts: tuple[Token, ...]) -> bool:
    return any(likeness(token, other) >= 0.85 for other in texts)
