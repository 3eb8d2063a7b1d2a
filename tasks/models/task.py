"""The task: one row of work, and what it depends on."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone

from tasks.models.choices import ExecutionType, OnDependencyFailure, OnUnknown, Priority, Risk, SourceType, Urgency
from tasks.states import TERMINAL, Review, Status


def _choices(kind: type) -> list[tuple[str, str]]:
    return [(item.value, item.value.replace("_", " ")) for item in kind]  # type: ignore[attr-defined]


class AgencyTask(models.Model):
    """What to do, when, and under whose approval. `status` is written by tasks/lifecycle alone.

    The trigger of migration 0002 refuses transitions outside tasks/states.py, keeps `version`, `updated_at` and
    `rank_at`, and writes one TaskEvent per change of status from `status_reason` and `status_actor`.
    """

    task_uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    title = models.CharField(max_length=500)
    description = models.TextField(blank=True, default="")
    category = models.CharField(max_length=100, default="general")
    tags = ArrayField(models.CharField(max_length=100), default=list, blank=True)
    metadata = models.JSONField(default=dict, blank=True)

    task_type = models.CharField(max_length=100)
    priority = models.SmallIntegerField(choices=Priority, default=Priority.MEDIUM)
    urgency = models.SmallIntegerField(choices=Urgency, default=Urgency.NORMAL)
    status = models.CharField(max_length=20, choices=_choices(Status), default=Status.PENDING)
    status_reason = models.TextField(blank=True, default="")
    status_actor = models.CharField(max_length=200, blank=True, default="system")

    assigned_to_bot = models.BooleanField(default=True)
    execution_type = models.CharField(max_length=20, choices=ExecutionType, default=ExecutionType.AUTOMATIC)
    execution_config = models.JSONField(default=dict)
    config_digest = models.CharField(max_length=64, editable=False, default="")
    effect = models.CharField(max_length=12, default="read", editable=False)
    can_look_up = models.BooleanField(default=False, editable=False)
    target = models.CharField(max_length=500, blank=True, default="", editable=False)
    queue = models.CharField(max_length=20, default="io", editable=False)
    timeout_s = models.PositiveIntegerField(default=60, help_text="Seconds one attempt may take.")

    scheduled_for = models.DateTimeField(null=True, blank=True)
    deadline = models.DateTimeField(null=True, blank=True)
    run_at = models.DateTimeField(default=timezone.now, help_text="Not before.")
    rank_at = models.DateTimeField(
        null=True, editable=False, help_text="Order of work: run_at less a head start by priority."
    )
    deferred_until = models.DateTimeField(null=True, blank=True)

    max_retries = models.SmallIntegerField(default=3)
    error_count = models.SmallIntegerField(default=0, editable=False)
    crash_count = models.SmallIntegerField(default=0, editable=False)
    handback_count = models.IntegerField(default=0, editable=False)
    attempt_count = models.IntegerField(default=0, editable=False)
    last_error = models.TextField(blank=True, default="")
    result = models.JSONField(null=True, blank=True)
    result_summary = models.TextField(blank=True, default="")
    on_unknown_outcome = models.CharField(max_length=5, choices=OnUnknown, default=OnUnknown.ASK)

    notify_on_complete = models.BooleanField(default=True)
    notify_on_failure = models.BooleanField(default=True)

    source_type = models.CharField(max_length=20, choices=SourceType, default=SourceType.MANUAL)
    source_webhook_id = models.BigIntegerField(null=True, blank=True)
    source_message_id = models.BigIntegerField(null=True, blank=True)
    original_message = models.TextField(blank=True, default="")
    template = models.ForeignKey("tasks.TaskTemplate", null=True, blank=True, on_delete=models.PROTECT, db_index=False)
    schedule = models.ForeignKey("tasks.TaskSchedule", null=True, blank=True, on_delete=models.SET_NULL, db_index=False)
    workflow_uuid = models.UUIDField(null=True, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="created_tasks",
        db_index=False,
    )
    last_edited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="edited_tasks",
        db_index=False,
    )

    requires_human_review = models.BooleanField(default=False)
    review = models.CharField(max_length=10, choices=_choices(Review), default=Review.NONE)
    review_reasons = models.JSONField(default=list, blank=True)
    approvals_required = models.SmallIntegerField(default=1)
    four_eyes = models.BooleanField(default=False)
    human_reviewed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="reviewed_tasks",
        db_index=False,
    )
    human_reviewed_at = models.DateTimeField(null=True, blank=True)
    review_notes = models.TextField(blank=True, default="")
    approved_digest = models.CharField(max_length=64, blank=True, default="", editable=False)
    review_plan = models.JSONField(
        default=dict, editable=False, help_text="What the policies demand; see tasks/review."
    )
    review_risk = models.SmallIntegerField(choices=Risk, default=Risk.NONE, editable=False)
    review_due_at = models.DateTimeField(null=True, editable=False)
    review_expires_at = models.DateTimeField(null=True, editable=False)
    approved_until = models.DateTimeField(
        null=True, editable=False, help_text="An approval that no run has begun under ends then."
    )

    unmet_dependencies = models.IntegerField(default=0, editable=False)
    on_dependency_failure = models.CharField(
        max_length=6, choices=OnDependencyFailure, default=OnDependencyFailure.BLOCK
    )
    depends_on = models.ManyToManyField(
        "self", through="TaskDependency", symmetrical=False, related_name="dependents", blank=True
    )

    waiting_for = models.JSONField(null=True, blank=True, help_text="The question a person must answer.")
    waiting_token = models.UUIDField(null=True, editable=False)
    waiting_until = models.DateTimeField(null=True, blank=True)
    answer = models.JSONField(null=True, blank=True)

    queued_at = models.DateTimeField(null=True, editable=False)
    started_at = models.DateTimeField(null=True, editable=False)
    completed_at = models.DateTimeField(null=True, editable=False, help_text="When it reached a final state.")
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(db_default=Now(), editable=False)
    version = models.BigIntegerField(default=1, editable=False)

    epoch = models.BigIntegerField(default=0, editable=False, help_text="Fencing number: one more with every claim.")
    run_generation = models.IntegerField(default=0, editable=False)
    lease_owner = models.CharField(max_length=200, null=True, editable=False)
    lease_expires_at = models.DateTimeField(null=True, editable=False)
    deadline_at = models.DateTimeField(null=True, editable=False)
    cancel_requested_at = models.DateTimeField(null=True, editable=False)
    dispatched_at = models.DateTimeField(null=True, editable=False)
    dispatch_count = models.IntegerField(default=0, editable=False)
    dedupe_key = models.CharField(max_length=255, null=True, blank=True, editable=False)

    class Meta:
        db_table = "agency_tasks"
        permissions: ClassVar = [
            ("execute_task", "Can start a task by hand"),
            ("approve_task", "Can approve or reject a task"),
            ("replay_task", "Can run a failed or cancelled task again"),
            ("view_sensitive", "Can see original messages and traces"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                name="task_lease_only_in_progress",
                condition=(
                    Q(
                        status="in_progress",
                        lease_owner__isnull=False,
                        lease_expires_at__isnull=False,
                        deadline_at__isnull=False,
                    )
                    | (~Q(status="in_progress") & Q(lease_owner__isnull=True, lease_expires_at__isnull=True))
                ),
            ),
            models.CheckConstraint(
                name="task_completed_at_iff_final",
                condition=(
                    Q(status__in=sorted(TERMINAL), completed_at__isnull=False)
                    | (~Q(status__in=sorted(TERMINAL)) & Q(completed_at__isnull=True))
                ),
            ),
            models.CheckConstraint(
                name="task_runs_only_reviewed",
                condition=~Q(status__in=["queued", "in_progress", "completed", "waiting_input"])
                | Q(review__in=["none", "approved"]),
            ),
            models.CheckConstraint(
                name="task_decision_has_reviewer",
                condition=~Q(review__in=["approved", "rejected"])
                | (Q(human_reviewed_at__isnull=False) & (Q(human_reviewed_by__isnull=False) | Q(review="rejected"))),
            ),
            models.CheckConstraint(
                name="task_approved_has_digest",
                condition=~Q(review="approved") | ~Q(approved_digest=""),
            ),
            models.CheckConstraint(
                name="task_end_is_of_an_approval",
                condition=Q(approved_until__isnull=True) | Q(review="approved"),
            ),
            models.CheckConstraint(
                name="task_required_review_is_kept",
                condition=Q(requires_human_review=False) | ~Q(review="none"),
            ),
            models.CheckConstraint(
                name="task_four_eyes",
                condition=Q(four_eyes=False)
                | ~Q(review="approved")
                | (
                    (Q(created_by__isnull=True) | ~Q(human_reviewed_by=F("created_by")))
                    & (Q(last_edited_by__isnull=True) | ~Q(human_reviewed_by=F("last_edited_by")))
                ),
            ),
            models.CheckConstraint(
                name="task_waiting_has_question",
                condition=(
                    Q(status="waiting_input", waiting_for__isnull=False, waiting_token__isnull=False)
                    | (~Q(status="waiting_input") & Q(waiting_token__isnull=True))
                ),
            ),
            models.CheckConstraint(name="task_failed_says_why", condition=~Q(status="failed") | ~Q(last_error="")),
            models.CheckConstraint(name="task_max_retries_range", condition=Q(max_retries__range=(0, 10))),
            models.CheckConstraint(
                name="task_error_count_range",
                condition=Q(error_count__gte=0) & Q(error_count__lte=F("max_retries") + 1),
            ),
            models.CheckConstraint(
                name="task_counters_not_negative",
                condition=Q(
                    crash_count__gte=0,
                    handback_count__gte=0,
                    attempt_count__gte=0,
                    unmet_dependencies__gte=0,
                    epoch__gte=0,
                ),
            ),
            models.CheckConstraint(name="task_status_known", condition=Q(status__in=[s.value for s in Status])),
            models.CheckConstraint(name="task_review_known", condition=Q(review__in=[r.value for r in Review])),
            models.CheckConstraint(name="task_priority_known", condition=Q(priority__in=Priority.values)),
            models.CheckConstraint(name="task_title_given", condition=~Q(title="")),
            models.CheckConstraint(name="task_timeout_range", condition=Q(timeout_s__range=(1, 3600))),
            models.UniqueConstraint(
                name="task_dedupe_key", fields=["dedupe_key"], condition=Q(dedupe_key__isnull=False)
            ),
        ]
        indexes: ClassVar = [
            # claim: the next queued tasks of one queue
            models.Index("queue", "rank_at", "id", name="task_queued", condition=Q(status="queued")),
            # dispatch: what has become due
            models.Index(
                "run_at",
                "id",
                name="task_due",
                condition=Q(
                    status="pending", assigned_to_bot=True, unmet_dependencies=0, review__in=["none", "approved"]
                )
                & ~Q(execution_type="manual_trigger"),
            ),
            models.Index("deferred_until", name="task_deferred", condition=Q(status="deferred")),
            # reap: leases that ran out
            models.Index("lease_expires_at", name="task_leases", condition=Q(status="in_progress")),
            models.Index("waiting_until", name="task_waiting", condition=Q(status="waiting_input")),
            # the review queue in its order, and its badge
            models.Index(
                F("review_risk").desc(),
                "review_due_at",
                F("priority").desc(),
                "id",
                name="task_review_order",
                condition=Q(status="pending", review="required"),
            ),
            # the clocks of reviews: reminders, escalation, expiry
            models.Index(
                "review_expires_at",
                name="task_review_clock",
                condition=Q(review="required", status__in=["pending", "deferred"]),
            ),
            models.Index("approved_until", name="task_approval_ends", condition=Q(approved_until__isnull=False)),
            # lists: every filter ends in a sort by newest
            models.Index("status", F("id").desc(), name="task_by_status"),
            models.Index("task_type", F("id").desc(), name="task_by_type"),
            models.Index("created_by", F("id").desc(), name="task_by_creator"),
            models.Index(F("priority").desc(), F("id").desc(), name="task_by_priority"),
            models.Index("category", F("id").desc(), name="task_by_category"),
            models.Index("created_at", "id", name="task_by_created"),
            models.Index("scheduled_for", "id", name="task_by_scheduled", condition=Q(scheduled_for__isnull=False)),
            models.Index(
                "deadline",
                "id",
                name="task_overdue",
                condition=Q(deadline__isnull=False, completed_at__isnull=True),
            ),
            models.Index("deadline", "id", name="task_by_deadline", condition=Q(deadline__isnull=False)),
            models.Index("completed_at", "id", name="task_by_completed", condition=Q(completed_at__isnull=False)),
            models.Index("source_message_id", name="task_by_message", condition=Q(source_message_id__isnull=False)),
            models.Index("workflow_uuid", name="task_by_workflow", condition=Q(workflow_uuid__isnull=False)),
            # what most tasks lack: these cost the others nothing
            models.Index(F("id").desc(), name="task_reviewed", condition=Q(requires_human_review=True)),
            models.Index(F("id").desc(), name="task_for_people", condition=Q(assigned_to_bot=False)),
            models.Index("source_type", F("id").desc(), name="task_by_source", condition=~Q(source_type="api")),
            models.Index("template", F("id").desc(), name="task_by_template", condition=Q(template__isnull=False)),
            models.Index("schedule", F("id").desc(), name="task_by_schedule", condition=Q(schedule__isnull=False)),
            models.Index(
                "human_reviewed_by",
                F("id").desc(),
                name="task_by_reviewer",
                condition=Q(human_reviewed_by__isnull=False),
            ),
            models.Index("last_edited_by", name="task_by_editor", condition=Q(last_edited_by__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"#{self.pk} {self.title}"

    @property
    def is_overdue(self) -> bool:
        """Its deadline has passed and it is not finished."""
        return self.deadline is not None and self.completed_at is None and self.deadline < timezone.now()


class TaskDependency(models.Model):
    """`task` waits for `depends_on`. `met` is set in the transaction that ends `depends_on`."""

    task = models.ForeignKey(AgencyTask, on_delete=models.CASCADE, related_name="dependency_rows")
    depends_on = models.ForeignKey(AgencyTask, on_delete=models.PROTECT, related_name="dependent_rows")
    met = models.BooleanField(default=False)

    class Meta:
        db_table = "task_dependencies"
        constraints: ClassVar = [
            models.UniqueConstraint(name="dependency_once", fields=["task", "depends_on"]),
            models.CheckConstraint(name="dependency_not_on_itself", condition=~Q(task=F("depends_on"))),
        ]
        indexes: ClassVar = [
            # finish: who waits for the task that just ended
            models.Index("depends_on", name="dependency_unmet", condition=Q(met=False)),
        ]

    def __str__(self) -> str:
        return f"{self.task_id} after {self.depends_on_id}"
