"""From what a caller says to the columns of a task: config checked, secrets moved out, effect, target, review known."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from django.utils import timezone
from pydantic import ValidationError

from agency import credentials
from tasks import artifacts, copying, digest
from tasks.actors import Actor
from tasks.errors import Invalid
from tasks.executors import registry
from tasks.executors.base import Executor
from tasks.inputs import TaskInput, check_config_size
from tasks.models import AgencyTask, Priority, ReviewPolicy, Urgency
from tasks.review import policy
from tasks.states import Review
from tasks.validation import FieldError, config_errors


@dataclass(frozen=True)
class Source:
    """Where a task comes from; replies go back there."""

    type: str = "manual"
    webhook_id: int | None = None
    message_id: int | None = None
    original_message: str = ""
    template_id: int | None = None
    schedule_id: int | None = None
    dedupe_key: str | None = None
    workflow_uuid: uuid.UUID | None = None
    #: Reasons for review that come with the source: a message in free text, for one.
    review_reasons: list[str] = field(default_factory=list)
    #: Understood from free text; a review policy may ask for review because of that.
    from_text: bool = False
    #: The channel trusts what is understood from its texts: the built-in policy about free text gives way.
    text_trusted: bool = False
    #: The config the task is made from: whoever wrote it was allowed the credentials it names, so its tasks are too.
    granted: dict[str, Any] | None = None
    #: Accounts of those who wrote what it does without making it; four eyes count them too.
    authors: Sequence[int | None] = ()


@dataclass(frozen=True)
class Checked:
    """A config that may be stored: typed, allowed, with references where secrets were."""

    executor: Executor[Any]
    config: Any
    stored: dict[str, Any]


def executor_for(task_type: str, root: str = "") -> Executor[Any]:
    """The executor of a type. Raises Invalid."""
    try:
        return registry.get(task_type)
    except registry.UnknownTaskType:
        known = ", ".join(registry.known())
        message = f"taskType {task_type[:100]!r} is not known; expected one of {known}"
        raise Invalid([FieldError(f"#{root}/taskType", "unknown_type", message)]) from None


def typed_config(task_type: str, raw: dict[str, Any], root: str = "") -> tuple[Executor[Any], Any, str]:
    """The executor, the typed config and the config's place in the request. Raises Invalid. Writes nothing."""
    executor = executor_for(task_type, root)
    check_config_size(raw, root)
    place = f"{root}/executionConfig"
    config = _typed(executor, raw, place)
    problems = executor.check(config)
    if problems:
        raise Invalid([FieldError(f"#{place}/{path}", "invalid", message) for path, message in problems])
    return executor, config, place


def check_permission(executor: Executor[Any], actor: Actor, root: str = "") -> None:
    """Raises Invalid when a person wants work done whose result they may not see. Parts of the system may."""
    needed = executor.permission
    if needed and actor.person is not None and not actor.person.has_perm(needed):  # type: ignore[attr-defined]
        message = f"taskType {executor.type} shows more than your own tasks: it needs the permission {needed}"
        raise Invalid([FieldError(f"#{root}/taskType", "permission", message)])


def _asked_by_nobody(executor: Executor[Any], actor: Actor) -> list[str]:
    """A channel has no permissions of its own: a person who does decides."""
    if not executor.permission or actor.door != "channel" or actor.person is not None:
        return []
    return [f"It shows more than its sender's own tasks, and its sender has no account with {executor.permission}"]


def _check_artifacts(executor: Executor[Any], config: Any, actor: Actor, place: str) -> None:
    """Raises Invalid when a person names a file they may not see; it might as well not exist.

    A part of the system may name any: the attempt looks again at whose task it is.
    """
    named = executor.artifacts(config)
    unseen = artifacts.unseen([number for _, number in named], actor.person) if named and actor.person else set()
    errors = [
        FieldError(f"#{place}/{path}", "unknown_artifact", f"artifact {number} does not exist")
        for path, number in named
        if number in unseen
    ]
    if errors:
        raise Invalid(errors)


def check_config(
    task_type: str, raw: dict[str, Any], actor: Actor, root: str = "", *, before: dict[str, Any] | None = None
) -> Checked:
    """Validates a config, then moves its inline secrets into credentials. Raises Invalid. Inside a transaction.

    `before` is the config that is edited: the references it holds may stay, whoever edits.
    """
    executor, config, place = typed_config(task_type, raw, root)
    check_permission(executor, actor, root)
    _check_artifacts(executor, config, actor, place)
    try:
        stored, _ = credentials.absorb(raw, actor.person, executor.hosts(config), before=before)
    except credentials.CredentialError as error:
        raise Invalid([FieldError(f"#{place}/{error.field}".rstrip("/"), "credential", str(error))]) from None
    if stored != raw:
        config = _typed(executor, stored, place)
    return Checked(executor, config, stored)


def _typed(executor: Executor[Any], raw: dict[str, Any], place: str) -> Any:
    try:
        return executor.Config.model_validate(raw)
    except ValidationError as error:
        raise Invalid(config_errors(executor, error, place)) from None


def content_columns(checked: Checked, template_id: int | None) -> dict[str, Any]:
    """The columns that follow from type and config."""
    executor, config = checked.executor, checked.config
    target = executor.target(config)
    return {
        "execution_config": checked.stored,
        "effect": str(executor.effect(config)),
        "can_look_up": executor.can_look_up,
        "target": target[:500],
        "queue": executor.queue,
        "timeout_s": max(1, min(3600, round(executor.timeout_s(config)))),
        "config_digest": digest.of(executor.type, checked.stored, target, template_id),
    }


def review_columns(need: policy.Requirement) -> dict[str, Any]:
    """The columns that say whether a person must decide."""
    return {
        "requires_human_review": need.required,
        "review": Review.REQUIRED if need.required else Review.NONE,
        "review_reasons": need.reasons,
        "approvals_required": need.approvals,
        "four_eyes": need.four_eyes,
        "approved_digest": "",
        "human_reviewed_by": None,
        "human_reviewed_at": None,
        "approved_until": None,
        **need.columns(),
    }


def build(
    task_input: TaskInput, actor: Actor, source: Source, root: str = "", rules: Sequence[ReviewPolicy] | None = None
) -> AgencyTask:
    """An unsaved row for a new task. Raises Invalid. Inside a transaction, because secrets are stored.

    `rules` are the review policies in force, loaded once when many tasks are made.
    """
    checked = check_config(task_input.task_type, task_input.execution_config, actor, root, before=source.granted)
    columns = task_input.model_dump(exclude={"depends_on", "execution_config", "requires_human_review"})
    columns["priority"] = Priority[task_input.priority.upper()].value
    columns["urgency"] = Urgency[task_input.urgency.upper()].value
    columns |= content_columns(checked, source.template_id)
    columns |= {
        "source_type": source.type,
        "source_webhook_id": source.webhook_id or task_input.source_webhook_id,
        "source_message_id": source.message_id,
        "original_message": source.original_message,
        "template_id": source.template_id,
        "schedule_id": source.schedule_id,
        "dedupe_key": source.dedupe_key,
        "workflow_uuid": source.workflow_uuid,
        "created_by_id": actor.user_id,
        "status_actor": str(actor),
        "run_at": task_input.scheduled_for or timezone.now(),
    }
    need = policy.assess(
        columns,
        checked.executor,
        checked.config,
        asked=task_input.requires_human_review,
        from_text=source.from_text,
        text_trusted=source.text_trusted,
        rules=rules,
    )
    reasons = [*source.review_reasons, *_asked_by_nobody(checked.executor, actor)]
    need = replace(need, authors=sorted({author for author in source.authors if author}))
    columns |= review_columns(policy.with_reasons(need, reasons))
    return copying.new_row(columns)
