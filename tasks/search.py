"""Finding tasks by what a person types into a search box: beginnings of words, "exact phrases", or an id."""

from __future__ import annotations

import re

from django.contrib.postgres.search import SearchQuery
from django.db.models import Q

from tasks.models import TaskSearch

MAX_TERMS = 10
#: So many matches at most are fetched as ids; of more, a page is found sooner by walking the tasks in order.
FEW = 5_000
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
    return _among(fits)


def tagged(tags: list[str]) -> Q:
    """The tasks that have all of the tags."""
    return _among(Q(tags__contains=tags))


def _among(fits: Q) -> Q:
    """Looks before it leaps: PostgreSQL cannot know how rare a word or its beginning is, and would walk a million tasks
    in order for the two that fit, or fetch half a million that fit to show twenty."""
    ids = TaskSearch.objects.filter(fits).values("task_id")
    few = list(ids.values_list("task_id", flat=True)[: FEW + 1])
    return Q(pk__in=few if len(few) <= FEW else ids)


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
