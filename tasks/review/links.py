"""Links in messages: per person, expiring, single use, bound to the content. A GET shows; only a POST decides."""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
from typing import Any

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from tasks.actors import Actor
from tasks.errors import Conflict, Forbidden, Invalid, NotFound, Stale
from tasks.models import AgencyTask, ReviewLink
from tasks.review import decisions
from tasks.validation import FieldError


def link_for(task: AgencyTask, user: Any) -> str:
    """A new address under which `user` may decide about `task` as it is now. Written in the caller's transaction."""
    token = secrets.token_urlsafe(32)
    ReviewLink.objects.create(
        task=task,
        user=user,
        digest=task.config_digest,
        token_hash=_hash(token),
        expires_at=timezone.now() + dt.timedelta(hours=settings.REVIEW_LINK_HOURS),
    )
    return settings.PUBLIC_URL + reverse("review:link", args=[token])


def find(token: str, user: Any) -> ReviewLink:
    """The link of a token, for the person it was made for. Raises NotFound, Forbidden."""
    link = ReviewLink.objects.select_related("task").filter(token_hash=_hash(token)).first()
    if link is None:
        raise NotFound("This link does not exist")
    if link.user_id != user.pk:
        raise Forbidden("This link was made for somebody else. Sign in as the person it was sent to.")
    return link


def problem_of(link: ReviewLink) -> str:
    """Why the link does not decide any more, or an empty text."""
    if link.used_at is not None:
        return "This link was used already"
    if link.expires_at <= timezone.now():
        return "This link has expired"
    if link.digest != link.task.config_digest:
        return "The task was changed since this link was sent"
    return ""


def decide(token: str, user: Any, verb: str, *, text: str = "", code: str = "") -> AgencyTask:
    """Decides once by a link. A refused decision leaves the link as it was.

    Raises NotFound, Forbidden, Conflict (used, expired, decided), Stale, Invalid.
    """
    if verb not in ("approve", "reject"):
        raise Invalid([FieldError("#/verb", "choice", "verb must be approve or reject")])
    actor = Actor.user(user, "link")
    with transaction.atomic():
        link = ReviewLink.objects.select_for_update().get(pk=find(token, user).pk)
        problem = problem_of(link)
        if problem:
            raise (Stale if "changed" in problem else Conflict)(problem)
        if verb == "reject":
            task = decisions.reject(link.task_id, actor, reason=text, code=code, digest=link.digest)
        else:
            task = decisions.approve(link.task_id, actor, notes=text, digest=link.digest)
        ReviewLink.objects.filter(pk=link.pk).update(used_at=timezone.now())
    return task


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
