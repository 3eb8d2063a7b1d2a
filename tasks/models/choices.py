"""The words a task may carry."""

from __future__ import annotations

from django.db import models


class Priority(models.IntegerChoices):
    """Higher runs first."""

    LOW = 1, "low"
    MEDIUM = 2, "medium"
    HIGH = 3, "high"
    CRITICAL = 4, "critical"


class Urgency(models.IntegerChoices):
    """Breaks ties between tasks of one priority."""

    NORMAL = 1, "normal"
    SOON = 2, "soon"
    URGENT = 3, "urgent"
    IMMEDIATE = 4, "immediate"


class Risk(models.IntegerChoices):
    """How much harm a wrong yes does: orders the queue; high ones are decided one by one."""

    NONE = 0, "none"
    LOW = 1, "low"
    MEDIUM = 2, "medium"
    HIGH = 3, "high"


class ExecutionType(models.TextChoices):
    """What starts a task."""

    AUTOMATIC = "automatic", "automatic"
    MANUAL_TRIGGER = "manual_trigger", "manual trigger"
    SCHEDULED = "scheduled", "scheduled"


class SourceType(models.TextChoices):
    """Where a task came from."""

    MANUAL = "manual", "manual"
    API = "api", "API"
    WEBHOOK_SMS = "webhook_sms", "SMS"
    WEBHOOK_EMAIL = "webhook_email", "e-mail"
    WEBHOOK_CUSTOM = "webhook_custom", "webhook"
    WEBHOOK_SLACK = "webhook_slack", "Slack"
    WEBHOOK_GHL = "webhook_ghl", "GoHighLevel"
    SCHEDULED = "scheduled", "schedule"
    TEMPLATE = "template", "template"


class OnUnknown(models.TextChoices):
    """What to do when nobody knows whether work that must not happen twice has happened."""

    ASK = "ask", "ask a person"
    RETRY = "retry", "run again"
    FAIL = "fail", "fail"


class OnDependencyFailure(models.TextChoices):
    """What a task does when one it depends on fails or is cancelled."""

    BLOCK = "block", "wait"
    CANCEL = "cancel", "cancel"
    RUN = "run", "run anyway"
