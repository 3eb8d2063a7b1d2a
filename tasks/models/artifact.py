"""Files that attempts leave behind, and what browser work remembers of the sites it worked on."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from tasks.models.execution import TaskExecution
from tasks.models.task import AgencyTask


class Artifact(models.Model):
    """A screenshot, a download, a report or a table of data. The bytes live in Django's default storage."""

    task = models.ForeignKey(AgencyTask, on_delete=models.CASCADE, related_name="artifacts")
    execution = models.ForeignKey(TaskExecution, on_delete=models.CASCADE, related_name="artifacts")
    name = models.CharField(max_length=150)
    content_type = models.CharField(max_length=100)
    size = models.BigIntegerField(help_text="Bytes.")
    sha256 = models.CharField(max_length=64)
    file = models.FileField(max_length=300)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        db_table = "task_artifacts"
        constraints: ClassVar = [models.CheckConstraint(name="artifact_size_not_negative", condition=Q(size__gte=0))]
        indexes: ClassVar = [
            models.Index("task", F("id").desc(), name="artifact_by_task"),
            models.Index("created_at", name="artifact_by_age"),
        ]

    def __str__(self) -> str:
        return self.name


class RememberedElement(models.Model):
    """The element an instruction meant on a site: found again by role and name, never trusted unseen."""

    key = models.CharField(max_length=64, unique=True, help_text="SHA-256 of site, path pattern and instruction.")
    site = models.CharField(max_length=255)
    path = models.CharField(max_length=300)
    instruction = models.CharField(max_length=2000)
    fingerprint = models.JSONField()
    engine = models.CharField(max_length=20)
    uses = models.IntegerField(default=0)
    healed = models.IntegerField(default=0, help_text="How often the page had changed and it was found anew.")
    used_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "browser_memory"
        constraints: ClassVar = [
            models.CheckConstraint(name="memory_counts_not_negative", condition=Q(uses__gte=0, healed__gte=0))
        ]
        indexes: ClassVar = [models.Index("used_at", name="memory_by_use")]

    def __str__(self) -> str:
        return f"{self.site}{self.path}: {self.instruction[:60]}"
