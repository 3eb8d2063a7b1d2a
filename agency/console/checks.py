"""System checks of how people come in."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Tags, Warning, register


@register(Tags.security, deploy=True)
def second_factor(**_: Any) -> list[CheckMessage]:
    """agency.W107: staff sign in with a password alone."""
    if settings.REQUIRE_TWO_FACTOR:
        return []
    return [
        Warning(
            "Staff may sign in with a password alone.",
            hint="Set REQUIRE_TWO_FACTOR=true; each person sets up an authenticator at the next sign-in.",
            id="agency.W107",
        )
    ]
