"""Which control an instruction means: in English and German, by place, by row, by what is written; and when nobody can tell."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tasks.executors.browser.errors import Unsure
from tasks.executors.browser.understanding.base import FindRequest
from tasks.executors.browser.understanding.deterministic import finding
from tasks.executors.browser.understanding.deterministic.bylines import author_of
from tasks.executors.browser.understanding.deterministic.german import in_english
from tasks.executors.browser.understanding.deterministic.wishes import parse
from tasks.executors.browser.understanding.deterministic.words import likeness, token_of
from tasks.tests.browser.site import Site

pytestmark = pytest.mark.browser

ORDER = """
<header><a id=help1 href=/help>Hilfe</a><button id=cart aria-label="Warenkorb (2)">x</button><a id=login href=/login>Anmelden</a></header>
<h2>Rechnungsadresse</h2><div><label>Vorname <input id=bv></label><button id=be>Bearbeiten</button></div>
<h2>Lieferadresse</h2><div><label>Vorname <input id=lv></label><button id=le>Bearbeiten</button></div>
<label>Von <input id=von></label><label>Bis <input id=bis></label>
<table><tr><th>Artikel</th><th>Menge</th><th></th></tr>
<tr><td>Tasse</td><td><input id=m1></td><td><button id=d1 title=Entfernen>-</button></td></tr>
<tr><td>Teller</td><td><input id=m2></td><td><button id=d2 title=Entfernen>-</button></td></tr></table>
<label><input type=checkbox id=news> Newsletter abonnieren</label><button id=buy>Jetzt kaufen</button>
<footer><a id=help2 href=/help2>Hilfe</a></footer>"""
MEMBERS = """
<button id=new>+ New deal</button> <a href=/deals>Deals</a> <button id=no>no</button> <button id=No>No</button>
<table><tr><th>Name</th><th>Active</th><th></th></tr>
<tr><td>Ann Bell</td><td><input type=checkbox id=a1></td><td><button id=x1>Delete</button></td></tr>
<tr><td>Bob Cole</td><td><input type=checkbox id=a2></td><td><button id=x2>Delete</button></td></tr></table>
<div style="text-align:right"><button id=top>Export</button></div><div>Alerts <button role=switch aria-checked=false id=sw style="width:30px;height:20px"></button></div>
<label>From <input type=date id=from></label><label>To <input type=date id=to></label>
<form><h3>Contact us</h3><input aria-label=Name><button id=send>Contact us</button></form><a id=contact href=/contact>Contact us</a>
<div role=dialog><button id=close aria-label=Close>×</button><button id=cancel>Cancel</button><button id=ok>OK</button></div>
<button id=size>Size</button><button id=s42>42</button><button id=export2 style="display:block">Export</button>"""

INBOX = """
<main><h1>Inbox</h1><div class=threads>
<div class=t><input type=checkbox aria-label="Select conversation" id=c1><a href=/m/1 id=l1>Jonas Feld</a> <span>Invoice for March is overdue</span><button aria-label=Archive id=r1>A</button></div>
<div class=t><input type=checkbox aria-label="Select conversation" id=c2><a href=/m/2 id=l2>Jonas Meyer</a> <span>Your booking is confirmed for May</span><button aria-label=Archive id=r2>A</button></div>
<div class=t><input type=checkbox aria-label="Select conversation" id=c3><a href=/m/3 id=l3>Priya Nair</a> <span>Deutsche Bahn: your tickets</span><button aria-label=Archive id=r3>A</button></div></div>
<label>Nur direkte Verbindungen <input type=checkbox id=dir></label> <a href=/faq id=faq>FAQ</a> <button id=more>Load more</button></main>
<aside><h2>Recent tickets</h2><ul><li><a href=/t/1 id=t1>Wrong address</a></li><li><a href=/t/2 id=t2>Missing saucers</a></li></ul>
<h2>Reference files</h2><table id=f1><tr><td>Plan.pdf</td><td><a href=#drop id=p1>drop</a></td></tr><tr><td>Bill.pdf</td><td><a href=#drop id=p2>drop</a></td></tr></table></aside>
<form><table><tr><td>Instructor surname:</td></tr><tr><td><input id=sur></td></tr></table></form>"""


def wrong(session: Any, site: Site, page: str, cases: dict[str, str]) -> list[str]:
    """Of instructions with the id that is meant ("" for nobody can tell), those that go another way."""
    session.driver.get(site.url("shop/terms.html"))
    session.driver.execute_script("document.body.innerHTML = arguments[0]; document.title = 'x'", page)
    told = []
    for instruction, expected in cases.items():
        kind: Any = "type" if instruction.startswith(("Gib", "type")) else "click"
        try:
            choice = finding.find(session.driver, FindRequest(instruction, kind, 0.0, time.sleep))
            found = choice.element.get_attribute("id") if choice.element else "?"
        except Unsure:
            found = ""
        if found != expected:
            told.append(f"{instruction}: {found or 'refused'} instead of {expected or 'a refusal'}")
    return told


def test_german_instructions_are_understood(session: Any, site: Site) -> None:
    cases = {
        "Klicke auf Anmelden": "login", "Klicken Sie bitte auf den Button \"Jetzt kaufen\"": "buy", "Öffne den Warenkorb": "cart",
        "Hilfe in der Fußzeile": "help2", "den Entfernen-Button in der Zeile Tasse": "d1", "der zweite Bearbeiten-Button": "le",
        "Bearbeiten unter der Überschrift Lieferadresse": "le", "Gib den Vornamen in das Feld Vorname der Lieferadresse ein": "lv",
        "Gib Hamburg in das Feld Von ein": "von", "Gib die Menge für Teller ein": "m2", "Newsletter ankreuzen": "news",
        "Bearbeiten": "", "Abmelden": "", "Konto löschen": "",
    }  # fmt: skip
    assert wrong(session, site, ORDER, cases) == []


def test_what_is_written_and_where_it_stands_tells_controls_apart(session: Any, site: Site) -> None:
    cases = {
        "New deal": "new", 'Click on the "No" button': "No", "the Contact us button": "send", "the Contact us link": "contact",
        "the delete button in the row of Bob Cole": "x2", "the checkbox Active for Ann Bell": "a1", "turn on Alerts": "sw",
        "the Delete button to the right of Bob Cole": "x2", "type the from date": "from", "submit the contact form": "send",
        'Click the button in the dialog labeled "Cancel"': "cancel", 'Close the dialog by clicking the "x"': "close",
        "Export in the top right corner": "top", "size 42": "", "any Delete button": "x1",
        "Delete": "", "Delete the account": "", "Archive": "",
    }  # fmt: skip
    assert wrong(session, site, MEMBERS, cases) == []


def test_a_record_tells_its_controls_apart_whatever_it_is_made_of(session: Any, site: Site) -> None:
    cases = {
        "Archive the mail from Jonas Feld": "r1", "open the third conversation": "l3",
        "tick the second conversation": "c2", "the second recent ticket": "t2", "drop Bill.pdf": "p2", "drop": "",
        "archive the mail from Jonas": "", "archive the mail from Jonas Weber": "",
    }  # fmt: skip
    assert wrong(session, site, INBOX, cases) == []


def test_slips_abbreviations_and_words_written_together_are_understood(session: Any, site: Site) -> None:
    cases = {
        "Nur Direktverbindungen ankreuzen": "dir", "open the frequently asked questions": "faq", "show more": "more",
        "type the instructor surnmae": "sur",
    }  # fmt: skip
    assert wrong(session, site, INBOX, cases) == []


@pytest.mark.parametrize(
    ("german", "english"),
    [
        ("den Löschen-Button in der Zeile Bob", "the Löschen button in the row Bob"),
        ("Gib \"in der Bar\" in das Feld Ort ein", 'type "in der Bar" into field Ort'),
        ("Newsletter ankreuzen", "check Newsletter"),
        ("Click on Save in the header", None),
    ],
)  # fmt: skip
def test_the_frame_of_a_german_instruction_is_put_into_english(german: str, english: str | None) -> None:
    assert in_english(german) == english


def test_german_wishes_name_things_and_fields() -> None:
    wish = parse("Hole die Namen und Preise aller Produkte auf dieser Seite")
    assert (wish.entity, [one.key for one in wish.fields], wish.many) == ("products", ["name", "preis"], True)
    assert [one.kind for one in wish.fields] == ["name", "money"]
    assert parse("Liste alle Überschriften auf").whole == parse("Get all headings").whole == "headings"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("anmelden", "abmelden"),
        ("import", "export"),
        ("page1", "page2"),
        ("report", "repost"),
        ("subscribe", "unsubscribe"),
    ],
)
def test_words_that_mean_something_else_are_no_misspellings(one: str, other: str) -> None:
    assert likeness(token_of(one), token_of(other)) == 0


def test_a_name_that_is_a_month_stays_whole() -> None:
    assert author_of("by Katherine May") == "Katherine May"
    assert author_of("By Anna Smith May 3, 2026") == "Anna Smith"
