"""What an instruction to extract asks for, and what is found of it on pages built in the ways people build them."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.executors.browser.understanding.base import ExtractRequest
from tasks.executors.browser.understanding.deterministic import extracting, values
from tasks.executors.browser.understanding.deterministic.wishes import parse
from tasks.tests.browser.site import Site

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(
    ("instruction", "entity", "fields", "many"),
    [
        ("Get industry, employees and headquarters of the featured employer", "featured employer", "industry employee headquarter", False),
        ("List the previous positions with title, company and period", "previous positions", "title company period", True),
        ("List the products it goes well with: name and price", "products", "name price", True),
        ("Extract sender and date of every conversation in the inbox", "conversation", "sender date", True),
        ("Extract name and date of birth of every patient", "patient", "name dateBirth", True),
        ("Get subscribers, average open rate and unsubscribes", "", "subscriber averageOpenRate unsubscribe", None),
        ("Hole Auftragsnummer, Ort und Objekt des Auftrags", "Auftrag", "auftragsnummer ort objekt", False),
        ("Liste für jedes Angebot Firma, Dauer und Entfernung auf", "Angebot", "firma dauer entfernung", True),
        ("What is the phone number of Barlow Fasteners?", "Barlow Fasteners", "phoneNumber", False),
    ],
)  # fmt: skip
def test_an_instruction_tells_the_thing_its_fields_and_whether_many(
    instruction: str, entity: str, fields: str, many: bool | None
) -> None:
    wish = parse(instruction)
    assert (wish.entity, " ".join(one.key for one in wish.fields).lower(), wish.many) == (entity, fields.lower(), many)


@pytest.mark.parametrize(
    ("question", "key", "kind"),
    [
        ("How many jobs were found?", "job", "count"), ("Wie viele Plätze sind frei?", "platze", "count"),
        ("When is the next reply due?", "nextReplyDue", "time"), ("Who wrote the article?", "author", "author"),
        ("How much is the deposit?", "price", "money"),
    ],
)  # fmt: skip
def test_a_question_is_put_as_what_it_asks_for(question: str, key: str, kind: str) -> None:
    assert [(one.key, one.kind) for one in parse(question).fields] == [(key, kind)]


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("date", "Mon 9 March 2026", "2026-03-09"), ("date", "12 March 2026 to 14 March 2026", "12 March 2026 to 14 March 2026"),
        ("time", "PT1H15M", "1 hr 15 min"), ("time", "11 March 2026, 11:45", "11 March 2026, 11:45"),
        ("text", "37,036,200", 37036200), ("text", "1,5", "1,5"), ("count", "1 Stk.", "1 Stk."), ("count", "12", 12),
    ],
)  # fmt: skip
def test_a_value_is_typed_only_when_nothing_of_it_is_lost(kind: str, text: str, value: Any) -> None:
    assert values.typed(kind, text)[""] == value


PAGES: dict[str, str] = {
    "tiles": "<div><div><span>Subscribers</span><b>24,118</b><small>last 90 days</small></div><div><b>87</b><span>Unsubscribes</span></div></div>"
    "<p>182 jobs found</p><p>Tel. 0115 496 0220<br>Fax 0115 496 0999</p><p>Open 8.00-17.00 Uhr, seit 01/03/2026</p>",
    "coins": "<table><tr><th>Name</th><th>Price</th></tr><tr><td>Bitcoin</td><td>$10,513.00</td></tr><tr><td>Litecoin</td><td>$173.86</td></tr>"
    "<tr><td>Monero</td><td>$91.20</td></tr></table>",
    "cells": "<table><tr><td>Item no.</td><td>Size</td><td>List price</td></tr><tr><td>B-06</td><td>M6</td><td>4.80</td></tr>"
    "<tr><td>B-08</td><td>M8</td><td>6.25</td></tr></table>",
    "cards": "".join(
        f"<section><h3>Flight {n}</h3><div class=k><div class=al>{air}</div><div class=st>{stops}</div><div class=pr>£{n}4</div></div></section>"
        for n, air, stops in ((7, "Skua Air", "Nonstop"), (5, "Boreal", "One stop"), (9, "Tern Lines", "Two stops"))
    ),
    "account": "<h2>Account details</h2><section><div><span>Sort code</span><span>04-11-72</span></div><div><span>IBAN</span><span>GB29 CSTL 0411</span></div>"
    "<div><span>Account holder</span><span>Ms Achebe</span></div></section><div><b>£2,318.64</b><div>Available balance · Overdraft limit £500.00</div></div>"
    "<div><div class=stat-label>Pending</div><div><span>42</span><span>3%</span></div></div><div style='display:grid;grid-template-columns:200px 200px'>"
    "<span>Absender</span><span>Lampenwerk GmbH</span><span>Gewicht</span><span>3,4 kg</span></div>",
    "compare": "<table><thead><tr><th></th><th><button>x</button><a href=/a>Dusty</a> $499 <button>Add to cart</button></th><th><button>x</button><a href=/b>Orbi</a> $279"
    "<button>Add to cart</button></th></tr></thead><tbody><tr><th>Battery life</th><td>180 min</td><td>110 min</td></tr><tr><th>Noise level</th><td>64 dB</td><td>68 dB</td></tr></tbody></table>",
    "footer": "<main><h2>News</h2><p>Nothing</p></main><footer><ul><li class=menuHeading>Careers</li><li><a href=/jobs>Jobs</a></li><li><a href=/teams>Teams</a></li></ul>"
    "<div><h4>Services</h4><div><a href=/faq>FAQ</a><a href=/how>How to</a></div></div><aside><h3>Related</h3><p>9 · <a href=/q/1>Yellow spots</a></p><p>4 · <a href=/q/2>Blossom</a></p></aside></footer>",
    "product": "<main><h1>Kit Pro</h1><span class=price>$129</span> <span class=price-old>$199</span></main><p>1 - 20 of 284</p>"
    "<label>Upload a photo <input type=file></label><img src=/photo.png alt=photo><p>Allowed: PNG</p>",
    "people": "<p><span>Company Name: <b>Viking Ltd</b></span></p><label>Month <select><option value=''>Choose</option><option>1</option><option>2</option></select></label>"
    "<div><span class=rating>★★★★★ <small>4.6 · 248 reviews</small></span></div>",
    "nav": "<nav><a href=https://example.org/>Home</a></nav><footer><a href=https://example.org/imprint>Imprint</a></footer>",
    "quotes": "<ul>" + "".join(
        f"<li class=offer><h3>{name}</h3><dl><dt>Duration</dt><dd>{days} days</dd><dt>Distance</dt><dd>{km} km</dd></dl></li>"
        for name, days, km in (("Haas", 12, 41), ("Krüger", 9, 27), ("Blitz", 15, 8))
    ) + "</ul>",
}  # fmt: skip
WISHES: tuple[tuple[str, str, Any], ...] = (
    ("tiles", "How many jobs were found?", {"job": 182}),
    ("tiles", "How many dogs are there?", None),
    ("tiles", "Get subscribers and unsubscribes", {"subscriber": 24118, "unsubscribe": "87"}),
    ("tiles", "Get phone and fax", {"phone": "0115 496 0220", "fax": "0115 496 0999"}),
    ("account", "Get sort code, IBAN and account holder", {"sortCode": "04-11-72", "iban": "GB29 CSTL 0411", "accountHolder": "Ms Achebe"}),
    ("account", "What is the available balance?", {"availableBalance": 2318.64, "availableBalanceCurrency": "GBP"}),
    ("account", "Get pending", {"pending": "42"}),
    ("account", "Hole Absender und Gewicht", {"absender": "Lampenwerk GmbH", "gewicht": "3,4 kg"}),
    ("compare", "Get name, battery life and noise level of each vacuum",
     [{"name": "Dusty", "batteryLife": "180 min", "noiseLevel": "64 dB"}, {"name": "Orbi", "batteryLife": "110 min", "noiseLevel": "68 dB"}]),
    ("footer", "List the links of the Services column in the footer", [{"link": "FAQ"}, {"link": "How to"}]),
    ("nav", "List all links in the footer", [{"text": "Imprint", "url": "https://example.org/imprint"}]),
    ("footer", "All links under Careers", [{"link": "Jobs"}, {"link": "Teams"}]),
    ("footer", "List the related questions", [{"question": "Yellow spots"}, {"question": "Blossom"}]),
    ("product", "Extract name, price and old price of this product",
     {"name": "Kit Pro", "price": 129, "priceCurrency": "USD", "oldPrice": 199, "oldPriceCurrency": "USD"}),
    ("product", "How large may a photo be?", None),
    ("account", "Wie lautet die IBAN?", {"iban": "GB29 CSTL 0411"}),
    ("people", "Get name and company name", {"companyName": "Viking Ltd"}),
    ("people", "Which months can be chosen?", [{"month": "1"}, {"month": "2"}]),
    ("people", "What is the rating?", {"rating": 4.6}),
    ("product", "How many results are there?", {"result": 284}),
    ("coins", "What is the price of Litecoin?", {"price": 173.86, "priceCurrency": "USD"}),
    ("cells", "Extract size and list price of all items",
     [{"size": "M6", "listPrice": 4.8}, {"size": "M8", "listPrice": 6.25}]),
    ("quotes", "For each offer get duration and distance",
     [{"duration": "12 days", "distance": "41 km"}, {"duration": "9 days", "distance": "27 km"}, {"duration": "15 days", "distance": "8 km"}]),
)  # fmt: skip


@pytest.mark.parametrize(("page", "instruction", "expected"), WISHES)
def test_what_is_asked_for_is_found_on_the_page(
    session: Any, site: Site, page: str, instruction: str, expected: Any
) -> None:
    session.driver.get(site.url("shop/terms.html"))
    session.driver.execute_script("document.body.innerHTML = arguments[0]; document.title = 'x'", PAGES[page])
    assert extracting.extract(session.driver, ExtractRequest(instruction)).value == expected
