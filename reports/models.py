"""What reports are read from: counts by hour and day that outlive the rows they were counted from."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now


class Grain(models.TextChoices):
    """The length of time one cell counts."""

    HOUR = "hour", "hour"
    DAY = "day", "day"


class Part(models.TextChoices):
    """`live` is counted again when its rows change; `pruned` was added when its rows were deleted and stays."""

    LIVE = "live", "live"
    PRUNED = "pruned", "pruned"


class Rollup(models.Model):
    """One cell: how many rows of one fact fell into one hour (or UTC day), with one subject, outcome and cause.

    `buckets` and `counts` are a histogram of the milliseconds: bucket b holds values in (1.04^(b-1), 1.04^b].
    Day cells are the sums of hour cells (both parts) and carry the part `live`.
    """

    fact = models.CharField(max_length=12)
    grain = models.CharField(max_length=4, choices=Grain.choices)
    part = models.CharField(max_length=6, choices=Part.choices, default=Part.LIVE)
    at = models.DateTimeField(help_text="Start of the hour or day.")
    subject = models.CharField(max_length=100, help_text="Task type, or number of a channel.")
    outcome = models.CharField(max_length=30)
    cause = models.CharField(max_length=100, blank=True, default="")
    n = models.BigIntegerField()
    again = models.BigIntegerField(default=0, help_text="How many of them were repetitions.")
    ms_sum = models.BigIntegerField(default=0)
    ms_max = models.BigIntegerField(null=True)
    buckets = ArrayField(models.SmallIntegerField(), default=list)
    counts = ArrayField(models.BigIntegerField(), default=list)

    class Meta:
        db_table = "report_rollups"
        verbose_name = "rollup"
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="rollup_live_once",
                fields=["fact", "grain", "at", "subject", "outcome", "cause"],
                condition=Q(part="live"),
            ),
            models.CheckConstraint(name="rollup_counts_something", condition=Q(n__gt=0) & Q(again__gte=0)),
            models.CheckConstraint(name="rollup_grain_known", condition=Q(grain__in=["hour", "day"])),
            models.CheckConstraint(name="rollup_part_known", condition=Q(part="live") | Q(part="pruned", grain="hour")),
        ]
        indexes: ClassVar = [
            # every report, and every recount of an hour
            models.Index("fact", "grain", "at", name="rollup_by_time"),
        ]

    def __str__(self) -> str:
        return f"{self.n} {self.fact} {self.subject} {self.outcome} at {self.at:%Y-%m-%d %H}h"


class RollupMark(models.Model):
    """Up to when every change is in the rollups. One row."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    seen_until = models.DateTimeField(null=True, help_text="Nothing seen by a later run can be older.")
    refreshed_at = models.DateTimeField(null=True)
    swept_at = models.DateTimeField(null=True, help_text="When everything that is kept was last counted anew.")

    class Meta:
        db_table = "report_rollup_mark"
        constraints: ClassVar = [models.CheckConstraint(name="rollup_mark_single", condition=Q(id=1))]

    def __str__(self) -> str:
        return f"rollups up to {self.seen_until}"


class Pruned(models.Model):
    """How much one run of the pruning job deleted or emptied of one kind."""

    kind = models.CharField(max_length=20)
    started_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True)
    before = models.DateTimeField(help_text="Rows finished before this were due.")
    rows = models.BigIntegerField(default=0)

    class Meta:
        db_table = "report_pruned"
        verbose_name = "pruning run"
        constraints: ClassVar = [
            models.CheckConstraint(name="pruned_something", condition=Q(rows__gt=0)),
        ]
        indexes: ClassVar = [models.Index("kind", F("started_at").desc(), name="pruned_by_kind")]

    def __str__(self) -> str:
        return f"{self.rows} {self.kind} pruned"
