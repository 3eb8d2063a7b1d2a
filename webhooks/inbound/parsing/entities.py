"""What can be recognised in a text by itself: phones, e-mail addresses, URLs, amounts, task numbers, urgency."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import Any

import phonenumbers

_URL = re.compile(r"""\bhttps?://[^\s<>"'`{}|\\^]+""", re.IGNORECASE)
_BARE_HOST = re.compile(
    r"(?<![@/\w.-])((?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.){1,4}(?:com|org|net|io|dev|app|co|ai|test|example|de|uk|fr|eu)"
    r"(?:/[^\s<>\"'`{}|\\^]*)?)(?![\w@-])",
    re.IGNORECASE,
)
_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,5}[A-Za-z]{2,24}(?![\w@-])")
_AMOUNT = re.compile(
    r"(?:(?P<sign>[$€£¥])\s?(?P<one>\d[\d,.]*\d|\d))|(?:(?P<two>\d[\d,.]*\d|\d)\s?(?P<code>USD|EUR|GBP|CHF|dollars?|euros?|pounds?|[$€£]))\b",
    re.IGNORECASE,
)
_TASK_ID = re.compile(
    r"(?:#|\btasks?\s+#?|\bno\.?\s*)(\d{1,12})\b(?!\s*(?:days?|hours?|minutes?|times?))", re.IGNORECASE
)
_CURRENCIES = {"$": "USD", "€": "EUR", "£": "GBP", "¥": "JPY", "dollar": "USD", "euro": "EUR", "pound": "GBP"}
_URGENCY = (
    (
        "immediate",
        "critical",
        re.compile(r"\b(immediately|right now|right away|emergency|at once|drop everything)\b", re.I),
    ),
    ("urgent", "high", re.compile(r"\b(urgent(ly)?|asap|a\.s\.a\.p\.?|critical|as soon as possible)\b", re.I)),
    ("soon", "medium", re.compile(r"\b(soon|shortly|quickly|high priority|important)\b", re.I)),
    ("normal", "low", re.compile(r"\b(low priority|no rush|no hurry|not urgent|whenever|when you have time)\b", re.I)),
)
_TRAILING = ".,;:!?)]}'\""


@dataclass(frozen=True)
class Amount:
    """A sum of money as written: `value` in decimal notation, `currency` as ISO 4217."""

    value: str
    currency: str


@dataclass(frozen=True)
class Entities:
    """Everything found, in order of appearance, without doubles."""

    phones: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()
    urls: tuple[str, ...] = ()
    amounts: tuple[Amount, ...] = ()
    task_ids: tuple[int, ...] = ()
    urgency: str = "normal"
    priority: str = "medium"

    def as_json(self) -> dict[str, Any]:
        """What is kept with the message, camelCase."""
        found = asdict(self)
        return {"taskIds" if name == "task_ids" else name: value for name, value in found.items() if value}


def find_entities(text: str, region: str = "US") -> Entities:
    """Recognise what stands in a text. `region` (ISO 3166) reads phone numbers written without a country code."""
    urls = find_urls(text)
    without_urls = _BARE_HOST.sub(" ", _URL.sub(" ", text)) if urls else text
    urgency, priority = find_urgency(text)
    return Entities(
        phones=find_phones(without_urls, region),
        emails=_unique(address.lower() for address in _EMAIL.findall(text)),
        urls=urls,
        amounts=find_amounts(text),
        task_ids=_unique(int(number) for number in _TASK_ID.findall(without_urls)),
        urgency=urgency,
        priority=priority,
    )


def find_urls(text: str) -> tuple[str, ...]:
    """Addresses with a scheme, and bare host names of common endings, read as https."""
    found = [(match.start(), _trim(match[0])) for match in _URL.finditer(text)]
    rest = _URL.sub(lambda match: " " * len(match[0]), text)
    found += [(match.start(), "https://" + _trim(match[1])) for match in _BARE_HOST.finditer(_blank_emails(rest))]
    return _unique(url for _, url in sorted(found))


def without_urls(text: str) -> str:
    """The text with its addresses cut out."""
    return re.sub(r"\s{2,}", " ", _BARE_HOST.sub(" ", _URL.sub(" ", text))).strip()


def find_phones(text: str, region: str) -> tuple[str, ...]:
    """Valid phone numbers in +E.164."""
    matches = phonenumbers.PhoneNumberMatcher(text[:5000], region)
    return _unique(phonenumbers.format_number(match.number, phonenumbers.PhoneNumberFormat.E164) for match in matches)


def find_amounts(text: str) -> tuple[Amount, ...]:
    """Sums with a currency sign, code or name."""
    found = []
    for match in _AMOUNT.finditer(text):
        sign = (match["sign"] or match["code"] or "").lower().rstrip("s")
        found.append(Amount(_decimal(match["one"] or match["two"]), _CURRENCIES.get(sign, sign.upper())))
    return _unique(found)


def find_urgency(text: str) -> tuple[str, str]:
    """The (urgency, priority) a text asks for; a denial ("not urgent") wins over the word it denies."""
    calm = _URGENCY[-1]
    if calm[2].search(text):
        return calm[0], calm[1]
    return next(
        ((urgency, priority) for urgency, priority, words in _URGENCY if words.search(text)), ("normal", "medium")
    )


def normal_address(kind: str, address: str, region: str = "US") -> str:
    """One spelling per sender: +E.164 for phones, lower case for mail, anything else unchanged."""
    address = address.strip()
    if kind == "email":
        return address.lower()
    if kind != "sms":
        return address
    prefix, _, number = address.rpartition(":")
    try:
        parsed = phonenumbers.parse(number, region)
    except phonenumbers.NumberParseException:
        return address
    plain = str(phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164))
    return f"{prefix}:{plain}" if prefix else plain


def _decimal(written: str) -> str:
    """1,234.50 and 1.234,50 as 1234.50: the last mark followed by one or two digits is the decimal mark."""
    match = re.fullmatch(r"([\d,.]*?)(?:[.,](\d{1,2}))?", written)
    whole, cents = (match[1], match[2]) if match else (written, None)
    digits = re.sub(r"[.,]", "", whole)
    return f"{digits}.{cents}" if cents else digits


def _trim(url: str) -> str:
    while url and url[-1] in _TRAILING and not (url[-1] == ")" and url.count("(") >= url.count(")")):
        url = url[:-1]
    return url


def _blank_emails(text: str) -> str:
    return _EMAIL.sub(lambda match: " " * len(match[0]), text)


def _unique(values: Any) -> tuple[Any, ...]:
    return tuple(dict.fromkeys(values))
