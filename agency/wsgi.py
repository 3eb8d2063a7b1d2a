"""What gunicorn serves."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any

from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest
from django.urls import ResolverMatch, get_resolver

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "agency.settings")


MACHINE_URLS = "webhooks.inbound.urls"


class MachineHandler(WSGIHandler):
    """Django with MACHINE_MIDDLEWARE only: machines that post messages have no session, no language and no second
    factor, and each of these costs every message."""

    def load_middleware(self, is_async: bool = False) -> None:
        """As Django loads settings.MIDDLEWARE."""
        full = settings.MIDDLEWARE
        settings.MIDDLEWARE = settings.MACHINE_MIDDLEWARE
        try:
            super().load_middleware(is_async)
        finally:
            settings.MIDDLEWARE = full

    def resolve_request(self, request: HttpRequest) -> ResolverMatch:
        """As Django does, among MACHINE_URLS only: going through the pages of people costs more than the signature."""
        request.resolver_match = get_resolver(MACHINE_URLS).resolve(request.path_info)
        return request.resolver_match


people = get_wsgi_application()
machines = MachineHandler()


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """One process, two ways through it."""
    path = environ.get("PATH_INFO", "")
    return (machines if path.startswith(settings.MACHINE_PATHS) else people)(environ, start_response)
