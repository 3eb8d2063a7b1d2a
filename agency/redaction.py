"""Taking secrets out of whatever leaves the process: by name, by value, and by the shapes they have in text.

This module knows no database, so that the logging of the very first line already passes through it.
"""

from __future__ import annotations

import base64
import json
import logging
import os
import re
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from typing import Any
from urllib.parse import quote, quote_plus

MASK = "***"
#: Shorter secrets are masked only where they are the whole value: replacing "ab" everywhere would destroy the text.
MIN_PART = 4
#: With more forms than this a text is first looked through by the first letters of them all.
FEW, GRAM = 64, 8
_RECENT = 128
MAX_LINE = 20_000

_SECRET_NAME = re.compile(
    r"authorization|cookie|passw(or)?d|passphrase|secret|token|api[-_ .]?key|access[-_]?key|private[-_]?key"
    r"|encryption[-_]?key|signing[-_]?key|credential_?keys|signature|^auth$|^pwd$|^sig$|^jwt$|^x-auth",
    re.IGNORECASE,
)
_NO_SECRET_NAME = re.compile(
    r"(next|prev|previous|page|cursor|continuation|sync)[-_]?token$|tokens?[-_]?(count|limit|url|uri)$"
    r"|[-_](header|type|hint|at|in|id|name|length)$|expires|expiry",
    re.IGNORECASE,
)
_NO_SECRET_CAMEL = re.compile(r"[a-z](Header|Type|Hint|At|In|Id|Name|Length)$")
_SHORT_QUERY_NAMES = frozenset({"key", "sig", "code", "auth", "pwd"})
_QUERY = re.compile(r"([?&;])([\w.%-]{1,80})=([^&#\s\"'<>]+)")
_USERINFO = re.compile(r"(?<=://)[^/\s@?#]+(?=@)")
_SCHEME_AND_TOKEN = re.compile(r"\b(bearer|basic)(\s+)(?=\S*[0-9+/=_.-])[A-Za-z0-9._~+/=-]{8,}", re.IGNORECASE)
_NAMED_IN_TEXT = re.compile(
    r"\b([\w-]{0,40}(?:authorization|passw(?:or)?d|secret|token|api[-_]?key|cookie|signature)[\w-]{0,40}"
    r"[\"']?\s{0,5}[:=]\s{0,5}[\"']?)"
    r"(?!\*{3})(?:(?:bearer|basic)\s+)?[^\s\"',;&}]{4,}",
    re.IGNORECASE,
)
#: Without one of these words in it a text holds nothing that _NAMED_IN_TEXT finds, and most lines have none.
_NAMES_IN_TEXT = ("authorization", "passw", "secret", "token", "api", "cookie", "signature")
_EMAIL = re.compile(r"\b([\w.+-])[\w.+-]{0,63}@([\w-]{1,63}\.[\w.-]{1,190})")
_PHONE = re.compile(r"(?<![\w.])(\+\d{2})\d{4,10}(\d{2})\b")
_LINE_BREAKERS = {ord("\r"): "\\r", ord("\n"): "\\n", 0x1B: "\\e", 0: "\\0", 0x2028: "\\n", 0x2029: "\\n"}

_run: ContextVar[set[str] | None] = ContextVar("secrets_in_this_run", default=None)
_recent: OrderedDict[str, None] = OrderedDict()
_recent_forms: frozenset[str] = frozenset()
_lock = threading.Lock()


@contextmanager
def run_scope() -> Iterator[None]:
    """Within it, `redact` knows the secrets that were used in it (and not those of other runs)."""
    before = _run.set(set())
    try:
        yield
    finally:
        _run.reset(before)


def note(*secrets: str) -> None:
    """Remember secrets that are in use now, so that every sink can take them out by value."""
    used = _run.get()
    fresh = [secret for secret in secrets if secret]
    if used is not None:
        used.update(fresh)
    with _lock:
        changed = not (_recent.keys() >= set(fresh))
        for secret in fresh:
            _recent[secret] = None
            _recent.move_to_end(secret)
        while len(_recent) > _RECENT:
            _recent.popitem(last=False)
        if changed:
            global _recent_forms
            _recent_forms = _forms(_recent)


def redact(value: Any, secrets: Iterable[str] = ()) -> Any:
    """A copy of `value` (JSON-like, or text) without secrets.

    Taken out: values under secret-looking names (references to credentials stay), `secrets` and every secret in use,
    also base64, URL-encoded and JSON-escaped; user names in URLs, secret query parameters, bearer tokens in text.
    """
    used = _run.get()
    forms = _with_standing(_recent_forms if used is None else _forms(used))
    if secrets:
        forms |= _forms(secrets)
    if not isinstance(value, str) and not _present("\0".join(_texts(value)), forms):
        forms = frozenset()
    return _redact(value, forms)


def redact_line(text: str) -> str:
    """One line of a log: as `redact`, and also `password=…` in free text; line breaks and escapes made visible."""
    text = text if len(text) <= MAX_LINE else text[:MAX_LINE] + "…"
    text = _redact_text(text, _with_standing(_recent_forms))
    lower = text.lower()
    if any(name in lower for name in _NAMES_IN_TEXT):
        text = _NAMED_IN_TEXT.sub(r"\g<1>" + MASK, text)
    return text if text.isprintable() else text.translate(_LINE_BREAKERS)


def is_secret_name(name: str) -> bool:
    """Whether a header, JSON key or parameter of this name usually holds a secret."""
    return _is_secret_name(name)


def is_reference(value: Any) -> bool:
    """Whether the value stands for a secret without being one: {"credential": 12, ...} or {"env": "NAME"}."""
    if not isinstance(value, dict):
        return False
    return (isinstance(value.get("credential"), int) and value.keys() <= {"credential", "hint"}) or (
        value.keys() == {"env"} and isinstance(value["env"], str)
    )


class Redacting(logging.Filter):
    """Applies `redact_line` to every record of its handler; at INFO and above also masks people's addresses."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg = self._clean(record.getMessage(), record.levelno)
        record.args = None
        if record.exc_info and not record.exc_text:
            text = logging.Formatter().formatException(record.exc_info)
            record.exc_text = "\n".join(self._clean(line, record.levelno) for line in text.splitlines())
        return True

    def _clean(self, text: str, level: int) -> str:
        line = redact_line(text)
        return mask_people(line) if level >= logging.INFO else line


def mask_people(text: str) -> str:
    """E-mail addresses and international phone numbers, recognisable but not usable."""
    if "@" in text:
        text = _EMAIL.sub(r"\1***@\2", text)
    return _PHONE.sub(r"\1***\2", text) if "+" in text else text


@lru_cache(maxsize=1)
def standing() -> frozenset[str]:
    """Every written form of the secrets that this process holds all the time: those of its environment and settings."""
    from django.conf import settings

    names = [*os.environ.items(), *((name, getattr(settings, name, "")) for name in ("SECRET_KEY", "GHL_API_KEY"))]
    prefix = settings.CREDENTIAL_ENV_PREFIX
    held = {
        str(value)
        for name, value in names
        if len(str(value)) >= 8
        and (name.startswith(prefix) or _is_secret_name(name))
        and not name.endswith(("_FILE", "_HOSTS", "_PREFIX"))
        and name != "PWD"  # the working directory
    }
    return _forms(held)


@lru_cache(maxsize=4096)
def _is_secret_name(name: str) -> bool:
    if not _SECRET_NAME.search(name):
        return False
    return not (_NO_SECRET_NAME.search(name) or _NO_SECRET_CAMEL.search(name))


def forget_standing() -> None:
    """Read environment and settings again at the next use: for tests that change them."""
    standing.cache_clear()
    _with_standing.cache_clear()


def _forms(secrets: Iterable[str]) -> frozenset[str]:
    return frozenset().union(*(_written(secret) for secret in secrets if secret))


@lru_cache(maxsize=1024)
def _written(secret: str) -> frozenset[str]:
    """How a secret may appear: as it is, escaped for JSON and URLs, and inside base64 at each of its three offsets."""
    forms = {secret, quote(secret, safe=""), quote(secret), quote_plus(secret), json.dumps(secret)[1:-1]}
    raw = secret.encode()
    if len(raw) >= 6:
        for offset in range(3):
            encoded = base64.b64encode(b"\0" * offset + raw).decode()
            # Characters that also depend on the neighbours are left out: up to three in front, up to three behind.
            stable = encoded[(0, 2, 3)[offset] : len(encoded) - (0, 3, 2)[(offset + len(raw)) % 3]]
            forms |= {stable, stable.replace("+", "-").replace("/", "_")}
    return frozenset(form for form in forms if len(form) >= MIN_PART or form == secret)


@lru_cache(maxsize=16)
def _with_standing(forms: frozenset[str]) -> frozenset[str]:
    return forms | standing()


def _present(text: str, forms: frozenset[str]) -> list[str]:
    """The forms that the text holds, longest first. With many forms, one pass over the text rules most texts out."""
    if len(forms) > FEW and not _may_hold(text, *_grams(forms)):
        return []
    return sorted((form for form in forms if form in text), key=len, reverse=True)


def _may_hold(text: str, grams: frozenset[str], short: tuple[str, ...]) -> bool:
    return any(text[i : i + GRAM] in grams for i in range(len(text) - GRAM + 1)) or any(form in text for form in short)


@lru_cache(maxsize=16)
def _grams(forms: frozenset[str]) -> tuple[frozenset[str], tuple[str, ...]]:
    """(how the longer forms begin, the shorter ones)."""
    long = frozenset(form[:GRAM] for form in forms if len(form) >= GRAM)
    return long, tuple(form for form in forms if len(form) < GRAM)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)


def _redact(value: Any, forms: frozenset[str]) -> Any:
    if isinstance(value, str):
        return _redact_text(value, forms)
    if isinstance(value, dict):
        return value if is_reference(value) else {k: _redact_item(k, v, forms) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_redact(item, forms) for item in value]
    return value


def _redact_item(key: Any, value: Any, forms: frozenset[str]) -> Any:
    if isinstance(key, str) and value and isinstance(value, str | list | dict) and _is_secret_name(key):
        return value if is_reference(value) else MASK
    return _redact(value, forms)


def _redact_text(text: str, forms: frozenset[str]) -> str:
    for form in _present(text, forms):
        if len(form) >= MIN_PART:
            text = text.replace(form, MASK)
        elif form == text:
            return MASK
    if "://" in text:
        text = _USERINFO.sub(MASK, text)
    if "=" in text:
        text = _QUERY.sub(_redact_parameter, text)
    return _SCHEME_AND_TOKEN.sub(r"\g<1>\g<2>" + MASK, text)


def _redact_parameter(found: re.Match[str]) -> str:
    name = found[2]
    if name.lower() in _SHORT_QUERY_NAMES or _is_secret_name(name):
        return f"{found[1]}{name}={MASK}"
    return found[0]
