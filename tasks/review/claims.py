"""Who is looking at a task: a courtesy that ends by itself and binds nobody."""

from __future__ import annotations

import datetime as dt

from django.utils import timezone

from tasks.actors import Actor
from tasks.errors import Conflict, Forbidden, NotFound
from tasks.models import AgencyTask, ReviewClaim

LASTS = dt.timedelta(minutes=15)


def claim(task_id: int, actor: Actor) -> ReviewClaim:
    """Says that this person looks at the task now. Raises NotFound, and Conflict while somebody else does."""
    if actor.user_id is None:
        raise Forbidden("Only a person can look at a task")
    if not AgencyTask.objects.filter(pk=task_id).exists():
        raise NotFound("No such task")
    now = timezone.now()
    free = ReviewClaim.objects.filter(task_id=task_id)
    taken = free.filter(until__gt=now).exclude(user_id=actor.user_id).select_related("user").first()
    if taken is not None:
        raise Conflict(f"{taken.user.get_username()} is looking at it")
    row, _made = ReviewClaim.objects.update_or_create(
        task_id=task_id, defaults={"user_id": actor.user_id, "until": now + LASTS}
    )
    return row


def release(task_id: int, actor: Actor) -> None:
    """Ends one's own claim."""
    ReviewClaim.objects.filter(task_id=task_id, user_id=actor.user_id or 0).delete()
