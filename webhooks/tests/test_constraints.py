"""What the database itself refuses, whoever asks."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.db import IntegrityError, InternalError, connection, transaction
from django.db.utils import DatabaseError
from django.utils import timezone

from agency import credentials
from webhooks import keys
from webhooks.models import (
    ChannelEvent,
    ChannelKey,
    ChannelSender,
    Conversation,
    DeliveryAttempt,
    InboundMessage,
    OutboundMessage,
    Webhook,
)
from webhooks.outbound import signing
from webhooks.tests.factories import custom_channel, slack_channel

pytestmark = pytest.mark.django_db


def refused(name: str, act: Any) -> None:
    with pytest.raises(IntegrityError, match=name), transaction.atomic():
        act()


def outbound(channel: Webhook, **fields: Any) -> OutboundMessage:
    message_id = signing.new_message_id()
    given = {"message_id": message_id, "dedupe_key": message_id, "webhook": channel, "event_type": "x", **fields}
    return OutboundMessage.objects.create(**given)


def inbound(channel: Webhook, **fields: Any) -> InboundMessage:
    given = {
        "webhook": channel,
        "external_id": "e1",
        "raw": b"{}",
        "body_sha256": "0" * 64,
        "content_type": "x",
        **fields,
    }
    return InboundMessage.objects.create(**given)


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("webhook_name_given", {"name": ""}),
        ("webhook_type_known", {"type": "pigeon"}),
        ("webhook_token_unguessable", {"token": "short"}),
        ("webhook_disabled_says_why", {"disabled_at": timezone.now(), "is_active": False}),
        ("webhook_disabled_says_why", {"disabled_at": timezone.now(), "disabled_reason": "x", "is_active": True}),
        ("webhook_quiet_hours_whole", {"quiet_start": dt.time(21)}),
        ("webhook_quiet_hours_whole", {"quiet_start": dt.time(21), "quiet_end": dt.time(21)}),
        ("webhook_body_cap", {"max_body_bytes": 26 << 20}),
        ("webhook_exhausted_not_negative", {"exhausted_count": -1}),
        ("webhook_ghl_key_needs_account", {"verification": "ghl", "account": ""}),
    ],
)
def test_impossible_channels_are_refused(name: str, fields: dict[str, Any]) -> None:
    channel = custom_channel()
    refused(name, lambda: Webhook.objects.filter(pk=channel.pk).update(**fields))


def test_there_is_one_default_channel_and_one_door_per_token() -> None:
    first, second = custom_channel(), custom_channel()
    Webhook.objects.filter(pk=first.pk).update(is_default=True)
    refused("webhook_one_default", lambda: Webhook.objects.filter(pk=second.pk).update(is_default=True))
    refused("webhooks_token", lambda: Webhook.objects.filter(pk=second.pk).update(token=first.token))


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("inbound_has_id", {"external_id": ""}),
        ("inbound_state_known", {"state": "lost", "processed_at": timezone.now()}),
        ("inbound_done_has_time", {"state": "processed"}),
        ("inbound_done_has_time", {"processed_at": timezone.now()}),
        ("inbound_trouble_says_why", {"state": "failed", "processed_at": timezone.now()}),
        ("inbound_raw_or_expunged", {"raw": None}),
        ("inbound_counts", {"duplicates": -1}),
    ],
)
def test_impossible_received_messages_are_refused(name: str, fields: dict[str, Any]) -> None:
    channel = custom_channel()
    refused(name, lambda: inbound(channel, **fields))


def test_one_id_of_a_channel_is_one_message() -> None:
    channel = custom_channel()
    inbound(channel)
    refused("inbound_once", lambda: inbound(channel))
    inbound(custom_channel())


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("outbound_lease_iff_sending", {"state": "sending", "next_attempt_at": None}),
        ("outbound_lease_iff_sending", {"lease_owner": "w", "lease_expires_at": timezone.now()}),
        ("outbound_due_iff_pending", {"next_attempt_at": None}),
        ("outbound_due_iff_pending", {"state": "held", "held_reason": "x", "next_attempt_at": timezone.now()}),
        ("outbound_held_says_why", {"state": "held", "next_attempt_at": None}),
        ("outbound_dead_says_why", {"state": "dead", "next_attempt_at": None, "finished_at": timezone.now()}),
        ("outbound_finished_iff_final", {"state": "delivered", "next_attempt_at": None}),
        ("outbound_counts", {"attempts": -1}),
        ("outbound_id_form", {"message_id": "msg_1"}),
        ("outbound_dedupe_given", {"dedupe_key": ""}),
    ],
)
def test_impossible_outgoing_messages_are_refused(name: str, fields: dict[str, Any]) -> None:
    channel = custom_channel()
    given = {"next_attempt_at": timezone.now(), **fields}
    refused(name, lambda: outbound(channel, **given))


def test_one_cause_is_one_message_and_one_try_runs_at_a_time() -> None:
    channel = custom_channel()
    message = outbound(channel, dedupe_key="task:1:completed", next_attempt_at=timezone.now())
    refused("dedupe_key", lambda: outbound(channel, dedupe_key="task:1:completed", next_attempt_at=timezone.now()))
    attempt = {"message": message, "webhook": channel, "number": 1, "worker": "w"}
    DeliveryAttempt.objects.create(epoch=1, **attempt)
    refused("attempt_one_running", lambda: DeliveryAttempt.objects.create(epoch=2, **attempt))
    ended = {"outcome": "failed", "finished_at": timezone.now()}
    refused("attempt_once_per_epoch", lambda: DeliveryAttempt.objects.create(epoch=1, **attempt, **ended))
    refused("attempt_ended_has_time", lambda: DeliveryAttempt.objects.create(epoch=3, **attempt, outcome="failed"))
    unknown = {"outcome": "maybe", "finished_at": timezone.now()}
    refused("attempt_outcome_known", lambda: DeliveryAttempt.objects.create(epoch=3, **attempt, **unknown))


@pytest.mark.parametrize(
    ("code", "change"),
    [
        ("may not fall", {"epoch": -1}),
        ("takes the next epoch", {"epoch": 5}),
        ("takes the next epoch", {"state": "sending", "next_attempt_at": None, "lease": True}),
        ("as it was written", {"text": "something else"}),
        ("as it was written", {"message_id": signing.new_message_id()}),
    ],
)
def test_a_message_is_claimed_by_its_next_epoch_only_and_never_rewritten(code: str, change: dict[str, Any]) -> None:
    message = outbound(custom_channel(), next_attempt_at=timezone.now())
    lease = {"lease_owner": "w", "lease_expires_at": timezone.now()} if change.pop("lease", False) else {}
    with pytest.raises((InternalError, DatabaseError), match=code), transaction.atomic():
        OutboundMessage.objects.filter(pk=message.pk).update(**change, **lease)


def test_the_audit_trail_of_channels_is_append_only() -> None:
    custom_channel()
    assert ChannelEvent.objects.exists()
    for act in (lambda: ChannelEvent.objects.update(actor="x"), lambda: ChannelEvent.objects.all().delete()):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            act()


def test_keys_are_one_current_and_three_live_per_purpose() -> None:
    channel = custom_channel()
    current = keys.current(channel, "inbound")
    assert current is not None

    def key(**fields: Any) -> None:
        secret = credentials.store("x" * 20, name="n", kind="channel", allowed_hosts=["nowhere.invalid"])
        ChannelKey.objects.create(webhook=channel, purpose="inbound", credential=secret, **fields)

    refused("webhook_key_one_current", lambda: key(slot=2))
    refused("webhook_key_three_live", lambda: key(slot=1, expires_at=timezone.now()))
    refused("webhook_key_slot", lambda: key(slot=4, expires_at=timezone.now()))
    refused("webhook_key_purpose", lambda: ChannelKey.objects.filter(pk=current.pk).update(purpose="both"))


def test_talks_and_senders_are_one_per_thread_and_address() -> None:
    channel = slack_channel()
    Conversation.objects.create(webhook=channel, thread="t", address="U1")
    refused("conversation_once", lambda: Conversation.objects.create(webhook=channel, thread="t", address="U2"))
    refused("conversation_has_thread", lambda: Conversation.objects.create(webhook=channel, thread="", address="U2"))
    refused("conversation_pending_ends", lambda: Conversation.objects.update(pending={"text": "x"}))
    ChannelSender.objects.create(webhook=channel, address="U1")
    refused("webhook_sender_once", lambda: ChannelSender.objects.create(webhook=channel, address="U1"))
    refused("webhook_sender_has_address", lambda: ChannelSender.objects.create(webhook=channel, address=""))


def test_the_queries_of_the_workers_use_their_indexes() -> None:
    """With many finished messages the claim still reads only what is due."""
    channel = custom_channel()
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO outbound_messages (message_id, dedupe_key, webhook_id, event_type, sequence, recipient,"
            " address, subject, text, state, held_reason, attempts, crashes, refusals, manual, manual_from,"
            " epoch, last_error,"
            " next_attempt_at, provider_id, finished_at)"
            " SELECT 'msg_' || lpad(n::text, 26, '0'), 'k' || n, %s, 'x', 1, '', '{}', '', '', 'delivered', '', 1, 0,"
            " 0, false, '', 0, '', NULL, '', now() FROM generate_series(1, 20000) n",
            [channel.pk],
        )
        cursor.execute("ANALYZE outbound_messages")
        cursor.execute(
            "EXPLAIN SELECT id FROM outbound_messages WHERE webhook_id = %s AND state = 'pending'"
            " AND next_attempt_at <= clock_timestamp() ORDER BY next_attempt_at, id LIMIT 4",
            [channel.pk],
        )
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "outbound_due" in plan or "outbound_next" in plan
