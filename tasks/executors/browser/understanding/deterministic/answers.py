"""What one source of a page offers for a wish, comparable with what the others offer."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from tasks.executors.browser.understanding.deterministic import values
from tasks.executors.browser.understanding.deterministic.phrases import THING_STEMS
from tasks.executors.browser.understanding.deterministic.wish_fields import WishedField
from tasks.executors.browser.understanding.deterministic.wishes import Wish
from tasks.executors.browser.understanding.deterministic.words import Token, likeness, tokens

Raw = dict[str, str]
#: What a label leaves away of a field's name.
_TAILS = frozenset(token.stem for token in tokens("time date number name code rate rating value amount count"))


@dataclass
class Answer:
    """Rows of raw texts by field key. `fits` says how well each field was matched, `prior` how far its source is trusted."""

    source: str
    rows: list[Raw]
    fits: dict[str, float]
    prior: float = 1.0
    entity_fit: float = 0.0
    many: bool = False
    fields: tuple[WishedField, ...] = ()
    notes: list[str] = field(default_factory=list)
    #: By row, everything the row says: tells which of many is meant by its name.
    contexts: list[str] = field(default_factory=list)
    #: Whether it stands where the instruction says ("related", "below the article"); None when that is not said.
    beside: bool | None = None

    def score(self, wish: Wish) -> float:
        """From 0 to about 1: coverage of the fields, the right cardinality, the right thing."""
        if not self.rows:
            return 0.0
        wanted = [one for one in wish.fields if not one.optional]
        if wanted:
            covered = sum(self.fits.get(one.key, 0.0) * self._filled(one.key) for one in wanted) / len(wanted)
        else:
            covered = self.fits.get("", 0.6)
        count = 1.0
        if wish.many and not self.many:
            count = 0.55
        elif wish.many is not True and self.many and len(self.rows) > 1:
            count = 0.9 if wish.many is None else 0.6 if wish.entity else 0.45
        if self.beside is not None:
            count *= 1.0 if self.beside else 0.9
        return min(1.0, covered * count * self.prior * (0.88 + 0.14 * self.entity_fit))

    def _filled(self, key: str) -> float:
        if key not in self.fits:
            return 0.0
        share = sum(1 for row in self.rows if row.get(key)) / len(self.rows)
        return share**0.5


def type_row(row: Raw, wished: tuple[WishedField, ...]) -> dict[str, Any]:
    """One row with typed values, in the order of the wish; what belongs to a value gets its own key (priceCurrency)."""
    kinds = {one.key: one.kind for one in wished}
    order = [*(one.key for one in wished), *(key for key in row if key not in kinds)]
    typed: dict[str, Any] = {}
    for key in order:
        if key not in row:
            continue
        kind = kinds.get(key, "")
        kind = "money" if kind == "oldmoney" or (kind in ("text", "") and values.only_money(row[key])) else kind
        for suffix, value in values.typed(kind, row[key]).items():
            typed[f"{key}{suffix}"] = value
    return typed


def name_fit(field_words: tuple[Token, ...], own: tuple[Token, ...], label: tuple[Token, ...]) -> float:
    """How well a label (a header, a key, a property's name) names a field: 1 the same words, 0.8 a synonym, 0 not at all."""
    if not label:
        return 0.0
    if own and {token.stem for token in own} == {token.stem for token in label if not token.stop}:
        return 1.0
    hits = [max((likeness(token, other) for other in label), default=0.0) for token in own]
    if own and all(hits):
        extra = sum(1 for token in label if not token.stop and not any(likeness(o, token) for o in own))
        return 0.97 - min(0.3, 0.08 * extra)
    partial = sum(hits) / len(own) if own else 0.0
    synonym = max(
        (likeness(word, other) for word in field_words[len(own) :] for other in label if not other.stop), default=0.0
    )
    if synonym and len(label) <= 3:
        return max(0.8 * synonym - 0.06 * (len(label) - 1), 0.6 * partial)
    if own and len(own) > 1 and len(label) > 1 and all(any(likeness(o, token) for o in own) for token in label):
        return 0.62 + 0.25 * len(label) / len(own)  # "price of Elektro Haas" on "Elektro Haas"
    # One of two words is the last and the telling one ("delivery address" on "Address").
    if own and hits[-1] and len(own) > 1 and len(label) == 1:
        return 0.62
    # "Prep" is the prep time, "Serves" the number of servings.
    if own and len(own) == 2 and len(label) == 1 and hits[0] and own[1].stem in _TAILS:
        return 0.75
    return 0.55 * partial if partial >= 0.6 else 0.0


def only_named(answer: Answer, wish: Wish) -> Answer:
    """ "the price of Litecoin": of many rows the one that bears the name; the answer as it is when no row or most do."""
    wanted = wish.entity_tokens
    if all(token.stem in THING_STEMS for token in wanted):
        return answer  # "this product" is no name
    if wish.many is True or wish.counting or not wanted or not answer.many or len(answer.contexts) != len(answer.rows):
        return answer
    said = [{token.stem for token in tokens(context)} for context in answer.contexts]
    meant = [n for n, words in enumerate(said) if all(token.stem in words for token in wanted)]
    if not meant or len(meant) * 2 > len(said):
        return answer
    return replace(
        answer, rows=[answer.rows[meant[0]]], many=False, entity_fit=1.0, contexts=[], prior=max(answer.prior, 0.9)
    )


def beside_fit(wish: Wish, *texts: str) -> bool | None:
    """Whether what stands around a source is what the instruction says beside its things."""
    wanted = [token for token in tokens(f"{wish.beside} {' '.join(wish.entity.split()[:-1])}") if not token.stop]
    if not wanted:
        return None
    offered = [token for text in texts for token in tokens(text)]
    return max((likeness(one, other) for one in wanted for other in offered), default=0.0) >= 0.85


def entity_fit(wish: Wish, *texts: str) -> float:
    """Whether what a source is called names the thing that is asked for."""
    wanted = [*wish.entity_tokens]
    if not wanted:
        return 0.0
    offered = [token for text in texts for token in tokens(text)]
    return max((likeness(one, other) for one in wanted for other in offered), default=0.0)


def scope_fit(wish: Wish, *texts: str) -> float:
    """1 when a source stands under the named heading or bears the named name; 1 too when none was named."""
    wanted = [token for token in tokens(wish.scope) if not token.stop] if wish.scope else []
    if not wanted:
        return 1.0
    best = 0.0
    for text in texts:
        offered = tokens(text)
        best = max(best, sum(max((likeness(w, o) for o in offered), default=0.0) for w in wanted) / len(wanted))
    return best
