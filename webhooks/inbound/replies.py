"""What we say back in a conversation: short, in plain words, with what to do next."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from django.utils import timezone

from tasks.errors import TaskError
from tasks.models import AgencyTask
from tasks.states import Review, Status
from webhooks.inbound.parsing.understanding import Intent, Missing, Understanding
from webhooks.outbound import outbox
from webhooks.outbound.notes import Note, task_link

if TYPE_CHECKING:
    from webhooks.inbound.dialogue import Talk

MAX_PER_HOUR = 20
"""Replies in one conversation: two machines that answer each other stop here."""

QUESTIONS = {
    Missing.WHAT: "What would you like me to do? Say it in a sentence, or write HELP for what I understand.",
    Missing.WHEN: "When? For example “tomorrow at 9” or “in two hours”.",
    Missing.PAGE: "Which page? Please send its address.",
    Missing.TASK: "Which task? Please add its number, like “{intent} 12”.",
    Missing.ONCE: "I can do this once. Shall I? (Work that repeats is set up under Schedules.)",
    Missing.CONTACT: "Please send the contact's e-mail address or phone number.",
    Missing.NOTHING: "I am not sure I understood. Could you say it another way?",
}
WORDS = {
    Status.PENDING: "waiting",
    Status.QUEUED: "about to start",
    Status.IN_PROGRESS: "in progress",
    Status.WAITING_INPUT: "waiting for an answer",
    Status.DEFERRED: "put off",
    Status.COMPLETED: "done",
    Status.FAILED: "failed",
    Status.CANCELLED: "cancelled",
}


def can_reply(talk: Talk) -> bool:
    """There is somebody verified to answer, the channel sends, and this is no endless exchange of machines."""
    if talk.conversation is None or not talk.message.webhook.sends_outbound or not talk.person.authentic:
        return False
    since = timezone.now() - dt.timedelta(hours=1)
    return talk.conversation.replies.filter(created_at__gte=since).count() < MAX_PER_HOUR


def say(talk: Talk, note: Note) -> None:
    """Answer a message, once."""
    if can_reply(talk):
        outbox.post(
            outbox.Draft(
                channel=talk.message.webhook,
                event_type="message.reply",
                dedupe_key=f"inbound:{talk.message.pk}:reply",
                note=note,
                data={"inReplyTo": talk.message.external_id},
                conversation=talk.conversation,
                in_reply_to_id=talk.message.pk,
                pressing=True,
            )
        )


def zone_of(talk: Talk) -> ZoneInfo:
    """The sender's time zone."""
    return ZoneInfo((talk.person.sender.timezone if talk.person.sender else "") or talk.message.webhook.timezone)


def created(task: AgencyTask, reading: Understanding, *, waits: bool) -> Note:
    """A task was made of the message."""
    lead = f"Task #{task.pk}: {task.title}."
    if reading.intent == Intent.REMIND:
        at = dt.datetime.fromisoformat(reading.task["executionConfig"]["reminderTime"])
        lead = f"Task #{task.pk}: I will remind you on {clock(at)}: {task.execution_config['reminderMessage']}."
    elif task.scheduled_for and "scheduledFor" in reading.task:
        lead += f" Planned for {clock(dt.datetime.fromisoformat(reading.task['scheduledFor']))}."
    if reading.assumed:
        lead += f" ({'; '.join(reading.assumed)})"
    if waits:
        lead += " It waits for review."
    return Note(f"Task #{task.pk}: {task.title}", lead, link=task_link(task.pk))


def question(reading: Understanding) -> Note:
    """Ask for the one thing that is missing."""
    return Note("A question", QUESTIONS[reading.missing].replace("{intent}", reading.intent.value))


def refused(error: TaskError) -> Note:
    """The task could not be made."""
    return Note("Not done", f"I cannot do that: {error}.")


def help_note() -> Note:
    """What is understood."""
    return Note(
        "What I understand",
        "Write what you need: “remind me tomorrow at 9 to call John”, “extract the prices from https://…”, "
        "“task report for last week”. Commands: STATUS 12, CANCEL 12, APPROVE 12, REJECT 12 reason, RETRY 12, "
        "SNOOZE 1h, DONE, STOP.",
    )


def welcome_back() -> Note:
    """START after STOP."""
    return Note("Messages are on", "Messages are on again. Write HELP for what I understand, STOP to end them.")


def lines(intent: Intent, rows: list[str]) -> Note:
    """One line per task of a command."""
    return Note(intent.value.capitalize(), "\n".join(rows) or "There is no task this could be about.")


def status_line(task: AgencyTask) -> str:
    """How a task stands."""
    state = "waiting for review" if task.review == Review.REQUIRED else WORDS[Status(task.status)]
    detail = task.result_summary if task.status == Status.COMPLETED else task.last_error
    return f"#{task.pk} {task.title}: {state}." + (f" {detail[:200]}" if detail else "")


def overview(tasks: list[AgencyTask], *, more: bool) -> Note:
    """The open tasks of a conversation."""
    rows = [status_line(task) for task in tasks] + (["… and more."] if more else [])
    return Note("Your open tasks", "\n".join(rows) or "Nothing is open here.")


def snoozed(at: dt.datetime) -> Note:
    """It will come again."""
    return Note("Snoozed", f"I will remind you again on {clock(at)}.")


def nothing_to_snooze() -> Note:
    """Nothing was sent here that could come again."""
    return Note("Nothing to snooze", "There is nothing here to snooze.")


def clock(at: dt.datetime) -> str:
    """A time in its own zone, as people write it."""
    return f"{at:%a} {at.day} {at:%b %Y at %H:%M} ({at.tzname()})"
