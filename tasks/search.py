"""What a person types into a search box, as a tsquery: beginnings of words, "exact phrases", or an id."""

from __future__ import annotations

import re

MAX_TERMS = 10
_TERM = re.compile(r'"([^"]*)"|([^\s"]+)')
_WORD = re.compile(r"\w")
_ID = re.compile(r"#?([0-9]{1,18})")


def to_tsquery(text: str) -> str:
    """The argument of to_tsquery('simple', …): every term must be found. Empty when the text holds no word.

    A bare term also finds longer words that begin with it; words in quotes must follow one another as written. The
    quoting leaves the splitting of a term (an address, a hyphenated word) to PostgreSQL's own parser.
    """
    terms = []
    for phrase, term in _TERM.findall(text)[:MAX_TERMS]:
        if _WORD.search(phrase or term):
            quoted = (phrase or term).replace("\\", "\\\\").replace("'", "''")
            terms.append(f"'{quoted}'" if phrase else f"'{quoted}':*")
    return " & ".join(terms)


def as_id(text: str) -> int | None:
    """The id that the text is, as "12" or "#12"."""
    form = _ID.fullmatch(text.strip())
    return int(form[1]) if form else None
