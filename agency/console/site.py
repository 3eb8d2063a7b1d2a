"""The admin site: Django's own, with our style sheet, our first page and pages of our own beside the tables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.contrib.admin.forms import AdminAuthenticationForm
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, path
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy as _

from agency.console import confirming, two_factor

#: Letters of the longest user name.
MAX_NAME = 150

Pages = Callable[["ConsoleSite"], list[URLPattern]]
_pages: list[Pages] = []
_dashboards: list[Callable[[HttpRequest], dict[str, Any]]] = []


def add_pages(pages: Pages) -> None:
    """Adds pages below the admin's address. Called from AppConfig.ready(), before addresses are resolved."""
    _pages.append(pages)


def add_dashboard(context: Callable[[HttpRequest], dict[str, Any]]) -> None:
    """Adds what the first page shows."""
    _dashboards.append(context)


class LoginForm(AdminAuthenticationForm):
    """Refuses names that no user can have, before they are looked up or counted."""

    def clean_username(self) -> str:
        name = str(self.cleaned_data["username"])
        if len(name) > MAX_NAME:
            raise ValidationError(_("This name is too long."), code="invalid_login")
        return name


class ConsoleSite(admin.AdminSite):
    """Staff only; the middleware of agency.console.sessions has dealt with second factor and idle sessions before."""

    login_form = LoginForm
    site_title = settings.SITE_NAME
    site_header = settings.SITE_NAME
    index_title = _("What needs you")
    site_url = None
    enable_nav_sidebar = False
    index_template = "console/dashboard.html"

    def get_urls(self) -> list[URLResolver | URLPattern]:
        """The extra pages come first: the last pattern of the admin catches everything."""
        own: list[URLResolver | URLPattern] = [
            path("confirm/", confirming.confirm, name="confirm"),
            path("two-factor/", two_factor.verify, name="two_factor"),
            path("two-factor/set-up/", two_factor.set_up, name="two_factor_set_up"),
        ]
        for pages in _pages:
            own.extend(pages(self))
        return own + super().get_urls()

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Who gave a password and owes a second factor is sent to give it."""
        if two_factor.owed_by(request) is not None and request.method == "GET":
            query = urlencode({"next": request.GET.get("next", "")})
            return redirect(f"{two_factor.address()}?{query}")
        return super().login(request, extra_context)

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        """The dashboard, then every table the person may open."""
        context: dict[str, Any] = {}
        for part in _dashboards:
            context |= part(request)
        return super().index(request, context | (extra_context or {}))
