"""What gunicorn serves."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any

from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "agency.settings")


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


people = get_wsgi_application()
machines = MachineHandler()


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """One process, two ways through it."""
    path = environ.get("PATH_INFO", "")
    return (machines if path.startswith(settings.MACHINE_PATHS) else people)(environ, start_response)
