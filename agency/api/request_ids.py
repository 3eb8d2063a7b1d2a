"""One id per request: answered in X-Request-ID, in every problem, in the audit trail and in the log."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

HEADER = "X-Request-ID"
_SAFE = re.compile(r"[A-Za-z0-9_.-]{8,64}")


def request_id_of(request: HttpRequest) -> str:
    """The id of a request: the caller's own when it is a safe one, else a new one."""
    known = getattr(request, "request_id", None)
    if known is None:
        inner = getattr(request, "_request", request)
        given = request.META.get("HTTP_X_REQUEST_ID", "")
        known = getattr(inner, "request_id", None) or (given if _SAFE.fullmatch(given) else uuid.uuid4().hex)
        setattr(inner, "request_id", known)  # noqa: B010 an attribute of ours on Django's request
    return str(known)


class RequestIdMiddleware:
    """Puts the id on every answer."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request_id = request_id_of(request)
        response = self.get_response(request)
        response.headers[HEADER] = request_id
        return response
