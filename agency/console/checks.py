"""System checks of how people come in."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.checks import CheckMessage, Tags, Warning, register
from django.db import DatabaseError
from django.db.models import Q


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


@register(Tags.security, deploy=True)
def four_eyes(**_: Any) -> list[CheckMessage]:
    """agency.W108: two or more people review, and each may approve what they made."""
    if settings.REVIEW_FOUR_EYES or not _several_review():
        return []
    return [
        Warning(
            "People may approve what they made themselves.",
            hint="Set REVIEW_FOUR_EYES=true, or ask for four eyes in the review policies that matter.",
            id="agency.W108",
        )
    ]


def _several_review() -> bool:
    """Without a database, as when an image is built, nobody does."""
    people = get_user_model().objects.filter(is_active=True, is_staff=True)
    able = Q(is_superuser=True) | Q(groups__permissions__codename="approve_task")
    try:
        return len(people.filter(able).values_list("pk", flat=True).distinct()[:2]) > 1
    except DatabaseError:
        return False
