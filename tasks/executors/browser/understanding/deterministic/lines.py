"""Facts that stand in a line of the visible text: "182 jobs found", "Tel. 0115 496 0220"."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tasks.executors.browser.understanding.deterministic import values
from tasks.executors.browser.understanding.deterministic.wish_fields import WishedField
from tasks.executors.browser.understanding.deterministic.words import Token, likeness, tokens

_NUMBER = re.compile(r"(?<![\w.,#/-])\d+(?:[.,'’\u00a0\u202f ]\d{3})*(?:[.,]\d+)?[kKmM]?(?![\w/-]|[.,:]\d)")
_FAX = re.compile(r"\b(?:tele)?fax\b", re.I)
_CALL = re.compile(r"\b(?:tel|telefon\w*|telephone|phone|call|mobile|hotline|ruf\w*)\b|☎|📞", re.I)
_PAGES = re.compile(r"\W*(?:\w+ )?\d[\d.,]*\s*(?:[-–—]|to|bis)\s*\d[\d.,]*\s*(?:of|von|/)\s*(\d[\d.,]*)\W*", re.I)
_NUMBERED = re.compile(r"([^\W\d_]{3,20})\s+(?:no\.?\s*|nr\.?\s*|#)?(\d+(?:\.\d+)?)(?=\s|$|[|,;])", re.I)
_LONGEST = 400


def count_of(text: str, one: WishedField) -> str:
    """The number that stands beside its noun ("1 - 20 of 1,713 users"): the one right before it, "" without one."""
    best: tuple[float, str] = (0.0, "")
    for line in _lines(text):
        for number, fit in _numbers_by(line, one.own):
            if fit > best[0]:
                best = (fit, number)
    return best[1] if best[0] >= 0.6 else _shown_of(text)


def _shown_of(text: str) -> str:
    """Of "1 - 20 of 28488" the whole, where one line of the page says so and no other."""
    found = {whole.group(1) for line in _lines(text) if (whole := _PAGES.fullmatch(line))}
    return found.pop() if len(found) == 1 else ""


def numbered(text: str, one: WishedField) -> str:
    """ "Issue 1022.2" tells which issue it is: the number right behind the only word that is asked for."""
    if len(one.own) != 1 or one.known:
        return ""
    said = {
        behind.group(2) for line in _lines(text) if (behind := _NUMBERED.match(line))
        if likeness(one.own[0], tokens(behind.group(1))[0], slips=False) >= 0.9
    }  # fmt: skip
    return said.pop() if len(said) == 1 else ""


def _numbers_by(line: str, noun: tuple[Token, ...]) -> Iterator[tuple[str, float]]:
    words = tokens(line)
    if not noun or not all(any(likeness(one, word, slips=False) >= 0.9 for word in words) for one in noun):
        return
    brief = 1.0 - 0.3 * min(1.0, len(words) / 20)
    found = list(_NUMBER.finditer(line))
    for n, number in enumerate(found):
        until = found[n + 1].start() if n + 1 < len(found) else len(line)
        after = tokens(line[number.end() : until])[: 2 + len(noun)]
        if all(any(likeness(one, word, slips=False) >= 0.9 for word in after) for one in noun):
            yield number.group(0), brief
        elif len(found) == 1 and len(words) <= len(noun) + 3:
            yield number.group(0), 0.9 * brief


def contact(text: str, one: WishedField, near: list[Token]) -> str:
    """The number or address of a kind that stands nearest below the name it is asked of; a fax is no telephone."""
    find = values.emails if one.kind == "email" else values.phones
    lines = list(_lines(text))
    best: tuple[float, str] = (-1.0, "")
    offered = ((n, value) for n, line in enumerate(lines) for value in find(line))
    for n, value in offered:
        line = lines[n]
        if one.kind == "phone" and _is_fax(lines, n, value) != (one.known == "fax"):
            continue
        fit = 0.3 if one.kind == "phone" and _CALL.search(f"{lines[n - 1] if n else ''} {line}") else 0.0
        fit += max((_named(lines[at], near) - 0.05 * (n - at) for at in range(max(0, n - 8), n + 1)), default=0.0)
        if fit > best[0]:
            best = (fit, value)
    return best[1]


def _is_fax(lines: list[str], n: int, value: str) -> bool:
    before = lines[n][: lines[n].find(value)]
    said = list(re.finditer(rf"{_FAX.pattern}|{_CALL.pattern}", before, re.I))
    if said:
        return bool(_FAX.search(said[-1].group(0)))
    return n > 0 and len(lines[n - 1]) < 15 and bool(_FAX.search(lines[n - 1]))


def _named(line: str, near: list[Token]) -> float:
    if not near:
        return 0.0
    offered = tokens(line)
    return sum(max((likeness(one, word, slips=False) for word in offered), default=0.0) for one in near) / len(near)


def _lines(text: str) -> Iterator[str]:
    for line in text[:100_000].split("\n"):
        if line := line.strip():
            yield line if len(line) <= _LONGEST else line[:_LONGEST]
