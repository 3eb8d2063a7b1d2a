"""What the pruning job did, as facts."""

from __future__ import annotations

from django.contrib import admin

from agency.console.lists import ReadOnlyAdmin
from reports.models import Pruned


@admin.register(Pruned)
class PrunedAdmin(ReadOnlyAdmin):
    """One line for each run that deleted something."""

    list_display = ("started_at", "kind", "rows", "before", "ended_at")
    list_filter = ("kind",)
    ordering = ("-started_at",)
