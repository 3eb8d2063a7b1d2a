"""The id of a web request goes with its log lines and with the audit rows that the database writes for it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from django.db import connection
from django.db.transaction import Atomic
from django.http import HttpRequest, HttpResponse

from agency import logs
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
        with logs.bound(request_id=request_id_of(request)):
            response = self._answer(request)
            if not request.path.startswith(QUIET):
                self._log(request, response, began)
        return response

    def _answer(self, request: HttpRequest) -> HttpResponse:
        if request.method in SAFE or request.path.startswith(OWN_WAY):
            return self.get_response(request)
        with connection.execute_wrapper(_Announce(request_id_of(request))):
            return self.get_response(request)

    def _log(self, request: HttpRequest, response: HttpResponse, began: float) -> None:
        match = request.resolver_match
        route = f"/{match.route}" if match else "(no route)"
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
