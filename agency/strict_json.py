"""JSON from strangers: bounded depth and size, no duplicate keys, nothing PostgreSQL could refuse to store.

Python's parser recurses (a few thousand brackets end it with RecursionError), keeps the last of two equal keys without
a word and reads NaN; jsonb refuses NUL and lone surrogates. All of that is settled here, before anything else sees the
document. What a document cannot hold (no escape, few brackets, few commas) is told from its bytes and not looked for.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

MAX_DEPTH = 32
MAX_NODES = 20_000
MAX_DIGITS = 30

_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_BRACKET = re.compile(rb"[\[\]{}]")


class StrictJsonError(ValueError):
    """The document is refused. The message names what is wrong and is safe to show to the sender."""


def loads(raw: bytes, *, max_nodes: int = MAX_NODES) -> Any:
    """Parses UTF-8 JSON. Raises StrictJsonError and nothing else."""
    _check_depth(raw)
    try:
        document = json.loads(
            raw.decode("utf-8"),
            object_pairs_hook=_unique_keys,
            parse_constant=_no_constant,
            parse_float=_finite,
            parse_int=_bounded_int,
        )
    except UnicodeDecodeError:
        raise StrictJsonError("the body is not valid UTF-8") from None
    except StrictJsonError:
        raise
    except ValueError as error:
        raise StrictJsonError(f"the body is not valid JSON: {error}") from None
    if rb"\u" in raw or raw.count(b",") + raw.count(b"[") + raw.count(b"{") >= max_nodes:
        _check_storable(document, max_nodes)
    return document


def _check_depth(raw: bytes) -> None:
    """Counts brackets outside strings before any recursive code runs."""
    if raw.count(b"[") + raw.count(b"{") <= MAX_DEPTH:
        return
    depth = 0
    for bracket in _BRACKET.findall(_STRING.sub(b"", raw)):
        depth += 1 if bracket in b"[{" else -1
        if depth > MAX_DEPTH:
            raise StrictJsonError(f"the body is nested deeper than {MAX_DEPTH} levels")


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise StrictJsonError(f"the key {twice[:100]!a} appears twice in one object")
    return found


def _no_constant(name: str) -> NoReturn:
    raise StrictJsonError(f"{name} is not a JSON number")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise StrictJsonError(f"the number {text[:30]} is out of range")
    return number


def _bounded_int(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise StrictJsonError(f"a whole number has more than {MAX_DIGITS} digits")
    return int(text)


def _check_storable(document: Any, max_nodes: int) -> None:
    stack, nodes = [document], 0
    while stack:
        value = stack.pop()
        nodes += 1
        if nodes > max_nodes:
            raise StrictJsonError(f"the body has more than {max_nodes} values")
        if isinstance(value, str):
            _check_text(value)
        elif isinstance(value, dict):
            for key in value:
                _check_text(key)
            stack.extend(value.values())
        elif isinstance(value, list):
            stack.extend(value)


def _check_text(text: str) -> None:
    if "\x00" in text:
        raise StrictJsonError("a text contains the character NUL")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise StrictJsonError("a text contains half a surrogate pair") from None
