"""The first page of staff: what needs them, what runs, what failed and why. Every number links to its list."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest


def context(request: HttpRequest) -> dict[str, Any]:
    return {}
