"""Which candidate is meant, or that nobody can tell. Pure but for the `lookup` of places."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tasks.executors.browser.understanding.deterministic import places, record_places
from tasks.executors.browser.understanding.deterministic.instructions import readings
from tasks.executors.browser.understanding.deterministic.places import Lookup
from tasks.executors.browser.understanding.deterministic.reading import Reading
from tasks.executors.browser.understanding.deterministic.scoring import Page, Scored

ENOUGH = 0.75
AHEAD = 0.10
#: One that is called exactly so need not be as far ahead of one that is merely called similarly.
AHEAD_WHEN_SAME = 0.035
#: What nothing else comes near may fit a little less.
ENOUGH_WHEN_ALONE = 0.58
ALONE = 0.2
#: What only those who made the page call it, or what stands in it.
_WEAK = ("hints", "options", "type")
_WORTH_A_LOOK = 0.4
_MOST = 60
#: What people count that is a record, not a control: "the first product".
_RECORDS = frozenset("product result item article post entry card listing story record job book".split())


@dataclass
class Decision:
    """The chosen candidate, or None with the best ones that there were."""

    chosen: Scored | None
    ranked: list[Scored] = field(default_factory=list)
    reason: str = ""

    @property
    def runner_up(self) -> float:
        return next((one.score for one in self.ranked[1:]), 0.0)


def decide(items: list[dict[str, Any]], instruction: str, kind: str, lookup: Lookup, value: str = "") -> Decision:
    """Applies the margin rule to the best reading of every candidate."""
    page = Page(items)
    best: dict[int, Scored] = {}
    for reading in readings(instruction, kind, value):
        for one in _under(page, reading, lookup):
            if one.index not in best or one.score > best[one.index].score:
                best[one.index] = one
    ranked = _distinct(sorted(best.values(), key=lambda one: (-one.score, -_written_so(one), one.index)), items)
    return _judge(ranked)


def _judge(ranked: list[Scored]) -> Decision:
    ahead = ranked[0].score - (ranked[1].score if len(ranked) > 1 else 0.0) if ranked else 0.0
    if not ranked or ranked[0].score < (
        ENOUGH_WHEN_ALONE if ahead >= ALONE and ranked[0].context_score >= 0.6 else ENOUGH
    ):
        return Decision(None, ranked[:5], "nothing on the page fits well enough")
    first = ranked[0]
    second = ranked[1] if len(ranked) > 1 else None
    if second and first.score - second.score < _needed(first, second):
        return Decision(None, ranked[:5], "several things on the page fit equally well")
    return Decision(first, ranked[:5])


def _needed(first: Scored, second: Scored) -> float:
    """How far ahead the first must be: less where something plain tells them apart."""
    if _usable(first) and not _usable(second, behind=bool(first.candidate["modal"])):
        return 0.02
    apart = second.borrowed or bool(second.reading.contexts and not first.reading.contexts)
    if apart and not first.borrowed and not first.missing:
        return AHEAD_WHEN_SAME
    if first.name_score >= 0.98 and second.name_score >= 0.98:
        if _written_so(first) > _written_so(second):
            return 0.0
        # "the Contact us button", and there is a link called so too.
        return 0.03 if first.reading.role_word and first.role_score > second.role_score else AHEAD
    if first.name_score >= 0.98 or (second.why.startswith(_WEAK) and not first.why.startswith(_WEAK)):
        return AHEAD_WHEN_SAME
    return AHEAD


def _usable(one: Scored, *, behind: bool = False) -> bool:
    """Whether it can be used as the page is now: neither off, nor hidden from readers, nor `behind` an open dialog."""
    item = one.candidate
    return not (item["disabled"] or item["hidden"] or (behind and item["top"] is False))


def _written_so(one: Scored) -> bool:
    """Whether a name given in quotes is its name just so, capitals included."""
    return one.reading.exact and one.reading.name in (one.candidate["name"].strip(), one.candidate["text"].strip())


def _under(page: Page, reading: Reading, lookup: Lookup) -> list[Scored]:
    """Every candidate worth a look under one reading, with places and ordinal applied."""
    counted = reading.ordinal and _counts_records(reading)
    scored = _record_links(page, reading) if counted else _fitting(page, reading)
    if reading.contexts and scored:
        places.apply(reading.contexts, scored, lookup)
    if not reading.ordinal:
        return scored
    named = [one for one in scored if one.name_score >= 0.93 and one.candidate["rank"] != "text"]
    called_so = len(named) >= max(2, abs(reading.ordinal))
    # "the second Book now button" counts buttons, be there but one.
    by_kind = bool(named and reading.roles)
    record = None if called_so or by_kind else _nth_record(page, reading)
    return [record] if record else _nth(scored, reading, page.items)


def _fitting(page: Page, reading: Reading) -> list[Scored]:
    scored = [page.score(item, reading) for item in page.items]
    return sorted((one for one in scored if one.score >= _WORTH_A_LOOK), key=lambda one: -one.score)[:_MOST]


def _nth_record(page: Page, reading: Reading) -> Scored | None:
    """What acts on the n-th record of a list: "open the third conversation"."""
    counted = record_places.nth(page.items, reading, page.action_of(reading))
    if counted is None:
        return None
    return Scored(counted.item, reading, 0.9, 1.0, counted.score - reading.cost, counted.why)


def _nth(scored: list[Scored], reading: Reading, items: list[dict[str, Any]]) -> list[Scored]:
    """The n-th of those that fit about equally well, in document order; the others are told apart by that."""
    top = max((one.score for one in scored), default=0.0)
    equal = [one for one in scored if one.score >= max(0.6, top - 0.08)]
    # Words that merely stand there are not counted among controls.
    equal = [one for one in equal if one.candidate["rank"] != "text"] or equal
    if not reading.name and any(one.candidate["role"] in reading.roles[:1] for one in equal):
        equal = [one for one in equal if one.candidate["role"] in reading.roles[:1]]
    named = [one for one in equal if one.name_score >= 0.98]
    # "the third Select" counts those that are called Select, not the one that is called Select all.
    equal = named if len(named) > 1 else equal
    ordered = _distinct(sorted(equal, key=lambda one: one.index), items, by_target=False)
    position = reading.ordinal - 1 if reading.ordinal > 0 else len(ordered) + reading.ordinal
    if not 0 <= position < len(ordered):
        return []
    picked = ordered[position]
    picked.why = f"number {position + 1} of {len(ordered)}; {picked.why}"
    picked.score = max(picked.score, 0.85)
    return [picked]


def _counts_records(reading: Reading) -> bool:
    meant = [token.stem for token in reading.tokens] or [reading.role_word]
    return len(meant) == 1 and (meant[0] in _RECORDS or (reading.role_word in ("item", "entry") and not reading.tokens))


def _record_links(page: Page, reading: Reading) -> list[Scored]:
    """The first named link of every record-like row in the page's main part: what "the third result" opens."""
    seen: set[str] = set()
    links: list[Scored] = []
    for item in page.items:
        outside = any(mark in ("nav", "footer", "header", "aside") for mark in item["marks"])
        if (
            item["role"] != "link"
            or not item["row"]
            or outside
            or item["row"] in seen
            or not (item["name"] or item["text"])
        ):
            continue
        seen.add(item["row"])
        links.append(Scored(item, reading, 0.9, 1.0, 0.88 - reading.cost, "link of a record"))
    return links


def _distinct(ordered: list[Scored], items: list[dict[str, Any]], *, by_target: bool = True) -> list[Scored]:
    """Without those that lead to the same thing as one before them; the real control stands for its wrapper."""
    kept: list[Scored] = []
    for one in ordered:
        twin = next(
            (n for n, other in enumerate(kept) if _same(one.candidate, other.candidate, items, by_target)), None
        )
        if twin is None:
            kept.append(one)
        elif _realer(one, kept[twin]):
            one.score = max(one.score, kept[twin].score)
            kept[twin] = one
    return kept


#: Roles of what merely holds the control that is meant.
_HOLDERS = ("gridcell", "cell", "treeitem", "listitem", "row")
_RANKS = ("native", "role", "label", "handler", "pointer", "text")


def _realer(one: Scored, other: Scored) -> bool:
    return _RANKS.index(one.candidate["rank"]) < _RANKS.index(other.candidate["rank"]) and one.score > other.score - 0.2


def _same(one: dict[str, Any], other: dict[str, Any], items: list[dict[str, Any]], by_target: bool) -> bool:
    if by_target and one["href"] and one["href"] == other["href"] and _leads_somewhere(one["href"]):
        return "#" not in one["href"] or not _of_two_records(one, other)
    if _captions(one, other) or _captions(other, one):
        return True
    inner, outer = (one, other) if one["i"] > other["i"] else (other, one)
    if not _is_within(inner, outer, items):
        return False
    if inner["text"] and inner["text"] == outer["text"]:
        return True
    wrapped = {inner["rank"], outer["rank"]} & {"pointer", "handler", "text", "label"} or outer["role"] in _HOLDERS
    return (bool(wrapped) and (inner["text"] or inner["name"]) == (outer["text"] or outer["name"])) or (
        inner["rank"] == "text"
    )


def _of_two_records(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether they stand in different records of one list: the "#delete" of two rows is not the same."""
    places = {place.list: place.at for place in one["records"]}
    return any(places.get(place.list, place.at) != place.at for place in other["records"])


def _captions(text: dict[str, Any], control: dict[str, Any]) -> bool:
    """Whether one is nothing but the words beside the other, a box or a field."""
    field = control["tag"] in ("input", "select") or control["role"] in ("checkbox", "radio", "switch")
    if text["rank"] != "text" or not field:
        return False
    return bool(text["text"]) and text["text"] in (control["before"], control["after"])


def _is_within(inner: dict[str, Any], outer: dict[str, Any], items: list[dict[str, Any]]) -> bool:
    up = inner["up"]
    while up >= 0:
        if up == outer["i"]:
            return True
        up = items[up]["up"]
    return False


def _leads_somewhere(href: str) -> bool:
    return href.startswith("http") and not href.endswith("#")
