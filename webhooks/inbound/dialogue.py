"""A talk with one person: reading what they say in its light, asking back, and acting on what is clear."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass, replace
from typing import Any
from zoneinfo import ZoneInfo

from django.utils import timezone

from tasks.errors import TaskError
from tasks.models import AgencyTask
from tasks.states import Review, Status
from webhooks.inbound import acting, replies
from webhooks.inbound.incoming import Incoming
from webhooks.inbound.parsing import model
from webhooks.inbound.parsing.commands import read_command
from webhooks.inbound.parsing.rules import understand
from webhooks.inbound.parsing.understanding import Intent, Missing, Setting, Understanding
from webhooks.inbound.people import Person
from webhooks.inbound.tasks_from import create_task
from webhooks.models import Conversation, InboundMessage, Webhook

PENDING_FOR = dt.timedelta(hours=24)
MAX_ASKED = 2
SURE = 0.8
ALWAYS_REVIEWED = "The channel asks for a review of every text"
NOT_UNDERSTOOD = "Nobody understood the message it came from"
_YES = re.compile(r"^(?:y|yes|yep|yeah|ok(?:ay)?|sure|once|do it|fine)\b", re.IGNORECASE)
_REPEAT = re.compile(r"\b(?:every|each)\s+(?:other\s+)?\w+\b|\b(?:daily|weekly|monthly|hourly)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Talk:
    """One message in its conversation, understood. `text` includes what it answered."""

    message: InboundMessage
    incoming: Incoming
    conversation: Conversation | None
    person: Person
    reading: Understanding
    text: str


def setting_for(message: InboundMessage, conversation: Conversation | None, person: Person) -> Setting:
    """The sender's clock and country, and what is open in the conversation."""
    channel = message.webhook
    zone = (person.sender.timezone if person.sender else "") or channel.timezone
    return Setting(
        now=message.received_at,
        zone=ZoneInfo(zone),
        region=channel.region,
        open_question=_asks(conversation),
        open_task_id=conversation.task_id if conversation else None,
    )


def _asks(conversation: Conversation | None) -> bool:
    """Whether a task waits for the answer to a question it asked here."""
    if conversation is None or conversation.task_id is None or conversation.question_token is None:
        return False
    return AgencyTask.objects.filter(
        pk=conversation.task_id, status=Status.WAITING_INPUT, waiting_token=conversation.question_token
    ).exists()


def with_what_was_asked(conversation: Conversation | None, text: str, setting: Setting) -> str:
    """The text, put together with the request it completes. A command or a whole new request stands for itself."""
    pending = _pending(conversation)
    if pending is None or (
        read_command(text, replace(setting, open_question=False)) is not None and not _YES.match(text)
    ):
        return text
    alone = understand(text, setting)
    if alone.confidence >= SURE and not alone.needs_question and not _YES.match(text):
        return text
    return _together(pending["text"], Missing(pending["missing"]), text.strip())


def _pending(conversation: Conversation | None) -> dict[str, Any] | None:
    if conversation is None or conversation.pending is None or conversation.pending_until is None:
        return None
    return conversation.pending if conversation.pending_until > timezone.now() else None


def _together(asked: str, missing: Missing, answer: str) -> str:
    if missing == Missing.WHEN and re.fullmatch(r"\d{1,2}", answer):
        return f"{asked} at {answer}"
    if missing == Missing.WHAT and re.match(r"\s*(?:please\s+)?(?:set a )?remind", asked, re.IGNORECASE):
        return f"{asked} to {re.sub(r'^(?:to|about)[ ]+', '', answer)}"
    if missing == Missing.WHAT:
        return answer
    if missing == Missing.ONCE:
        return re.sub(r"\s{2,}", " ", _REPEAT.sub(" ", asked)).strip() if _YES.match(answer) else answer
    return f"{asked} {answer}"


def read(channel: Webhook, text: str, subject: str, setting: Setting) -> Understanding:
    """By rules; what they leave unclear by a language model, if the channel wants one. Outside any transaction."""
    reading = understand(text, setting, subject)
    if channel.use_model and reading.intent in {Intent.UNCLEAR, Intent.CREATE} and reading.confidence < SURE:
        return model.read(text, subject, setting) or reading
    return reading


def act(talk: Talk) -> int | None:
    """Do what a message asks for; answers the task it made or is about. Inside the message's transaction."""
    if talk.reading.intent in {Intent.STOP, Intent.START}:
        _mute(talk)
        return None
    if talk.reading.intent == Intent.ANSWER or talk.reading.intent in acting.COMMANDS:
        return acting.command(talk)
    if talk.reading.intent == Intent.HELP:
        replies.say(talk, replies.help_note())
        return None
    return _ask(talk) if talk.reading.needs_question else _create(talk)


def _mute(talk: Talk) -> None:
    """STOP ends everything we send here until START (for SMS carriers demand it)."""
    if talk.conversation is not None:
        stop = talk.reading.intent == Intent.STOP
        talk.conversation.muted_at = timezone.now() if stop else None
        talk.conversation.save(update_fields=["muted_at"])
        if not stop:
            replies.say(talk, replies.welcome_back())


def _ask(talk: Talk) -> int | None:
    """Ask for the one thing that is missing; after two questions a person takes over."""
    conversation = talk.conversation
    asked = int((_pending(conversation) or {}).get("asked", 0))
    if conversation is None or not replies.can_reply(talk) or asked >= MAX_ASKED:
        return _create_for_a_person(talk)
    conversation.pending = {"text": talk.text[:5000], "missing": talk.reading.missing.value, "asked": asked + 1}
    conversation.pending_until = timezone.now() + PENDING_FOR
    conversation.save(update_fields=["pending", "pending_until"])
    replies.say(talk, replies.question(talk.reading))
    return None


def _create(talk: Talk) -> int | None:
    policy = talk.message.webhook.text_policy
    if policy == Webhook.TextPolicy.IGNORE:
        return None
    reasons = [ALWAYS_REVIEWED] if policy == Webhook.TextPolicy.REVIEW else []
    return _make(talk, talk.reading.task, reasons)


def _create_for_a_person(talk: Talk) -> int | None:
    if talk.message.webhook.text_policy == Webhook.TextPolicy.IGNORE:
        return None
    words = " ".join((talk.incoming.subject, talk.text)).strip()
    document = {
        "taskType": "notification",
        "title": words[:100] or "A message without words",
        "description": words[:5000],
        "assignedToBot": False,
        "category": "request",
        "executionConfig": {"recipient": "owner", "message": words[:2000] or "A message without words"},
    }
    return _make(talk, document, [NOT_UNDERSTOOD])


def _make(talk: Talk, document: dict[str, Any], reasons: list[str]) -> int | None:
    """Create the task and say so; a refused one is explained, not lost."""
    try:
        task = create_task(talk.message, document, talk.person, reasons, original=talk.text[:5000], from_text=True)
    except TaskError as error:
        talk.message.understanding["refused"] = str(error)[:500]
        replies.say(talk, replies.refused(error))
        return None
    about(talk.conversation, task)
    replies.say(talk, replies.created(task, talk.reading, waits=task.review == Review.REQUIRED))
    return task.pk


def about(conversation: Conversation | None, task: AgencyTask) -> None:
    """From now on the talk is about this task, and nothing is asked any more."""
    if conversation is not None:
        Conversation.objects.filter(pk=conversation.pk).update(
            task=task, question_token=None, pending=None, pending_until=None
        )
