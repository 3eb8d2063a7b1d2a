"""The Celery jobs of the reports app."""

from __future__ import annotations

from celery import shared_task

from reports import rollups


@shared_task(name="reports.jobs.refresh_rollups")
def refresh_rollups() -> None:
    """Counts again what changed since the last run."""
    rollups.refresh()


@shared_task(name="reports.jobs.sweep_rollups")
def sweep_rollups() -> None:
    """Counts anew everything that is kept."""
    rollups.sweep()
