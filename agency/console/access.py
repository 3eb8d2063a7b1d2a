"""Who may open a page of our own: staff with a permission, signed in as the admin demands it."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse

View = Callable[..., HttpResponse]


def permitted(permission: str) -> Callable[[View], View]:
    """A view for people who have `permission`; for pages that the admin site wraps itself."""

    def wrap(view: View) -> View:
        @wraps(view)
        def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if not request.user.has_perm(permission):
                raise PermissionDenied
            return view(request, *args, **kwargs)

        return checked

    return wrap


def staff(permission: str) -> Callable[[View], View]:
    """A view for staff who have `permission`; others are sent to sign in, or refused."""

    def wrap(view: View) -> View:
        checked = permitted(permission)(view)

        @wraps(view)
        def page(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            return admin.site.admin_view(checked)(request, *args, **kwargs)

        return page

    return wrap
