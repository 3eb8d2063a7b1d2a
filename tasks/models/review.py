"""The decisions of people about what a task will do, and the rules that ask for them."""

from __future__ import annotations

import datetime as dt
from typing import ClassVar

from django.conf import settings
from django.contrib.auth.models import Group
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from tasks.models.choices import Risk
from tasks.models.task import AgencyTask


def _words(help_text: str) -> ArrayField:
    return ArrayField(models.CharField(max_length=200), default=list, blank=True, help_text=help_text)


class ReviewPolicy(models.Model):
    """A rule that asks for review. It can add review and demands, never take them away.

    A task matches when every part that is filled in matches; an empty part matches everything.
    """

    name = models.CharField(max_length=200, unique=True)
    key = models.CharField(max_length=50, unique=True, null=True, blank=True, editable=False)
    description = models.TextField(blank=True, default="")
    active = models.BooleanField(default=True)

    task_types = _words("Types of task, such as api_call")
    actions = _words("What the task does: send_sms, create_opportunity, DELETE, task_summary …")
    sources = _words("Where the task came from: api, manual, webhook_sms …")
    channels = ArrayField(models.BigIntegerField(), default=list, blank=True, help_text="Numbers of channels")
    hosts = _words("Hosts it reaches: api.example.com, or .example.com for all below")
    recipients = _words("Recipients: a whole address or number, or its ending, such as @example.com")
    min_recipients = models.IntegerField(null=True, blank=True, help_text="At least so many recipients")
    min_amount = models.DecimalField(
        max_digits=14, decimal_places=2, null=True, blank=True, help_text="An amount of at least this much"
    )
    templates = models.ManyToManyField("tasks.TaskTemplate", blank=True, related_name="+")
    creators = models.ManyToManyField(settings.AUTH_USER_MODEL, blank=True, related_name="+")
    only_from_text = models.BooleanField(default=False, help_text="Only tasks understood from free text")

    reason = models.CharField(max_length=300, help_text="Why a person looks first, for the reviewer to read")
    risk = models.SmallIntegerField(choices=Risk, default=Risk.LOW)
    approvals = models.SmallIntegerField(
        default=1,
        validators=[MinValueValidator(1), MaxValueValidator(10)],
        help_text="So many different people must approve",
    )
    four_eyes = models.BooleanField(default=False, help_text="Neither who made the task nor who changed it last")
    reviewer_groups = models.ManyToManyField(
        Group, blank=True, related_name="+", help_text="Only members of one of these; empty: everybody who may approve"
    )

    sla_minutes = models.IntegerField(
        null=True, blank=True, validators=[MinValueValidator(1)], help_text="Minutes until a decision is due"
    )
    business_days = ArrayField(
        models.SmallIntegerField(),
        default=list,
        blank=True,
        help_text="Days that count, 0 is Monday; empty: the clock runs always",
    )
    opens_at = models.TimeField(default=dt.time(9))
    closes_at = models.TimeField(default=dt.time(17))
    timezone = models.CharField(max_length=64, default="UTC")
    remind_after_minutes = models.IntegerField(null=True, blank=True, validators=[MinValueValidator(1)])
    escalate_after_minutes = models.IntegerField(null=True, blank=True, validators=[MinValueValidator(1)])
    escalate_to = models.ForeignKey(Group, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    expires_after_hours = models.IntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text="Undecided for so long, the task is cancelled. It is never approved by time.",
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "task_review_policies"
        verbose_name_plural = "review policies"
        constraints: ClassVar = [
            models.CheckConstraint(name="policy_approvals_range", condition=Q(approvals__range=(1, 10))),
            models.CheckConstraint(name="policy_says_why", condition=~Q(reason="")),
            models.CheckConstraint(name="policy_day_has_hours", condition=Q(opens_at__lt=F("closes_at"))),
            models.CheckConstraint(name="policy_risk_known", condition=Q(risk__in=Risk.values)),
        ]

    def __str__(self) -> str:
        return self.name


class Approval(models.Model):
    """One person's decision about one exact content, named by its digest. An edit voids it.

    The database refuses a yes by the maker or last editor of a four-eyes task, and every later change but `voided_at`.
    """

    task = models.ForeignKey(AgencyTask, on_delete=models.CASCADE, related_name="approvals")
    digest = models.CharField(max_length=64)
    decision = models.CharField(max_length=10, choices=[("approved", "approved"), ("rejected", "rejected")])
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    door = models.CharField(max_length=20, default="api", help_text="admin, queue, api, bulk, channel or link")
    notes = models.TextField(blank=True, default="")
    code = models.CharField(max_length=50, blank=True, default="")
    created_at = models.DateTimeField(db_default=Now())
    voided_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "task_approvals"
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="approval_once_per_person",
                fields=["task", "digest", "user"],
                condition=Q(voided_at__isnull=True),
            ),
            models.CheckConstraint(name="approval_has_digest", condition=~Q(digest="")),
        ]

    def __str__(self) -> str:
        return f"{self.decision} by {self.user_id}"


class ReviewClaim(models.Model):
    """Who is looking at a task now: a courtesy between reviewers, binding nobody."""

    task = models.OneToOneField(AgencyTask, on_delete=models.CASCADE, primary_key=True, related_name="review_claim")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    until = models.DateTimeField()

    class Meta:
        db_table = "task_review_claims"

    def __str__(self) -> str:
        return f"{self.user_id} looks at task {self.task_id}"


class ReviewNotice(models.Model):
    """A reminder or escalation that was sent: the unique row is what makes it happen once."""

    task = models.ForeignKey(AgencyTask, on_delete=models.CASCADE, related_name="+")
    digest = models.CharField(max_length=64)
    kind = models.CharField(
        max_length=10, choices=[("reminder", "reminder"), ("overdue", "overdue"), ("escalated", "escalated")]
    )
    at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "task_review_notices"
        constraints: ClassVar = [
            models.UniqueConstraint(name="review_notice_once", fields=["task", "digest", "kind"]),
        ]

    def __str__(self) -> str:
        return f"{self.kind} for task {self.task_id}"


class ReviewLink(models.Model):
    """A link in a message by which one person may decide about one content, once. Only a hash of its token is kept."""

    task = models.ForeignKey(AgencyTask, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    digest = models.CharField(max_length=64)
    token_hash = models.CharField(max_length=64, unique=True)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        db_table = "task_review_links"

    def __str__(self) -> str:
        return f"link of {self.user_id} to task {self.task_id}"
