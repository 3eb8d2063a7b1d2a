"""Where the pages of staff find channels and messages, and the number of what needs a look."""

from __future__ import annotations

from django.db import connection
from django.http import HttpRequest

from agency.console import navigation

MOST = 99

_TROUBLE = """
SELECT (SELECT count(*) FROM webhooks WHERE disabled_at IS NOT NULL),
  (SELECT count(*) FROM (
     SELECT 1 FROM outbound_messages WHERE state = 'dead' AND finished_at > now() - interval '7 days' LIMIT %s) dead)
"""


def register() -> None:
    """Tells the console of this app's pages. Called from AppConfig.ready()."""
    add, entry = navigation.add, navigation.Entry
    add(entry("Channels", "admin:webhooks_webhook_changelist", "webhooks.view_webhook", 30, disabled_badge))
    add(entry("Messages", "admin:webhooks_outboundmessage_changelist", "webhooks.view_outboundmessage", 31, dead_badge))


def disabled_badge(request: HttpRequest) -> str:
    """How many channels were switched off."""
    return _shown(_trouble(request)[0])


def dead_badge(request: HttpRequest) -> str:
    """How many messages were given up in the last seven days."""
    return _shown(_trouble(request)[1])


def _trouble(request: HttpRequest) -> tuple[int, int]:
    """One query per request for both numbers."""
    found: tuple[int, int] | None = getattr(request, "message_trouble", None)
    if found is None:
        with connection.cursor() as cursor:
            cursor.execute(_TROUBLE, [MOST + 1])
            found = cursor.fetchone()
        request.message_trouble = found  # type: ignore[attr-defined]
    return found


def _shown(count: int) -> str:
    return "" if not count else str(count) if count <= MOST else f"{MOST}+"
