"""The review queue: two panes rendered here, moved by static/agency/review.js. Every GET only shows."""

from __future__ import annotations

import hashlib
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotModified
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_safe

from agency.console import confirming
from agency.console.access import staff
from tasks.errors import Forbidden, Invalid, NotFound, TaskError
from tasks.executors import registry
from tasks.models import AgencyTask, Priority, ReviewClaim, Risk, SourceType
from tasks.review import detail, links, queue
from tasks.review.reasons import RejectCode

VIEW = "tasks.view_agencytask"
VIEWS = {
    "all": gettext_lazy("All"),
    "mine": gettext_lazy("I may decide"),
    "high": gettext_lazy("High risk"),
    "today": gettext_lazy("Due in a day"),
    "overdue": gettext_lazy("Overdue"),
    "claimed": gettext_lazy("I look at"),
    "later": gettext_lazy("Put off"),
}


@require_safe
@staff(VIEW)
def queue_page(request: HttpRequest) -> HttpResponse:
    """The queue with its first task open beside it (on a phone: the list alone)."""
    shown = _list(request)
    first = shown["rows"][0] if shown["rows"] else None
    context = {**shown, **_frame(request), "pane": "list", "selected": first.pk if first else None}
    if first is not None:
        context |= detail.context(_task(first.pk), request.user)
    return render(request, "review/queue.html", context)


@require_safe
@staff(VIEW)
def task(request: HttpRequest, task_id: int) -> HttpResponse:
    """One task: the pane alone for the script, else the whole page with it open."""
    context = detail.context(_task(task_id), request.user) | _frame(request)
    if request.headers.get("X-Fragment"):
        return render(request, "review/detail.html", context)
    return render(request, "review/queue.html", {**_list(request), **context, "pane": "detail", "selected": task_id})


@require_safe
@staff(VIEW)
def queue_list(request: HttpRequest) -> HttpResponse:
    """The list alone, with an ETag: what did not change costs one query and is not sent."""
    shown = _list(request)
    etag = _etag(request, shown)
    if request.headers.get("If-None-Match") == etag:
        response: HttpResponse = HttpResponseNotModified()
    else:
        response = render(request, "review/list.html", shown)
    response["ETag"] = etag
    return response


def _list(request: HttpRequest) -> dict[str, Any]:
    filters = queue.Filters.of(request.GET)
    wanted = filters.rows(request.user).select_related("created_by").defer("result", "execution_config")
    rows = list(wanted[: filters.limit + 1])
    more = len(rows) > filters.limit
    rows = rows[: filters.limit]
    _add_claims(rows)
    query = request.GET.copy()
    query.pop("limit", None)
    return {
        "rows": rows,
        "more": more,
        "filters": filters,
        "query": request.GET.urlencode(),
        "more_query": f"{query.urlencode()}&limit={filters.limit + queue.PAGE}".lstrip("&"),
        "badge": queue.badge(request),
        "now": timezone.now(),
    }


def _add_claims(rows: list[AgencyTask]) -> None:
    """One query for who looks at what."""
    claims = ReviewClaim.objects.filter(task__in=[row.pk for row in rows], until__gt=timezone.now())
    names = dict(claims.values_list("task_id", "user__username"))
    for row in rows:
        row.claimed_by = names.get(row.pk, "")  # type: ignore[attr-defined]
        row.overdue = row.review_due_at is not None and row.review_due_at < timezone.now()  # type: ignore[attr-defined]


def _etag(request: HttpRequest, shown: dict[str, Any]) -> str:
    rows = [(row.pk, row.version, row.claimed_by, row.overdue) for row in shown["rows"]]
    seen = repr((rows, shown["more"], shown["badge"], shown["query"], request.user.pk))
    return f'W/"{hashlib.sha256(seen.encode()).hexdigest()[:32]}"'


def _frame(request: HttpRequest) -> dict[str, Any]:
    """What the frame around the panes needs."""
    return {
        "title": _("Review"),
        "views": VIEWS,
        "types": {name: executor.label for name, executor in registry.known().items()},
        "risk_choices": Risk.choices,
        "priorities": Priority.choices,
        "sources": SourceType.choices,
        "codes": RejectCode.choices,
        "defer_choices": detail.defer_choices(),
        "query": request.GET.urlencode(),
    }


def _task(task_id: int) -> AgencyTask:
    rows = AgencyTask.objects.select_related(
        "created_by", "last_edited_by", "human_reviewed_by", "template", "schedule"
    )
    found = rows.filter(pk=task_id).first() if task_id < 2**63 else None
    if found is None:
        raise Http404(_("No such task"))
    return found


@require_http_methods(["GET", "HEAD", "POST"])
@confirming.required(lambda request, token: request.POST.get("verb") != "reject")
@staff(VIEW)
def link(request: HttpRequest, token: str) -> HttpResponse:
    """A link from a message: GET shows the task, POST decides once."""
    try:
        found = links.find(token, request.user)
        if request.method == "POST":
            return _decide_by_link(request, token, found.task_id)
    except (NotFound, Forbidden) as error:
        status = 404 if isinstance(error, NotFound) else 403
        return render(request, "review/link.html", {"title": _("Review"), "problem": str(error)}, status=status)
    return _link_page(request, token, found.task_id)


def _link_page(request: HttpRequest, token: str, task_id: int, problem: str = "", status: int = 200) -> HttpResponse:
    found = links.find(token, request.user)
    context = detail.context(_task(task_id), request.user) | _frame(request)
    return render(
        request,
        "review/link.html",
        context | {"token": token, "problem": problem or links.problem_of(found), "expires_at": found.expires_at},
        status=status,
    )


def _decide_by_link(request: HttpRequest, token: str, task_id: int) -> HttpResponse:
    text, code = request.POST.get("text", ""), request.POST.get("code", "")
    try:
        links.decide(token, request.user, request.POST.get("verb", ""), text=text, code=code)
    except TaskError as error:
        status = 422 if isinstance(error, Invalid) else 403 if isinstance(error, Forbidden) else 409
        return _link_page(request, token, task_id, str(error), status)
    return redirect(reverse("review:task", args=[task_id]))
