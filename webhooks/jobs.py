"""The Celery jobs of messages: bodies that call the services. They carry ids and names only."""

from __future__ import annotations

from celery import shared_task

from webhooks import upkeep, worker


@shared_task(name="webhooks.jobs.ring")
def ring(place: str) -> None:
    """There may be work in the inbox or the outbox."""
    worker.ring(place)


@shared_task(name="webhooks.jobs.sweep")
def sweep() -> None:
    """Takes messages from lost workers and rings for what nobody has taken."""
    upkeep.sweep()


@shared_task(name="webhooks.jobs.tell_disabled")
def tell_disabled(channel_id: int) -> None:
    """Mails the administrators that a channel was switched off."""
    upkeep.tell_disabled(channel_id)
