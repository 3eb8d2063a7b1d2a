"""Reviews that begin anew: an approval that no run has begun under ends in time, and a rejected task is run again.

Closed, never open: the task waits for people once more, everything given so far is void, and its clocks start again.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from tasks import drafts, lifecycle
from tasks.actors import Actor
from tasks.errors import Invalid
from tasks.models import AgencyTask, Approval, ReviewNotice, TaskEvent
from tasks.review import policy
from tasks.states import EDITABLE, Review, Status

BATCH = 500
RUN_OUT = "Its approval ran out before it began to run"
_CLOCK = Actor("review clock")
_WRITTEN = [
    "review",
    "human_reviewed_by",
    "human_reviewed_at",
    "approved_digest",
    "approved_until",
    "approvals_required",
    "four_eyes",
    "review_reasons",
    "review_plan",
    "review_risk",
    "review_due_at",
    "review_expires_at",
]


def ends_at(task: AgencyTask, now: dt.datetime) -> dt.datetime:
    """When an approval given now ends: counted from the time the task is planned for, where that is later."""
    planned = max(now, task.run_at, task.deferred_until or now)
    return planned + dt.timedelta(hours=settings.REVIEW_APPROVAL_HOURS)


def has_run_out(task: AgencyTask) -> bool:
    """The approval under which the task would run (again) has ended."""
    if task.review != Review.APPROVED or task.human_reviewed_at is None:
        return False
    given = max(task.human_reviewed_at, task.scheduled_for or task.human_reviewed_at)
    ends = task.approved_until or given + dt.timedelta(hours=settings.REVIEW_APPROVAL_HOURS)
    return ends <= timezone.now()


def expire_approvals(limit: int = BATCH) -> int:
    """Sends approved tasks whose approval ended back to review; answers how many. Safe with several at once."""
    with transaction.atomic():
        late = AgencyTask.objects.filter(
            review=Review.APPROVED, status__in=sorted(EDITABLE), approved_until__lte=timezone.now()
        )
        rows = list(late.order_by("approved_until").select_for_update(skip_locked=True, of=("self",))[:limit])
        if not rows:
            return 0
        lifecycle.unqueue([row.pk for row in rows if row.status == Status.QUEUED], _CLOCK, RUN_OUT)
        ask_anew(rows)
        TaskEvent.objects.bulk_create(
            TaskEvent(task_id=row.pk, kind="approval_expired", actor=str(_CLOCK), reason=RUN_OUT) for row in rows
        )
    return len(rows)


def ask_anew(rows: Sequence[AgencyTask]) -> None:
    """Begins the reviews of locked rows again, by the policies of today. In a transaction; their status is the caller's.

    What was asked of the reviewers before is asked again at least: nothing gets easier by waiting.
    """
    ids = [row.pk for row in rows]
    rules = policy.active()
    for row in rows:
        _begin(row, _need(row, rules))
    Approval.objects.filter(task__in=ids, voided_at__isnull=True).update(voided_at=timezone.now())
    ReviewNotice.objects.filter(task__in=ids).delete()
    AgencyTask.objects.bulk_update(rows, _WRITTEN)
    for row in rows:
        lifecycle.task_waiting.send(sender=None, task_id=row.pk, kind="review")


def _need(row: AgencyTask, rules: Sequence[policy.ReviewPolicy]) -> policy.Requirement:
    fields = {field.attname: getattr(row, field.attname) for field in AgencyTask._meta.concrete_fields}
    try:
        executor, config, _place = drafts.typed_config(row.task_type, row.execution_config)
    except Invalid:  # it could not run either; whoever looks at it is told why by its preview
        return policy.again(policy.Requirement(), row)
    return policy.again(policy.assess(fields, executor, config, asked=row.requires_human_review, rules=rules), row)


def _begin(row: AgencyTask, need: policy.Requirement) -> None:
    """Those who may decide hear of it at once, as of a reminder."""
    need = replace(need, remind_at=timezone.now())
    for name, value in drafts.review_columns(need).items():
        setattr(row, name, value)
