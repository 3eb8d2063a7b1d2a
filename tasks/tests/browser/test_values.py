"""Typed values out of page text: what is certain is typed, what is not stays text."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.executors.browser.understanding.deterministic import values
from tasks.executors.browser.understanding.deterministic.bylines import author_of


@pytest.mark.parametrize(
    ("text", "amount", "currency"),
    [
        ("£48.00", 48, "GBP"), ("€1.234,50", 1234.5, "EUR"), ("$3,200.00", 3200, "USD"), ("kr 129,00", 129, "kr"),
        ("-$42.10", -42.1, "USD"), ("−€5", -5, "EUR"), ("(12.50 €)", -12.5, "EUR"), ("USD -3.20", -3.2, "USD"),
        ("€48,000 – €56,000", 48000, "EUR"), ("Save - $5", 5, "USD"), ("CA$ 9.99", 9.99, "CAD"),
    ],
)  # fmt: skip
def test_money_keeps_its_amount_sign_and_currency(text: str, amount: float, currency: str) -> None:
    found = values.money(text)
    assert found is not None
    assert (found.amount, found.currency) == (amount, currency)


@pytest.mark.parametrize("text", ["12.50", "Room 101", "no price", ""])
def test_a_bare_number_is_no_money(text: str) -> None:
    assert values.money(text) is None


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("3 March 2026", "2026-03-03"), ("March 3, 2026", "2026-03-03"), ("14.04.2026", "2026-04-14"), ("2026/5/1", "2026-05-01"),
        ("2026-02-11T08:30:00+00:00", "2026-02-11T08:30:00+00:00"), ("25/12/2026", "2026-12-25"), ("03/04/2026", None),
        ("2 days ago", None), ("31 February 2026", None), ("soon", None),
    ],
)  # fmt: skip
def test_a_date_is_pinned_to_a_day_only_when_it_can_be(text: str, date: str | None) -> None:
    assert values.date(text) == date


@pytest.mark.parametrize(
    ("text", "rating"),
    [("4.5 out of 5 stars", 4.5), ("4/5", 4), ("★★★½", 3.5), ("Three", 3), ("8.4", 8.4), ("not rated", None)],
)
def test_ratings(text: str, rating: Any) -> None:
    assert values.rating(text) == rating


@pytest.mark.parametrize(
    ("byline", "author"),
    [
        ("By Ines Duarte, 11 February 2026", "Ines Duarte"), ("posted by Edna on 12 April 2026 | 8 replies", "Edna"),
        ("Tech Industry by Steven Musil January 18", "Steven Musil"), ("Last Updated: January 7, 2025", ""), ("1 May 2026", ""),
    ],
)  # fmt: skip
def test_the_name_in_a_byline(byline: str, author: str) -> None:
    assert author_of(byline) == author
