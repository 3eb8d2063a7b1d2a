"""The Celery jobs: bodies that call the services. Messages carry ids and names only."""

from __future__ import annotations

from celery import shared_task

from tasks import dispatch, workers
from tasks.review import follow_up


@shared_task(name="tasks.jobs.ring")
def ring(queue: str) -> None:
    """There may be work in a queue."""
    workers.ring(queue)


@shared_task(name="tasks.jobs.process_pending")
def process_pending() -> None:
    """One tick of the processor."""
    dispatch.process_pending_tasks()


@shared_task(name="tasks.jobs.reap")
def reap() -> None:
    """Rescues attempts of lost workers."""
    dispatch.reap()


@shared_task(name="tasks.jobs.reap_browsers")
def reap_browsers() -> None:
    """Ends the browsers, here and at Browserbase, whose worker is dead."""
    from tasks.executors.browser.pool import reap_orphans  # Selenium belongs to the browser worker alone

    reap_orphans()


@shared_task(name="tasks.jobs.review_clocks")
def review_clocks() -> None:
    """Reminders, escalations and expiry of reviews."""
    follow_up.tick()
