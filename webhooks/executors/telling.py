"""The two executors whose work is to tell somebody something: notification (now) and reminder (at its time)."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, ClassVar

from django.utils import timezone
from pydantic import AwareDatetime, Field, field_validator

from tasks.executors.base import Config, Context, Effect, Executor, Failed, Outcome, Preview, Success
from webhooks.notify import OWNER, SENDER, NoChannel, Wish, tell
from webhooks.outbound.notes import Note, task_link

Words = Annotated[str, Field(max_length=2000)]
Recipient = Annotated[
    str,
    Field(
        min_length=1,
        max_length=300,
        description="owner (who owns the channel), sender (who asked), or an address of the channel's kind.",
    ),
]


class _Telling(Config):
    """Whom to tell and through which channel."""

    recipient: Recipient = OWNER
    webhook_id: Annotated[
        int | None,
        Field(
            gt=0,
            lt=2**63,
            strict=True,
            description="The channel; by default the one the task came from, else the site's mail.",
        ),
    ] = None

    @field_validator("recipient")
    @classmethod
    def _one_line(cls, value: str) -> str:
        if not value.isprintable():
            raise ValueError("recipient must be one line without control characters")
        return value.strip()

    @property
    def whom(self) -> str:
        """The recipient in words."""
        return {OWNER: "the owner", SENDER: "the person who asked"}.get(self.recipient, self.recipient)

    @property
    def is_outside(self) -> bool:
        """Somebody named by address."""
        return self.recipient not in (OWNER, SENDER)


class NotificationConfig(_Telling):
    """Example: {"recipient": "owner", "message": "The report is ready"}. Without a message the task's title is sent."""

    subject: Annotated[str, Field(max_length=300)] = ""
    message: Words = ""


class ReminderConfig(_Telling):
    """Example: {"reminderTime": "2024-12-15T10:00:00Z", "reminderMessage": "Follow up", "recipient": "owner"}."""

    reminder_time: Annotated[AwareDatetime, Field(strict=False)]
    reminder_message: Annotated[str, Field(min_length=1, max_length=2000)]


class NotificationExecutor(Executor[NotificationConfig]):
    """Writes one message into the outbox; its delivery is the outbox's own promise."""

    type: ClassVar[str] = "notification"
    label: ClassVar[str] = "Notification"
    Config: ClassVar[Any] = NotificationConfig
    default_timeout_s: ClassVar[float] = 30.0

    def effect(self, config: NotificationConfig) -> Effect:
        return Effect.IDEMPOTENT

    def target(self, config: NotificationConfig) -> str:
        return _target(config)

    def review_reasons(self, config: NotificationConfig) -> list[str]:
        return _review_reasons(config)

    def preview(self, config: NotificationConfig) -> Preview:
        return Preview(
            f"Sends a message to {config.whom}.",
            [("To", config.whom), ("Message", config.message or "the task's title and description")],
            _risks(config),
        )

    def run(self, config: NotificationConfig, ctx: Context) -> Outcome:
        ctx.check()
        text = config.message or " ".join(part for part in (ctx.task.title, ctx.task.description) if part)
        note = Note(config.subject or ctx.task.title, text, link=task_link(ctx.task.id))
        return _tell(ctx, config, "notification", note, None, "Message to {whom} is on its way")


class ReminderExecutor(Executor[ReminderConfig]):
    """Writes a message that is due at its time; a time that has passed means now."""

    type: ClassVar[str] = "reminder"
    label: ClassVar[str] = "Reminder"
    Config: ClassVar[Any] = ReminderConfig
    default_timeout_s: ClassVar[float] = 30.0

    def effect(self, config: ReminderConfig) -> Effect:
        return Effect.IDEMPOTENT

    def target(self, config: ReminderConfig) -> str:
        return _target(config)

    def review_reasons(self, config: ReminderConfig) -> list[str]:
        return _review_reasons(config)

    def preview(self, config: ReminderConfig) -> Preview:
        at = config.reminder_time.isoformat()
        sentence = f"Reminds {config.whom} at {at}: {config.reminder_message}"
        return Preview(
            sentence, [("To", config.whom), ("When", at), ("Message", config.reminder_message)], _risks(config)
        )

    def run(self, config: ReminderConfig, ctx: Context) -> Outcome:
        ctx.check()
        note = Note(
            f"Reminder: {config.reminder_message[:200]}",
            f"Reminder: {config.reminder_message}",
            link=task_link(ctx.task.id),
            hint="Reply DONE, or SNOOZE 1h.",
        )
        summary = f"Reminder for {{whom}} is set for {config.reminder_time.isoformat()}"
        return _tell(ctx, config, "reminder.due", note, config.reminder_time, summary)


def _tell(ctx: Context, config: _Telling, event_type: str, note: Note, at: dt.datetime | None, summary: str) -> Outcome:
    """The key of this run makes a retried attempt find its own message instead of writing another."""
    wish = Wish(
        key=f"tell:{ctx.idempotency_key()}",
        event_type=event_type,
        note=note,
        recipient=config.recipient,
        channel_id=config.webhook_id,
        not_before=at if at and at > timezone.now() else None,
        pressing=event_type == "reminder.due",
    )
    try:
        message_id, channel = tell(ctx.task, wish)
    except NoChannel as error:
        return Failed(str(error), code="no_channel")
    output = {"messageId": message_id, "channel": channel.name, "recipient": config.recipient}
    if at is not None:
        output["reminderTime"] = at.isoformat()
    return Success(output, summary.format(whom=config.whom))


def _target(config: _Telling) -> str:
    return f"{config.webhook_id or 'origin'}:{config.recipient}"


def _review_reasons(config: _Telling) -> list[str]:
    """Words to somebody outside go out in our name: as with every message to a contact, a person looks first."""
    return [f"It writes to {config.recipient}"] if config.is_outside else []


def _risks(config: _Telling) -> list[str]:
    return [f"Writes to {config.recipient}"] if config.is_outside else []
