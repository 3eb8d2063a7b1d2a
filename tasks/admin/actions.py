"""What can be done with selected tasks. Each row is done for itself, and each refusal is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from agency.console.confirming import actions_of
from tasks import services
from tasks.actors import Actor
from tasks.errors import TaskError
from tasks.models import AgencyTask
from tasks.review import decisions
from tasks.review.reasons import RejectCode

#: More than this at once is a program's work, not a person's.
MOST_AT_ONCE = decisions.BULK_LIMIT


class TaskActions:
    """Actions of the task list; a mixin, because the list itself is long enough."""

    admin_site: Any
    opts: Any
    #: Yes to work, or work begun again: these ask for a fresh proof of who it is. Edits do not; they void approvals.
    confirmed_actions = frozenset({"approve", "execute", "replay"})

    def needs_proof(self, request: HttpRequest, *args: Any, **kwargs: Any) -> bool:
        """Of the POSTs of these pages."""
        return bool(actions_of(request) & self.confirmed_actions)

    def has_approve_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("tasks.approve_task")

    def has_execute_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("tasks.execute_task")

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("tasks.change_agencytask")

    def has_replay_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("tasks.replay_task")

    @admin.action(description=gettext_lazy("Approve…"), permissions=["approve"])
    def approve(self, request: HttpRequest, queryset: QuerySet[AgencyTask]) -> TemplateResponse | None:
        """Asks once more, then approves exactly what was shown."""
        return self._decide(request, queryset, "approve")

    @admin.action(description=gettext_lazy("Reject…"), permissions=["approve"])
    def reject(self, request: HttpRequest, queryset: QuerySet[AgencyTask]) -> TemplateResponse | None:
        """Asks for the reason, then rejects."""
        return self._decide(request, queryset, "reject")

    def _decide(self, request: HttpRequest, queryset: QuerySet[AgencyTask], verb: str) -> TemplateResponse | None:
        if "apply" not in request.POST:
            return self._ask(request, queryset, verb)
        asked = [
            decisions.Ask(int(task_id), digest=request.POST.get(f"digest_{task_id}", "-"))
            for task_id in request.POST.getlist(ACTION_CHECKBOX_NAME)
            if task_id.isdecimal()
        ]
        results = decisions.decide_many(
            asked,
            Actor.user(request.user, "admin"),  # type: ignore[arg-type]
            verb,
            text=request.POST.get("text", ""),
            code=request.POST.get("code", ""),
        )
        _tell(request, [(result.task_id, result.error) for result in results])
        return None

    def _ask(self, request: HttpRequest, queryset: QuerySet[AgencyTask], verb: str) -> TemplateResponse | None:
        rows = list(queryset.order_by("-id")[: MOST_AT_ONCE + 1])
        if len(rows) > MOST_AT_ONCE:
            messages.error(request, _("Select at most %(limit)s tasks.") % {"limit": MOST_AT_ONCE})
            return None
        context = {
            **self.admin_site.each_context(request),
            "title": _("Approve these tasks?") if verb == "approve" else _("Reject these tasks?"),
            "rows": [(task, decisions.preview_of(task)) for task in rows],
            "verb": verb,
            "codes": RejectCode.choices,
            "opts": self.opts,
            "checkbox": ACTION_CHECKBOX_NAME,
        }
        return TemplateResponse(request, "admin/tasks/agencytask/decide.html", context)

    @admin.action(description=gettext_lazy("Start now"), permissions=["execute"])
    def execute(self, request: HttpRequest, queryset: QuerySet[AgencyTask]) -> None:
        """Starts by hand."""
        _each(request, queryset, services.execute)

    @admin.action(description=gettext_lazy("Cancel"), permissions=["cancel"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[AgencyTask]) -> None:
        """Ends, or asks the worker to stop."""
        _each(request, queryset, services.cancel)

    @admin.action(description=gettext_lazy("Run again"), permissions=["replay"])
    def replay(self, request: HttpRequest, queryset: QuerySet[AgencyTask]) -> None:
        """A new run of failed or cancelled tasks."""
        _each(request, queryset, services.replay)


def _each(request: HttpRequest, queryset: QuerySet[AgencyTask], act: Callable[[int, Actor], Any]) -> None:
    actor = Actor.user(request.user, "admin")  # type: ignore[arg-type]
    results = []
    for task_id in queryset.order_by("id").values_list("pk", flat=True)[:MOST_AT_ONCE]:
        try:
            act(task_id, actor)
            results.append((task_id, ""))
        except TaskError as error:
            results.append((task_id, str(error)))
    _tell(request, results)


def _tell(request: HttpRequest, results: list[tuple[int, str]]) -> None:
    done = [task_id for task_id, error in results if not error]
    if done:
        messages.success(request, _("Done: %(count)s.") % {"count": len(done)})
    for task_id, error in results:
        if error:
            messages.error(request, f"#{task_id}: {error}")
