"""JSON from strangers: bounded depth and size, no duplicate keys, nothing PostgreSQL could refuse to store.

Python's parser recurses (a few thousand brackets end it with RecursionError), keeps the last of two equal keys without
a word,
and reads NaN; jsonb refuses NUL and lone surrogates. All of that is settled here, before anything else sees the
document.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

MAX_DEPTH = 32
MAX_NODES = 20_000

_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_BRACKET = re.compile(rb"[\[\]{}]")


class StrictJsonError(ValueError):
    """The document is refused. The message names what is wrong and is safe to show to the sender."""


def loads(raw: bytes) -> Any:
    """Parse UTF-8 JSON. Raises :class:`StrictJsonError` and nothing else."""
    _check_depth(raw)
    try:
        text = raw.decode("utf-8")
        document = json.loads(
            text,
            object_pairs_hook=_unique_keys,
            parse_constant=_no_constant,
            parse_float=_finite,
            parse_int=_bounded_int,
        )
    except UnicodeDecodeError as error:
        raise StrictJsonError("the body is not valid UTF-8") from error
    except RecursionError as error:
        raise StrictJsonError(f"the body is nested deeper than {MAX_DEPTH} levels") from error
    except StrictJsonError:
        raise
    except ValueError as error:
        raise StrictJsonError(f"the body is not valid JSON: {error}") from error
    _check_storable(document)
    return document


def _check_depth(raw: bytes) -> None:
    """Count brackets outside strings before any recursive code runs."""
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
        raise StrictJsonError(f"the key {twice[:100]!r} appears twice in one object")
    return found


def _no_constant(name: str) -> NoReturn:
    raise StrictJsonError(f"{name} is not a JSON number")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise StrictJsonError(f"the number {text[:30]} is out of range")
    return number


def _bounded_int(text: str) -> int:
    if len(text) > 30:
        raise StrictJsonError("a whole number has more than 30 digits")
    return int(text)


def _check_storable(document: Any) -> None:
    stack, nodes = [document], 0
    while stack:
        value = stack.pop()
        nodes += 1
        if nodes > MAX_NODES:
            raise StrictJsonError(f"the body has more than {MAX_NODES} values")
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
    except UnicodeEncodeError as error:
        raise StrictJsonError("a text contains half a surrogate pair") from error
