"""Questions of reviewers and answers of those who made the task: kept in the task's history, for both to read."""

from __future__ import annotations

from django.db import transaction
from django.dispatch import Signal

from tasks.actors import Actor
from tasks.errors import Invalid, NotFound
from tasks.models import AgencyTask, TaskEvent
from tasks.validation import FieldError

ASKED, COMMENT = "review_question", "comment"
MAX_TEXT = 5000

#: Sent inside the transaction that keeps a question: task_id, text, actor, event_id. Receivers write messages to whoever made it.
question_asked = Signal()


def ask(task_id: int, actor: Actor, text: str) -> None:
    """A question to whoever made the task; it goes on waiting. Raises NotFound, Invalid."""
    with transaction.atomic():
        event = _keep(task_id, actor, text, ASKED)
        question_asked.send(sender=None, task_id=task_id, text=text, actor=actor, event_id=event.pk)


def comment(task_id: int, actor: Actor, text: str) -> None:
    """A remark, or the answer to a question. Raises NotFound, Invalid."""
    _keep(task_id, actor, text, COMMENT)


def _keep(task_id: int, actor: Actor, text: str, kind: str) -> TaskEvent:
    if not text.strip() or len(text) > MAX_TEXT or "\x00" in text:
        raise Invalid([FieldError("#/text", "invalid", f"text is required, at most {MAX_TEXT} characters")])
    if not AgencyTask.objects.filter(pk=task_id).exists():
        raise NotFound("No such task")
    return TaskEvent.objects.create(
        task_id=task_id, kind=kind, actor=str(actor), actor_user_id=actor.user_id, reason=text.strip()
    )
