"""What tasks are found by: words and tags, beside the task so that its changes of status do not pay for them."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models

from tasks.models.task import AgencyTask


class TaskSearch(models.Model):
    """The words and tags of one task, kept by the triggers of migration 0006 when title, description or tags change.

    A task passes four states in its life, and every change of state writes every index of its row again; an inverted
    index on the row itself made up a third of what is written (docs/performance.md).
    """

    task = models.OneToOneField(
        AgencyTask, primary_key=True, on_delete=models.CASCADE, related_name="search_row", db_constraint=False
    )
    words = SearchVectorField()
    tags = ArrayField(models.CharField(max_length=100), default=list)

    class Meta:
        db_table = "task_search"
        indexes: ClassVar = [GinIndex(fields=["words", "tags"], name="task_search_words", gin_pending_list_limit=1024)]

    def __str__(self) -> str:
        return f"words of task {self.task_id}"
