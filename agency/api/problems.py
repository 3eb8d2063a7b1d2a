"""Errors as RFC 9457 problem details that also carry the seed's `"success": false, "error": "…"`.

`errors[]` names each field by a JSON pointer (RFC 6901, URI fragment form) with a code and what was expected.
Apps teach this module their own exceptions with `@translates(SomeError)`.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any, Protocol

from django.core.exceptions import BadRequest, PermissionDenied
from django.db import DataError, IntegrityError, InterfaceError, OperationalError
from django.http import Http404, HttpRequest, JsonResponse
from psycopg.errors import ForeignKeyViolation, LockNotAvailable, QueryCanceled
from psycopg_pool import PoolTimeout
from rest_framework import exceptions
from rest_framework.response import Response

from agency.api.request_ids import request_id_of

logger = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"
#: Seconds after which a client may try again when the database does not answer.
BUSY_RETRY_S = 5


class ErrorItem(Protocol):
    """One thing wrong with a request (tasks.validation.FieldError is one)."""

    @property
    def pointer(self) -> str: ...
    @property
    def code(self) -> str: ...
    @property
    def message(self) -> str: ...


class Problem(Exception):
    """An answer of 4xx or 5xx. `detail` is one plain sentence that is safe to show."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        kind: str = "",
        errors: Iterable[ErrorItem] = (),
        headers: dict[str, str] | None = None,
        **extra: Any,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.kind = kind
        self.errors = list(errors)
        self.headers = headers or {}
        self.extra = extra

    def body(self, request: HttpRequest | None = None) -> dict[str, Any]:
        """The document of RFC 9457 with the seed's two fields."""
        title = HTTPStatus(self.status).phrase
        document: dict[str, Any] = {
            "type": f"urn:agency:problem:{self.kind}" if self.kind else "about:blank",
            "title": title,
            "status": self.status,
            "detail": self.detail,
            "success": False,
            "error": self.detail,
        }
        if request is not None:
            document["instance"] = request.path
            document["requestId"] = request_id_of(request)
        if self.errors:
            document["errors"] = [{"pointer": e.pointer, "code": e.code, "message": e.message} for e in self.errors]
        return document | self.extra


#: None leaves the exception to the next: a 500 and a log line.
Translator = Callable[[Any], Problem | None]
_translators: dict[type[Exception], Translator] = {}


def translates(kind: type[Exception]) -> Callable[[Translator], Translator]:
    """Registers how an exception of an app becomes a Problem; subclasses follow unless they have their own."""

    def register(translate: Translator) -> Translator:
        _translators[kind] = translate
        return translate

    return register


def problem_of(error: Exception) -> Problem | None:
    """The Problem that answers an exception; None for one that nobody foresaw."""
    if isinstance(error, Problem):
        return error
    for kind in type(error).__mro__:
        if kind in _translators:
            return _translators[kind](error)
    return None


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's EXCEPTION_HANDLER."""
    problem = problem_of(error)
    if problem is None:
        return None
    request = context["request"]
    response = Response(problem.body(request), status=problem.status, headers=problem.headers)
    response.content_type = CONTENT_TYPE
    return response


def plain_answer(problem: Problem, request: HttpRequest) -> JsonResponse:
    """The same document outside DRF."""
    body = problem.body(request)
    return JsonResponse(body, status=problem.status, headers=problem.headers, content_type=CONTENT_TYPE)


@translates(Http404)
def _missing(error: Http404) -> Problem:
    return Problem(404, "There is nothing here")


@translates(PermissionDenied)
def _denied(error: PermissionDenied) -> Problem:
    return Problem(403, str(error) or "You may not do this")


@translates(BadRequest)
def _bad(error: BadRequest) -> Problem:
    return Problem(400, "The request is not valid")


@translates(exceptions.APIException)
def _drf(error: exceptions.APIException) -> Problem:
    headers = {}
    if getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = error.auth_header  # type: ignore[attr-defined]
    wait = getattr(error, "wait", None)  # DRF's Throttled carries it, in seconds
    if wait is not None:
        headers["Retry-After"] = str(max(1, math.ceil(wait)))
    return Problem(error.status_code, _sentence(error.detail), headers=headers)


def _sentence(detail: Any) -> str:
    while isinstance(detail, (list, dict)) and detail:
        detail = next(iter(detail.values() if isinstance(detail, dict) else detail))
    return str(detail)


@translates(OperationalError)
@translates(InterfaceError)
@translates(PoolTimeout)
def _database_away(error: Exception) -> Problem:
    cause = error.__cause__
    if isinstance(cause, LockNotAvailable):
        return Problem(409, "Another request is changing this at the moment; try again", kind="busy")
    if isinstance(cause, QueryCanceled):
        return _busy("The query took too long; ask for less")
    logger.error("database does not answer: %s", error.__class__.__name__)
    return _busy("The database does not answer at the moment")


def _busy(detail: str) -> Problem:
    return Problem(503, detail, kind="unavailable", headers={"Retry-After": str(BUSY_RETRY_S)})


@translates(DataError)
def _data(error: DataError) -> Problem:
    logger.error("a value passed every check and was refused by the database", exc_info=error)
    return Problem(400, "A value cannot be stored")


@translates(IntegrityError)
def _broken_reference(error: IntegrityError) -> Problem | None:
    if not isinstance(error.__cause__, ForeignKeyViolation):
        return None
    # Checked at commit: the row went after the request had looked at it.
    return Problem(409, "Something that this refers to has just been removed", kind="conflict")
