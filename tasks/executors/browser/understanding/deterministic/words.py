"""Words of instructions and pages, made comparable: folding, stems, synonyms, numbers."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from rapidfuzz.distance import OSA

from tasks.executors.browser.understanding.deterministic.synonyms import PHRASES, SYNONYMS

_WORD = re.compile(r"[^\W_]+", re.UNICODE)

_TOLD_ME = re.compile(r"\b(log|sign) (?:me|us|him|her|them) (in|out|on|off|up)\b")
#: Hausnr., Kundennr.
_ABBREVIATED = re.compile(r"(?<=[a-z]{3})nr\b")
_NUMBERS = {
    word: str(number)
    for number, word in enumerate(
        [
            "zero",
            "one",
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
            "eleven",
            "twelve",
            "thirteen",
            "fourteen",
            "fifteen",
            "sixteen",
            "seventeen",
            "eighteen",
            "nineteen",
            "twenty",
        ]
    )
}
_SYMBOLS = {"×": " x ", "✕": " x ", "✖": " x ", "→": " next ", "»": " next ", "›": " next ", "←": " previous ", "«": " previous ",
            "‹": " previous ", "☰": " menu ", "🔍": " search ", "🛒": " cart ", "+": " plussign ", "&": " and ", "✎": " edit ",
            "🗑": " delete ", "★": " star ", "♥": " heart ", "⚙": " settings ", "#": " number "}  # fmt: skip

STOP = (
    frozenset(
        [
            "a",
            "an",
            "the",
            "this",
            "that",
            "to",
            "of",
            "for",
            "and",
            "or",
            "in",
            "on",
            "at",
            "by",
            "with",
            "from",
            "your",
            "my",
            "our",
            "you",
            "i",
            "me",
            "it",
            "is",
            "are",
            "be",
            "please",
            "now",
            "then",
            "as",
            "into",
            "onto",
            "page",
            "some",
            "any",
            "us",
            "about",
        ]
    )
    | {"every", "each"}
    | frozenset("der die das den dem des ein eine einen auf im und ich habe zu fur mit von".split())
)

_canonical: dict[str, str] = {}
for _line in SYNONYMS.strip().splitlines():
    _first, *_others = _line.split()
    for _other in (_first, *_others):
        _canonical[_other] = _first


#: Beginnings that turn a word into its opposite or another deed.
_OPPOSITE = ("un", "dis", "de", "re", "non", "in", "im", "ab", "ent")


def fold(text: str) -> str:
    """Lower case, without accents, with symbols spelled out and apostrophes gone."""
    for symbol, word in _SYMBOLS.items():
        if symbol in text:
            text = text.replace(symbol, word)
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(c for c in decomposed if not unicodedata.combining(c))
    return plain.replace("'", "").replace("’", "")


def plain_words(text: str) -> list[str]:
    """The words as written, folded."""
    return _WORD.findall(fold(text))


@dataclass(frozen=True)
class Token:
    """One word: as stemmed, and the word that stands for all its synonyms."""

    stem: str
    canon: str

    @property
    def stop(self) -> bool:
        return self.stem in STOP


@cache
def tokens(text: str) -> tuple[Token, ...]:
    """The words of a text as comparable tokens: phrases joined, synonyms known, endings cut."""
    joined = _ABBREVIATED.sub("nummer", " ".join(plain_words(text)))
    joined = _TOLD_ME.sub(r"\1 \2", joined)
    for phrase, one in PHRASES.items():
        if phrase in joined:
            joined = re.sub(rf"\b{phrase}\b", one, joined)
    return tuple(token_of(word) for word in joined.split())


@cache
def token_of(word: str) -> Token:
    """One word as a token."""
    word = _NUMBERS.get(word, word)
    stemmed = stem(word)
    return Token(stemmed, _canonical.get(word) or _canonical.get(stemmed, stemmed))


#: How far a part stands for a word written together.
PART = 0.84


def likeness(wanted: Token, offered: Token, *, slips: bool = True) -> float:
    """How far one word stands for another: 1 the same, 0.9 a synonym, 0.85 a likely misspelling, 0.84 a part of it, 0 none."""
    if wanted.stem == offered.stem:
        return 1.0
    if wanted.canon == offered.canon:
        return 0.9
    if slips and _misspelt(wanted.stem, offered.stem):
        return 0.85
    return PART if _compound(wanted.stem, offered.stem) else 0.0


@cache
def _misspelt(one: str, other: str) -> bool:
    """A typing slip in a long word. A digit makes another word, and so does another letter near its beginning (Anmelden,
    Abmelden) or in a short word (report, repost)."""
    short, long = sorted((len(one), len(other)))
    if short == long == 4:
        return one[0] == other[0] and sorted(one) == sorted(other)
    if short < 4 or long < 5 or any(c.isdigit() for c in one + other) or one[0] != other[0]:
        return False
    if OSA.distance(one, other) > (1 if long < 7 else 2):
        return False
    left_out = long > short or sorted(one) == sorted(other)
    return left_out or (one[:2] == other[:2] and long >= 7 and OSA.distance(one, other) == 1)


@cache
def _compound(one: str, other: str) -> bool:
    """Whether a word is a part of a longer one: Termin, Terminbuchung; nutrition, nutritional."""
    short, long = sorted((one, other), key=len)
    if len(short) < 6 or not long.isalpha():
        return False
    if len(long) - len(short) < 4:
        # Nutrition and nutritional, deliver and delivery.
        return long.startswith(short)
    return long.startswith(short) or (long.endswith(short) and not long.startswith(_OPPOSITE))


def stem(word: str) -> str:
    """Cuts the commonest English endings; both sides of a comparison are cut alike."""
    if len(word) <= 3 or not word.isascii() or any(c.isdigit() for c in word):
        return word
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("sses", "shes", "ches", "xes", "zes")):
        return word[:-2]
    for ending, rest in (("ing", 4), ("ed", 4)):
        if word.endswith(ending) and len(word) - len(ending) >= rest - 1:
            base = word[: -len(ending)]
            return base[:-1] if len(base) > 3 and base[-1] == base[-2] and base[-1] not in "lsz" else base.rstrip("e")
    if word.endswith("en") and len(word) >= 7:
        return word[:-2]
    if word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return stem(word[:-1])
    return stem_e(word)


def stem_e(word: str) -> str:
    """A final e goes, because -ing and -ed take it away too."""
    return word[:-1] if len(word) > 4 and word.endswith("e") else word


def content(items: Iterable[Token]) -> list[Token]:
    """The tokens that carry meaning; all of them when none does."""
    everything = list(items)
    return [token for token in everything if not token.stop] or everything
