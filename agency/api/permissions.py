"""What a token may do at all. What its owner may do with one object is decided by the app (tasks/access.py)."""

from __future__ import annotations

from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from agency.api.problems import Problem
from agency.models import ApiToken


class HasScope(BasePermission):
    """The token holds the scope that the view names for this method; a person's session holds all of them."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """Raises Problem 403 that names the missing scope."""
        if not request.user or not request.user.is_authenticated:
            return False
        if not isinstance(request.auth, ApiToken):
            return True
        scope = view.scope_of(request.method or "GET")
        if scope not in request.auth.scopes:
            raise Problem(403, f"The token lacks the scope '{scope}'", kind="scope")
        return True


def require_permission(request: Request, permission: str) -> None:
    """Raises Problem 403 unless the caller has a Django permission such as "tasks.approve_task"."""
    if not request.user.has_perm(permission):
        raise Problem(403, f"This needs the permission {permission}", kind="permission")


def require_staff(request: Request) -> None:
    """Raises Problem 403 unless the caller is staff."""
    if not request.user.is_staff:
        raise Problem(403, "Only staff may do this", kind="permission")
