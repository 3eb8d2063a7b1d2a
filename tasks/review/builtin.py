"""The policies a new installation starts with. They can be switched off; a migration brings back missing ones."""

from __future__ import annotations

from typing import Any

from tasks.models import ReviewPolicy, Risk

BUILT_IN: dict[str, dict[str, Any]] = {
    "send_sms": {
        "name": "Text messages to people",
        "actions": ["send_sms"],
        "reason": "It sends a text message to a person",
        "risk": Risk.MEDIUM,
    },
    "create_opportunity": {
        "name": "New opportunities",
        "actions": ["create_opportunity"],
        "reason": "It creates a sales opportunity",
        "risk": Risk.MEDIUM,
    },
    "delete": {
        "name": "Deletions",
        "actions": ["DELETE"],
        "reason": "It deletes something",
        "risk": Risk.HIGH,
    },
    "from_text": {
        "name": "Understood from free text",
        "only_from_text": True,
        "reason": "It was understood from free text",
        "risk": Risk.LOW,
    },
}


def make(**_: Any) -> None:
    """Receiver of post_migrate."""
    known = set(ReviewPolicy.objects.filter(key__in=BUILT_IN).values_list("key", flat=True))
    ReviewPolicy.objects.bulk_create(
        [ReviewPolicy(key=key, **fields) for key, fields in BUILT_IN.items() if key not in known],
        ignore_conflicts=True,
    )
