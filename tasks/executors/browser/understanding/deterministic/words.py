"""Words of instructions and pages, made comparable: folding, stems, synonyms, numbers."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cache

_WORD = re.compile(r"[^\W_]+", re.UNICODE)

#: Words that mean the same on buttons and fields. The first of each line stands for all.
_SYNONYMS = """
login signin logon anmelden einloggen anmeldung
signup register registration enrol enroll registrieren registrierung
logout signout logoff abmelden ausloggen
cart basket bag warenkorb einkaufswagen
next forward weiter nachste nachster
previous prev back zuruck vorherige
search find lookup magnifier magnify suche suchen
close dismiss x schliessen schliesse schließen schließe
menu hamburger navicon
delete remove trash bin erase discard loschen losche entfernen entferne
submit send absenden abschicken senden sende
save store speichern speichere sichern
settings preferences options config configuration gear cog einstellungen
profile account avatar profil konto
email mail mailadresse
phone telephone mobile tel cell phonenumber telefon telefonnummer handy mobilnummer
zip postcode postal zipcode plz
firstname forename givenname vorname
lastname surname familyname nachname familienname
password passphrase passcode pwd passwort kennwort
quantity qty menge anzahl
accept agree allow consent akzeptieren akzeptiere zustimmen
edit modify change pencil bearbeiten bearbeite
download export herunterladen
upload attach hochladen
buy purchase kaufen kaufe
checkout kasse
price cost preis
image picture photo img
category department kategorie
company organization organisation employer business firma unternehmen
city town ort stadt
state province region county bundesland
birthday birthdate dob geburtsdatum
message comment note comments nachricht
help support faq hilfe
home homepage startseite
expand more
collapse less
add plus create new hinzufugen neu
reply respond answer antworten
share teilen
favourite favorite heart wishlist favoriten merkliste
username userid benutzername
apply anwenden ubernehmen
confirm bestatigen bestatige
color colour
license licence
center centre
gray grey
terms tos
ok okay
bell notification alert
number no num nr nummer
cancel abbrechen
open offnen offne
street strasse straße
maximum max
minimum min
load show view see display anzeigen ansehen
address adresse
country land
contact kontakt
filter filtern
sort sortieren
book buchen buche
order bestellen bestelle
pay bezahlen zahlen
yes ja
print drucken
privacy datenschutz
imprint impressum
language sprache
date datum
time uhrzeit
"""

_PHRASES = {
    "log in": "login",
    "sign in": "signin",
    "log on": "logon",
    "sign up": "signup",
    "log out": "logout",
    "sign out": "signout",
    "log off": "logoff",
    "e mail": "email",
    "first name": "firstname",
    "given name": "givenname",
    "last name": "lastname",
    "family name": "familyname",
    "post code": "postcode",
    "zip code": "zipcode",
    "postal code": "zipcode",
    "phone number": "phonenumber",
    "telephone number": "phonenumber",
    "mobile number": "phonenumber",
    "email address": "email",
    "user name": "username",
    "pass word": "password",
    "check out": "checkout",
    "look up": "lookup",
    "date of birth": "dob",
    "birth date": "birthdate",
    "home page": "homepage",
    "shopping cart": "cart",
    "shopping bag": "bag",
    "shopping basket": "basket",
    "wish list": "wishlist",
    "e mail adresse": "email",
    "email adresse": "email",
}

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
            "‹": " previous ", "☰": " menu ", "🔍": " search ", "🛒": " cart ", "+": " plus ", "&": " and ", "✎": " edit ",
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
            "all",
            "page",
        ]
    )
    | {"every", "each"}
    | frozenset("der die das den dem des ein eine einen auf im und ich habe zu fur mit von".split())
)

_canonical: dict[str, str] = {}
for _line in _SYNONYMS.strip().splitlines():
    _first, *_others = _line.split()
    for _other in (_first, *_others):
        _canonical[_other] = _first


def fold(text: str) -> str:
    """Lower case, without accents, with symbols spelled out and apostrophes gone."""
    for symbol, word in _SYMBOLS.items():
        if symbol in text:
            text = text.replace(symbol, word)
    decomposed = unicodedata.normalize("NFKD", text.lower())
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
    joined = " ".join(plain_words(text))
    for phrase, one in _PHRASES.items():
        if phrase in joined:
            joined = re.sub(rf"\b{phrase}\b", one, joined)
    return tuple(token_of(word) for word in joined.split())


@cache
def token_of(word: str) -> Token:
    """One word as a token."""
    word = _NUMBERS.get(word, word)
    stemmed = stem(word)
    return Token(stemmed, _canonical.get(word) or _canonical.get(stemmed, stemmed))


def likeness(wanted: Token, offered: Token) -> float:
    """How far one word stands for another: 1 the same, 0.9 a synonym, 0.85 a likely misspelling, 0 none of it."""
    if wanted.stem == offered.stem:
        return 1.0
    if wanted.canon == offered.canon:
        return 0.9
    return 0.85 if _misspelt(wanted.stem, offered.stem) else 0.0


@cache
def _misspelt(one: str, other: str) -> bool:
    """A typing slip in a long word. A digit makes another word, and so does a beginning (Anmelden, Abmelden)."""
    if min(len(one), len(other)) < 5 or abs(len(one) - len(other)) > 2 or any(c.isdigit() for c in one + other):
        return False
    return one[:2] == other[:2] and SequenceMatcher(None, one, other).ratio() >= 0.84


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
