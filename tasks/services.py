"""What people and programs may do with tasks. Every door calls these; these call lifecycle."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from tasks import copying, drafts, lifecycle, outcomes
from tasks.actors import Actor
from tasks.dependencies import add_dependencies, replace_dependencies, waits_in_vain
from tasks.drafts import Source
from tasks.errors import Conflict, Invalid, NotFound, Stale
from tasks.inputs import TaskChanges, TaskInput
from tasks.models import AgencyTask, Approval, OnDependencyFailure, Priority, TaskEvent, Urgency
from tasks.review import policy, renewal
from tasks.review.decisions import approve, reject
from tasks.states import EDITABLE, REPLAYABLE, Review, Status
from tasks.validation import FieldError

__all__ = [
    "answer",
    "approve",
    "cancel",
    "create",
    "create_many",
    "defer",
    "duplicate",
    "edit",
    "execute",
    "reject",
    "release",
    "replay",
]

MANUAL = Source()


# --- creating -----------------------------------------------------------------------------------------------------


def create(task_input: TaskInput, actor: Actor, source: Source = MANUAL) -> AgencyTask:
    """Makes a task, and queues it when nothing holds it. Raises Invalid, and Conflict for a dedupe key in use."""
    return create_many([task_input], actor, source)[0]


def create_many(
    inputs: Sequence[TaskInput], actor: Actor, source: Source = MANUAL, *, roots: Sequence[str] | None = None
) -> list[AgencyTask]:
    """Makes many tasks in one transaction with set-based SQL. Raises Invalid; `roots` begin the pointers of each item."""
    if roots is None:
        roots = [f"/{index}" for index in range(len(inputs))] if len(inputs) > 1 else [""]
    try:
        with transaction.atomic():
            rules = policy.active()
            rows = [
                drafts.build(item, actor, source, root=root, rules=rules)
                for item, root in zip(inputs, roots, strict=True)
            ]
            insert(rows, actor)
            add_dependencies([(row, item.depends_on) for row, item in zip(rows, inputs, strict=True)])
            start([row for row in rows if row.review == Review.NONE], actor)
    except IntegrityError as error:
        if "task_dedupe_key" in str(error):
            raise Conflict("A task with this dedupe key exists already") from None
        raise
    return rows


def insert(rows: list[AgencyTask], actor: Actor) -> None:
    """Writes new rows and tells the receivers of `task_waiting` which of them wait for a person."""
    copying.insert(rows)
    for row in rows:
        if row.review == Review.REQUIRED:
            lifecycle.task_waiting.send(sender=None, task_id=row.pk, kind="review")


def start(rows: Sequence[AgencyTask], actor: Actor) -> None:
    """Queues those of freshly made tasks that may run at once."""
    if not rows:
        return
    changed = {row["id"]: row for row in lifecycle.queue_new([row.pk for row in rows], actor, "Starts at once")}
    for row in rows:
        row.__dict__.update(changed.get(row.pk, {}))


def duplicate(task_id: int, actor: Actor) -> AgencyTask:
    """A copy of a task as a new one; it passes review by the rules of today."""
    task = _get(task_id)
    copy = TaskInput.model_validate(
        {
            "title": task.title,
            "description": task.description,
            "category": task.category,
            "tags": task.tags,
            "metadata": task.metadata,
            "taskType": task.task_type,
            "priority": Priority(task.priority).label,
            "urgency": Urgency(task.urgency).label,
            "assignedToBot": task.assigned_to_bot,
            "requiresHumanReview": task.requires_human_review,
            "executionType": task.execution_type,
            "executionConfig": task.execution_config,
            "maxRetries": task.max_retries,
            "onUnknownOutcome": task.on_unknown_outcome,
            "notifyOnComplete": task.notify_on_complete,
            "notifyOnFailure": task.notify_on_failure,
        }
    )
    source = Source(
        type=task.source_type,
        webhook_id=task.source_webhook_id,
        template_id=task.template_id,
        authors=(task.created_by_id, task.last_edited_by_id, *task.review_plan.get("authors", [])),
        from_text=bool(task.review_plan.get("fromText")),
    )
    return create(copy, actor, source)


# --- editing ------------------------------------------------------------------------------------------------------


def edit(task_id: int, changes: TaskChanges, actor: Actor, *, version: int | None = None) -> AgencyTask:
    """Changes a task nobody is running. A change of what it will do voids its approval and takes it out of the queue.

    Raises NotFound, Conflict, Stale (when `version` is not the current one) and Invalid.
    """
    given = changes.model_fields_set
    with transaction.atomic():
        task = _locked(task_id, version)
        if task.status not in EDITABLE:
            raise Conflict(f"A task that is {task.status} cannot be edited")
        if task.status == Status.QUEUED:
            lifecycle.unqueue([task.pk], actor, "Edited")
        before = {name: getattr(task, name) for name in sorted(given - {"depends_on", "execution_config"})}
        columns = _edited_columns(task, changes, actor)
        _void_approvals(task, columns)
        AgencyTask.objects.filter(pk=task.pk).update(**columns)
        if "depends_on" in given:
            replace_dependencies(task, changes.depends_on or [])
        _record_edit(task, actor, before, columns)
        lifecycle.queue_ready([task.pk], actor, "Edited")
        if columns.get("review") == Review.REQUIRED and task.review != Review.REQUIRED:
            lifecycle.task_waiting.send(sender=None, task_id=task.pk, kind="review")
    task.refresh_from_db()
    return task


def _edited_columns(task: AgencyTask, changes: TaskChanges, actor: Actor) -> dict[str, Any]:
    given = changes.model_dump(exclude_unset=True, exclude={"depends_on", "execution_config", "requires_human_review"})
    nulls = [name for name, value in given.items() if value is None and name not in ("scheduled_for", "deadline")]
    if nulls:
        raise Invalid([FieldError(f"#/{name}", "null", f"{name} must not be null") for name in nulls])
    for name, kind in (("priority", Priority), ("urgency", Urgency)):
        if name in given:
            given[name] = kind[given[name].upper()].value
    if given.get("max_retries", 10) < task.error_count:
        message = f"maxRetries must be at least {task.error_count}: so many attempts have failed already"
        raise Invalid([FieldError("#/maxRetries", "too_small", message)])
    if "scheduled_for" in given:
        given["run_at"] = given["scheduled_for"] or timezone.now()
    raw = task.execution_config if changes.execution_config is None else changes.execution_config
    checked = drafts.check_config(task.task_type, raw, actor, before=task.execution_config)
    given |= drafts.content_columns(checked, task.template_id) | {"last_edited_by_id": actor.user_id}
    asked = task.requires_human_review if changes.requires_human_review is None else changes.requires_human_review
    merged = {**_policy_fields(task), **given}
    need = policy.assess(merged, checked.executor, checked.config, asked=asked)
    return _with_review(task, given, need)


def _policy_fields(task: AgencyTask) -> dict[str, Any]:
    return {field.attname: getattr(task, field.attname) for field in AgencyTask._meta.concrete_fields}


def _with_review(task: AgencyTask, columns: dict[str, Any], need: policy.Requirement) -> dict[str, Any]:
    """An approval survives an edit only if what it was given for is untouched: the content and the time."""
    same = columns["config_digest"] == task.config_digest and "run_at" not in columns
    if task.review == Review.APPROVED and same:
        return columns
    if task.review in (Review.APPROVED, Review.REQUIRED) and not need.required:
        need = policy.with_reasons(need, ["It was changed while or after it was reviewed"])
    return columns | drafts.review_columns(need)


def _void_approvals(task: AgencyTask, columns: dict[str, Any]) -> None:
    if "review" in columns:
        Approval.objects.filter(task=task, voided_at__isnull=True).update(voided_at=timezone.now())


def _record_edit(task: AgencyTask, actor: Actor, before: dict[str, Any], columns: dict[str, Any]) -> None:
    shown = {
        name: [_plain(value), _plain(columns[name])]
        for name, value in before.items()
        if name in columns and columns[name] != value
    }
    if columns["config_digest"] != task.config_digest:
        shown["config_digest"] = [task.config_digest, columns["config_digest"]]
    TaskEvent.objects.create(
        task_id=task.pk,
        kind="edited",
        actor=str(actor),
        actor_user_id=actor.user_id,
        epoch=task.epoch,
        data={"changed": shown, "config_before": task.execution_config, "voided": "review" in columns},
    )


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, dt.datetime) else value


# --- starting, stopping, waiting ----------------------------------------------------------------------------------


def execute(task_id: int, actor: Actor) -> AgencyTask:
    """Starts a task by hand: any that is not running, waiting, completed or cancelled and has no review outstanding."""
    with transaction.atomic():
        task = _locked(task_id)
        if task.review == Review.REQUIRED:
            raise Conflict("The task awaits review: approve it first")
        if renewal.has_run_out(task) and task.status in (*EDITABLE, Status.FAILED):
            raise Conflict("Its approval has ended: it must be reviewed anew before it starts")
        if task.status == Status.DEFERRED:
            lifecycle.release(task.pk, actor)
        elif task.status == Status.FAILED:
            lifecycle.replay(task.pk, actor)
        elif task.status not in (Status.PENDING, Status.QUEUED):
            raise Conflict(f"A task that is {task.status} cannot be started")
        if task.status != Status.QUEUED and not lifecycle.queue_by_hand(task.pk, actor):
            raise Conflict(_what_holds(task))
        _ring(task)
    task.refresh_from_db()
    return task


def _what_holds(task: AgencyTask) -> str:
    if task.unmet_dependencies:
        return f"The task waits for {task.unmet_dependencies} other task(s) to complete"
    return "The task cannot be started now"


def _ring(task: AgencyTask) -> None:
    from tasks import doorbell

    doorbell.ring_on_commit([task.queue])


def cancel(task_id: int, actor: Actor, reason: str = "Cancelled") -> AgencyTask:
    """Ends a task that is not running; asks the worker of a running one to stop. Raises NotFound, Conflict."""
    with transaction.atomic():
        task = _locked(task_id)
        if not lifecycle.cancel([task_id], actor, reason) and not lifecycle.request_cancel(task_id, actor):
            raise Conflict(f"A task that is {task.status} cannot be cancelled")
    task.refresh_from_db()
    return task


def defer(task_id: int, actor: Actor, until: dt.datetime | None, reason: str = "Deferred") -> AgencyTask:
    """Puts a task off until a time, or indefinitely. Raises NotFound, Conflict, Invalid for a time in the past."""
    task = _get(task_id)
    if until is not None and until <= timezone.now():
        raise Invalid([FieldError("#/until", "past", "until must lie in the future")])
    if not lifecycle.defer(task_id, actor, until, reason):
        task.refresh_from_db()
        raise Conflict(f"A task that is {task.status} cannot be deferred")
    task.refresh_from_db()
    return task


def release(task_id: int, actor: Actor) -> AgencyTask:
    """Ends a deferral now. Raises NotFound, Conflict."""
    task = _get(task_id)
    with transaction.atomic():
        if not lifecycle.release(task_id, actor):
            raise Conflict(f"The task is {task.status}, not deferred")
        lifecycle.queue_ready([task_id], actor, "Released")
    task.refresh_from_db()
    return task


def replay(task_id: int, actor: Actor) -> AgencyTask:
    """Runs a failed or cancelled task again as a new run; reviewed anew when it was rejected or its approval has ended.

    Raises NotFound, Conflict.
    """
    with transaction.atomic():
        task = _locked(task_id)
        if task.status not in REPLAYABLE:
            raise Conflict(f"A task that is {task.status} cannot be run again; make a copy instead")
        if task.on_dependency_failure == OnDependencyFailure.CANCEL and waits_in_vain(task):
            raise Conflict("A task it depends on did not complete: run that one again first")
        if task.review == Review.REJECTED or renewal.has_run_out(task):
            renewal.ask_anew([task])
        lifecycle.replay(task.pk, actor)
        lifecycle.queue_ready([task.pk], actor, "Run again")
    task.refresh_from_db()
    return task


# --- answering ----------------------------------------------------------------------------------------------------


def answer(task_id: int, actor: Actor, given: dict[str, Any], *, token: str = "") -> AgencyTask:
    """Answers the question a task waits with. `token` names the question the person saw; empty means the open one.

    For an unknown outcome `given["answer"]` is happened, run_again or fail. Raises NotFound, Conflict, Invalid.
    """
    with transaction.atomic():
        task = _locked(task_id)
        if task.status != Status.WAITING_INPUT:
            raise Conflict(f"The task is {task.status}; it asks nothing")
        if token and token != str(task.waiting_token):
            raise Stale("The task asks something else by now; look again")
        asked = _question(task)
        if asked["kind"] == outcomes.OUTCOME_UNKNOWN:
            _answer_unknown(task, actor, given.get("answer"))
        else:
            _answer_question(task, actor, given)
        TaskEvent.objects.create(
            task_id=task.pk,
            kind="answered",
            actor=str(actor),
            actor_user_id=actor.user_id,
            data={"question": asked["question"], "kind": asked["kind"]},
        )
    task.refresh_from_db()
    return task


def _question(task: AgencyTask) -> dict[str, Any]:
    """What the task asks; the database holds one for every task that waits."""
    return dict(task.waiting_for or {})


def _answer_unknown(task: AgencyTask, actor: Actor, choice: Any) -> None:
    if choice == outcomes.HAPPENED:
        lifecycle.answer_happened(task.pk, task.waiting_token, actor, note=f"{actor.label} says that it happened")
    elif choice == outcomes.RUN_AGAIN:
        lifecycle.answer_run_again(task.pk, task.waiting_token, actor)
        _ring(task)
    elif choice == outcomes.FAIL:
        lifecycle.answer_failed(task.pk, task.waiting_token, actor, f"Given up by {actor.label}: outcome unknown")
    else:
        expected = f"{outcomes.HAPPENED}, {outcomes.RUN_AGAIN} or {outcomes.FAIL}"
        raise Invalid([FieldError("#/answer", "choice", f"answer must be {expected}")])


def _answer_question(task: AgencyTask, actor: Actor, given: dict[str, Any]) -> None:
    if "answer" not in given:
        raise Invalid([FieldError("#/answer", "missing", "answer is required")])
    offered = [option["value"] for option in _question(task)["options"]]
    if offered and given["answer"] not in offered:
        message = f"answer must be one of {', '.join(map(str, offered))}"
        raise Invalid([FieldError("#/answer", "choice", message)])
    lifecycle.answer(task.pk, task.waiting_token, actor, _with_earlier(task, given))
    _ring(task)


def _with_earlier(task: AgencyTask, given: dict[str, Any]) -> dict[str, Any]:
    """The answer, and under `answers` every one of this run by its question's key: work that starts over needs them all."""
    key = (_question(task).get("context") or {}).get("key")
    if not key:
        return given
    return {**given, "answers": {**(task.answer or {}).get("answers", {}), key: given["answer"]}}


# --- finding ------------------------------------------------------------------------------------------------------


def _get(task_id: int) -> AgencyTask:
    task = AgencyTask.objects.filter(pk=task_id).first()
    if task is None:
        raise NotFound("No such task")
    return task


def _locked(task_id: int, version: int | None = None) -> AgencyTask:
    task = AgencyTask.objects.select_for_update(of=("self",)).filter(pk=task_id).first()
    if task is None:
        raise NotFound("No such task")
    if version is not None and task.version != version:
        raise Stale("The task was changed since you read it")
    return task
