"""What a task is about, in the terms that policies match on: action, hosts, amount, recipients."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import urlsplit

from agency import http

#: Keys whose value names what is done, in this order.
_ACTION_KEYS = ("ghlAction", "apiMethod", "action", "reportType")
_AMOUNT_KEYS = frozenset({"amount", "monetaryvalue", "price", "total", "sum", "budget", "fee", "charge", "refund"})
_RECIPIENT_KEYS = frozenset({"recipient", "recipients", "to", "cc", "bcc", "phone", "email", "contactid"})
_URL = re.compile(r"https?://[^\s\"'<>]+", re.IGNORECASE)


@dataclass(frozen=True)
class Content:
    """Lower-case words, so that policies match whatever the spelling."""

    action: str = ""
    hosts: frozenset[str] = frozenset()
    amount: Decimal | None = None
    recipients: frozenset[str] = field(default_factory=frozenset)


def of(config: dict[str, Any], target: str = "") -> Content:
    """The content of a config as it is stored."""
    action = next((str(config[key]) for key in _ACTION_KEYS if isinstance(config.get(key), str)), "")
    hosts: set[str] = set()
    recipients: set[str] = set()
    amounts: list[Decimal] = []
    for key, value in _walk("", config):
        name = key.replace("_", "").replace("-", "").lower()
        if isinstance(value, str):
            hosts.update(_hosts(value))
        if name in _RECIPIENT_KEYS and isinstance(value, str) and value.strip():
            recipients.update(part.strip().lower() for part in value.split(",") if part.strip())
        if name in _AMOUNT_KEYS and (amount := _amount(value)) is not None:
            amounts.append(amount)
    if "." in target and "/" not in target and "@" not in target:
        hosts.add(target.lower().partition(":")[0])
    return Content(action.lower(), frozenset(hosts), max(amounts, default=None), frozenset(recipients))


def _walk(key: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Every leaf with the nearest key above it. Configs are at most 20 levels deep."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _walk(str(name), inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _walk(key, inner)
    else:
        yield key, value


def _hosts(text: str) -> Iterator[str]:
    """Host names without port, spelled as the guarded door spells them."""
    for found in _URL.findall(text):
        try:
            host = http.host_of(found).lower()
        except http.TargetNotAllowed:
            host = _plain_host(found)
        if host:
            yield host if host.count(":") > 1 else host.partition(":")[0]


def _plain_host(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").lower()
    except ValueError:
        return ""


def _amount(value: Any) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        amount = Decimal(str(value).replace(",", "").strip("$€£ "))
    except InvalidOperation:
        return None
    return abs(amount) if amount.is_finite() else None
