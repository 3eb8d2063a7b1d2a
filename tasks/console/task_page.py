"""The page of one task: where it stands, what it does step by step, what came of it, and what can be done now."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotModified
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import NoReverseMatch, reverse
from django.views.decorators.http import require_POST, require_safe

from agency import credentials
from agency.console import confirming
from agency.console.access import permitted
from tasks import access, outcomes, services
from tasks.actors import Actor
from tasks.console import panels
from tasks.errors import Forbidden, TaskError
from tasks.models import AgencyTask, TaskEvent, TaskExecution
from tasks.review import comments, decisions, detail
from tasks.states import CANCELLABLE, DEFERRABLE, EDITABLE, REPLAYABLE, STARTABLE, TERMINAL, Review, Status

ATTEMPTS, EVENTS, STEPS = 20, 100, 200
#: Characters of an answer shown at once; the rest is behind the API.
CUT = 8_000


@require_safe
@permitted("tasks.view_agencytask")
def show(request: HttpRequest, task_id: int) -> HttpResponse:
    """Everything about one task."""
    task = _task(task_id)
    events = list(TaskEvent.objects.filter(task_id=task.pk).order_by("-id")[:EVENTS])
    context = {
        **_live(task),
        "title": f"#{task.pk} {task.title}",
        "preview": decisions.preview_of(task),
        "config": detail.pretty(task.execution_config),
        "result": cut(task.result),
        "attempts": _attempts(task).defer("step_results", "output", "late_output")[:ATTEMPTS],
        "events": events,
        "talk": [event for event in reversed(events) if event.kind in (comments.ASKED, comments.COMMENT)],
        "approvals": task.approvals.select_related("user").order_by("-id")[:20],
        "upstream": task.dependency_rows.select_related("depends_on").order_by("depends_on_id")[:50],
        "downstream": task.dependent_rows.select_related("task").order_by("task_id")[:50],
        "may": allowed(task, request.user),
        "message": task.original_message if request.user.has_perm(access.VIEW_SENSITIVE) else "",
        "trace": request.user.has_perm(access.VIEW_SENSITIVE),
        "defer_choices": detail.defer_choices(),
        "panels": [
            part | {"html": render_to_string(part["template"], part, request)} for part in panels.shown(request, task)
        ],
    }
    return render(request, "console/task.html", context)


@require_safe
@permitted("tasks.view_agencytask")
def live(request: HttpRequest, task_id: int) -> HttpResponse:
    """The part that moves while an attempt runs, with an ETag."""
    context = _live(_task(task_id))
    body = render_to_string("console/task_live.html", context, request)
    etag = f'W/"{hashlib.sha256(body.encode()).hexdigest()[:32]}"'
    same = request.headers.get("If-None-Match") == etag
    response = HttpResponseNotModified() if same else HttpResponse(body)
    response["ETag"] = etag
    return response


def _task(task_id: int) -> AgencyTask:
    related = "created_by", "last_edited_by", "human_reviewed_by", "template", "schedule"
    task = AgencyTask.objects.select_related(*related).filter(pk=task_id).first() if task_id < 2**63 else None
    if task is None:
        raise Http404("No such task")
    return task


def _attempts(task: AgencyTask) -> QuerySet[TaskExecution]:
    return task.executions.order_by("-attempt")


def _live(task: AgencyTask) -> dict[str, Any]:
    attempt = _attempts(task).first()
    return {
        "task": task,
        "attempt": attempt,
        "steps": _steps(attempt),
        "artifacts": [_artifact(row) for row in attempt.artifacts.order_by("id")[:50]] if attempt else [],
        "ended": task.status in TERMINAL,
        "again_at": task.run_at if task.status == Status.PENDING and task.error_count else None,
    }


def _steps(attempt: TaskExecution | None) -> list[dict[str, Any]]:
    """The steps as they were recorded, each with the address of its picture."""
    found = attempt.step_results[:STEPS] if attempt and isinstance(attempt.step_results, list) else []
    steps = []
    for step in found:
        if isinstance(step, dict):
            picture = step.get("screenshot")
            number = picture.get("artifact") if isinstance(picture, dict) else None
            steps.append(step | {"picture": _address(number) if isinstance(number, int) else ""})
    return steps


def _artifact(row: Any) -> dict[str, Any]:
    is_picture = row.content_type in ("image/png", "image/jpeg", "image/webp")
    return {"name": row.name, "size": row.size, "url": _address(row.pk), "picture": is_picture}


def _address(artifact_id: int) -> str:
    try:
        return reverse("tasks-api:artifact", args=[artifact_id])
    except NoReverseMatch:
        return ""


def cut(value: Any) -> dict[str, Any] | None:
    """JSON for reading, masked and cut; None when there is nothing."""
    if value is None:
        return None
    text = json.dumps(credentials.redact(value), indent=2, ensure_ascii=False, default=str)
    return {"text": text[:CUT], "cut": max(0, len(text) - CUT)}


# --- what can be done now -----------------------------------------------------------------------------------------


def allowed(task: AgencyTask, user: Any) -> dict[str, bool]:
    """The buttons: what this person may do with the task in the state it is in."""
    own = task.created_by_id == user.pk

    def may(action: str) -> bool:
        return own or bool(user.has_perm(access.PERMISSIONS[action]))

    waits_for_review = task.review == Review.REQUIRED
    return {
        "execute": task.status in STARTABLE and not waits_for_review and may("execute"),
        "cancel": task.status in CANCELLABLE and may("cancel"),
        "defer": task.status in DEFERRABLE and may("edit"),
        "release": task.status == Status.DEFERRED and may("edit"),
        "replay": task.status in REPLAYABLE and may("replay"),
        "duplicate": bool(user.has_perm("tasks.add_agencytask")),
        "edit": task.status in EDITABLE and bool(user.has_perm(access.PERMISSIONS["edit"])),
        "answer": task.status == Status.WAITING_INPUT and may("answer"),
        "review": waits_for_review and task.status in decisions.UNDECIDED,
        "comment": True,
    }


def _duplicate(task_id: int, actor: Actor, data: Any) -> int:
    return services.duplicate(task_id, actor).pk


def _answer(task_id: int, actor: Actor, data: Any) -> int:
    services.answer(task_id, actor, {"answer": data.get("answer", "")}, token=data.get("token", ""))
    return task_id


def _defer(task_id: int, actor: Actor, data: Any) -> int:
    from tasks.review.acts import time_of

    services.defer(task_id, actor, time_of(data.get("until", "")))
    return task_id


def _comment(task_id: int, actor: Actor, data: Any) -> int:
    comments.comment(task_id, actor, data.get("text", ""))
    return task_id


def _plain(act: Any) -> Any:
    def run(task_id: int, actor: Actor, data: Any) -> int:
        act(task_id, actor)
        return task_id

    return run


VERBS: dict[str, Any] = {
    "execute": _plain(services.execute),
    "cancel": _plain(services.cancel),
    "release": _plain(services.release),
    "replay": _plain(services.replay),
    "duplicate": _duplicate,
    "defer": _defer,
    "answer": _answer,
    "comment": _comment,
}


def _starts_work(request: HttpRequest, task_id: int, verb: str) -> bool:
    """Starting a failed task is running it again, and so is one of the answers to an unknown outcome."""
    return verb in ("execute", "replay") or (verb == "answer" and request.POST.get("answer") == outcomes.RUN_AGAIN)


@require_POST
@confirming.required(_starts_work)
@permitted("tasks.view_agencytask")
def act(request: HttpRequest, task_id: int, verb: str) -> HttpResponse:
    """One act, then the page again with a message."""
    if verb not in VERBS:
        raise Http404
    try:
        if not allowed(_task(task_id), request.user)[verb]:
            raise Forbidden("This cannot be done now, or not by you")
        shown = VERBS[verb](task_id, Actor.user(request.user, "admin"), request.POST)  # type: ignore[arg-type]
    except TaskError as error:
        messages.error(request, str(error))
        shown = task_id
    return redirect(reverse("admin:task_page", args=[shown]))
