"""Typed bodies and queries: pydantic models from the wire, errors as pointers with what was expected."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, get_args, get_origin

from pydantic import AliasGenerator, BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel
from rest_framework.request import Request

from agency.api.problems import Problem

M = TypeVar("M", bound=BaseModel)
T = TypeVar("T")
#: A "+" that a client forgot to escape arrives as a space.
_LOST_PLUS = re.compile(r"(T[\d:.]+) (\d\d:?\d\d)$")


class Body(BaseModel):
    """Base of request bodies: camelCase on the wire, unknown keys refused, nothing coerced."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", strict=True, hide_input_in_errors=True)


class Query(BaseModel):
    """Base of query parameters: as Body, but numbers and truth values come as text."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", hide_input_in_errors=True)


class Answer(BaseModel):
    """Base of answers: camelCase on the wire."""

    model_config = ConfigDict(alias_generator=AliasGenerator(serialization_alias=to_camel))


class PageOf(Answer, Generic[T]):
    """A page (agency/api/pagination.py)."""

    count: int | None = Field(description="Counted up to 10,000; see countIsExact. Null in a page by cursor.")
    count_is_exact: bool | None
    next: str | None
    previous: str | None
    results: list[T]


@dataclass(frozen=True)
class FieldProblem:
    """One thing wrong with a request."""

    pointer: str
    code: str
    message: str


def parse(model: type[M], data: Any, root: str = "") -> M:
    """A body as its model. Raises Problem 422."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        errors = errors_of(model, error, root)
        raise Problem(422, sentence_of(errors), kind="invalid", errors=errors) from None


def parse_query(model: type[M], request: Request) -> M:
    """The query parameters as their model; lists may be repeated or separated by commas. Raises Problem 400."""
    given: dict[str, Any] = {}
    lists = {field.alias or name for name, field in model.model_fields.items() if _is_list(field.annotation)}
    for name in request.query_params:
        values = request.query_params.getlist(name)
        if any("\x00" in value for value in values):
            raise Problem(400, f"{name[:50]} must not contain the NUL character", kind="query")
        if name in lists:
            given[name] = [item for value in values for item in value.split(",") if item]
        elif len(values) > 1:
            raise Problem(400, f"{name[:50]} was given more than once", kind="query")
        else:
            given[name] = _LOST_PLUS.sub(r"\1+\2", values[0])
    try:
        return model.model_validate(given)
    except ValidationError as error:
        errors = errors_of(model, error)
        raise Problem(400, sentence_of(errors), kind="query", errors=errors) from None


def _is_list(annotation: Any) -> bool:
    return get_origin(annotation) is list or any(_is_list(part) for part in get_args(annotation))


def errors_of(model: type[BaseModel], error: ValidationError, root: str = "") -> list[FieldProblem]:
    """A model's errors with pointers from the request's root."""
    known = [field.alias or name for name, field in model.model_fields.items()]
    found = []
    for item in error.errors(include_url=False, include_context=False, include_input=False):
        steps = [str(step).replace("~", "~0").replace("/", "~1")[:100] for step in item["loc"]]
        name = steps[-1] if steps else "body"
        found.append(FieldProblem("/".join([f"#{root}", *steps]), item["type"], _message(item, name, known)))
    return found


def _message(item: Any, name: str, known: list[str]) -> str:
    if item["type"] == "extra_forbidden":
        return f"{name} is not known here{did_you_mean(name, known)}"
    if item["type"] == "missing":
        return f"{name} is required"
    if item["type"] == "model_type":
        return "The body must be a JSON object"
    return str(item["msg"]).removeprefix("Value error, ")


def did_you_mean(name: str, known: list[str]) -> str:
    """A hint at the field that was meant, or nothing."""
    near = difflib.get_close_matches(to_camel(name), known, n=1, cutoff=0.75)
    return f". Did you mean {near[0]!r}?" if near else ""


def sentence_of(errors: list[FieldProblem]) -> str:
    """The first error as one sentence that names its field."""
    first = errors[0]
    field = first.pointer.removeprefix("#").strip("/")
    return first.message if not field or field.split("/")[-1] in first.message else f"{field}: {first.message}"
