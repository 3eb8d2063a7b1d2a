"""The one decision function: every door (admin, queue, API, bulk, channel, link) approves and rejects through it."""

from __future__ import annotations

from django.db import IntegrityError, transaction
from django.utils import timezone

from tasks import lifecycle
from tasks.actors import Actor
from tasks.errors import Conflict, Forbidden, Invalid, NotFound, Stale
from tasks.models import AgencyTask, Approval, TaskEvent
from tasks.states import Review, Status
from tasks.validation import FieldError

UNDECIDED = frozenset({Status.PENDING, Status.DEFERRED})


def approve(task_id: int, actor: Actor, *, notes: str = "", digest: str = "", version: int | None = None) -> AgencyTask:
    """Counts one person's approval of exactly what the task will do; with the last one needed it may run.

    `digest` and `version` are what the person saw. Raises NotFound, Conflict, Stale, Forbidden.
    """
    with transaction.atomic():
        task = _undecided(task_id, actor, digest, version)
        _check_four_eyes(task, actor)
        _record(task, actor, "approved", notes)
        given = Approval.objects.filter(
            task=task, digest=task.config_digest, decision="approved", voided_at__isnull=True
        ).count()
        if given >= task.approvals_required:
            _close(task, actor, Review.APPROVED, notes)
            lifecycle.queue_ready([task.pk], actor, "Approved")
    task.refresh_from_db()
    return task


def reject(
    task_id: int, actor: Actor, *, reason: str, code: str = "", digest: str = "", version: int | None = None
) -> AgencyTask:
    """One person's no ends the task as cancelled. Raises Invalid without a reason, else like `approve`."""
    if not reason.strip():
        raise Invalid([FieldError("#/reason", "missing", "reason is required: say why, its creator will read it")])
    with transaction.atomic():
        task = _undecided(task_id, actor, digest, version)
        _record(task, actor, "rejected", reason, code)
        _close(task, actor, Review.REJECTED, reason)
        lifecycle.cancel([task.pk], actor, f"Rejected: {reason}", rejected=True)
    task.refresh_from_db()
    return task


def _undecided(task_id: int, actor: Actor, digest: str, version: int | None) -> AgencyTask:
    if actor.user_id is None:
        raise Forbidden("Only a person can decide about a task")
    task = AgencyTask.objects.select_for_update(of=("self",)).filter(pk=task_id).first()
    if task is None:
        raise NotFound("No such task")
    if task.review != Review.REQUIRED or task.status not in UNDECIDED:
        raise Conflict(_why_not(task))
    if (digest and digest != task.config_digest) or (version is not None and version != task.version):
        raise Stale("The task was changed since you looked at it; look again before you decide")
    return task


def _why_not(task: AgencyTask) -> str:
    if task.review in (Review.APPROVED, Review.REJECTED):
        who = task.human_reviewed_by.get_username() if task.human_reviewed_by else "the system"
        return f"Already {task.review} by {who}"
    return f"Not awaiting review: the task is {task.status}"


def _check_four_eyes(task: AgencyTask, actor: Actor) -> None:
    if task.four_eyes and actor.user_id in (task.created_by_id, task.last_edited_by_id):
        raise Forbidden("Somebody else must approve this task: you created or edited it")


def _record(task: AgencyTask, actor: Actor, decision: str, notes: str, code: str = "") -> None:
    try:
        with transaction.atomic():
            Approval.objects.create(
                task=task,
                digest=task.config_digest,
                decision=decision,
                user_id=actor.user_id,
                door=actor.door,
                notes=notes,
                code=code,
            )
    except IntegrityError:
        raise Conflict("You have already approved this task; it waits for another person") from None
    TaskEvent.objects.create(
        task_id=task.pk,
        kind=decision,
        actor=str(actor),
        actor_user_id=actor.user_id,
        reason=notes,
        data={"digest": task.config_digest, "door": actor.door, "code": code},
    )


def _close(task: AgencyTask, actor: Actor, review: Review, notes: str) -> None:
    AgencyTask.objects.filter(pk=task.pk).update(
        review=review,
        approved_digest=task.config_digest if review == Review.APPROVED else "",
        human_reviewed_by_id=actor.user_id,
        human_reviewed_at=timezone.now(),
        review_notes=notes,
    )
