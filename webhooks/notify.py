"""Telling people about a task: through which channel, whom, and what. Used by executors and by what hears of tasks."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import IntegrityError, transaction

from tasks.executors.base import TaskSnapshot
from webhooks.inbound.parsing.entities import normal_address
from webhooks.models import Conversation, InboundMessage, Webhook
from webhooks.outbound import outbox
from webhooks.outbound.notes import Note

OWNER, SENDER = "owner", "sender"


class NoChannel(Exception):
    """The channel asked for does not exist or does not send."""


@dataclass(frozen=True)
class Wish:
    """What is to be told. `key` makes it happen once per run; `recipient` is owner, sender or an address."""

    key: str
    event_type: str
    note: Note
    recipient: str = OWNER
    channel_id: int | None = None
    not_before: dt.datetime | None = None
    pressing: bool = False


def tell(task: TaskSnapshot, wish: Wish) -> tuple[int | None, Webhook]:
    """Write one message about a task. Answers its id (None when this run has written it already) and the channel.

    Raises NoChannel.
    """
    channel = channel_for(wish.channel_id or task.source_webhook_id)
    talk = _conversation(task) if channel.pk == task.source_webhook_id else None
    named = wish.recipient not in (OWNER, SENDER)
    to_owner = wish.recipient == OWNER and bool(channel.owner_address)
    recipient = normal_address(channel.type, wish.recipient, channel.region) if named else ""
    if not recipient and (talk is None or to_owner):
        recipient = owner_of(channel, task.created_by_id)
    message_id = outbox.post(
        outbox.Draft(
            channel=channel,
            event_type=wish.event_type,
            dedupe_key=wish.key,
            note=wish.note,
            data={"taskId": task.id, "taskUuid": str(task.uuid), "title": task.title, "taskType": task.type},
            conversation=None if recipient else talk,
            task_id=task.id,
            recipient=recipient,
            not_before=wish.not_before,
            pressing=wish.pressing,
            created_by_id=task.created_by_id,
        )
    )
    return message_id, channel


def channel_for(channel_id: int | None) -> Webhook:
    """The channel named, else the site's own mail. Raises NoChannel."""
    if channel_id is None:
        return default_channel()
    channel = Webhook.objects.filter(pk=channel_id).first()
    if channel is None:
        raise NoChannel(f"channel {channel_id} does not exist")
    if not channel.sends_outbound:
        raise NoChannel(f"channel {channel.name} does not send messages")
    return channel


def default_channel() -> Webhook:
    """The site's mail: there from the first moment, so that a notification never fails for want of a channel."""
    found = Webhook.objects.filter(is_default=True).first()
    if found is not None:
        return found
    try:
        with transaction.atomic():
            return Webhook.objects.create(
                name="Site mail",
                type=Webhook.Type.EMAIL,
                provider=Webhook.Provider.POSTMARK,
                verification=Webhook.Verification.BASIC,
                accepts_inbound=False,
                is_default=True,
                host=f"smtp:{settings.EMAIL_HOST}",
            )
    except IntegrityError:  # another worker made it in the same moment
        return Webhook.objects.get(is_default=True)


def owner_of(channel: Webhook, created_by_id: int | None) -> str:
    """Who "owner" is: the channel's owner address; for mail else the task's creator, the channel's owner, an admin."""
    if channel.owner_address or channel.type != Webhook.Type.EMAIL:
        return channel.owner_address
    users = get_user_model().objects.filter(is_active=True).exclude(email="")
    ids = [pk for pk in (created_by_id, channel.owner_id) if pk]
    known = {user.pk: user.email for user in users.filter(pk__in=ids)}
    found = next((known[pk] for pk in ids if pk in known), None)
    return found or next(iter(users.filter(is_superuser=True).order_by("pk").values_list("email", flat=True)[:1]), "")


def _conversation(task: TaskSnapshot) -> Conversation | None:
    if task.source_message_id is None:
        return None
    message = InboundMessage.objects.select_related("conversation").filter(pk=task.source_message_id).first()
    return message.conversation if message else None
