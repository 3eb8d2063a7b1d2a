"""What goes out: the outbox, and every attempt to deliver from it."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from webhooks.models.channel import Webhook
from webhooks.models.inbound import Conversation, InboundMessage


class OutboundMessage(models.Model):
    """One message to be delivered at least once, written in the transaction of what caused it.

    Its own fencing number (`epoch`) and lease, as a task has: a worker that lost its lease records nothing.
    """

    class State(models.TextChoices):
        PENDING = "pending", "Due or waiting for its next try"
        SENDING = "sending", "A worker is delivering it"
        DELIVERED = "delivered", "Delivered"
        DEAD = "dead", "Given up"
        HELD = "held", "Held for a named reason"
        CANCELLED = "cancelled", "Not to be sent any more"

    class Receipt(models.TextChoices):
        """What the provider reports after it took a message: it only ever moves on."""

        NONE = "", "Nothing reported"
        SENT = "sent", "Handed to the carrier"
        DELIVERED = "delivered", "On the recipient's device"
        UNDELIVERED = "undelivered", "The carrier could not deliver it"
        FAILED = "failed", "The provider could not send it"
        READ = "read", "Read"

    message_id = models.CharField(max_length=40, unique=True, editable=False)
    dedupe_key = models.CharField(max_length=255, unique=True, editable=False)
    webhook = models.ForeignKey(Webhook, on_delete=models.PROTECT, related_name="outbound_messages", db_index=False)
    conversation = models.ForeignKey(
        Conversation, null=True, on_delete=models.SET_NULL, related_name="replies", db_index=False
    )
    task = models.ForeignKey("tasks.AgencyTask", null=True, on_delete=models.SET_NULL, related_name="+", db_index=False)
    in_reply_to = models.ForeignKey(
        InboundMessage, null=True, on_delete=models.SET_NULL, related_name="replies", db_index=False
    )
    event_type = models.CharField(max_length=100)
    sequence = models.IntegerField(default=0, help_text="Order of the messages about one task.")
    recipient = models.CharField(max_length=300, blank=True, default="")
    address = models.JSONField(default=dict, blank=True, help_text="What the transport needs to reach the recipient.")
    subject = models.CharField(max_length=500, blank=True, default="")
    text = models.TextField(blank=True, default="")
    body = models.BinaryField(null=True, help_text="The JSON of a custom webhook, serialised once and signed as it is.")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )

    state = models.CharField(max_length=10, choices=State.choices, default=State.PENDING)
    held_reason = models.CharField(max_length=300, blank=True, default="")
    attempts = models.SmallIntegerField(default=0, help_text="Tries that spent a step of the schedule.")
    crashes = models.SmallIntegerField(default=0)
    refusals = models.SmallIntegerField(default=0, help_text="Refusing answers (4xx) in a row.")
    next_attempt_at = models.DateTimeField(null=True, db_default=Now())
    manual = models.BooleanField(default=False, help_text="The try that is due was asked for by a person.")
    manual_from = models.CharField(max_length=10, blank=True, default="", editable=False)
    resume_at = models.DateTimeField(null=True, editable=False)
    epoch = models.BigIntegerField(default=0, editable=False)
    lease_owner = models.CharField(max_length=200, null=True, editable=False)
    lease_expires_at = models.DateTimeField(null=True, editable=False)
    last_error = models.CharField(max_length=500, blank=True, default="")
    provider_id = models.CharField(max_length=200, blank=True, default="")
    receipt = models.CharField(max_length=12, choices=Receipt.choices, blank=True, db_default="")
    receipt_code = models.CharField(max_length=40, blank=True, db_default="", help_text="The provider's error code.")
    receipt_at = models.DateTimeField(null=True, editable=False)
    acknowledged_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    finished_at = models.DateTimeField(null=True, editable=False)
    expunged_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        db_table = "outbound_messages"
        permissions: ClassVar = [("resend_outboundmessage", "Can send messages again and hold or cancel them")]
        constraints: ClassVar = [
            models.CheckConstraint(
                name="outbound_state_known",
                condition=Q(state__in=["pending", "sending", "delivered", "dead", "held", "cancelled"]),
            ),
            models.CheckConstraint(
                name="outbound_lease_iff_sending",
                condition=Q(state="sending", lease_owner__isnull=False, lease_expires_at__isnull=False)
                | (~Q(state="sending") & Q(lease_owner__isnull=True, lease_expires_at__isnull=True)),
            ),
            models.CheckConstraint(
                name="outbound_due_iff_pending",
                condition=Q(state="pending", next_attempt_at__isnull=False)
                | (~Q(state="pending") & Q(next_attempt_at__isnull=True)),
            ),
            models.CheckConstraint(name="outbound_held_says_why", condition=~Q(state="held") | ~Q(held_reason="")),
            models.CheckConstraint(name="outbound_dead_says_why", condition=~Q(state="dead") | ~Q(last_error="")),
            models.CheckConstraint(
                name="outbound_finished_iff_final",
                condition=Q(state__in=["delivered", "dead", "cancelled"], finished_at__isnull=False)
                | (Q(state__in=["pending", "sending", "held"])),
            ),
            models.CheckConstraint(
                name="outbound_counts", condition=Q(attempts__gte=0, crashes__gte=0, refusals__gte=0, epoch__gte=0)
            ),
            models.CheckConstraint(
                name="outbound_id_form", condition=Q(message_id__regex=r"^msg_[0-9A-HJKMNP-TV-Z]{26}$")
            ),
            models.CheckConstraint(name="outbound_dedupe_given", condition=~Q(dedupe_key="")),
            models.CheckConstraint(
                name="outbound_receipt_known",
                condition=Q(receipt="", receipt_at__isnull=True)
                | Q(receipt__in=["sent", "delivered", "undelivered", "failed", "read"], receipt_at__isnull=False),
            ),
            models.CheckConstraint(name="outbound_receipt_of_sent", condition=Q(receipt="") | ~Q(provider_id="")),
        ]
        indexes: ClassVar = [
            # claim: what is due on one channel
            models.Index("webhook", "next_attempt_at", "id", name="outbound_due", condition=Q(state="pending")),
            # claim: how many a channel has in flight; rescue: leases that ran out
            models.Index("webhook", "lease_expires_at", name="outbound_in_flight", condition=Q(state="sending")),
            # the wait until something is due
            models.Index("next_attempt_at", name="outbound_next", condition=Q(state="pending")),
            # lists and dead letters
            models.Index("state", F("id").desc(), name="outbound_by_state"),
            models.Index("webhook", F("id").desc(), name="outbound_by_channel"),
            models.Index("task", "id", name="outbound_by_task", condition=Q(task__isnull=False)),
            models.Index("conversation", "id", name="outbound_talk", condition=Q(conversation__isnull=False)),
            models.Index("in_reply_to", name="outbound_answers", condition=Q(in_reply_to__isnull=False)),
            # reports of what happened look for late receipts
            models.Index("receipt_at", name="outbound_by_receipt", condition=Q(receipt_at__isnull=False)),
            # a provider's report names its own id
            models.Index("provider_id", name="outbound_by_provider_id", condition=~Q(provider_id="")),
            # retention
            models.Index("created_at", name="outbound_unexpunged", condition=Q(expunged_at__isnull=True)),
        ]

    def __str__(self) -> str:
        return f"{self.message_id} ({self.event_type})"


class DeliveryAttempt(models.Model):
    """One try to deliver a message, with a cut copy of what came back."""

    class Outcome(models.TextChoices):
        RUNNING = "running", "Running"
        DELIVERED = "delivered", "Delivered"
        FAILED = "failed", "Failed"
        UNKNOWN = "unknown", "Sent, no answer"
        REFUSED = "refused", "Not sent"
        LOST = "lost", "The worker was lost"

    message = models.ForeignKey(
        OutboundMessage, on_delete=models.CASCADE, related_name="delivery_attempts", db_index=False
    )
    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="+", db_index=False)
    epoch = models.BigIntegerField()
    number = models.SmallIntegerField()
    manual = models.BooleanField(default=False)
    worker = models.CharField(max_length=200)
    outcome = models.CharField(max_length=10, choices=Outcome.choices, default=Outcome.RUNNING)
    status_code = models.SmallIntegerField(null=True)
    error = models.CharField(max_length=500, blank=True, default="")
    location = models.CharField(max_length=1024, blank=True, default="")
    response_headers = models.JSONField(default=dict, blank=True)
    response_body = models.TextField(blank=True, default="")
    duration_ms = models.IntegerField(null=True)
    started_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "delivery_attempts"
        constraints: ClassVar = [
            models.UniqueConstraint(name="attempt_once_per_epoch", fields=["message", "epoch"]),
            models.UniqueConstraint(name="attempt_one_running", fields=["message"], condition=Q(outcome="running")),
            models.CheckConstraint(
                name="attempt_outcome_known",
                condition=Q(outcome__in=["running", "delivered", "failed", "unknown", "refused", "lost"]),
            ),
            models.CheckConstraint(
                name="attempt_ended_has_time",
                condition=Q(outcome="running", finished_at__isnull=True)
                | (~Q(outcome="running") & Q(finished_at__isnull=False)),
            ),
        ]
        indexes: ClassVar = [
            # claim: how many tries a channel had within the last second
            models.Index("webhook", F("started_at").desc(), name="attempt_rate"),
            # retention
            models.Index("started_at", name="attempt_by_time"),
        ]

    def __str__(self) -> str:
        return f"try {self.number} of {self.message_id}: {self.outcome}"
