"""Names out of bylines."""

from __future__ import annotations

import re

from tasks.executors.browser.understanding.deterministic import values

_BYLINE = re.compile(r"\b(?:by|von|par|por)\s+(\S.*)", re.I)
_MONTHS = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|january|february|march|april|june|july|august|september|october|november|december"
_NO_NAME = re.compile(r"^(?:|on\b.*|last updated.*|updated.*|published.*|posted.*|share.*|follow.*|comments?)$", re.I)


def author_of(byline: str) -> str:
    """The name in a byline: what follows "by", without dates and roles; "" when there is none."""
    line = byline.split("\n")[0] if _BYLINE.search(byline.split("\n")[0]) else byline.replace("\n", " ")
    found = _BYLINE.search(line)
    name = re.split(r"\s*(?:[,|•·–(]|\s-\s|\bon\b|\bin\b|\d)", found.group(1) if found else line)[0].strip()
    # "Katherine May" is a name, "Anna Smith May 3" is one with a date behind it.
    if re.search(rf"\b(?:{_MONTHS})\.?\s*\d", line, re.I):
        name = re.sub(rf"\s+(?:{_MONTHS})\.?$", "", name, flags=re.I).strip()
    return "" if len(name) > 60 or values.date(name) or _NO_NAME.match(name) else name
