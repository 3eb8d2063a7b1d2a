"""How long a session lasts and what it is worth: idle ones end, those that owe a second factor count as signed out."""

from __future__ import annotations

import time
from collections.abc import Callable

from django.conf import settings
from django.contrib.auth import logout
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse

from agency.console import two_factor

#: Seconds between two writes of "seen"; a session is not saved for every click.
SEEN_EVERY_S = 60
#: Requests that a page makes by itself do not keep a session alive.
POLL_HEADER = "X-Poll"


class SessionLimits:
    """After AuthenticationMiddleware and OTPMiddleware."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if settings.SESSION_COOKIE_NAME in request.COOKIES and request.user.is_authenticated:
            self._limit(request)
        return self.get_response(request)

    def _limit(self, request: HttpRequest) -> None:
        now = int(time.time())
        seen = request.session.get("seen", now)
        if now - seen > settings.SESSION_IDLE_SECONDS:
            logout(request)
            return
        if request.headers.get(POLL_HEADER) is None and (now - seen >= SEEN_EVERY_S or "seen" not in request.session):
            request.session["seen"] = now
        if two_factor.is_owed(request.user):
            request.password_user = request.user  # type: ignore[attr-defined]
            request.user = AnonymousUser()
