"""The Celery jobs of the reports app."""

from __future__ import annotations

from celery import shared_task

from reports import facts, retention, rollups


@shared_task(name="reports.jobs.refresh_rollups")
def refresh_rollups() -> None:
    """Counts again what changed since the last run."""
    rollups.refresh()


#: Messages are tried for about a day and held for at most a month.
SWEPT_DAYS = 35


@shared_task(name="reports.jobs.sweep_rollups")
def sweep_rollups() -> None:
    """Counts recent messages anew; every change of a task leaves an event, so those need none."""
    rollups.sweep(SWEPT_DAYS, (facts.INBOUND, facts.OUTBOUND, facts.DELIVERY))


@shared_task(name="reports.jobs.prune")
def prune() -> None:
    """Forgets what is older than the settings keep."""
    retention.run()
