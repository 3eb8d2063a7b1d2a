"""Commands of people in a conversation: what each may do, and what it does. Only services change tasks."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from tasks import outcomes, services
from tasks.errors import Forbidden, NotFound, TaskError
from tasks.models import AgencyTask
from tasks.states import TERMINAL, Status
from webhooks import resending
from webhooks.inbound import replies
from webhooks.inbound.parsing.understanding import CHANGING, Intent, Missing
from webhooks.models import OutboundMessage
from webhooks.outbound import outbox
from webhooks.outbound.notes import Note

if TYPE_CHECKING:
    from webhooks.inbound.dialogue import Talk

SNOOZE = dt.timedelta(hours=1)
MAX_LISTED = 5
COMMANDS = frozenset(
    {
        Intent.STATUS,
        Intent.CANCEL,
        Intent.APPROVE,
        Intent.REJECT,
        Intent.RETRY,
        Intent.SNOOZE,
        Intent.ACKNOWLEDGE,
        Intent.ANSWER,
    }
)
PERMISSIONS = {
    Intent.APPROVE: "tasks.approve_task",
    Intent.REJECT: "tasks.approve_task",
    Intent.CANCEL: "tasks.change_agencytask",
    Intent.RETRY: "tasks.replay_task",
}


def command(talk: Talk) -> int | None:
    """Carry out one command and answer it. Answers the task it was about."""
    intent = talk.reading.intent
    if intent in CHANGING and talk.reading.missing == Missing.TASK:
        replies.say(talk, replies.question(talk.reading))
        return None
    if intent == Intent.STATUS and not talk.reading.task_ids:
        replies.say(talk, _overview(talk))
        return None
    if intent in {Intent.SNOOZE, Intent.ACKNOWLEDGE}:
        return _settle_last(talk)
    ids = talk.reading.task_ids or ((talk.conversation.task_id,) if talk.conversation else ())
    done = [_one(talk, task_id) for task_id in ids if task_id]
    replies.say(talk, replies.lines(intent, [line for line, _ in done]))
    return next((task_id for _, task_id in done if task_id), None)


def _one(talk: Talk, task_id: int) -> tuple[str, int | None]:
    """One task of a command, as a sentence and the task if it was done; the next one is tried all the same."""
    try:
        with transaction.atomic():
            task = _visible(talk, task_id)
            return _DOERS[talk.reading.intent](talk, task), task.pk
    except TaskError as error:
        return f"#{task_id}: {error}", None


def _visible(talk: Talk, task_id: int) -> AgencyTask:
    """A task this person may know of: of their own talk, or any of the channel's for a known one. Else not found."""
    tasks = AgencyTask.objects.filter(pk=task_id)
    person, user = talk.person, talk.person.sender.user if talk.person.sender else None
    if not (person.may_command and user and user.is_staff):
        tasks = tasks.filter(_of_talk(talk) | (Q(created_by=user) if person.may_command and user else Q(pk=None)))
    task = tasks.first()
    if task is None:
        raise NotFound("no such task here")
    return task


def _of_talk(talk: Talk) -> Q:
    """Tasks that were made of messages of this talk (naming a number in it makes no task one of them)."""
    if talk.conversation is None or not talk.person.authentic:
        return Q(pk=None)
    return Q(source_message_id__in=talk.conversation.messages.values("pk"))


def _check_may(talk: Talk, task: AgencyTask) -> None:
    """Changing commands are taken from the channel's verified senders only, and only what their account may do."""
    person, intent = talk.person, talk.reading.intent
    if not person.may_command or person.sender is None or person.sender.user is None:
        raise Forbidden("this is only taken from people the channel knows")
    own = intent in {Intent.CANCEL, Intent.RETRY} and task.created_by_id == person.sender.user_id
    if not own and not person.sender.user.has_perm(PERMISSIONS[intent]):
        raise Forbidden("your account may not do this")


def _status(talk: Talk, task: AgencyTask) -> str:
    return replies.status_line(task)


def _cancel(talk: Talk, task: AgencyTask) -> str:
    """A reminder that is set is a finished task with a message that waits: then that is called off."""
    _check_may(talk, task)
    reason = talk.reading.words or "Cancelled by message"
    waiting = OutboundMessage.objects.filter(task=task, event_type="reminder.due", state__in=["pending", "held"])
    if task.status == Status.COMPLETED and (message := waiting.first()) is not None:
        resending.cancel(message.pk, talk.person.actor, reason)
        return f"#{task.pk}: the reminder is called off."
    services.cancel(task.pk, talk.person.actor, reason)
    return f"#{task.pk} is cancelled."


def _approve(talk: Talk, task: AgencyTask) -> str:
    """What was shown is what is approved: the digest the task has now, under the service's lock."""
    _check_may(talk, task)
    services.approve(task.pk, talk.person.actor, notes=talk.reading.words, digest=task.config_digest)
    return f"#{task.pk} is approved."


def _reject(talk: Talk, task: AgencyTask) -> str:
    _check_may(talk, task)
    services.reject(task.pk, talk.person.actor, reason=talk.reading.words)
    return f"#{task.pk} is rejected."


def _retry(talk: Talk, task: AgencyTask) -> str:
    _check_may(talk, task)
    services.replay(task.pk, talk.person.actor)
    return f"#{task.pk} runs again."


def _answer(talk: Talk, task: AgencyTask) -> str:
    """The answer to what a task asked: from the person it asked; an unknown outcome only from a known one."""
    if task.status != Status.WAITING_INPUT or task.waiting_for is None:
        raise NotFound("it asks nothing")
    if not talk.person.authentic:
        raise Forbidden("the sender is not verified")
    if task.waiting_for["kind"] == outcomes.OUTCOME_UNKNOWN and not talk.person.may_command:
        raise Forbidden("this is only taken from people the channel knows")
    value = option_of(talk.reading.words, task.waiting_for.get("options") or [])
    asked_here = talk.conversation is not None and talk.conversation.task_id == task.pk
    token = str(talk.conversation.question_token or "") if asked_here and talk.conversation else ""
    services.answer(task.pk, talk.person.actor, {"answer": value}, token=token)
    return f"#{task.pk} goes on."


def option_of(words: str, options: list[dict[str, Any]]) -> Any:
    """The value of the option a person means by its number, value or label; the words themselves when none fits."""
    plain = words.strip().lower().rstrip(".!")
    for number, option in enumerate(options, 1):
        names = {str(number), str(option.get("value", "")).lower(), str(option.get("label", "")).lower()}
        if plain in names or plain.replace(" ", "_") in names:
            return option.get("value")
    return words.strip()


_DOERS: dict[Intent, Callable[[Any, AgencyTask], str]] = {
    Intent.STATUS: _status,
    Intent.CANCEL: _cancel,
    Intent.APPROVE: _approve,
    Intent.REJECT: _reject,
    Intent.RETRY: _retry,
    Intent.ANSWER: _answer,
}


def _overview(talk: Talk) -> Note:
    """The open tasks of this talk."""
    tasks = AgencyTask.objects.filter(_of_talk(talk)).exclude(status__in=sorted(TERMINAL))
    rows = list(tasks.order_by("-id")[: MAX_LISTED + 1])
    return replies.overview(rows[:MAX_LISTED], more=len(rows) > MAX_LISTED)


def _settle_last(talk: Talk) -> int | None:
    """Snooze or acknowledge the last reminder or notification of this talk (of the task named)."""
    message = _last_told(talk)
    if message is None:
        if talk.reading.intent == Intent.SNOOZE:
            replies.say(talk, replies.nothing_to_snooze())
        return None
    OutboundMessage.objects.filter(pk=message.pk).update(acknowledged_at=Now())
    if talk.reading.intent == Intent.SNOOZE:
        at = talk.reading.until or talk.message.received_at + SNOOZE
        _send_again(talk, message, at)
        replies.say(talk, replies.snoozed(at.astimezone(replies.zone_of(talk))))
    return message.task_id


def _last_told(talk: Talk) -> OutboundMessage | None:
    if talk.conversation is None:
        return None
    told = talk.conversation.replies.exclude(event_type__in=["message.reply", "message.question"]).filter(
        state__in=["delivered", "sending", "held"]
    )
    if talk.reading.task_ids:
        told = told.filter(task_id__in=talk.reading.task_ids)
    return told.order_by("-id").first()


def _send_again(talk: Talk, message: OutboundMessage, at: dt.datetime) -> None:
    outbox.post(
        outbox.Draft(
            channel=talk.message.webhook,
            event_type=message.event_type,
            dedupe_key=f"inbound:{talk.message.pk}:snooze:{message.pk}",
            note=Note(message.subject, message.text),
            conversation=talk.conversation,
            task_id=message.task_id,
            in_reply_to_id=talk.message.pk,
            not_before=at,
            pressing=True,
        )
    )
