"""The forms in which people say which data they want: "X of every Y", "Y with X", "for each Y: X". Pure text."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tasks.executors.browser.understanding.deterministic.wish_fields import KNOWN, LITTLE, is_plural, singular
from tasks.executors.browser.understanding.deterministic.words import tokens

#: Words that are fields only beside others: alone they are things.
THINGS = frozenset(
    "product book article post story job review comment user tag link image picture photo heading quote company category "
    "section topic city place email phone stars article message position event item".split()
)
THING_STEMS = frozenset(tokens(thing)[0].stem for thing in THINGS)
#: Words that name a list though they are no plurals.
_LISTS = re.compile(r"(?:^|\s|\w)(?:list|table|forecast|timetable|schedule|history|ranking|menu|log|results?|agenda|programme?|comparison|everybody|everyone|people|"
                    r"feed|price list|track ?list|standings|vergleich|verlauf|fahrplan|tabelle|liste|historie)$", re.I)  # fmt: skip
_SPLIT = re.compile(r"\s*(?:,\s*and\s+|,\s*|;|\band\b|&|\bplus\b|\bas well as\b|\balong with\b|\+)\s*", re.I)
_WITH = re.compile(
    r",?\s+(?:with|including|along with|together with|and (?:their|its|the corresponding)|incl\.?|showing|containing|as well as|by)\s+(?:their|its|the|his|her|also|respective|corresponding)?\s*",
    re.I,
)
_AND_THEIR = re.compile(
    r"\s+(?:and|with|plus)\s+(?:their|its|his|her)(?:\s+(?:own|respective|corresponding))?\s+", re.I
)
_EACH = re.compile(
    r"^(?:for|of|from)\s+(?P<det>each|every|all|the)\s+(?:of the\s+)?(?P<entity>[\w' -]+?)\s*(?:[,:]\s*|,?\s+(?:get|list|extract|give(?: me)?|show|return|read|take|collect)\s+)(?P<rest>.+)$",
    re.I,
)
#: "für jedes Angebot Firma, Dauer": no comma between the thing and the first field.
_EACH_BARE = re.compile(r"^(?:for|of|from)\s+(?:each|every)\s+(?P<entity>\w+)\s+(?P<rest>[^,]+,.+)$", re.I)
_POSSESSIVE = re.compile(r"^(?:the\s+)?(?P<entity>[\w -]+?)(?:'s|s'|’s|s’)\s+(?P<rest>.+)$", re.I)
_OF = re.compile(
    r"\s+(?:of|for|from|in|on)\s+(?:(?P<many>each|every|all)\s+(?:of\s+)?(?:the\s+|these\s+)?|(?P<the>the|this|that|these|those|an?)\s+)?(?P<entity>\S.*)$",
    re.I,
)
_PARENS = re.compile(r"\s*\(([^()]*)\)")
#: Where the noun ends and what is said about it begins.
_ABOUT = re.compile(
    r"\s+(?:that|which|who|whose|it|they|you|we|i|in|on|at|from|under|below|above|beneath|beside|of|for|by|to|up|next|listed|linked|shown|found|displayed|available|with|between|inside|within|near|along)\b.*$",
    re.I,
)


@dataclass(frozen=True)
class Phrase:
    """The thing and the list of its fields, as said; `many` is None when the words do not tell, `told` that one form said both."""

    entity: str
    rest: str
    many: bool | None = None
    listed: bool = False


def phrase(text: str) -> Phrase:
    """The form an instruction has, the plainest first."""
    each = _each(text)
    if each and (each.groupdict().get("det") or "each") != "the":
        return Phrase(each.group("entity"), each.group("rest"), True)
    if each and is_plural(each.group("entity")):
        return Phrase(each.group("entity"), each.group("rest"), True)
    return (
        _headed(text)
        or _with(_PARENS.sub("", text))
        or _of(_PARENS.sub("", text))
        or _owned(text)
        or Phrase("", _PARENS.sub("", text))
    )


def _each(text: str) -> re.Match[str] | None:
    found = _EACH.match(text)
    if found and not re.fullmatch(r"[A-ZÄÖÜ]\w+ [A-ZÄÖÜ]\w+", found.group("entity")):
        return found
    return _EACH_BARE.match(text)  # two German nouns are the thing and its first field


def split(text: str) -> list[str]:
    """The parts of a list in words, without articles and quotes."""
    return [part for part in (trimmed(part) for part in _SPLIT.split(text)) if part]


def trimmed(part: str) -> str:
    """A name without what stands before it."""
    words = [word for word in re.sub(r"[\"“”]", "", part).strip(" .:'").split() if word]
    while words and words[0].lower() in LITTLE - {"main", "full"}:
        words.pop(0)
    return " ".join(words)


def head_and_rest(entity: str) -> tuple[str, str]:
    """("products", "it goes well with"): the noun, and what is said about it."""
    found = _ABOUT.search(f" {entity}")
    if not found or not found.start():
        return trimmed(entity), ""
    return trimmed(f" {entity}"[: found.start()]), found.group(0).strip()


def names_many(entity: str) -> bool | None:
    """Whether a thing is said in the plural, or is a list by its name."""
    head, _ = head_and_rest(entity)
    return True if head and (is_plural(head) or _LISTS.search(head)) else None


def is_thing(part: str, many: bool | None) -> bool:
    """Whether a lone name is a thing rather than a field."""
    last = tokens(part)[-1].stem if tokens(part) else ""
    if last in THING_STEMS:
        return bool(many) or is_plural(part)
    return last not in KNOWN and (bool(many) or is_plural(part))


def _is_field_list(text: str, *, alone: bool = False) -> bool:
    """Whether every part of a list ends in a word that names a field."""
    parts = split(text)
    for part in parts:
        last = tokens(part)[-1].stem if tokens(part) else ""
        if last not in KNOWN or (alone and last in THING_STEMS):
            return False
    return bool(parts)


def _headed(text: str) -> Phrase | None:
    """ "the carriage charges: order value, van and carrier", "the hours (day and times)"."""
    parens = re.match(r"^(?P<entity>[^(:]{3,}?)\s*\((?P<rest>[^()]*(?:,|\band\b)[^()]*)\)\s*$", text)
    found = parens or re.match(r"^(?P<entity>[^:]{3,}?)\s*:\s*(?P<rest>\S.*)$", text)
    if not found or (parens and _with(found.group("entity"))):
        return None
    return Phrase(found.group("entity"), found.group("rest").rstrip(" )"), names_many(found.group("entity")))


def _with(text: str) -> Phrase | None:
    also = _AND_THEIR.search(text)
    if also and not _is_field_list(text[: also.start()], alone=True):
        entity = text[: also.start()]
        head, _ = head_and_rest(entity)
        return Phrase(entity, f"{singular((head or entity).split()[-1])}, {text[also.end() :]}", names_many(entity))
    for joined in _WITH.finditer(text):
        before, after = text[: joined.start()], text[joined.end() :]
        head, _ = head_and_rest(before)
        lone = len(head.split()) == 1 and _is_field_list(head, alone=True)
        if (
            head
            and "," not in before
            and after
            and not lone
            and not (_is_field_list(before, alone=True) and not is_plural(before))
        ):
            return Phrase(before, after, names_many(before), listed=True)
    return None


def _of(text: str) -> Phrase | None:
    """ "A, B and C of every Y": what stands behind the last field."""
    parts = list(_SPLIT.finditer(text))
    last = parts[-1].end() if parts else 0
    found = _last_of(text, last)
    if found is None or found.start() <= last:
        return _of_first(text) if parts else None
    entity, before = found.group("entity"), text[: found.start()]
    if parts and not _tells(found, text[:last]):
        return None
    if not parts and not (
        found.group("many") or found.group("the") or _is_field_list(before) or found.group("entity")[:1].isupper()
    ):
        return None
    if not parts and _is_field_list(entity, alone=True) and not found.group("many"):
        return None
    proper = entity[:1].isupper() and not found.group("the")
    lone = not parts and not is_plural(before)  # "the version of the demos" may be one
    plural = names_many(entity) and not proper
    many = (
        True
        if found.group("many") or (plural and not lone)
        else None
        if plural
        else False
        if found.group("the") or proper
        else None
    )
    return Phrase(entity, before, many)


def _last_of(text: str, last: int) -> re.Match[str] | None:
    """ "date of birth of every patient": the last one with a word for how many, else the first."""
    first = found = _OF.search(text, last)
    told = None
    while found is not None:
        told = found if found.group("many") else told
        found = _OF.search(text, found.start() + 1)
    return told or first


def _of_first(text: str) -> Phrase | None:
    """ "name of every file and folder": the thing itself is two."""
    found = _OF.search(text)
    if found and found.group("many") and not _SPLIT.search(text[: found.start()]):
        return Phrase(found.group("entity"), text[: found.start()], True)
    return None


def _tells(found: re.Match[str], before: str) -> bool:
    """Whether "of ..." behind a list belongs to all of it: "name and date of birth" is two fields."""
    if re.search(r"\s(?:of|for)\s", before):
        return False
    entity = found.group("entity")
    return bool(found.group("many") or found.group("the") or entity[:1].isupper() or names_many(entity))


def _owned(text: str) -> Phrase | None:
    owned = _POSSESSIVE.match(text)
    if owned and not _is_field_list(owned.group("entity"), alone=True):
        return Phrase(owned.group("entity"), owned.group("rest"))
    return None
