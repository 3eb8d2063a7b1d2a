"""Who calls: a program with a token, or a person with a session."""

from __future__ import annotations

from typing import Any

from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from agency.api import tokens
from agency.models import ApiToken


class TokenAuthentication(BaseAuthentication):
    """`Authorization: Bearer agy_…`."""

    def authenticate(self, request: Request) -> tuple[Any, ApiToken] | None:
        """The token's owner and the token; None without the header. Raises AuthenticationFailed (401)."""
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        if not scheme:
            return None
        if scheme.lower() != "bearer":
            raise AuthenticationFailed("Authorization must be 'Bearer <token>'")
        token = tokens.verify(given.strip())
        if token is None:
            raise AuthenticationFailed("The token is unknown, expired or revoked")
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        """What a 401 asks for."""
        return 'Bearer realm="api"'
