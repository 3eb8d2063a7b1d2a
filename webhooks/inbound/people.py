"""Who writes, and in which conversation."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models.functions import Now

from tasks.actors import Actor
from webhooks.inbound.incoming import Incoming
from webhooks.inbound.parsing.entities import normal_address
from webhooks.models import ChannelSender, Conversation, OutboundMessage, Webhook


@dataclass(frozen=True)
class Person:
    """The sender of a message. `sender` is the channel's record of them, None for a stranger."""

    channel: Webhook
    address: str
    name: str
    authentic: bool
    sender: ChannelSender | None = None

    @property
    def may_command(self) -> bool:
        """Known, vouched for by the provider, allowed to, and standing for a living account."""
        known = self.sender
        return bool(self.authentic and known and known.may_command and known.user and known.user.is_active)

    @property
    def actor(self) -> Actor:
        """Who acts: the account a known sender stands for, else the channel itself."""
        if self.may_command and self.sender and self.sender.user:
            return Actor.user(self.sender.user, "channel")
        return Actor(f"channel:{self.channel.name}"[:200], door="channel")


def person_for(channel: Webhook, incoming: Incoming) -> Person:
    """The person behind a message."""
    address = normal_address(channel.type, incoming.sender, channel.region)[:300]
    sender = None
    if address:
        sender = ChannelSender.objects.select_related("user").filter(webhook=channel, address=address).first()
    name = (sender.name if sender else "") or incoming.sender_name
    return Person(channel, address, name[:200], incoming.authentic_sender, sender)


def conversation_for(channel: Webhook, incoming: Incoming, person: Person) -> Conversation | None:
    """The talk a message belongs to: the one it answers, else the one of its thread; None without any sender."""
    if not person.address and not incoming.thread:
        return None
    found = _answered(channel, incoming)
    if found is None:
        found, _ = Conversation.objects.get_or_create(
            webhook=channel,
            thread=(incoming.thread or person.address)[:300],
            defaults={"address": person.address},
        )
    now = {
        "reply_to": incoming.reply_to,
        "address": person.address,
        "name": person.name,
        "authentic": person.authentic,
    }
    for name, value in now.items():
        setattr(found, name, value)
    Conversation.objects.filter(pk=found.pk).update(last_message_at=Now(), **now)
    return found


def _answered(channel: Webhook, incoming: Incoming) -> Conversation | None:
    """A mail names the messages it answers; ours are called `<msg_…@domain>`. Only the same person's talk counts."""
    ids = [reference.strip("<>").partition("@")[0] for reference in incoming.references]
    ours = [name for name in ids if name.startswith("msg_")]
    if not ours:
        return None
    message = (
        OutboundMessage.objects.select_related("conversation")
        .filter(webhook=channel, message_id__in=ours, conversation__address=incoming.sender)
        .order_by("-id")
        .first()
    )
    return message.conversation if message else None
