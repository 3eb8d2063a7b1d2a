"""What a token may do at all. What its owner may do with one object is decided by the app (tasks/access.py)."""

from __future__ import annotations

from typing import Any

from django.urls import reverse
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from agency.api.problems import Problem
from agency.console import freshness
from agency.models import ApiToken


class HasScope(BasePermission):
    """The token holds the scope that the view names for this method; a person's session holds all of them.

    A session changes nothing here that it could not on a page: it needs a fresh proof of whose it is for whatever is not a
    look. Programs use tokens, which are never asked.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        """Raises Problem 403 that names the missing scope, or the page where a person confirms who they are."""
        if not request.user or not request.user.is_authenticated:
            return False
        if not isinstance(request.auth, ApiToken):
            _check_session(request)
            return True
        scope = view.scope_of(request.method or "GET")
        if scope not in request.auth.scopes:
            raise Problem(403, f"The token lacks the scope '{scope}'", kind="scope")
        return True


def _check_session(request: Request) -> None:
    if request.method in SAFE_METHODS or freshness.is_fresh(request):
        return
    where = reverse("admin:confirm")
    raise Problem(403, f"Confirm that it is you at {where}, or use an API token", kind="confirm", confirmAt=where)


def require_permission(request: Request, permission: str) -> None:
    """Raises Problem 403 unless the caller has a Django permission such as "tasks.approve_task"."""
    if not request.user.has_perm(permission):
        raise Problem(403, f"This needs the permission {permission}", kind="permission")


def require_staff(request: Request) -> None:
    """Raises Problem 403 unless the caller is staff."""
    if not request.user.is_staff:
        raise Problem(403, "Only staff may do this", kind="permission")
