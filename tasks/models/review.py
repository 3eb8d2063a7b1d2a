"""The decisions of people about what a task will do."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from tasks.models.task import AgencyTask


class Approval(models.Model):
    """One person's decision about one exact content, named by its digest. An edit voids it."""

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
