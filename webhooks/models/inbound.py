"""What came in: every authentic message with its raw bytes, and the conversations they belong to."""

from __future__ import annotations

import datetime as dt
from typing import ClassVar

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from webhooks.models.channel import Webhook


class Conversation(models.Model):
    """The talk with one person in one place. `pending` is what we asked and have had no answer to."""

    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="conversations")
    thread = models.CharField(max_length=300)
    address = models.CharField(max_length=300, help_text="Who talks to us.")
    name = models.CharField(max_length=200, blank=True, default="")
    authentic = models.BooleanField(default=False, help_text="The provider vouches for the sender of the last message.")
    reply_to = models.JSONField(default=dict, blank=True, help_text="What a transport needs to answer here.")
    task = models.ForeignKey("tasks.AgencyTask", null=True, on_delete=models.SET_NULL, related_name="+", db_index=False)
    question_token = models.UUIDField(null=True, help_text="The question of a waiting task that was asked here.")
    pending = models.JSONField(null=True, blank=True)
    pending_until = models.DateTimeField(null=True)
    muted_at = models.DateTimeField(null=True, help_text="The person wrote STOP: nothing is sent until START.")
    created_at = models.DateTimeField(db_default=Now())
    last_message_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "webhook_conversations"
        constraints: ClassVar = [
            models.UniqueConstraint(name="conversation_once", fields=["webhook", "thread"]),
            models.CheckConstraint(name="conversation_has_thread", condition=~Q(thread="")),
            models.CheckConstraint(
                name="conversation_pending_ends",
                condition=Q(pending__isnull=True, pending_until__isnull=True)
                | Q(pending__isnull=False, pending_until__isnull=False),
            ),
        ]
        indexes: ClassVar = [
            # a waiting or finished task looks for the talk it belongs to
            models.Index("task", name="conversation_of_task", condition=Q(task__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.name or self.address} on {self.webhook_id}"


class InboundMessage(models.Model):
    """One authentic request, stored before it is understood. (channel, external_id) makes a repeat a repeat."""

    class State(models.TextChoices):
        RECEIVED = "received", "Received"
        PROCESSED = "processed", "Processed"
        IGNORED = "ignored", "Ignored"
        UNUSABLE = "unusable", "Unusable"
        FAILED = "failed", "Failed"

    # Foreign keys whose columns begin another index carry none of their own: every index costs each accepted message.
    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="inbound_messages", db_index=False)
    external_id = models.CharField(max_length=300)
    raw = models.BinaryField(
        null=True,
        help_text="The body exactly as it came, encrypted while `sealed_by` names a key; empty once expunged.",
    )
    sealed_by = models.CharField(
        max_length=40, db_default="", editable=False, help_text="The key of CREDENTIAL_KEYS the body is encrypted with."
    )
    masked = models.BooleanField(
        db_default=False, editable=False, help_text="Secrets in the body were replaced by ***: it cannot be processed."
    )
    body_sha256 = models.CharField(max_length=64)
    content_type = models.CharField(max_length=200)
    headers = models.JSONField(default=dict)
    weak = models.BooleanField(default=False)

    state = models.CharField(max_length=12, choices=State.choices, default=State.RECEIVED)
    state_reason = models.CharField(max_length=500, blank=True, default="")
    event_type = models.CharField(max_length=200, blank=True, default="")
    sender = models.CharField(max_length=300, blank=True, default="")
    subject = models.CharField(max_length=500, blank=True, default="")
    text = models.TextField(blank=True, default="")
    attachments = models.JSONField(default=list, blank=True)
    understanding = models.JSONField(default=dict, blank=True)
    conversation = models.ForeignKey(
        Conversation, null=True, on_delete=models.SET_NULL, related_name="messages", db_index=False
    )
    task = models.ForeignKey("tasks.AgencyTask", null=True, on_delete=models.SET_NULL, related_name="+", db_index=False)

    attempts = models.SmallIntegerField(default=0)
    next_try_at = models.DateTimeField(db_default=Now())
    duplicates = models.IntegerField(default=0)
    conflicts = models.IntegerField(default=0, help_text="Came again under the same id with another body.")
    received_at = models.DateTimeField(db_default=Now())
    processed_at = models.DateTimeField(null=True)
    expunged_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "inbound_messages"
        permissions: ClassVar = [("replay_inboundmessage", "Can process a received message again")]
        constraints: ClassVar = [
            models.UniqueConstraint(name="inbound_once", fields=["webhook", "external_id"]),
            models.CheckConstraint(name="inbound_has_id", condition=~Q(external_id="")),
            models.CheckConstraint(
                name="inbound_state_known",
                condition=Q(state__in=["received", "processed", "ignored", "unusable", "failed"]),
            ),
            models.CheckConstraint(
                name="inbound_done_has_time",
                condition=Q(state="received", processed_at__isnull=True)
                | (~Q(state="received") & Q(processed_at__isnull=False)),
            ),
            models.CheckConstraint(
                name="inbound_trouble_says_why", condition=~Q(state__in=["unusable", "failed"]) | ~Q(state_reason="")
            ),
            models.CheckConstraint(
                name="inbound_raw_or_expunged", condition=Q(raw__isnull=False) | Q(expunged_at__isnull=False)
            ),
            # what waits must be readable as it came
            models.CheckConstraint(name="inbound_masked_is_done", condition=Q(masked=False) | ~Q(state="received")),
            models.CheckConstraint(name="inbound_masked_or_sealed", condition=Q(masked=False) | Q(sealed_by="")),
            models.CheckConstraint(
                name="inbound_counts", condition=Q(attempts__gte=0, duplicates__gte=0, conflicts__gte=0)
            ),
        ]
        indexes: ClassVar = [
            # the worker's claim and the sweeper
            models.Index("next_try_at", "id", name="inbound_due", condition=Q(state="received")),
            models.Index("conversation", "id", name="inbound_talk", condition=Q(conversation__isnull=False)),
            models.Index("task", name="inbound_of_task", condition=Q(task__isnull=False)),
            # lists: by channel, newest first
            models.Index("webhook", F("id").desc(), name="inbound_by_channel"),
            # of the states only those a person looks for: nearly all messages are processed
            models.Index(
                "state",
                F("id").desc(),
                name="inbound_by_state",
                condition=Q(state__in=["ignored", "unusable", "failed"]),
            ),
            # retention
            BrinIndex(fields=["received_at"], name="inbound_by_time"),
        ]

    def __str__(self) -> str:
        return f"{self.external_id} on {self.webhook_id}"

    @property
    def created_at(self) -> dt.datetime:
        """As the other direction calls it."""
        return self.received_at
