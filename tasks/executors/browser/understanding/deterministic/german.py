"""German instructions in the words the reading of instructions knows; names on the page stay as they are written."""

from __future__ import annotations

import re

_QUOTES = re.compile(r"([\"“”„«»][^\"“”„«»]{1,120}[\"“”„«»]|(?<!\w)['‘’‚][^'‘’‚]{1,120}['‘’](?!\w))")
_ARTICLE = r"(?:der|die|das|den|dem|des|ein|eine|einen|einem|einer|eines)"
_SIE = r"(?:\s+sie)?(?:\s+bitte)?"
#: Only words no English instruction has make one German.
_GERMAN = re.compile(
    r"\b(nur|ich|bin|meine?|meinen|zeigen?|am (?:mon|diens|donners|frei|sams|sonn)tag|am mittwoch|der|das|den|dem|ein|eine|einen|einem|auf|im|ins|vom|zur|zum|und|für|unter|über|neben|klick|klicke|klicken|drücke|drücken|tippe"
    r"|feld|von|starten|anzeigen|wechseln|setzen|bestätigen|öffne|öffnen|wähle|wählen|gib|geben|trage|tragen|fülle|füllen|setze|akzeptiere|\w+feld|schaltfläche|knopf|fußzeile|kopfzeile|seitenleiste"
    r"|\w+(?:kreuzen|klicken|wählen)|erste[rsnm]?|zweite[rsnm]?|dritte[rsnm]?|letzte[rsnm]?|zeile|überschrift|reiter|kästchen)\b",
    re.I,
)
_FINAL = re.compile(
    r"^(?P<rest>.+?)\s+(?P<verb>klicken|anklicken|drücken|betätigen|auswählen|wählen|öffnen|aufrufen|aktivieren|deaktivieren|ankreuzen"
    r"|anhaken|eingeben|eintragen|ausfüllen|einschalten|ausschalten|starten|anzeigen|zeigen|wechseln|setzen|bestätigen|schreiben|entfernen|löschen|absagen|stornieren|hinzufügen|bearbeiten|ändern)$",
    re.I,
)
_FINAL_VERBS = {
    "aktivieren": "check", "ankreuzen": "check", "anhaken": "check", "einschalten": "turn on", "deaktivieren": "uncheck",
    "ausschalten": "turn off", "öffnen": "open", "aufrufen": "open", "auswählen": "choose", "wählen": "choose",
    "eingeben": "enter", "eintragen": "enter", "ausfüllen": "fill", "schreiben": "enter", "entfernen": "remove", "löschen": "delete", "absagen": "cancel",
    "stornieren": "cancel", "hinzufügen": "add", "bearbeiten": "edit", "ändern": "edit", "zeigen": "show only",
}  # fmt: skip
_STARTS: tuple[tuple[str, str], ...] = (
    (rf"(?:klicke?n?|drücke?n?|tippe?n?|betätige?n?){_SIE}(?:\s+(?:auf|an))?(?P<rest>\s.+?)(?:\s+an)?", "click"),
    (rf"(?:kreuze?n?|hake?n?){_SIE}(?P<rest>\s.+?)\s+an", "check"),
    (rf"(?:aktiviere?n?){_SIE}(?P<rest>\s.+)", "check"),
    (rf"(?:deaktiviere?n?){_SIE}(?P<rest>\s.+)", "uncheck"),
    (rf"(?:schalte?n?){_SIE}(?P<rest>\s.+?)\s+(?:ein|an)", "turn on"),
    (rf"(?:schalte?n?){_SIE}(?P<rest>\s.+?)\s+(?:aus|ab)", "turn off"),
    (rf"(?:wähle?n?|markiere?n?){_SIE}(?P<rest>\s.+?)(?:\s+aus)?", "choose"),
    (rf"(?:füge?n?){_SIE}(?P<rest>\s.+?)\s+hinzu", "add"),
    (rf"(?:lege?n?){_SIE}(?P<rest>\s.+)", "add"),
    (rf"(?:rufe?n?){_SIE}(?P<rest>\s.+?)\s+auf", "open"),
    (rf"(?:öffne?n?|gehe?n?\s+(?:auf|zu|zum|zur)|folge?n?){_SIE}(?P<rest>\s.+)", "open"),
    (rf"(?:gib|geben?|trage?n?|schreibe?n?|setze?n?){_SIE}(?P<rest>\s.+?)(?:\s+ein)?", "type"),
    (rf"(?:fülle?n?){_SIE}(?P<rest>\s.+?)(?:\s+aus)?", "fill"),
)
_START = tuple((re.compile(rf"^{pattern}$", re.I), verb) for pattern, verb in _STARTS)
#: In order: what names a control, a place, a number, a direction; then the articles go.
_WORDS: tuple[tuple[str, str], ...] = (
    (r"suchfeld(?:es)?|suchleiste|suchbox", "search field"),
    (r"(?:ein|aus)?(?:gabe|wahl)?(?:text)?-?felde?s?|eingabe", "field"),
    (r"schaltflächen?|knopf(?:es)?|knöpfe|tasten?|buttons?", "button"),
    (r"kontrollkästchens?|kästchens?|häkchens?|ankreuzfeld(?:es)?|checkbox(?:en)?", "checkbox"),
    (r"optionsfeld(?:es)?|radiobuttons?|auswahlknopf", "radio button"),
    (r"auswahllisten?|auswahlmenüs?|dropdown-?(?:menüs?|listen?)?|klappliste", "dropdown"),
    (r"reiters?|registerkarten?|tabs?", "tab"),
    (r"schalters?|umschalters?", "switch"),
    (r"links?|verweis(?:es)?", "link"),
    (r"symbols?|icons?", "icon"),
    (r"fußzeile|fussbereich|fußbereich|footers?", "footer"),
    (r"kopfzeile|kopfbereichs?|headers?", "header"),
    (r"seitenleiste|sidebar", "sidebar"),
    (r"hauptnavigation|navigationsleiste|navigation|hauptmenüs?|menüs?", "menu"),
    (r"dialogfensters?|dialogs?|popups?|fensters?", "dialog"),
    (r"formulars?", "form"), (r"zeilen?", "row"), (r"überschrift(?:en)?", "heading"), (r"abschnitts?|bereichs?", "section"),
    (r"tabellen?", "table"), (r"spalten?", "column"), (r"karten?|kacheln?", "card"), (r"gruppen?", "group"),
    (r"erste[rsnm]?", "first"), (r"zweite[rsnm]?", "second"), (r"dritte[rsnm]?", "third"), (r"vierte[rsnm]?", "fourth"),
    (r"fünfte[rsnm]?", "fifth"), (r"sechste[rsnm]?", "sixth"), (r"letzte[rsnm]?", "last"), (r"vorletzte[rsnm]?", "second to last"),
    (r"mit (?:dem|der) (?:namen|aufschrift|beschriftung|text|titel)|namens|beschriftet mit", "named"),
    (rf"rechts (?:von|neben)(?: {_ARTICLE})?", "to the right of"), (rf"links (?:von|neben)(?: {_ARTICLE})?", "to the left of"),
    (rf"(?:neben|bei|beim)(?: {_ARTICLE})?", "next to"), (r"unterhalb(?: von)?|unter(?: der| dem)?", "under"),
    (r"oberhalb(?: von)?|über (?:der|dem)", "above"), (rf"(?:im|ins|in {_ARTICLE}|am|auf (?:der|dem))", "in the"),
    (rf"(?:für|als)(?: {_ARTICLE})?", "for"), (rf"(?:aus|vom|von)(?: {_ARTICLE})?", "from"), (r"zum|zur", "to"),
    (rf"mit(?: {_ARTICLE})?", "with"), (r"oben", "at the top"), (r"unten", "at the bottom"),
)  # fmt: skip
#: Prepositions are written small; a field may be called Von.
_SMALL = re.compile(r"rechts|links \(|\(\?:neben|unterhalb|oberhalb|\(\?:im|\(\?:für|\(\?:aus\|vom|zum|mit\(")
_WORD = tuple(
    (re.compile(rf"(?<![\w-])(?:{pattern})(?![\w-])", 0 if _SMALL.match(pattern) else re.I), english)
    for pattern, english in _WORDS
)
_HYPHEN = re.compile(r"(?<=\w)-(?=(?:button|schaltfläche|knopf|link|feld|icon|symbol|checkbox|kästchen|reiter|tab|dropdown|menü|seite)\b)", re.I)  # fmt: skip
_GENITIVE = re.compile(r"(?<=\w)\s+(?:der|des)\s+(?=\w)", re.I)
_ARTICLES = re.compile(rf"(?<![\w-]){_ARTICLE}(?![\w-])\s*", re.I)


def in_english(text: str) -> str | None:
    """The instruction with its German frame in English ("den Löschen-Button in der Zeile Bob" → "the Löschen button in the
    row Bob"), or None when it is not German."""
    bare = _QUOTES.sub(" ", text)
    if not _GERMAN.search(_HYPHEN.sub(" ", bare)):
        return None
    verb, rest = _verb(re.sub(r"^(?:bitte|ich (?:bin|will|möchte)|nur)\s+", "", text, flags=re.I))
    parts = _QUOTES.split(rest)
    told = "".join(part if n % 2 else _frame(part) for n, part in enumerate(parts))
    return re.sub(r"\s+", " ", f"{verb} {told}").strip()


def _verb(text: str) -> tuple[str, str]:
    for pattern, english in _START:
        if found := pattern.match(text):
            return english, found.group("rest").strip()
    if found := _FINAL.match(text):
        rest = re.sub(r"^auf\s+", "", found.group("rest"), flags=re.I)
        return _FINAL_VERBS.get(found.group("verb").lower(), "click"), rest
    named = re.match(rf"{_ARTICLE}\s+", text, re.I)
    return ("", f"the {text[named.end() :]}" if named else text)


def _frame(text: str) -> str:
    """The words between names."""
    told = _HYPHEN.sub(" ", text)
    told = re.sub(rf"\bin (?={_ARTICLE} (?:feld|\w+feld|textfeld)\b)", "into ", told, flags=re.I)
    for pattern, english in _WORD:
        told = pattern.sub(english, told)
    told = re.sub(r"^\s*" + _ARTICLE + r"\s+", " the ", told, flags=re.I)
    told = _GENITIVE.sub(" of ", told)
    return _ARTICLES.sub("", told)


_ASKING = re.compile(
    r"^(?:bitte\s+)?(?:extrahiere?n?|hole?n?|liste?n?|lies|lese?n?|finde?n?|sammle|sammeln|zeige?n?|gib|nenne?n?|erfasse?n?|kopiere?n?|speichere?n?)"
    r"(?:\s+(?:sie|mir|bitte))*(?=\s)",
    re.I,
)
_DATA_WORDS: tuple[tuple[str, str], ...] = (
    (r"(?:auf|von|aus) (?:der|dieser|den) (?:web)?seiten?", "on this page"), (r"und (?:deren|dessen|ihren?|ihre[mn]|seinen?)", "and their"),
    (r"mit (?:deren|dessen|ihren?|ihre[mn])", "with their"),
    (r"(?:von|zu|für|aus) (?:jede[mrsn]|alle[nm]?)", "of each"), (r"aller|sämtlicher", "of all"), (r"alle[nsm]?|sämtliche[ns]?", "all"), (r"und", "and"), (r"sowie", "as well as"),
    (r"(?:die|der|den) (?:ersten|obersten)", "the first"), (r"zwei", "two"), (r"drei", "three"), (r"vier", "four"), (r"fünf", "five"),
    (r"produkte?n?", "products"), (r"bücher", "books"), (r"artikel", "articles"), (r"stellen(?:angebote)?|jobangebote", "jobs"),
    (r"veranstaltungen|termine", "events"), (r"kommentare", "comments"), (r"rezensionen", "reviews"), (r"überschriften", "headings"),
    (r"bilder", "images"), (r"e-mail-adressen", "emails"), (r"telefonnummern", "phones"), (r"mitarbeiter(?:innen)?", "employees"),
    (r"zeilen", "rows"), (r"zutaten", "ingredients"), (r"preise[n]?", "preis"), (r"namen", "name"), (r"autoren", "autor"), (r"bewertungen", "bewertung"),
    (r"tabellen?", "table"), (r"listen?", "list"), (r"abschnitts?|bereichs?", "section"), (r"unter(?: der überschrift)?", "under"),
    (r"mit", "with"), (rf"(?:aus|in|von|im|vom) {_ARTICLE}|im|vom", "from the"), (r"von|aus", "of"),
)  # fmt: skip
_DATA = tuple((re.compile(rf"(?<![\w-])(?:{pattern})(?![\w-])", re.I), english) for pattern, english in _DATA_WORDS)


def asking_in_english(text: str) -> str:
    """An instruction to extract with its German frame and things in English; what the fields are called stays."""
    found = _ASKING.match(text)
    rest = re.sub(r"\s+(?:auf|aus)$", "", text[found.end() :], flags=re.I) if found else text
    if not (_GERMAN.search(rest) or re.search(r"\b(alle|die|mit|sowie)\b", rest, re.I)):
        return text
    told = rest
    for pattern, english in _DATA:
        told = pattern.sub(english, told)
    told = _ARTICLES.sub("", _GENITIVE.sub(" of the ", told))
    return re.sub(r"\s+", " ", f"extract {told}").strip()
