"""The clocks of reviews: reminders, escalation, and expiry, which closes and never opens."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import DateTimeField, Exists, F, OuterRef, Q, QuerySet
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast
from django.dispatch import Signal
from django.utils import timezone

from tasks import lifecycle
from tasks.actors import SYSTEM
from tasks.models import AgencyTask, ReviewNotice, TaskEvent
from tasks.review import renewal
from tasks.states import Review, Status

BATCH = 500
EXPIRED = "Nobody decided in time"
CLOCKS = {
    "reminder": Cast(KeyTextTransform("remindAt", "review_plan"), DateTimeField()),
    "overdue": F("review_due_at"),
    "escalated": Cast(KeyTextTransform("escalateAt", "review_plan"), DateTimeField()),
}

#: Sent inside the transaction that records a reminder: task_id, kind (reminder, overdue, escalated), user_ids,
#: and notice, the number of this one: a review that begins anew reminds anew.
review_notice = Signal()


def tick() -> dict[str, int]:
    """Expires reviews and approvals, then reminds. Safe with several processors at once."""
    return {"expired": expire(), "run_out": renewal.expire_approvals(), "notices": remind()}


def open_reviews() -> QuerySet[AgencyTask]:
    """Everything that awaits a decision, put off or not."""
    return AgencyTask.objects.filter(review=Review.REQUIRED, status__in=[Status.PENDING, Status.DEFERRED])


def expire(limit: int = BATCH) -> int:
    """Cancels what nobody decided in time; answers how many."""
    now = timezone.now()
    with transaction.atomic():
        due = open_reviews().filter(review_expires_at__lte=now).order_by("review_expires_at")
        ids = list(due.select_for_update(skip_locked=True, of=("self",)).values_list("pk", flat=True)[:limit])
        AgencyTask.objects.filter(pk__in=ids).update(
            review=Review.REJECTED, human_reviewed_at=now, human_reviewed_by=None, review_notes=EXPIRED
        )
        done = lifecycle.cancel(ids, SYSTEM, EXPIRED, rejected=True) if ids else []
        TaskEvent.objects.bulk_create(
            TaskEvent(task_id=task_id, kind="review_expired", reason=EXPIRED) for task_id in done
        )
    return len(done)


def remind(limit: int = BATCH) -> int:
    """Sends each reminder, overdue notice and escalation that is due, once; answers how many."""
    return sum(_send(task, kind) for kind in CLOCKS for task in _due(kind)[:limit])


def _due(kind: str) -> QuerySet[AgencyTask]:
    """Tasks whose clock of this kind has run out, without a record of it."""
    told = ReviewNotice.objects.filter(task=OuterRef("pk"), digest=OuterRef("config_digest"), kind=kind)
    late = open_reviews().annotate(clock=CLOCKS[kind]).filter(~Exists(told), clock__lte=timezone.now())
    return late.only("config_digest", "review_plan", "four_eyes", "created_by", "last_edited_by").order_by("pk")


def _send(task: AgencyTask, kind: str) -> int:
    with transaction.atomic():
        row, made = ReviewNotice.objects.get_or_create(task=task, digest=task.config_digest, kind=kind)
        if not made:
            return 0
        TaskEvent.objects.create(task_id=task.pk, kind=f"review_{kind}")
        groups = [task.review_plan.get("escalateTo") or []] if kind == "escalated" else None
        review_notice.send(
            sender=None, task_id=task.pk, kind=kind, user_ids=list(audience(task, groups)), notice=row.pk
        )
    return 1


def audience(task: AgencyTask, groups: list[list[int]] | None = None) -> QuerySet[Any, int]:
    """The ids of the people who may decide about a task, or of the members of `groups`."""
    people = get_user_model().objects.filter(is_active=True)
    named = task.review_plan.get("groups") or [] if groups is None else groups
    for group in named:
        people = people.filter(groups__in=group)
    if not any(named):
        people = people.filter(
            Q(is_superuser=True) | _permitted("groups__permissions") | _permitted("user_permissions")
        )
    if task.four_eyes:
        made_by = task.created_by_id, task.last_edited_by_id, *task.review_plan.get("authors", [])
        people = people.exclude(pk__in=[pk for pk in made_by if pk])
    return people.order_by("pk").values_list("pk", flat=True).distinct()


def _permitted(path: str) -> Q:
    return Q(**{f"{path}__codename": "approve_task", f"{path}__content_type__app_label": "tasks"})
