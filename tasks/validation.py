"""From a wrong config to errors that name the field and what was expected, the first also in the seed's words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import RootModel, ValidationError

from tasks.executors.base import Executor


@dataclass(frozen=True)
class FieldError:
    """One thing wrong with a request: a JSON pointer from the request's root, a code and a sentence."""

    pointer: str
    code: str
    message: str


def pointer_of(path: tuple[Any, ...], root: str) -> str:
    """RFC 6901 pointer in URI fragment form, below `root`."""
    steps = [str(step).replace("~", "~0").replace("/", "~1") for step in path]
    return "/".join([f"#{root}", *steps])


def config_errors(executor: Executor[Any], error: ValidationError, root: str = "/executionConfig") -> list[FieldError]:
    """The errors of a config model, union tags taken out of their paths."""
    found = []
    tagged = issubclass(executor.Config, RootModel)  # a union of configs: the first step names the member
    for item in error.errors(include_url=False, include_context=False, include_input=False):
        steps = item["loc"][1:] if tagged else item["loc"]
        path = tuple(step for step in steps if not _is_union_tag(step))
        message = item["msg"].removeprefix("Value error, ")
        if item["type"] == "missing" and len(path) == 1:
            message = f"{executor.label} requires {path[0]}"
        found.append(FieldError(pointer_of(path, root), item["type"], message))
    return found


def _is_union_tag(step: Any) -> bool:
    """pydantic puts the tag of a discriminated union, or the name of a union member, into the path."""
    return isinstance(step, str) and (step.startswith(("function-", "tagged-")) or "[" in step)


def first_sentence(errors: list[FieldError]) -> str:
    """The first error as one sentence that names its field."""
    if not errors:
        return "The config is not valid"
    first = errors[0]
    field = first.pointer.removeprefix("#/executionConfig").removeprefix("#").removeprefix("/")
    return first.message if not field or field.split("/")[-1] in first.message else f"{field}: {first.message}"
