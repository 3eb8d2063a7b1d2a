"""Every address of the product. Apps bring their own; a missing one is left out while it is being built."""

from __future__ import annotations

from importlib.util import find_spec

from django.conf import settings
from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

from agency import health
from agency.api import fallback

APP_URLS = (
    ("api/", "agency.api.urls"),
    ("api/v1/", "tasks.api.urls"),
    ("api/v1/", "webhooks.api.urls"),
    ("api/v1/", "reports.api.urls"),
    ("review/", "tasks.review.urls"),
    ("webhooks/", "webhooks.urls"),
    ("reports/", "reports.urls"),
)


def _exists(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False


urlpatterns: list[URLPattern | URLResolver] = [
    path("livez", health.live, name="livez"),
    path("readyz", health.ready, name="readyz"),
    path("healthz", health.health, name="healthz"),
    *(path(prefix, include(module)) for prefix, module in APP_URLS if _exists(module)),
    path("api/<path:rest>", fallback.no_such_address),
    path(settings.ADMIN_PATH, admin.site.urls),
]
handler400 = fallback.bad_request
handler403 = fallback.permission_denied
handler404 = fallback.page_not_found
handler500 = fallback.server_error
