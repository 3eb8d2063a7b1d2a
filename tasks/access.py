"""Whose tasks a person sees, and what they may do with one: their own always, others' by permission."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet

from tasks.errors import Forbidden, Invalid, NotFound
from tasks.inputs import TaskInput
from tasks.models import AgencyTask
from tasks.validation import FieldError

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


def sees_sensitive(user: Any) -> bool:
    """Whether somebody may read original messages and traces; the command line (None) may."""
    return user is None or bool(user.has_perm(VIEW_SENSITIVE))


def check(user: Any, task_id: int, action: str) -> None:
    """Raises NotFound for a task that this person does not see, Forbidden for one they may not act on."""
    creator = visible_to(user).filter(pk=task_id).values_list("created_by_id", flat=True)[:1]
    found = list(creator)
    if not found:
        raise NotFound("No such task")
    own = found[0] == user.pk and action != "review"
    if not own and not user.has_perm(PERMISSIONS[action]):
        raise Forbidden(f"This needs the permission {PERMISSIONS[action]}")


def check_input(user: Any, item: TaskInput, root: str = "") -> None:
    """What a person may name in a new task: channels and other tasks. Raises Forbidden, Invalid."""
    check_inputs(user, [item], [root])


def check_inputs(user: Any, items: Sequence[TaskInput], roots: Sequence[str]) -> None:
    """The same for many, with one query. A system actor (None) may name anything."""
    if user is None:
        return
    for item in items:
        check_channel(user, item.source_webhook_id)
    named = {upstream for item in items for upstream in item.depends_on}
    known = set(visible_to(user).filter(pk__in=named).values_list("pk", flat=True)) if named else set()
    errors = [
        error for item, root in zip(items, roots, strict=True) for error in _unknown(item.depends_on, known, root)
    ]
    if errors:
        raise Invalid(errors)


def check_upstream(user: Any, ids: Sequence[int], root: str = "") -> None:
    """Raises Invalid when a person does not see a task that is to be waited for; it might as well not exist."""
    if user is None or not ids:
        return
    errors = _unknown(ids, set(visible_to(user).filter(pk__in=ids).values_list("pk", flat=True)), root)
    if errors:
        raise Invalid(errors)


def _unknown(ids: Sequence[int], known: set[int], root: str) -> list[FieldError]:
    return [
        FieldError(f"#{root}/dependsOn", "unknown_task", f"dependsOn names task {upstream}, which does not exist")
        for upstream in ids
        if upstream not in known
    ][:1]


def check_channel(user: Any, webhook_id: int | None) -> None:
    """Raises Forbidden when a person without access to channels names one, through which messages would go out."""
    if webhook_id is not None and user is not None and not user.has_perm(USE_CHANNEL):
        raise Forbidden(f"sourceWebhookId needs the permission {USE_CHANNEL}")
