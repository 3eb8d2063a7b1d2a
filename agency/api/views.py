"""The base of every view of the API."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, ClassVar

from django.db import connection, transaction
from rest_framework.authentication import SessionAuthentication
from rest_framework.response import Response
from rest_framework.views import APIView

from agency.api import idempotency
from agency.api.authentication import TokenAuthentication
from agency.api.parsers import StrictJsonParser
from agency.api.permissions import HasScope
from agency.api.problems import exception_handler
from agency.api.renderers import JsonRenderer
from agency.api.request_ids import request_id_of
from agency.api.throttles import LimitThrottle

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})

Handler = Callable[..., Response]


def _in_one_transaction(handler: Handler) -> Handler:
    """An unsafe method, its audit rows (they carry the request's id) and its idempotency key stand or fall together."""

    @wraps(handler)
    def run(view: ApiView, request: Any, *args: Any, **kwargs: Any) -> Response:
        key = idempotency.key_of(request)
        if key is None and request.method in view.transact_themselves and "If-Match" not in request.headers:
            return handler(view, request, *args, **kwargs)
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SELECT set_config('agency.request_id', %s, true)", [request_id_of(request)])
            if key is None:
                return handler(view, request, *args, **kwargs)
            return idempotency.once(request, key, lambda: handler(view, request, *args, **kwargs))

    return run


class ApiView(APIView):
    """JSON in and out, a scope and a rate limit per method, one transaction per change, Idempotency-Key on POST.

    A view names what differs: `scopes` = {"POST": "review"}, `limits` = {"POST": "approve"}.
    """

    authentication_classes = [TokenAuthentication, SessionAuthentication]
    permission_classes = [HasScope]
    parser_classes = [StrictJsonParser]
    renderer_classes = [JsonRenderer]
    throttle_classes = [LimitThrottle]
    scopes: ClassVar[dict[str, str]] = {}
    limits: ClassVar[dict[str, str]] = {}
    #: False for what must not run inside a transaction; Idempotency-Key is then not honoured.
    one_transaction: ClassVar[bool] = True
    #: Methods whose service is one transaction that names the request: a second one around it only costs.
    transact_themselves: ClassVar[frozenset[str]] = frozenset()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name in ("post", "put", "patch", "delete"):
            if cls.one_transaction and name in cls.__dict__:
                setattr(cls, name, _in_one_transaction(cls.__dict__[name]))

    def get_exception_handler(self) -> Any:
        """Problem details."""
        return exception_handler

    def scope_of(self, method: str) -> str:
        """The scope a token needs for a method: read to look, write for the rest, unless the view says otherwise."""
        return self.scopes.get(method, "read" if method in SAFE else "write")

    def limit_of(self, method: str) -> str:
        """The name of the rate limit that a method counts against."""
        return self.limits.get(method, "read" if method in SAFE else "write")

    def finalize_response(self, request: Any, response: Response, *args: Any, **kwargs: Any) -> Response:
        """Adds what the throttle found."""
        done: Response = super().finalize_response(request, response, *args, **kwargs)
        for name, value in getattr(request, "limit_headers", {}).items():
            done.headers[name] = value
        return done
