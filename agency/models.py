"""Credentials: encrypted secrets, bound to the hosts they may be sent to, and the log of what was done with them."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class Credential(models.Model):
    """One secret. Written and read through `agency.credentials` only; without the key ring the row is of no use."""

    class Kind(models.TextChoices):
        BEARER = "bearer", "Bearer token"
        API_KEY = "api_key", "API key"
        BASIC = "basic", "Password"
        HEADER = "header", "Header or parameter"
        GHL = "ghl", "GoHighLevel location token"
        CHANNEL = "channel", "Channel secret"
        OTHER = "other", "Other"

    name = models.CharField(max_length=200)
    kind = models.CharField(max_length=20, choices=Kind.choices)
    account = models.CharField(
        max_length=200, blank=True, help_text="The account the secret belongs to; for GoHighLevel the location id."
    )
    ciphertext = models.BinaryField()
    nonce = models.BinaryField()
    key_id = models.CharField(max_length=40)
    hint = models.CharField(max_length=12, blank=True)
    allowed_hosts = ArrayField(
        models.CharField(max_length=300),
        help_text="Where the secret may be sent: name, name:port, or .suffix for every name below it.",
    )
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="credentials"
    )
    inline = models.BooleanField(default=False, help_text="Made from a secret that was written into a task.")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        permissions: ClassVar = [("use_credential", "Can use credentials of other people in tasks")]
        constraints: ClassVar = [
            models.CheckConstraint(name="credential_names_a_host", condition=Q(allowed_hosts__len__gt=0)),
            models.CheckConstraint(
                name="credential_kind_known",
                condition=Q(kind__in=["bearer", "api_key", "basic", "header", "ghl", "channel", "other"]),
            ),
            models.UniqueConstraint(
                name="credential_one_per_location",
                fields=["account"],
                condition=Q(kind="ghl", revoked_at__isnull=True) & ~Q(account=""),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.hint})"


class CredentialEvent(models.Model):
    """What happened to a credential: append-only (a trigger refuses UPDATE), written in the transaction of the act."""

    class Action(models.TextChoices):
        CREATED = "created", "created"
        CHANGED = "changed", "changed"
        ROTATED = "rotated", "encrypted with a new key"
        REVOKED = "revoked", "revoked"
        USED = "used", "used"
        REFUSED = "refused", "refused"

    credential = models.ForeignKey(Credential, null=True, on_delete=models.CASCADE, related_name="events")
    variable = models.CharField(max_length=200, blank=True, help_text="The environment variable, when it was one.")
    action = models.CharField(max_length=20, choices=Action.choices)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    host = models.CharField(max_length=300, blank=True)
    used_by = models.CharField(max_length=200, blank=True)
    detail = models.CharField(max_length=500, blank=True)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        indexes: ClassVar = [models.Index(fields=["credential", "-id"], name="credential_event_newest")]

    def __str__(self) -> str:
        return f"{self.action} {self.host}".strip()


class ApiToken(models.Model):
    """A program's key to the API (agency/api/tokens.py). The text is shown once; only its hash is here."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=100, blank=True, help_text="What uses it.")
    prefix = models.CharField(max_length=8, unique=True, editable=False)
    digest = models.CharField(max_length=64, editable=False)
    scopes = ArrayField(models.CharField(max_length=10))
    share = models.PositiveSmallIntegerField(
        default=100, help_text="Per cent of its owner's rate limits that this token may use."
    )
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        db_table = "api_tokens"
        ordering: ClassVar = ["-id"]
        verbose_name = "API token"
        constraints: ClassVar = [
            models.CheckConstraint(
                name="api_token_scopes_known",
                condition=Q(scopes__contained_by=["read", "write", "review", "admin"], scopes__len__gt=0),
            ),
            models.CheckConstraint(name="api_token_share", condition=Q(share__range=(1, 100))),
            models.CheckConstraint(name="api_token_hashed", condition=Q(digest__regex=r"^[0-9a-f]{64}$")),
        ]

    def __str__(self) -> str:
        return f"agy_{self.prefix}_… {self.name}".strip()


class IdempotencyKey(models.Model):
    """One POST that was answered: who sent which key with which body, and the answer to give again.

    Written before the work in the transaction of the work (agency/api/idempotency.py), so that the key, what was made
    and the answer exist together or not at all.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64)
    status = models.SmallIntegerField(default=0)
    headers = models.JSONField(default=dict)
    body = models.BinaryField(default=b"")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "api_idempotency_keys"
        constraints: ClassVar = [models.UniqueConstraint(name="idempotency_key_once", fields=["user", "key"])]
        indexes: ClassVar = [models.Index("created_at", name="idempotency_key_age")]

    def __str__(self) -> str:
        return self.key


class AccountEvent(models.Model):
    """Who came in, failed to, or changed how they come in: append-only (a trigger refuses UPDATE and DELETE)."""

    class Kind(models.TextChoices):
        LOGIN = "login", "signed in"
        LOGIN_FAILED = "login_failed", "failed to sign in"
        LOGOUT = "logout", "signed out"
        LOCKED_OUT = "locked_out", "locked out"
        SECOND_FACTOR = "second_factor", "gave the second factor"
        SECOND_FACTOR_FAILED = "second_factor_failed", "gave a wrong second factor"
        SECOND_FACTOR_SET_UP = "second_factor_set_up", "set up a second factor"
        CONFIRMED = "confirmed", "gave the password again"

    at = models.DateTimeField(auto_now_add=True)
    kind = models.CharField(max_length=30, choices=Kind.choices)
    user_id = models.BigIntegerField(null=True)
    username = models.CharField(max_length=150, blank=True)
    ip = models.GenericIPAddressField(null=True)
    agent = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.CheckConstraint(
                name="account_event_kind_known",
                condition=Q(
                    kind__in=[
                        "login",
                        "login_failed",
                        "logout",
                        "locked_out",
                        "second_factor",
                        "second_factor_failed",
                        "second_factor_set_up",
                        "confirmed",
                    ]
                ),
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["user_id", "-id"], name="account_event_by_user")]

    def __str__(self) -> str:
        return f"{self.username} {self.get_kind_display()}"
