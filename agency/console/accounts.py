"""The audit of accounts: who came in, who failed to, who was locked out. Append-only, like all audit here."""

from __future__ import annotations

import logging
from typing import Any

from axes.signals import user_locked_out
from django.contrib.auth import get_user_model
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.dispatch import receiver
from django.http import HttpRequest

from agency.models import AccountEvent

logger = logging.getLogger(__name__)


def record(kind: str, request: HttpRequest | None, *, user: Any = None, username: str = "") -> None:
    """Writes one event. `kind` is a word of AccountEvent.Kind."""
    name = user.get_username() if user is not None else username
    AccountEvent.objects.create(
        kind=kind,
        user_id=getattr(user, "pk", None),
        username=_line(name)[:150],
        ip=address_of(request),
        agent=_line(request.META.get("HTTP_USER_AGENT", ""))[:300] if request is not None else "",
    )
    logger.info("account event %s user_id=%s ip=%s", kind, getattr(user, "pk", None), address_of(request))


def _line(text: Any) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in str(text))


def address_of(request: HttpRequest | None) -> str | None:
    """The caller's address: what axes sees, so that both name the same."""
    if request is None:
        return None
    from axes.helpers import get_client_ip_address

    return get_client_ip_address(request)


@receiver(user_logged_in)
def _in(sender: Any, request: HttpRequest, user: Any, **_: Any) -> None:
    record("login", request, user=user)


@receiver(user_logged_out)
def _out(sender: Any, request: HttpRequest, user: Any, **_: Any) -> None:
    if user is not None:
        record("logout", request, user=user)


@receiver(user_login_failed)
def _failed(sender: Any, credentials: dict[str, Any], request: HttpRequest | None = None, **_: Any) -> None:
    name = str(credentials.get("username", ""))
    user = get_user_model().objects.filter(username=name[:150]).first() if "\x00" not in name else None
    record("login_failed", request, user=user, username=name)


@receiver(user_locked_out)
def _locked(sender: Any, request: HttpRequest, username: str, **_: Any) -> None:
    record("locked_out", request, username=username or "")
