"""Typed values out of page text: money, dates, numbers, ratings, addresses. What is not certain stays text."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from typing import Any

from price_parser import Price

_CURRENCIES = {
    "£": "GBP", "€": "EUR", "$": "USD", "us$": "USD", "usd": "USD", "eur": "EUR", "gbp": "GBP", "¥": "JPY", "jpy": "JPY",
    "₹": "INR", "rs": "INR", "rs.": "INR", "inr": "INR", "chf": "CHF", "c$": "CAD", "ca$": "CAD", "cad": "CAD", "a$": "AUD",
    "au$": "AUD", "aud": "AUD", "zł": "PLN", "pln": "PLN", "kč": "CZK", "czk": "CZK", "sek": "SEK", "nok": "NOK",
    "dkk": "DKK", "₽": "RUB", "₩": "KRW", "r$": "BRL", "brl": "BRL", "₺": "TRY", "₪": "ILS", "฿": "THB", "cny": "CNY",
    "元": "CNY", "hk$": "HKD", "nz$": "NZD", "s$": "SGD", "mx$": "MXN", "zar": "ZAR", "huf": "HUF", "ron": "RON",
}  # fmt: skip
_MONEY = re.compile(
    r"(?:[£€$¥₹₽₩₺₪฿]|\b(?:usd|eur|gbp|jpy|chf|cad|aud|inr|sek|nok|dkk|pln|czk|brl|cny|zar|huf|ron|rs\.?|kr\.?|zł|kč)(?=[\s\d]|$))",
    re.I,
)
#: A minus that begins the amount, or an accountant's brackets: a debit must not read as a credit, nor a range as a debit.
_SIGN = r"[£€$¥₹₽₩₺₪฿]"
_NEGATIVE = re.compile(
    rf"^\s*(?:[A-Za-z]{{3}}\s*)?{_SIGN}?\s*[-−–]\s*(?:[A-Za-z]{{0,3}}{_SIGN}\s*)?\d|^\s*\([^()]*\d[^()]*\)\s*$"
)
_ONLY_MONEY = re.compile(
    rf"^\s*[-−–]?\s*(?:[A-Za-z]{{0,3}}{_SIGN}|[A-Z]{{3}})?\s*[-−–]?\d[\d.,'’\u00a0\u202f ]*(?:{_SIGN}|[A-Z]{{3}})?\s*$"
)
_BARE_COUNT = re.compile(r"^\W*\d[\d.,'’\s]*\W*[x×]?\W*$", re.I)
_FREE = re.compile(r"^\s*(free|gratis|kostenlos)\s*!?\s*$", re.I)
_NUMBER = re.compile(r"[-+−]?\d[\d.,\s'’\u00a0\u202f]*\d|[-+−]?\d")
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_PHONE = re.compile(r"(?<![\w/.,-])\+?\(?\d[\d \u00a0\u202f().\-–/]{5,18}\d(?![\w/-])")
_NO_PHONE = re.compile(
    r"\d+[.,]\d{2}\s*[-–]\s*\d+[.,]\d{2}|\d{1,2}[/.]\d{1,2}[/.]\d{4}|\d{4}\s*[-–]\s*\d{4}|\d+[.]\d+|(?:\d{1,3} )+\d{1,3}|[\d ]*\d{1,2}\s*[-–]\s*\d{1,2}|\d{4}-\d{2}-\d{2}.*|\d{5}-\d{4}"
)
_RATING = re.compile(r"(\d(?:[.,]\d+)?)\s*(?:/|out of|von|of|sur|de)\s*(5|10|100)\b", re.I)
_STARS = re.compile(r"(\d(?:[.,]\d+)?)\s*(?:-\s*)?stars?\b", re.I)
_OF_STARS = re.compile(r"(?<![\d.,])[0-5][.,]\d{1,2}(?![\d.,])")
_WORD_RATING = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5}
_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "january jan", "february feb", "march mar", "april apr", "may", "june jun", "july jul", "august aug",
            "september sep sept", "october oct", "november nov", "december dec",
        ), 1
    )
    for name in names.split()
}  # fmt: skip
_MONTH = "|".join(sorted(_MONTHS, key=len, reverse=True))
_DAY_MONTH = re.compile(rf"\b(\d{{1,2}})(?:st|nd|rd|th)?\.?\s+(?:of\s+)?({_MONTH})\b\.?,?\s+(\d{{4}})", re.I)
_MONTH_DAY = re.compile(rf"\b({_MONTH})\b\.?,?\s+(\d{{1,2}})(?:st|nd|rd|th)?,?\s+(?:\d\d:\d\d:\d\d\s+)?(\d{{4}})", re.I)
_ISO = re.compile(r"\b(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2})?(?:\.\d+)?)\s*(Z|[+-]\d{2}:?\d{2})?)?")
_DOTTED = re.compile(r"\b(\d{1,2})\.(\d{1,2})\.(\d{4})\b")
_SLASHED = re.compile(r"\b(\d{1,2})/(\d{1,2})/(\d{4})\b")
_YEAR_FIRST = re.compile(r"\b(\d{4})[/.](\d{1,2})[/.](\d{1,2})\b")
_AGO = re.compile(r"\b(\d+|an?|few)\s+(second|minute|hour|day|week|month|year)s?\s+ago\b|\byesterday\b|\btoday\b", re.I)

_MONTH_YEAR = re.compile(rf"\b(?:{_MONTH})\b\.?\s+(?:19|20)\d\d\b", re.I)
_SHORT_DAY = re.compile(rf"\b(?:{_MONTH})\b\.?\s+\d{{1,2}}\b|\b\d{{1,2}}\.?\s+(?:{_MONTH})\b", re.I)
_CLOCK = re.compile(r"\b\d{1,2}[:.]\d{2}\s*(?:uhr|[ap]\.?m\b)?|\b\d{1,2}\s*(?:uhr\b|[ap]\.?m\b)", re.I)
_SPAN = re.compile(
    r"\b\d+\s*(?:s|sec|seconds?|m|min|mins|minutes?|minuten|h|hrs?|hours?|std|stunden?|d|days?|tage?n?)\b", re.I
)
_ISO_SPAN = re.compile(r"^P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?$")


@dataclass(frozen=True)
class Money:
    """An amount and its ISO currency, "" where the page does not tell."""

    amount: float | int
    currency: str


def money(text: str) -> Money | None:
    """The first amount of money in a text; None without a currency sign (a bare number is not a price)."""
    if _FREE.match(text):
        return Money(0, "")
    if not _MONEY.search(text) or len(text) > 200:
        return None
    parsed = Price.fromstring(text)
    if parsed.amount is None:
        return None
    amount = float(parsed.amount) * (-1 if _NEGATIVE.search(text) else 1)
    return Money(_plain(amount), _currency(parsed.currency or "", text))


def only_money(text: str) -> bool:
    """Whether a text is one amount of money with its sign and nothing else."""
    return bool(_ONLY_MONEY.match(text)) and money(text) is not None


def thousands(text: str) -> int | None:
    """A whole number written with commas by thousands (37,036,200) and nothing else."""
    return int(text.replace(",", "")) if re.fullmatch(r"\d{1,3}(?:,\d{3})+", text.strip()) else None


def amount(text: str) -> Money | None:
    """As `money`, but a bare number counts: for a field that is known to be a price."""
    found = money(text)
    if found is not None:
        return found
    parsed = Price.fromstring(text) if len(text) <= 60 else None
    return Money(_plain(float(parsed.amount)), "") if parsed and parsed.amount is not None else None


def number(text: str) -> float | int | None:
    """The first number of a text, separators understood."""
    found = _NUMBER.search(text)
    if not found:
        return None
    raw = re.sub(r"[\s'’\u00a0\u202f]", "", found.group(0)).replace("−", "-")
    thousand = re.fullmatch(r"[-+]?\d{1,3}([.,]\d{3})+", raw)
    if thousand:
        raw = raw.replace(",", "").replace(".", "")
    elif "," in raw and "." in raw:
        decimal = max(raw.rfind(","), raw.rfind("."))
        raw = raw[:decimal].replace(",", "").replace(".", "") + "." + raw[decimal + 1 :]
    else:
        raw = raw.replace(",", ".")
    try:
        return _plain(float(raw))
    except ValueError:
        return None


def rating(text: str) -> float | int | None:
    """A rating such as "4.5 out of 5", "4 stars", "★★★☆☆" or the word of a star class."""
    low = text.strip().lower()
    if low in _WORD_RATING:
        return _WORD_RATING[low]
    for pattern in (_RATING, _STARS):
        if found := pattern.search(text):
            return _plain(float(found.group(1).replace(",", ".")))
    full, half = text.count("★") + text.count("⭐"), text.count("½")
    if full and (shown := _OF_STARS.search(text)):
        return _plain(float(shown.group(0).replace(",", ".")))
    if full:
        return _plain(full + 0.5 * half)
    if re.fullmatch(r"\d(?:[.,_-]\d)?", low):
        return _plain(float(re.sub(r"[,_-]", ".", low)))
    return None


def date(text: str) -> str | None:
    """A date as ISO 8601, with its time and zone where the page gives them. Ambiguous ones (03/04/2026) are None."""
    if found := _ISO.search(text):
        year, month, day, time, zone = found.groups()
        plain = _day(int(year), int(month), int(day))
        return f"{plain}T{time}{zone or ''}" if plain and time else plain
    if found := _DAY_MONTH.search(text):
        return _day(int(found.group(3)), _MONTHS[found.group(2).lower()], int(found.group(1)))
    if found := _MONTH_DAY.search(text):
        return _day(int(found.group(3)), _MONTHS[found.group(1).lower()], int(found.group(2)))
    if found := _YEAR_FIRST.search(text):
        return _day(*(int(part) for part in found.groups()))
    if found := _DOTTED.search(text):
        return _day(int(found.group(3)), int(found.group(2)), int(found.group(1)))
    if found := _SLASHED.search(text):
        first, second, year = (int(part) for part in found.groups())
        if first > 12:
            return _day(year, second, first)
        return _day(year, first, second) if second > 12 or first == second else None
    return None


def only_date(text: str) -> bool:
    """Whether a text is one date, maybe with a time of day: of two dates or a span, one day would be a wrong value."""
    if _ISO.match(text.strip()):
        return True
    for pattern in (_DAY_MONTH, _MONTH_DAY, _YEAR_FIRST, _DOTTED, _SLASHED):
        if found := pattern.search(text):
            rest = f"{text[: found.start()]} {text[found.end() :]}"
            return not (looks_dated(rest) or re.search(r"\d\.?\s*(?:[-–—]|to|bis)\s*$", text[: found.start()]))
    return False


def looks_dated(text: str) -> bool:
    """A date, also one that cannot be pinned to a day."""
    vague = (_AGO, _SLASHED, _MONTH_YEAR, _SHORT_DAY)
    return len(text) < 80 and (date(text) is not None or any(pattern.search(text) for pattern in vague))


def looks_timed(text: str) -> bool:
    """A time of day, a span of time, or how long ago something was."""
    return len(text) < 60 and any(pattern.search(text) for pattern in (_CLOCK, _SPAN, _AGO))


def duration(text: str) -> str:
    """An ISO 8601 duration as people write it (PT1H15M: "1 hr 15 min"); any other text as it is."""
    found = _ISO_SPAN.match(text.strip())
    if not found or not any(found.groups()):
        return text
    days, hours, minutes, seconds = (int(part) if part else 0 for part in found.groups())
    if not hours:
        hours, minutes = divmod(minutes, 60)
    parts = ((days, "days"), (hours, "hr"), (minutes, "min"), (seconds, "sec"))
    return " ".join(f"{count} {unit}" for count, unit in parts if count)


def email(text: str) -> str | None:
    """The first e-mail address."""
    found = _EMAIL.search(text)
    return found.group(0) if found else None


def phone(text: str) -> str | None:
    """The first telephone number."""
    for found in _PHONE.finditer(text):
        digits = re.sub(r"\D", "", found.group(0))
        plausible = 7 <= len(digits) <= 15 and not _NO_PHONE.fullmatch(found.group(0).strip())
        if plausible and date(found.group(0)) is None:
            return found.group(0).strip()
    return None


def emails(text: str) -> list[str]:
    """Every e-mail address once, in order."""
    return list(dict.fromkeys(_EMAIL.findall(text)))


def phones(text: str) -> list[str]:
    """Every telephone number once, in order."""
    found = (match.group(0).strip() for match in _PHONE.finditer(text))
    return list(dict.fromkeys(each for each in found if phone(each)))


def typed(kind: str, text: str) -> dict[str, Any]:
    """The value of a field of that kind as {"": value} plus what belongs to it ({"Currency": …})."""
    if kind == "money":
        found = amount(text)
        if found is None:
            return {"": text}
        return {"": found.amount, **({"Currency": found.currency} if found.currency else {})}
    if kind == "date":
        return {"": (date(text) if only_date(text) else None) or text}
    if kind == "time":
        dated = only_date(text) and not _CLOCK.search(text)
        return {"": (date(text) if dated else None) or duration(text)}
    if kind == "rating":
        value = rating(text)
        return {"": text if value is None else value}
    if kind == "count":
        value = number(text) if _BARE_COUNT.match(text) else None
        return {"": text if value is None else value}
    if kind in ("email", "phone"):
        return {"": (email if kind == "email" else phone)(text) or text}
    whole = thousands(text) if kind in ("text", "") else None
    return {"": text if whole is None else whole}


def _plain(value: float) -> float | int:
    return int(value) if value == int(value) else value


def _currency(symbol: str, text: str) -> str:
    low = symbol.strip().lower()
    if low == "$":
        before = re.search(r"(us|c|ca|a|au|hk|nz|s|mx|r)\$", text, re.I)
        low = before.group(0).lower() if before else low
    return _CURRENCIES.get(low, symbol.strip().upper() if len(symbol.strip()) == 3 else symbol.strip())


def _day(year: int, month: int, day: int) -> str | None:
    try:
        return dt.date(year, month, day).isoformat()
    except ValueError:
        return None
