"""A channel: an address messages come in through, an account they go out through, and the rules for both."""

from __future__ import annotations

import secrets
from typing import ClassVar
from zoneinfo import available_timezones

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Length, Now

TOKEN_BYTES = 24
MAX_BODY, MAX_BODY_LIMIT = 1 << 20, 25 << 20
MAX_KEYS = 3


def new_token() -> str:
    """An unguessable path id: 192 random bits."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def check_timezone(name: str) -> None:
    """Refuses a name that is no IANA time zone."""
    if name not in available_timezones():
        raise ValidationError(f"{name!r} is not a time zone; expected a name like Europe/Berlin")


class Webhook(models.Model):
    """One channel. Its secrets live in credentials (see ChannelKey); the token only makes its address unguessable."""

    class Type(models.TextChoices):
        SMS = "sms", "SMS"
        EMAIL = "email", "E-mail"
        SLACK = "slack", "Slack"
        GHL = "ghl", "GoHighLevel"
        CUSTOM = "custom_webhook", "Custom webhook"

    class Provider(models.TextChoices):
        CUSTOM = "custom", "Any program (JSON)"
        SLACK = "slack", "Slack"
        TWILIO = "twilio", "Twilio"
        GHL = "ghl", "GoHighLevel"
        GITHUB = "github", "GitHub"
        STRIPE = "stripe", "Stripe"
        SENDGRID = "sendgrid", "SendGrid"
        MAILGUN = "mailgun", "Mailgun"
        POSTMARK = "postmark", "Postmark"

    class Verification(models.TextChoices):
        STANDARD = "standard_webhooks", "Standard Webhooks"
        GHL = "ghl", "GoHighLevel (Ed25519)"
        SLACK = "slack", "Slack"
        STRIPE = "stripe", "Stripe"
        GITHUB = "github", "GitHub"
        TWILIO = "twilio", "Twilio"
        MAILGUN = "mailgun", "Mailgun (weak)"
        HMAC = "hmac_sha256", "HMAC-SHA256"
        BEARER = "bearer", "Bearer token (weak)"
        API_KEY = "api_key", "API key header (weak)"
        BASIC = "basic", "User and password (weak)"

    class Policy(models.TextChoices):
        REVIEW = "review", "Wait for review"
        RUN = "run", "Run by the rules of the task"
        IGNORE = "ignore", "Make no task"

    class TextPolicy(models.TextChoices):
        """What becomes of tasks understood from free text. The built-in review policy about them asks for a review."""

        POLICIES = "policies", "As the review policies say"
        REVIEW = "review", "Always wait for review"
        RUN = "run", "Trusted: the built-in policy about free text gives way"
        IGNORE = "ignore", "Make no task"

    name = models.CharField(max_length=200)
    type = models.CharField(max_length=20, choices=Type.choices)
    token = models.CharField(max_length=64, unique=True, default=new_token, editable=False)
    is_active = models.BooleanField(default=True)
    disabled_at = models.DateTimeField(null=True, blank=True, editable=False)
    disabled_reason = models.CharField(max_length=300, blank=True, default="", editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="channels"
    )
    account = models.CharField(
        max_length=200,
        blank=True,
        default="",
        help_text="Provider's account: Twilio SID, Slack team or HighLevel location. When set, no other is accepted.",
    )

    accepts_inbound = models.BooleanField(default=True)
    provider = models.CharField(max_length=20, choices=Provider.choices, default=Provider.CUSTOM)
    verification = models.CharField(max_length=20, choices=Verification.choices, default=Verification.STANDARD)
    verification_options = models.JSONField(default=dict, blank=True)
    max_body_bytes = models.PositiveIntegerField(default=MAX_BODY)
    text_policy = models.CharField(max_length=10, choices=TextPolicy.choices, default=TextPolicy.POLICIES)
    structured_policy = models.CharField(max_length=10, choices=Policy.choices, default=Policy.RUN)
    known_senders_only = models.BooleanField(default=False, help_text="Messages of anybody else are kept and ignored.")
    use_model = models.BooleanField(default=False, help_text="Let a language model read texts the rules do not.")
    timezone = models.CharField(max_length=64, default="UTC", validators=[check_timezone])
    region = models.CharField(max_length=2, default="US", help_text="Country of phone numbers without a code.")

    sends_outbound = models.BooleanField(default=True)
    url = models.CharField(max_length=2048, blank=True, default="", help_text="Where a custom webhook delivers to.")
    host = models.CharField(max_length=300, blank=True, default="", editable=False)
    config = models.JSONField(default=dict, blank=True, help_text="Settings of the transport, without secrets.")
    custom_headers = models.JSONField(default=dict, blank=True)
    owner_address = models.CharField(
        max_length=300, blank=True, default="", help_text="Who is meant by the recipient “owner”."
    )
    is_default = models.BooleanField(default=False, editable=False, help_text="Used when a task names no channel.")
    quiet_start = models.TimeField(null=True, blank=True, help_text="Nothing goes out from here …")
    quiet_end = models.TimeField(null=True, blank=True, help_text="… to here, in the channel's zone; urgent tasks do.")

    last_success_at = models.DateTimeField(null=True, editable=False)
    failing_since = models.DateTimeField(null=True, editable=False)
    exhausted_count = models.IntegerField(default=0, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "webhooks"
        verbose_name = "channel"
        permissions: ClassVar = [("manage_channels", "Can manage channels, their keys and their senders")]
        constraints: ClassVar = [
            models.CheckConstraint(name="webhook_name_given", condition=~Q(name="")),
            models.CheckConstraint(
                name="webhook_type_known",
                condition=Q(type__in=["sms", "email", "slack", "ghl", "custom_webhook"]),
            ),
            models.CheckConstraint(name="webhook_token_unguessable", condition=Q(token__length__gte=22)),
            models.CheckConstraint(
                name="webhook_disabled_says_why",
                condition=Q(disabled_at__isnull=True) | (Q(is_active=False) & ~Q(disabled_reason="")),
            ),
            models.UniqueConstraint(name="webhook_one_default", fields=["is_default"], condition=Q(is_default=True)),
            # HighLevel signs for every account with one key: without an account anybody's events would be taken.
            models.CheckConstraint(
                name="webhook_ghl_key_needs_account", condition=~Q(verification="ghl") | ~Q(account="")
            ),
            models.CheckConstraint(
                name="webhook_quiet_hours_whole",
                condition=Q(quiet_start__isnull=True, quiet_end__isnull=True)
                | (Q(quiet_start__isnull=False, quiet_end__isnull=False) & ~Q(quiet_start=F("quiet_end"))),
            ),
            models.CheckConstraint(name="webhook_body_cap", condition=Q(max_body_bytes__range=(1024, MAX_BODY_LIMIT))),
            models.CheckConstraint(name="webhook_exhausted_not_negative", condition=Q(exhausted_count__gte=0)),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_weak(self) -> bool:
        """Its inbound messages are authenticated by a shared token only: nothing signs the body."""
        return self.verification in {"bearer", "api_key", "basic", "mailgun"}


class ChannelKey(models.Model):
    """A secret of a channel: what inbound requests are verified with, or outbound ones signed and sent with.

    One is current; rotated ones stay live until `expires_at`. A slot is free again when its key is revoked.
    """

    class Purpose(models.TextChoices):
        INBOUND = "inbound", "Verifies what comes in"
        OUTBOUND = "outbound", "Signs or authenticates what goes out"

    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="keys")
    purpose = models.CharField(max_length=10, choices=Purpose.choices)
    slot = models.SmallIntegerField()
    credential = models.OneToOneField("agency.Credential", on_delete=models.PROTECT, related_name="channel_key")
    created_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "webhook_keys"
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="webhook_key_one_current",
                fields=["webhook", "purpose"],
                condition=Q(expires_at__isnull=True, revoked_at__isnull=True),
            ),
            models.UniqueConstraint(
                name="webhook_key_three_live",
                fields=["webhook", "purpose", "slot"],
                condition=Q(revoked_at__isnull=True),
            ),
            models.CheckConstraint(name="webhook_key_slot", condition=Q(slot__range=(1, MAX_KEYS))),
            models.CheckConstraint(name="webhook_key_purpose", condition=Q(purpose__in=["inbound", "outbound"])),
        ]

    def __str__(self) -> str:
        return f"{self.purpose} key {self.pk}"


class ChannelSender(models.Model):
    """A person known on a channel. Commands that change tasks are taken from these only, as the user they stand for."""

    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="senders")
    address = models.CharField(max_length=300, help_text="+E.164, lower-case e-mail, Slack user or HighLevel contact.")
    name = models.CharField(max_length=200, blank=True, default="")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT)
    timezone = models.CharField(max_length=64, blank=True, default="", validators=[check_timezone])
    may_command = models.BooleanField(default=True, help_text="May cancel, approve, reject and retry tasks.")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "webhook_senders"
        constraints: ClassVar = [
            models.UniqueConstraint(name="webhook_sender_once", fields=["webhook", "address"]),
            models.CheckConstraint(name="webhook_sender_has_address", condition=~Q(address="")),
        ]

    def __str__(self) -> str:
        return self.name or self.address


class ChannelEvent(models.Model):
    """The audit trail of channels and messages. The database refuses UPDATE and DELETE."""

    webhook_id = models.BigIntegerField()
    at = models.DateTimeField(db_default=Now())
    action = models.CharField(max_length=40)
    actor = models.CharField(max_length=200)
    actor_user_id = models.BigIntegerField(null=True)
    reason = models.CharField(max_length=500, blank=True, default="")
    data = models.JSONField(default=dict)

    class Meta:
        db_table = "webhook_events"
        indexes: ClassVar = [models.Index("webhook_id", "id", name="channel_event_by_channel")]

    def __str__(self) -> str:
        return f"{self.action} on channel {self.webhook_id}"


models.CharField.register_lookup(Length)
