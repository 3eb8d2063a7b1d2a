"""When a session last proved whose it is."""

from __future__ import annotations

import time
from typing import Any

from django.conf import settings
from django.contrib.auth.signals import user_logged_in
from django.dispatch import receiver
from django.http import HttpRequest

#: In the session: seconds since 1970.
GIVEN = "confirmed_at"


def mark(request: HttpRequest) -> None:
    """The person has just proved who they are."""
    request.session[GIVEN] = int(time.time())


def is_fresh(request: HttpRequest) -> bool:
    """The last proof is younger than CONFIRM_MINUTES. One from the future counts for nothing."""
    given = request.session.get(GIVEN)
    return isinstance(given, int) and 0 <= int(time.time()) - given <= settings.CONFIRM_MINUTES * 60


@receiver(user_logged_in)
def _signed_in(sender: Any, request: HttpRequest | None, user: Any, **_: Any) -> None:
    if hasattr(request, "session"):
        mark(request)  # type: ignore[arg-type]
