"""An instruction taken apart: what is meant, which kind of control, which of several, and where on the page.

English leaves it open where a name ends ("the terms of service link in the footer"), so an instruction gives several
readings. The page decides which one is right: each is scored against what is really there.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache

from tasks.executors.browser.understanding.deterministic.german import in_english as german_frame
from tasks.executors.browser.understanding.deterministic.reading import Context, Reading
from tasks.executors.browser.understanding.deterministic.vocabulary import (
    KEEPS_NAME,
    PARTS,
    REGION,
    REGIONS,
    ROLE,
    ROLE_WORDS,
)
from tasks.executors.browser.understanding.deterministic.words import STOP, plain_words, stem

_QUOTED = re.compile(r"[\"“”„«»]([^\"“”„«»]{1,120})[\"“”„«»]|(?<!\w)['‘’]([^'‘’]{1,120})['‘’](?!\w)")
#: What is in a shop put somewhere is added to it.
_PUT_IN = re.compile(
    r"^put (?P<what>.+?) (?:in|into|on|onto) (?P<where>(?:the |my |your )?(?:shopping )?(?:cart|basket|bag|wish ?list|list|favou?rites))$",
    re.I,
)
_CLICK_VERBS = r"download(?=\s.*\b(?:pdf|csv|excel|xlsx?|docx?|zip)\b)|clicking|pressing|tapping|hitting|choosing|selecting|double-click|click|press|tap|hit|push|choose|select|pick|activate|use|find|locate|go to|navigate to|visit|follow|open|focus|check|tick|mark|toggle|switch to|switch on|switch off|turn on|turn off|enable|disable|uncheck|untick|expand|hover over|hover|show only|only show|filter by|filter for|sort by|order by|jump to|skip to|go|look at|show|view|see|display|read"
_POLITE = re.compile(
    rf"^(i want to|i(?:'d| would) like to|let me|can you|could you|(?:take|bring|get) me to|please|now|then|next,|and|finally|first,|just(?=\s+(?:{_CLICK_VERBS})\s))\s+",
    re.I,
)
_OURS = frozenset("click press tap hit push clicking pressing tapping hitting hover double-click".split()) | {
    "hover over"
}
_VERB = re.compile(rf"^({_CLICK_VERBS})(\s+(on|onto|at|in|into|to|the|a|an))*\s+", re.I)
_TYPE_INTO = re.compile(
    r"^(?:type|enter|input|write|put|paste|fill(?: in| out)?|set|insert|add)\b(?P<what>.*?)\b(?:into|in to|in|to|inside)\s+(?P<field>.+)$",
    re.I,
)
_TYPE_PLAIN = re.compile(
    r"^(?:type|enter|input|write|put|fill(?: in| out)?|set|provide|give|specify|select|choose|pick|click(?: on)?|focus(?: on)?)\s+",
    re.I,
)
_FILL_WITH = re.compile(r"^(?P<field>.+?)\s+(?:with|to be|as|=)\s+(?P<what>.+)$", re.I)
#: "Close the dialog by clicking the X": the second half says which control.
_BY_DOING = re.compile(r"^.+?\bby\s+(?P<how>(?:clicking|pressing|tapping|hitting|choosing|selecting)\s+.+)$", re.I)
_NAMING = r"labell?ed|named|called|titled|that (?:says|reads)|which says|saying|with (?:the )?(?:text|label|name|title|caption)"
#: "the link in the footer called 'Privacy'": the name belongs to the link.
_NAMED_LAST = re.compile(
    rf"^(?P<verb>(?:click|press|tap|choose|select|open|follow)\s+(?:on\s+)?)?(?:the |a |an )?(?P<what>\w+(?: \w+)?)(?P<where>\s+(?:in|on|at|of|inside|within|under|below|next to)\s+[^\"“”„'‘’]+?)\s+(?:{_NAMING})\s*:?\s*(?P<name>[\"“”„'‘][^\"“”'’]+[\"“”'’])$",
    re.I,
)
_SEND_FORM = re.compile(r"^(?:submit|send|send off)\s+(?:the\s+)?(?P<which>[\w -]+?)?\s*form$", re.I)
_NAMED = re.compile(
    r"\b(?:labell?ed|named|called|titled|that (?:says|reads)|which says|saying|with (?:the )?(?:text|label|name|title|caption|placeholder))\s*:?\s*",
    re.I,
)

ORDINALS = {
    word: number
    for number, words in enumerate(
        ("first 1st", "second 2nd", "third 3rd", "fourth 4th", "fifth 5th", "sixth 6th", "seventh 7th", "eighth 8th",
         "ninth 9th", "tenth 10th"), 1
    )
    for word in words.split()
}  # fmt: skip
_ORDINAL = re.compile(
    rf"\b(?:(?P<fromlast>second|third|2nd|3rd)[ -]?(?:to[ -]last|from the (?:end|bottom))|(?P<word>{'|'.join(ORDINALS)}|last|bottommost|topmost|any)"
    r"|(?:number|no\.?|#)\s*(?P<number>\d{1,3})(?=\s|$)|(?P<digits>\d{1,3})(?:st|nd|rd|th))\b(?:\s+(?:one of the|of the))?",
    re.I,
)

_CONTEXT = re.compile(
    r"\s+(?:(?P<near>next to|beside|near|nearest to|closest to|right of|to the right of|left of|to the left of|adjacent to|alongside|by)"
    r"|(?P<below>below|under|underneath|beneath|after|following)|(?P<above>above|over|before|on top of)"
    r"|(?P<within>in|on|inside|within|from|at|for|of|belonging to|associated with|corresponding to|where|whose|with|containing|to|against|beside))\s+",
    re.I,
)
_SIDE = re.compile(r"top|upper|bottom|lower|left|right")
_PART = re.compile(r"\b(table|section|column|list|panel|area|group|block|part|fieldset|widget)\b", re.I)
_SIDES = re.compile(
    r"^(?:the\s+)?(?:very\s+)?(?:top|upper|bottom|lower|left|right)(?:[ -](?:left|right|hand))*(?:[ -](?:corner|side|edge|end))?(?:\s+(?:of|on)(?:\s+the)?(?:\s+(?:page|screen|site|window)))?$",
    re.I,
)
_SIDE_WORDS = frozenset("top upper bottom lower left right main".split())
SOFT = frozenset(
    [
        "blue",
        "red",
        "green",
        "grey",
        "gray",
        "black",
        "white",
        "yellow",
        "orange",
        "purple",
        "pink",
        "big",
        "large",
        "small",
        "little",
        "tiny",
        "primary",
        "main",
        "round",
        "visible",
        "only",
        "available",
        "correct",
        "appropriate",
        "corresponding",
        "given",
        "relevant",
        "current",
        "specific",
        "respective",
        "dark",
        "light",
    ]
)
FILLER = frozenset(
    stem(word) for word in "page form screen site website given new number folder article filter step list team".split()
)
#: "the second input textbox": the word before says the same.
_FIELD_ROLES = frozenset(["textbox", "text box", "field", "box", "text field", "textarea", "text area"])
_SAYS_NOTHING = PARTS | SOFT | FILLER | STOP | {"one", "ones"}


@cache
def readings(instruction: str, kind: str, value: str = "") -> tuple[Reading, ...]:
    """All sensible readings, the plainest first."""
    text = _tidy(instruction)
    german = german_frame(_without_value(text, value))
    starts = [
        (verb, phrase, cost + extra)
        for told, extra in _wordings(german or text)
        for verb, phrase, cost in _phrases(told, kind, value)
    ]
    found: dict[tuple[object, ...], Reading] = {}
    for verb, phrase, cost in starts:
        for reading in [*_split(phrase, verb, cost), *_whole(text if german else "", kind), *_sending(phrase, verb)]:
            key = (reading.name, reading.roles, reading.ordinal, reading.contexts)
            if key not in found or found[key].cost > reading.cost:
                found[key] = reading
    return tuple(sorted(found.values(), key=lambda r: r.cost))


def _wordings(text: str) -> list[tuple[str, float]]:
    """The instruction as it is written, and otherwise put where that makes it plainer, each with its cost."""
    apart = _NAMED_LAST.match(text)
    found = [(text, 0.2 if apart else 0.0)]
    if by := _BY_DOING.match(text):
        found.append((by.group("how"), 0.0))
    if apart:
        found.append(
            (f"{apart.group('verb') or ''}{apart.group('name')} {apart.group('what')}{apart.group('where')}", 0.0)
        )
    return found


def _whole(text: str, kind: str) -> list[Reading]:
    """A text that was read as German may be a name as it stands."""
    reading = _named(text, "", 0.02) if text and kind == "click" else None
    return [reading] if reading else []


def _sending(phrase: str, verb: str) -> list[Reading]:
    """ "Submit the contact form": the button that sends it, whatever it is called."""
    found = _SEND_FORM.match(phrase)
    if not found or verb == "type":
        return []
    where = _context(found.group("which") or "form", "within")
    return [Reading("", "submit button", ("submit",), contexts=(replace(where, region=("form",)),), cost=0.04)]


def _phrases(text: str, kind: str, value: str) -> list[tuple[str, str, float]]:
    return _field_phrases(text, value) if kind in ("type", "select", "upload") else _click_phrases(text)


def search_words(instruction: str, kind: str, value: str = "") -> list[str]:
    """Beginnings of the words worth looking for on a page too large to look at whole."""
    found: list[str] = []
    for reading in readings(instruction, kind, value):
        for word in plain_words(reading.name):
            if word not in STOP and len(word) > 1 and word[:5] not in found:
                found.append(word[:5])
    return found[:12]


def _tidy(instruction: str) -> str:
    text = re.sub(r"(?<=[a-z])[-‐](?=(?:down|box|field|up)\b)", " ", instruction)
    text = re.sub(r"\s+", " ", text).strip().rstrip(".!;")
    text = re.sub(r",?\s+please$", "", text, flags=re.I)
    text = _PUT_IN.sub(r"add \g<what> to \g<where>", text)
    while _POLITE.match(text):
        text = _POLITE.sub("", text, count=1)
    return text


def _click_phrases(text: str) -> list[tuple[str, str, float]]:
    """(verb, rest, cost): the verb may be an order to us or part of the name ("Open account")."""
    found = _VERB.match(text)
    if not found:
        # "the $45 plan" begins with no verb: its first word is no order.
        return [("the" if re.match(r"(the|a|an)\s", text, re.I) else "", text, 0.0)]
    verb = found.group(1).lower()
    rest = text[found.end() :]
    ours = verb in _OURS
    return [(verb, rest, 0.0)] if ours else [(verb, rest, 0.0), (verb, text, 0.01)]


def _field_phrases(text: str, value: str) -> list[tuple[str, str, float]]:
    plain = _without_value(text, value)
    phrases: list[tuple[str, str, float]] = []
    into = _TYPE_INTO.match(plain)
    if into:
        phrases.append(("type", into.group("field"), 0.0))
    stripped = _TYPE_PLAIN.sub("", plain)
    filled = _FILL_WITH.match(stripped)
    if filled:
        phrases.append(("type", filled.group("field"), 0.0))
    if not (into and _QUOTED.search(into.group("what"))):
        phrases.append(("type", stripped, 0.02 if phrases else 0.0))
    if stripped != plain:
        phrases.append(("", plain, 0.05))
    return phrases


def _without_value(text: str, value: str) -> str:
    """The instruction without the quoted value itself, so that it is not taken for the field's name."""
    if not value:
        return text
    for quotes in ('""', "''", "“”", "‘’"):
        text = text.replace(f"{quotes[0]}{value}{quotes[1]}", " ")
    return re.sub(r"\s+", " ", text).strip()


def _split(phrase: str, verb: str, cost: float) -> list[Reading]:
    """Readings with no context, and with one or two contexts cut off at each preposition."""
    whole = _named(phrase, verb, cost)
    result = [one for one in (whole, _as_written(phrase, verb, cost)) if one]
    for found in _CONTEXT.finditer(phrase):
        if _inside_quotes(phrase, found.start()):
            continue
        head, tail = phrase[: found.start()], phrase[found.end() :]
        relation = str(found.lastgroup)
        for context in _contexts(tail, relation):
            # A name that is nothing but the order ("go" of "go to page 3") is a poor one.
            reading = _named(head, verb, cost + (0.08 if verb and head.lower() == verb.split()[0] else 0.005))
            result += [
                replace(one, contexts=(*one.contexts, *context))
                for one in (reading, _as_written(head, verb, cost + 0.005))
                if one
            ]
    return result


def _contexts(tail: str, relation: str) -> list[tuple[Context, ...]]:
    """What is said after a preposition: one place, or two ("the first row of the users table")."""
    answers: list[tuple[Context, ...]] = [(_context(tail, relation),)]
    answers += [
        (_context(tail[: found.start()], relation), _context(tail[found.end() :], str(found.lastgroup)))
        for found in _CONTEXT.finditer(tail)
        if not _inside_quotes(tail, found.start())
    ]
    told = [
        tuple(context for context in answer if context.text or context.region or context.sides) for answer in answers
    ]
    # "of the fifth property" counts records: there are no such words to stand near.
    return [answer for answer in told if answer and not any(_counts(context.text) for context in answer)]


def _counts(text: str) -> bool:
    return any(word in ORDINALS or word == "last" for word in text.lower().split())


def _context(text: str, relation: str) -> Context:
    quoted = _QUOTED.search(text)
    if not quoted and (side := _SIDES.match(text)):
        return Context(
            "",
            "within",
            sides=tuple({"upper": "top", "lower": "bottom"}.get(w, w) for w in _SIDE.findall(side.group().lower())),
        )
    bare = re.sub(r"^(the|a|an|its|this|that)\s+", "", text.strip(), flags=re.I)
    region = REGION.search(re.sub(r"[^\w ]", " ", bare).strip())
    marks = REGIONS[region.group(1).lower()] if region else ()
    if quoted:
        return Context(quoted.group(1) or quoted.group(2), relation, marks)
    rest = bare[: region.start()] if region and region.end() >= len(bare.strip()) else bare
    kept = [word for word in plain_words(rest) if word not in PARTS and word not in STOP]
    if marks and all(word in _SIDE_WORDS for word in kept):
        kept = []
    return Context(" ".join(kept), relation, marks, part=relation == "below" or _PART.search(rest) is not None)


def _named(phrase: str, verb: str, cost: float) -> Reading | None:
    """One phrase as name, role and ordinal."""
    quoted = _QUOTED.search(phrase)
    if quoted:
        name = quoted.group(1) or quoted.group(2)
        outside = f"{phrase[: quoted.start()]} {phrase[quoted.end() :]}"
        role_word, roles = _role(outside)
        ordinal, rest = _ordinal(_NAMED.sub(" ", outside))
        # What stands outside the quotes says something too: a reading that ignores it is a poor one.
        ignored = [w for w in plain_words(_without_role(rest, role_word)) if w not in _SAYS_NOTHING]
        return Reading(
            name.strip(), role_word, roles, ordinal, exact=True, cost=cost + (0.3 if ignored else 0), verb=verb
        )
    ordinal, rest = _ordinal(_NAMED.sub(" ", phrase))
    role_word, roles = _role(rest)
    name = _without_role(rest, role_word)
    kept = [word for word in name.split() if word.lower().strip(",") not in ("the", "a", "an")]
    soft = tuple(word for word in kept if word.lower() in SOFT)
    if not kept and not roles and not ordinal:
        return None
    return Reading(" ".join(kept).strip(" ,:"), role_word, roles, ordinal, cost=cost, verb=verb, soft=soft)


def _as_written(phrase: str, verb: str, cost: float) -> Reading | None:
    """A phrase with a word for a control in it may be a name as it stands: the link "Tabs widget"."""
    words = [word for word in phrase.split() if word.lower() not in ("the", "a", "an")]
    if _QUOTED.search(phrase) or not ROLE.search(phrase) or _ORDINAL.search(phrase) or not words:
        return None
    return Reading(" ".join(words).strip(" ,:"), cost=cost + 0.03, verb=verb)


def _role(phrase: str) -> tuple[str, tuple[str, ...]]:
    """The role word that stands last: "search button" is a button."""
    # "select" before other words is what is to be done.
    found = [one for one in ROLE.finditer(phrase) if one.group(1).lower() != "select" or one.start() > 0]
    if not found:
        return "", ()
    word = found[-1].group(1).lower()
    return word, ROLE_WORDS[word]


def _without_role(phrase: str, role_word: str) -> str:
    if not role_word:
        return phrase
    kept = KEEPS_NAME.get(role_word, "")
    at = phrase.lower().rfind(role_word)
    end = re.match(r"(s|es)?\b", phrase[at + len(role_word) :], re.I)
    before = phrase[:at]
    if role_word in _FIELD_ROLES:
        before = re.sub(r"\b(?:input|text|form|edit)\s+$", " ", before, flags=re.I)
    return f"{before} {kept} {phrase[at + len(role_word) + (end.end() if end else 0) :]}".strip()


def _ordinal(phrase: str) -> tuple[int, str]:
    found = _ORDINAL.search(phrase)
    if not found:
        return 0, phrase
    rest = f"{phrase[: found.start()]} {phrase[found.end() :]}".strip()
    if re.match(r"\s*names?\b", phrase[found.end() :], re.I):
        return 0, phrase
    if found.group("fromlast"):
        return -ORDINALS[found.group("fromlast").lower()], rest
    word = (found.group("word") or "").lower()
    if word in ("last", "bottommost"):
        return -1, rest
    if word in ("topmost", "any"):
        return 1, rest
    return ORDINALS.get(word) or int(found.group("number") or found.group("digits")), rest


def _inside_quotes(phrase: str, position: int) -> bool:
    return any(found.start() < position < found.end() for found in _QUOTED.finditer(phrase))
