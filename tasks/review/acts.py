"""What a person does in the queue: each a POST that says what they saw, each answered with what came of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from agency.console import confirming
from agency.console.access import staff
from tasks import services
from tasks.actors import Actor
from tasks.errors import Conflict, Forbidden, Invalid, NotFound, TaskError
from tasks.models import AgencyTask
from tasks.review import claims, comments, decisions, detail
from tasks.states import Review
from tasks.validation import FieldError

VIEW = "tasks.view_agencytask"


def _approve(task_id: int, actor: Actor, data: Any) -> str:
    task = decisions.approve(task_id, actor, notes=data.get("text", ""), **_seen(data))
    if task.review == Review.APPROVED:
        return _("Approved #%(id)s.") % {"id": task_id}
    left = task.approvals_required - decisions.approvals_of(task)
    return _("Approved #%(id)s; it waits for %(left)s more.") % {"id": task_id, "left": left}


def _reject(task_id: int, actor: Actor, data: Any) -> str:
    decisions.reject(task_id, actor, reason=data.get("text", ""), code=data.get("code", ""), **_seen(data))
    return _("Rejected #%(id)s.") % {"id": task_id}


def _defer(task_id: int, actor: Actor, data: Any) -> str:
    _check_reviewer(actor)
    services.defer(task_id, actor, time_of(data.get("until", "")), "Put off by a reviewer")
    return _("Put off #%(id)s.") % {"id": task_id}


def _ask(task_id: int, actor: Actor, data: Any) -> str:
    _check_reviewer(actor)
    comments.ask(task_id, actor, data.get("text", ""))
    return _("Asked about #%(id)s.") % {"id": task_id}


def _comment(task_id: int, actor: Actor, data: Any) -> str:
    comments.comment(task_id, actor, data.get("text", ""))
    return _("Noted.")


def _claim(task_id: int, actor: Actor, data: Any) -> str:
    claims.claim(task_id, actor)
    return _("Others see that you look at #%(id)s.") % {"id": task_id}


def _release(task_id: int, actor: Actor, data: Any) -> str:
    claims.release(task_id, actor)
    return _("#%(id)s is free again.") % {"id": task_id}


def _undo(task_id: int, actor: Actor, data: Any) -> str:
    decisions.undo(task_id, actor)
    return _("Undone: #%(id)s awaits review again.") % {"id": task_id}


VERBS: dict[str, Callable[[int, Actor, Any], str]] = {
    "approve": _approve,
    "reject": _reject,
    "defer": _defer,
    "ask": _ask,
    "comment": _comment,
    "claim": _claim,
    "release": _release,
    "undo": _undo,
}


def _seen(data: Any) -> dict[str, Any]:
    """What the person saw. The page always says it: a decision without it would be about anything."""
    version = data.get("version", "")
    if not version.isdecimal() or not data.get("digest"):
        raise Invalid([FieldError("#/version", "missing", "version and digest of what was shown are required")])
    return {"digest": data["digest"], "version": int(version)}


def _check_reviewer(actor: Actor) -> None:
    if actor.person is None or not actor.person.has_perm(decisions.PERMISSION):  # type: ignore[attr-defined]
        raise Forbidden(f"This needs the permission {decisions.PERMISSION}")


def time_of(text: str) -> dt.datetime | None:
    """An aware time, or None for an empty text: until somebody releases it."""
    if not text:
        return None
    try:
        found = parse_datetime(text)
    except ValueError:
        found = None
    if found is None:
        raise Invalid([FieldError("#/until", "invalid", "until must be a date and time")])
    return found if found.tzinfo else timezone.make_aware(found)


def _approves(request: HttpRequest, task_id: int = 0, verb: str = "") -> bool:
    """A yes needs a fresh proof of who says it; a no, a question or a delay harms nobody."""
    return (verb or request.POST.get("verb")) == "approve"


@require_POST
@confirming.required(_approves)
@staff(VIEW)
def act(request: HttpRequest, task_id: int, verb: str) -> HttpResponse:
    """One act on one task: JSON for the script, a redirect with a message for a plain form."""
    if verb not in VERBS:
        raise Http404
    actor = Actor.user(request.user, "queue")  # type: ignore[arg-type]
    try:
        message = VERBS[verb](task_id, actor, request.POST)
    except TaskError as error:
        return _refused(request, task_id, error)
    if not request.headers.get("X-Fragment"):
        messages.success(request, message)
        return redirect(f"{reverse('review:queue')}?{request.GET.urlencode()}".rstrip("?"))
    undo = verb in ("approve", "reject")
    return JsonResponse({"message": message, "undo": undo, "undoSeconds": settings.REVIEW_UNDO_SECONDS if undo else 0})


def _status(error: TaskError) -> int:
    kinds: list[tuple[type[TaskError], int]] = [(Invalid, 422), (NotFound, 404), (Forbidden, 403), (Conflict, 409)]
    return next((status for kind, status in kinds if isinstance(error, kind)), 400)


def _refused(request: HttpRequest, task_id: int, error: TaskError) -> HttpResponse:
    """Why not; for a decision that came too late also what happened meanwhile, and the task as it is now."""
    status = _status(error)
    if not request.headers.get("X-Fragment"):
        messages.error(request, str(error))
        return redirect(reverse("review:task", args=[task_id]) if status != 404 else reverse("review:queue"))
    answer: dict[str, Any] = {"error": str(error)}
    if status == 409:
        event = request.POST.get("event", "")
        task = AgencyTask.objects.get(pk=task_id)
        found = detail.since(task, int(event) if event.isdecimal() else 0)
        answer["changed"] = render_to_string("review/changed.html", {"error": str(error), **found})
    return JsonResponse(answer, status=status)


@require_POST
@confirming.required(_approves)
@staff(VIEW)
def bulk(request: HttpRequest) -> HttpResponse:
    """Many decisions with one reason. Every row carries what was shown of it; the answer tells what came of each."""
    asked = []
    for row in request.POST.getlist("row"):
        task_id, _colon, rest = row.partition(":")
        version, _colon, digest = rest.partition(":")
        if not (task_id.isdecimal() and version.isdecimal() and digest):
            return JsonResponse({"error": "every row is id:version:digest"}, status=422)
        asked.append(decisions.Ask(int(task_id), digest, int(version)))
    actor = Actor.user(request.user, "bulk")  # type: ignore[arg-type]
    text, code = request.POST.get("text", ""), request.POST.get("code", "")
    try:
        results = decisions.decide_many(asked, actor, request.POST.get("verb", ""), text=text, code=code)
    except TaskError as error:
        return JsonResponse({"error": str(error)}, status=_status(error))
    rows = [{"id": result.task_id, "error": result.error, "code": result.code} for result in results]
    return JsonResponse({"results": rows, "done": sum(not result.error for result in results)})
