"""How facts are shown in the admin: JSON cut and masked, times, links."""

from __future__ import annotations

import json
from typing import Any

from django.urls import reverse
from django.utils.html import format_html

from agency import credentials

#: Characters of JSON shown at once.
SHOWN = 20_000


def pretty(value: Any) -> str:
    """JSON for reading, secrets masked, cut to SHOWN characters."""
    text = json.dumps(credentials.redact(value), indent=2, ensure_ascii=False, sort_keys=True, default=str)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}\n… {len(text) - SHOWN} more characters"


def block(value: Any) -> str:
    """JSON as a block that can be scrolled by keyboard too."""
    if value in (None, {}, [], ""):
        return "–"
    return format_html('<pre class="json" tabindex="0">{}</pre>', pretty(value))


def text_block(value: str) -> str:
    """Text as it was written, escaped."""
    return format_html('<pre class="json" tabindex="0">{}</pre>', value) if value else "–"


def pill(word: str, kind: str = "") -> str:
    """A state in words, coloured besides."""
    return format_html('<span class="pill pill-{}">{}</span>', kind or word, word.replace("_", " "))


def task_link(task_id: int, label: str = "") -> str:
    """A link to a task's page."""
    return format_html('<a href="{}">{}</a>', reverse("admin:task_page", args=[task_id]), label or f"#{task_id}")
