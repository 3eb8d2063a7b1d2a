"""Finding tasks by what a person types into a search box: beginnings of words, "exact phrases", or an id."""

from __future__ import annotations

import re

from django.contrib.postgres.search import SearchQuery
from django.db.models import Q

from tasks.models import TaskSearch

MAX_TERMS = 10
_TERM = re.compile(r'"([^"]*)"|([^\s"]+)')
_WORD = re.compile(r"\w")
_ID = re.compile(r"#?([0-9]{1,18})")


def matching(text: str) -> Q:
    """The tasks that fit what was typed; none for a text without words."""
    words, task_id = to_tsquery(text), as_id(text)
    if not words:
        return Q(pk__in=[])
    fits = Q(words=SearchQuery(words, config="simple", search_type="raw"))
    if task_id is not None:
        fits |= Q(pk=task_id)
    return Q(pk__in=TaskSearch.objects.filter(fits).values("task_id"))


def tagged(tags: list[str]) -> Q:
    """The tasks that have all of the tags."""
    return Q(pk__in=TaskSearch.objects.filter(tags__contains=tags).values("task_id"))


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
