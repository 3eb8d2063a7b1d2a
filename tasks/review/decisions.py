"""The one decision function: every door (admin, queue, API, bulk, channel, link) approves and rejects through it.

The database holds the same promises by itself (migration of review guards): no approved task without as many valid
approvals of its very content as it needs, none by its maker where four eyes are asked for.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import IntegrityError, transaction
from django.utils import timezone
from pydantic import ValidationError

from tasks import drafts, lifecycle
from tasks.actors import Actor
from tasks.errors import Conflict, Forbidden, Invalid, NotFound, Stale, TaskError
from tasks.executors import registry
from tasks.executors.base import Preview
from tasks.models import AgencyTask, Approval, ReviewClaim, Risk, TaskEvent
from tasks.review import renewal
from tasks.review.reasons import RejectCode
from tasks.states import Review, Status
from tasks.validation import FieldError

PERMISSION = "tasks.approve_task"
UNDECIDED = frozenset({Status.PENDING, Status.DEFERRED})
BULK_LIMIT = 100
MAX_TEXT = 5000
#: Doors whose approvals wait a moment, so that a slip can be taken back.
UNDOABLE_DOORS = frozenset({"queue"})
#: Doors at which a person sits before a page.
PAGES = frozenset({"queue", "admin", "link", "bulk"})


# --- one task -----------------------------------------------------------------------------------------------------


def approve(task_id: int, actor: Actor, *, notes: str = "", digest: str = "", version: int | None = None) -> AgencyTask:
    """Counts one person's approval of exactly what the task will do; with the last one needed it may run.

    `digest` and `version` are what the person saw. Raises NotFound, Conflict, Stale, Forbidden, Invalid.
    """
    _check_text("notes", notes)
    with transaction.atomic():
        task = _undecided(task_id, actor, digest, version)
        check_may_approve(task, actor)
        _check_note(task, actor, notes)
        drafts.typed_config(
            task.task_type, task.execution_config
        )  # address rules may have changed since it was written
        _record(task, actor, "approved", notes)
        if approvals_of(task) >= task.approvals_required:
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
    _check_text("reason", reason)
    if code and code not in RejectCode.values:
        raise Invalid([FieldError("#/code", "choice", f"code must be one of {', '.join(RejectCode.values)}")])
    with transaction.atomic():
        task = _undecided(task_id, actor, digest, version)
        _check_groups(task, actor)
        _record(task, actor, "rejected", reason, code)
        _close(task, actor, Review.REJECTED, reason)
        lifecycle.cancel([task.pk], actor, f"Rejected: {reason}", rejected=True)
    task.refresh_from_db()
    return task


def undo(task_id: int, actor: Actor) -> AgencyTask:
    """Takes one's own decision back while nothing has come of it: the task awaits review again.

    An approval can be undone until the task is queued, a rejection while it is cancelled. Raises NotFound, Conflict.
    """
    with transaction.atomic():
        task = _locked(task_id)
        if task.human_reviewed_by_id != actor.user_id or task.review not in (Review.APPROVED, Review.REJECTED):
            raise Conflict("There is no decision of yours to undo")
        if task.review == Review.APPROVED and task.status not in UNDECIDED:
            raise Conflict(f"Too late to undo: the task is {task.status}")
        rejected = task.review == Review.REJECTED
        reopen(task)
        if rejected:
            lifecycle.replay(task.pk, actor)
        _event(task, actor, "review_undone", "")
    task.refresh_from_db()
    return task


def reopen(task: AgencyTask) -> None:
    """Asks for the review again: every earlier approval is void. Inside a transaction that holds the row."""
    Approval.objects.filter(task=task, voided_at__isnull=True).update(voided_at=timezone.now())
    AgencyTask.objects.filter(pk=task.pk).update(
        review=Review.REQUIRED,
        human_reviewed_by=None,
        human_reviewed_at=None,
        approved_digest="",
        approved_until=None,
    )
    lifecycle.task_waiting.send(sender=None, task_id=task.pk, kind="review")


# --- many ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ask:
    """One row of a bulk decision: the task, and the content and version the person saw."""

    task_id: int
    digest: str = ""
    version: int | None = None


@dataclass(frozen=True)
class Result:
    """What became of one row: `error` is empty when it was decided; `code` tells refusals apart."""

    task_id: int
    error: str = ""
    code: str = ""
    task: AgencyTask | None = field(default=None, compare=False, repr=False)


def decide_many(asked: Sequence[Ask], actor: Actor, verb: str, *, text: str = "", code: str = "") -> list[Result]:
    """Approves or rejects each row for itself; a refusal of one leaves the others decided. Raises Invalid.

    At most BULK_LIMIT rows. High-risk tasks are not approved in bulk: each deserves its own look.
    """
    if len(asked) > BULK_LIMIT:
        raise Invalid([FieldError("#/items", "too_long", f"at most {BULK_LIMIT} tasks can be decided at once")])
    if verb not in ("approve", "reject"):
        raise Invalid([FieldError("#/decision", "choice", "decision must be approve or reject")])
    return [_decide_one(row, actor, verb, text, code, alone=len(asked) == 1) for row in asked]


def _decide_one(row: Ask, actor: Actor, verb: str, text: str, code: str, *, alone: bool) -> Result:
    try:
        if verb == "reject":
            task = reject(row.task_id, actor, reason=text, code=code, digest=row.digest, version=row.version)
        else:
            if not alone:
                _refuse_high_risk(row.task_id)
            task = approve(row.task_id, actor, notes=text, digest=row.digest, version=row.version)
    except TaskError as error:
        return Result(row.task_id, str(error), type(error).__name__.lower())
    return Result(row.task_id, task=task)


def _refuse_high_risk(task_id: int) -> None:
    risk = AgencyTask.objects.filter(pk=task_id).values_list("review_risk", flat=True).first()
    if risk is not None and risk >= Risk.HIGH:
        raise Forbidden("High risk: this one is decided by itself, not in bulk")


# --- who may ------------------------------------------------------------------------------------------------------


def may_decide(task: AgencyTask, actor: Actor) -> str:
    """Empty when this person may approve the task now, else why not, in one sentence."""
    try:
        _check_person(actor)
        check_may_approve(task, actor)
    except Forbidden as refused:
        return str(refused)
    mine = Approval.objects.filter(
        task=task, digest=task.config_digest, user_id=actor.user_id or 0, voided_at__isnull=True
    )
    return "You have approved it; it waits for another person" if mine.exists() else ""


def check_may_approve(task: AgencyTask, actor: Actor) -> None:
    """Four eyes and reviewer groups. Raises Forbidden."""
    if task.four_eyes and actor.user_id in (task.created_by_id, task.last_edited_by_id):
        raise Forbidden("Somebody else must approve this task: you created or edited it")
    if task.four_eyes and actor.user_id in task.review_plan.get("authors", []):
        raise Forbidden("Somebody else must approve this task: you wrote what it does")
    _check_groups(task, actor)


def _check_groups(task: AgencyTask, actor: Actor) -> None:
    wanted = task.review_plan.get("groups") or []
    if not wanted:
        return
    mine = set(_person(actor).groups.values_list("pk", flat=True))
    if not all(mine & set(group) for group in wanted):
        raise Forbidden("Only members of the reviewer groups of this task may decide about it")


def _check_person(actor: Actor) -> None:
    if actor.user_id is None:
        raise Forbidden("Only a person can decide about a task")
    if not _person(actor).has_perm(PERMISSION):
        raise Forbidden(f"This needs the permission {PERMISSION}")


def _person(actor: Actor) -> Any:
    if actor.person is not None:
        return actor.person
    person = get_user_model().objects.filter(pk=actor.user_id or 0, is_active=True).first()
    if person is None:
        raise Forbidden("This person is not known or not active")
    return person


# --- what is decided ----------------------------------------------------------------------------------------------


def approvals_of(task: AgencyTask) -> int:
    """How many different people have approved the task as it is now."""
    valid = Approval.objects.filter(task=task, digest=task.config_digest, decision="approved", voided_at__isnull=True)
    return valid.count()


def preview_of(task: AgencyTask) -> Preview:
    """What the task will do, by the executor's own words; why not, when its type or config is not valid any more."""
    executor = registry.known().get(task.task_type)
    if executor is None:
        return Preview(f"Nobody here can perform {task.task_type}")
    try:
        return executor.preview(executor.Config.model_validate(task.execution_config))
    except ValidationError as error:
        return Preview("Its config is not valid: it would fail", [(str(e["loc"]), e["msg"]) for e in error.errors()])


def _locked(task_id: int) -> AgencyTask:
    task = AgencyTask.objects.select_for_update(of=("self",)).filter(pk=task_id).first()
    if task is None:
        raise NotFound("No such task")
    return task


def _undecided(task_id: int, actor: Actor, digest: str, version: int | None) -> AgencyTask:
    _check_person(actor)
    task = _locked(task_id)
    if task.review != Review.REQUIRED or task.status not in UNDECIDED:
        raise Conflict(_why_not(task))
    if task.review_expires_at is not None and task.review_expires_at <= timezone.now():
        raise Conflict("The time to decide is over; the task is being cancelled")
    if (digest and digest != task.config_digest) or (version is not None and version != task.version):
        raise Stale("The task was changed since you looked at it; look again before you decide")
    return task


def _why_not(task: AgencyTask) -> str:
    if task.review in (Review.APPROVED, Review.REJECTED):
        who = task.human_reviewed_by.get_username() if task.human_reviewed_by else "the system"
        return f"Already {task.review} by {who}"
    return f"Not awaiting review: the task is {task.status}"


def _check_note(task: AgencyTask, actor: Actor, notes: str) -> None:
    """On a page a yes to a high risk says why; a program says it in what it sends, or not."""
    if actor.door in PAGES and task.review_risk >= Risk.HIGH and not notes.strip():
        raise Invalid([FieldError("#/notes", "missing", "High risk: write why it is right, for whoever asks later")])


def _check_text(name: str, text: str) -> None:
    if len(text) > MAX_TEXT or "\x00" in text:
        message = f"{name} must be text of at most {MAX_TEXT} characters"
        raise Invalid([FieldError(f"#/{name}", "invalid", message)])


def _record(task: AgencyTask, actor: Actor, decision: str, notes: str, code: str = "") -> None:
    if decision == "rejected":  # a no after one's own yes replaces it
        own = Approval.objects.filter(task=task, user_id=actor.user_id or 0, voided_at__isnull=True)
        own.update(voided_at=timezone.now())
    try:
        with transaction.atomic():
            Approval.objects.create(
                task=task,
                digest=task.config_digest,
                decision=decision,
                user_id=actor.user_id or 0,
                door=actor.door,
                notes=notes,
                code=code,
            )
    except IntegrityError:
        raise Conflict("You have already approved this task; it waits for another person") from None
    _event(task, actor, decision, notes, {"digest": task.config_digest, "door": actor.door, "code": code})


def _event(task: AgencyTask, actor: Actor, kind: str, reason: str, data: dict[str, Any] | None = None) -> None:
    TaskEvent.objects.create(
        task_id=task.pk, kind=kind, actor=str(actor), actor_user_id=actor.user_id, reason=reason, data=data or {}
    )


def _close(task: AgencyTask, actor: Actor, review: Review, notes: str) -> None:
    now = timezone.now()
    columns: dict[str, Any] = {
        "review": review,
        "approved_digest": task.config_digest if review == Review.APPROVED else "",
        "human_reviewed_by_id": actor.user_id,
        "human_reviewed_at": now,
        "review_notes": notes,
        "approved_until": renewal.ends_at(task, now) if review == Review.APPROVED else None,
    }
    if review == Review.APPROVED and actor.door in UNDOABLE_DOORS:
        columns["run_at"] = max(task.run_at, now + dt.timedelta(seconds=settings.REVIEW_UNDO_SECONDS))
    AgencyTask.objects.filter(pk=task.pk).update(**columns)
    ReviewClaim.objects.filter(task=task).delete()
