"""Whose tasks a person sees, and what they may do with one: their own always, others' by permission."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet

from tasks.errors import Forbidden, NotFound
from tasks.models import AgencyTask

#: What staff need to act on a task that is not their own. Deciding a review needs its permission in any case.
PERMISSIONS = {
    "edit": "tasks.change_agencytask",
    "cancel": "tasks.change_agencytask",
    "answer": "tasks.change_agencytask",
    "execute": "tasks.execute_task",
    "replay": "tasks.replay_task",
    "review": "tasks.approve_task",
}
USE_CHANNEL = "webhooks.view_webhook"
VIEW_SENSITIVE = "tasks.view_sensitive"


def visible_to(user: Any) -> QuerySet[AgencyTask]:
    """Own tasks; all of them for staff."""
    rows = AgencyTask.objects.all()
    return rows if user.is_staff else rows.filter(created_by=user)


def check(user: Any, task_id: int, action: str) -> None:
    """Raises NotFound for a task that this person does not see, Forbidden for one they may not act on."""
    creator = visible_to(user).filter(pk=task_id).values_list("created_by_id", flat=True)[:1]
    found = list(creator)
    if not found:
        raise NotFound("No such task")
    own = found[0] == user.pk and action != "review"
    if not own and not user.has_perm(PERMISSIONS[action]):
        raise Forbidden(f"This needs the permission {PERMISSIONS[action]}")


def check_channel(user: Any, webhook_id: int | None) -> None:
    """Raises Forbidden when a person without access to channels names one, through which messages would go out."""
    if webhook_id is not None and not user.has_perm(USE_CHANNEL):
        raise Forbidden(f"sourceWebhookId needs the permission {USE_CHANNEL}")
