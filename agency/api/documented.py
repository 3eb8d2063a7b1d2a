"""What a method of a view takes and answers, said where it stands: the OpenAPI document is drawn from it.

@documented(TaskOut, status=201, body=TaskInput, examples={"An API call": {...}})
def post(self, request): ...
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import BaseModel

F = TypeVar("F", bound=Callable[..., Any])
_ATTRIBUTE = "documented_as"


@dataclass(frozen=True)
class Documented:
    """One operation. `answers` by status, None means no content; `files` are content types of files it may answer."""

    answers: Mapping[int, type[BaseModel] | None]
    body: type[BaseModel] | None = None
    query: type[BaseModel] | None = None
    examples: Mapping[str, Any] = field(default_factory=dict)
    answer_example: Any = None
    files: tuple[str, ...] = ()
    has_etag: bool = False
    if_match: bool = False


def documented(
    answer: type[BaseModel] | None = None,
    *,
    status: int = 200,
    also: Mapping[int, type[BaseModel] | None] | None = None,
    **said: Any,
) -> Callable[[F], F]:
    """Attaches what is known of an operation to its method."""
    operation = Documented(answers={status: answer, **(also or {})}, **said)

    def attach(method: F) -> F:
        setattr(method, _ATTRIBUTE, operation)
        return method

    return attach


def documentation_of(method: Any) -> Documented | None:
    """What `documented` attached, also through wrappers that keep attributes."""
    found: Documented | None = getattr(method, _ATTRIBUTE, None)
    return found
