"""The entries of the bar at the top of every page for staff. Apps add theirs in AppConfig.ready()."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.functional import SimpleLazyObject


@dataclass(frozen=True)
class Entry:
    """One link. `badge` answers a number to show beside it, or an empty text."""

    label: str
    url_name: str
    permission: str = ""
    order: int = 50
    badge: Callable[[HttpRequest], Any] | None = None


_entries: dict[str, Entry] = {}


def add(entry: Entry) -> None:
    """Adds or replaces the entry of a URL name."""
    _entries[entry.url_name] = entry


def entries_for(request: HttpRequest) -> list[dict[str, Any]]:
    """What the person may open, in order: label, url, badge and whether it is the page they are on."""
    shown = []
    for entry in sorted(_entries.values(), key=lambda item: (item.order, item.label)):
        if entry.permission and not request.user.has_perm(entry.permission):
            continue
        try:
            url = reverse(entry.url_name)
        except NoReverseMatch:
            continue
        shown.append(
            {
                "label": entry.label,
                "url": url,
                "badge": entry.badge(request) if entry.badge else "",
                "current": _is_current(request.path, url),
            }
        )
    return shown


def _is_current(path: str, url: str) -> bool:
    return path == url if url == reverse("admin:index") else path.startswith(url)


def context(request: HttpRequest) -> dict[str, Any]:
    """Context processor: the name of the installation, and `navigation` for signed-in staff."""
    names = {"site_name": settings.SITE_NAME}
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated or not user.is_staff:
        return names
    # Lazy: a part of a page that refreshes itself shows no navigation and must not pay for its numbers.
    entries = SimpleLazyObject(lambda: entries_for(request))
    return names | {"navigation": entries, "idle_seconds": settings.SESSION_IDLE_SECONDS}
