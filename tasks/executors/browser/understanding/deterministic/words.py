"""Words of instructions and pages, made comparable: folding, stems, synonyms, numbers."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from rapidfuzz.distance import OSA

_WORD = re.compile(r"[^\W_]+", re.UNICODE)

#: Words that mean the same on buttons and fields. The first of each line stands for all.
_SYNONYMS = """
login signin logon anmelden einloggen anmeldung
signup register registration enrol enroll registrieren registrierung
logout signout logoff abmelden ausloggen
cart basket bag warenkorb einkaufswagen
next forward weiter nachste nachster
previous prev back zuruck vorherige
search find srch query lookfor lookup magnifier magnify suche suchen
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
message comment note comments nachricht notiz
help support faq hilfe
home homepage startseite
expand more
collapse less
add plussign create new hinzufugen neu
reply respond answer antworten
share teilen
favourite favorite heart wishlist favoriten merkliste
username userid benutzername
apply anwenden ubernehmen
confirm bestatigen bestatige
color colour farbe
license licence
center centre
gray grey
terms tos
ok okay
bell notification alert
number no num nr nummer
cancel abbrechen stornieren
open offnen offne
street strasse straße
maximum max
minimum min
load show view see display anzeigen ansehen zeigen zeige
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
info information
write compose verfassen schreiben
call ring dial anrufen
specification spec
older earlier fruhere altere
newer later spatere neuere
job vacancy position stelle
start begin beginning
end finish
refresh reload aktualisieren
copy duplicate clone kopieren duplizieren
enlarge zoom
guest visitor
appointment termin
invoice bill rechnung
receipt quittung beleg
customer client kunde
staff employee mitarbeiter
schedule timetable
discount voucher coupon promo gutschein
delivery shipping lieferung versand
guide manual handbook
subject betreff
reject decline deny refuse ablehnen
approve genehmigen
enable activate aktivieren
disable deactivate deaktivieren
hide ausblenden verbergen
invite einladen
assign zuweisen
manage verwalten
subscribe abonnieren
website webseite
reset clear zurucksetzen
amount sum summe betrag
duration length dauer
reason grund
currency wahrung
size grosse
weight gewicht
gender sex geschlecht
salutation anrede
insurance versicherung
doctor physician arzt
flight flug
room zimmer
departure abfahrt abflug
arrival ankunft
passenger traveller traveler reisende
map landkarte
direction route anfahrt
play abspielen
another extra additional further zusatzlich
volume lautstarke
caption subtitle untertitel
all everything everyone
person people
film movie
date datum
time uhrzeit
"""

_PHRASES = {
    "one more": "another",
    "in den warenkorb": "add cart",
    "in den einkaufswagen": "add cart",
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
    "looking for": "lookfor",
    "look for": "lookfor",
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

_TOLD_ME = re.compile(r"\b(log|sign) (?:me|us|him|her|them) (in|out|on|off|up)\b")
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
for _line in _SYNONYMS.strip().splitlines():
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
    joined = _TOLD_ME.sub(r"\1 \2", " ".join(plain_words(text)))
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
    if short < 4 or long < 5 or any(c.isdigit() for c in one + other) or one[0] != other[0]:
        return False
    if OSA.distance(one, other) > (1 if long < 7 else 2):
        return False
    left_out = long > short or sorted(one) == sorted(other)
    return left_out or (one[:2] == other[:2] and long >= 7 and OSA.distance(one, other) == 1)


@cache
def _compound(one: str, other: str) -> bool:
    """Whether a word is a part of a longer one written together: Termin, Terminbuchung."""
    short, long = sorted((one, other), key=len)
    if len(short) < 6 or len(long) - len(short) < 4 or not long.isalpha():
        return False
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
