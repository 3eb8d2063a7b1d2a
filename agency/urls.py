"""Every address of the product; each app brings its own."""

from __future__ import annotations

from django.conf import settings
from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

from agency import health
from agency.api import fallback
from agency.console import account_admin

admin.autodiscover()
account_admin.take_over()  # after every app has registered its tables: ours of people take the place of Django's

urlpatterns: list[URLPattern | URLResolver] = [
    path("livez", health.live, name="livez"),
    path("readyz", health.ready, name="readyz"),
    path("healthz", health.health, name="healthz"),
    path("api/", include("agency.api.urls")),
    path("api/v1/", include("tasks.api.urls")),
    path("api/v1/", include("webhooks.api.urls")),
    path("api/v1/", include("reports.api.urls")),
    path("review/", include("tasks.review.urls")),
    path("webhooks/", include("webhooks.urls")),
    path("", include("reports.urls")),
    path("api/<path:rest>", fallback.no_such_address, name=fallback.LOST),
    path(settings.ADMIN_PATH, admin.site.urls),
]
handler400 = fallback.bad_request
handler403 = fallback.permission_denied
handler404 = fallback.page_not_found
handler500 = fallback.server_error
