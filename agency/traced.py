"""The id of a web request goes with its log lines and with the audit rows that the database writes for it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from django.db import connection
from django.db.transaction import Atomic
from django.http import HttpRequest, HttpResponse

from agency import logs, observability
from agency.api.request_ids import request_id_of

access = logging.getLogger("agency.access")

#: Asked every few seconds by machines: not worth a line.
QUIET = ("/livez", "/readyz", "/healthz", "/metrics", "/static/")
#: These set the id themselves, in the one transaction they have, or change no task in the request.
OWN_WAY = ("/api/", "/webhooks/")
SAFE = ("GET", "HEAD", "OPTIONS")


class TracedRequests:
    """Binds the request's id, tells the database about it before the first change, and logs one line an answer.

    The line names the route, not the address: addresses hold tokens of channels and review links.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        began = time.perf_counter()
        request_id = request_id_of(request)
        if request.path.startswith(QUIET):
            return self.get_response(request)
        with logs.bound(request_id=request_id), observability.span("request", request_id=request_id) as span:
            response = self._answer(request)
            route = f"/{request.resolver_match.route}" if request.resolver_match else "(no route)"
            self._log(request, route, response, began)
            if span is not None:
                span.update_name(f"{request.method} {route}")
                span.set_attribute("http.response.status_code", response.status_code)
        return response

    def _answer(self, request: HttpRequest) -> HttpResponse:
        if request.method in SAFE or request.path.startswith(OWN_WAY):
            return self.get_response(request)
        with connection.execute_wrapper(_Announce(request_id_of(request))):
            return self.get_response(request)

    @staticmethod
    def _log(request: HttpRequest, route: str, response: HttpResponse, began: float) -> None:
        spent = (time.perf_counter() - began) * 1000
        access.info("%s %s %s %.0f ms", request.method, route, response.status_code, spent)


class _Announce:
    """Sets agency.request_id, which the audit trigger reads, once in every transaction that is begun."""

    def __init__(self, request_id: str) -> None:
        self.request_id = request_id
        self.announced: Atomic | None = None

    def __call__(self, execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: dict[str, Any]) -> Any:
        blocks = context["connection"].atomic_blocks
        if blocks and blocks[0] is not self.announced:
            self.announced = blocks[0]
            with context["connection"].cursor() as cursor:
                cursor.execute("SELECT set_config('agency.request_id', %s, true)", [self.request_id])
        return execute(sql, params, many, context)
