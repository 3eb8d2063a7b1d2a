"""Questions put as what they ask for: "How many jobs were found?" asks for the number of jobs, "When is it due?" for a date."""

from __future__ import annotations

import re
from dataclasses import dataclass

_ASKED: tuple[tuple[str, str], ...] = (
    (r"wie ?viele?\b", "how many"), (r"wie (?:lautet|lauten|ist|sind|hoch ist|hoch sind|heißt|heißen)\b|was (?:ist|sind)\b", "what is"),
    (r"wann (?:ist|sind|war|wird|wurde|findet)\b", "when is"), (r"wer (?:ist|sind|hat)\b", "who is"), (r"wo (?:ist|sind|liegt|findet)\b", "where is"),
    (r"welche[rsnm]?\b", "which"), (r"wie lange (?:dauert|dauern)\b", "how long is"), (r"was kostet\b", "how much is"),
)  # fmt: skip
_GERMAN = tuple((re.compile(rf"^{pattern}", re.I), english) for pattern, english in _ASKED)
_ARTICLE = re.compile(r"^((?:what|when|who|where|how long|how much) is) (?:der|die|das|den|dem) ", re.I)
_BE = r"(?:is|are|was|were|does|do|did|has|have|will|can)"
_MANY = re.compile(
    r"^how many\s+(?P<what>.+?)(?:\s+(?:of (?:them|these))?\s*(?:(?P<be>are|is|were|was|do|does|did|has|have|had|can|could|will|gibt|sind|hat|werden|wurden|haben)\b(?P<rest>.*)"
    r"|left|remain\w*|in total|in all|altogether|insgesamt))?$",
    re.I,
)
_OWNER = re.compile(r"^\s*(?:the|this|that)\s+(?P<owner>[\w -]+?)\s+(?:have|has|contain|include|offer|got)\b", re.I)
_SHOWN = re.compile(
    r"\b(?:listed|shown|displayed|visible|aufgelistet|angezeigt|(?:on|in) (?:the|this) (?:page|list|table))\b", re.I
)
_HOW: tuple[tuple[str, str], ...] = (("much", "price"), ("long", "duration"), ("old", "age"), ("far", "distance"), ("big|large", "size"),
    ("heavy", "weight"), ("high|tall", "height"), ("often", "frequency"))  # fmt: skip
_TAIL = re.compile(
    rf"\s+(?:{_BE}\s+(?:this|that|it|they|there|these)\b.*|{_BE}\s+(?:listed|shown|available|displayed|offered)\b.*|there\b.*|gibt es\b.*)$",
    re.I,
)
_WHEN = re.compile(rf"^when\s+{_BE}\s+(?P<rest>.+)$", re.I)
_WHERE = re.compile(rf"^where\s+{_BE}\s+(?P<rest>.+)$", re.I)
_WHO = re.compile(
    r"^who\s+(?:(?:is|are|was|were)\s+(?P<rest>.+)|(?P<did>wrote|made|created|published|posted|signed)\b.*)$", re.I
)
#: "Which months can be chosen in the form?"
_CHOICE = re.compile(
    r"^(?:which|what)\s+(?P<what>.+?)\s+(?:can|could|may|kann|können|stehen)\s+(?:be|i|you|one|man|ich|zur)\s+(?:chosen|selected|picked|choose|select|pick|wählen|auswählen|auswahl)\b.*$",
    re.I,
)
#: "Which links stand under Developers?"
_STANDING = re.compile(
    r"^(?:which|what)\s+(?P<what>\w+(?: \w+)?)\s+(?:stehen|steht|stand|are|is|appear|can be found|are listed|gibt es|finden sich)\s+(?P<where>(?:unter|under|below|in|im)\s.+)$",
    re.I,
)
_WHICH = re.compile(r"^(?:which|what)\s+(?!is\b|are\b|was\b|were\b|'s\b)(?P<rest>.+)$", re.I)


@dataclass(frozen=True)
class Asked:
    """A question as the text of a request; `kind` is the kind of value it wants, `count` that a number of things is wanted."""

    text: str
    kind: str = ""
    count: bool = False
    shown: bool = False


def asked(text: str) -> Asked:
    """What a question asks for; any other instruction as it is."""
    for pattern, english in _GERMAN:
        text = pattern.sub(english, text, count=1)
    text = _ARTICLE.sub(r"\1 the ", text, count=1)
    if found := _MANY.match(text):
        owner = _OWNER.match(found.group("rest") or "")
        return Asked(
            found.group("what") + (f" of the {owner.group('owner')}" if owner else ""),
            "count",
            True,
            bool(_SHOWN.search(text)),
        )
    for how, noun in _HOW:
        if found := re.match(rf"^how (?:{how})\s+{_BE}\s+(?P<rest>.+?)(?:\s+(?:cost|take|last|weigh)s?)?$", text, re.I):
            return Asked(f"{noun} of {found.group('rest')}")
    return _of_what(text)


def _of_what(text: str) -> Asked:
    if found := _WHEN.match(text):
        rest = re.sub(rf"(,|\band)\s+when\s+{_BE}\s+", r"\1 ", found.group("rest"), flags=re.I)
        return Asked(re.sub(r"^(?:it|this|that)\s+|\s+(?:take place|start|begin)$", "", rest, flags=re.I), "date")
    if found := _WHERE.match(text):
        return Asked(f"location of {found.group('rest')}")
    if found := _WHO.match(text):
        rest = found.group("rest") or ""
        if found.group("did") or re.search(r"\bby$", rest):
            return Asked("author")
        return Asked(rest, "person")
    if found := re.match(r"^which\s+(?P<what>.+?)\s+gibt es\b", text, re.I):
        return Asked(f"all {found.group('what')}")
    if found := _CHOICE.match(text):
        return Asked(f"all {found.group('what')}")
    if found := _STANDING.match(text):
        return Asked(f"all {found.group('what')} {found.group('where')}")
    if found := _WHICH.match(text):
        return Asked(_TAIL.sub("", f" {found.group('rest')}").strip())
    return Asked(text)
