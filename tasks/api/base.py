"""What the views of tasks share: who acts, and which row they may see."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from rest_framework.request import Request
from rest_framework.response import Response

from agency.api.conditional import etag, expected_version, tagged
from agency.api.views import ApiView
from tasks import access, pressure
from tasks.actors import Actor
from tasks.api.serializers import task_out
from tasks.drafts import Source
from tasks.errors import NotFound, Stale
from tasks.models import AgencyTask

if TYPE_CHECKING:
    from django.contrib.auth.models import User

API = Source(type="api")


def person_of(request: Request) -> User:
    """The caller: the permission classes let nobody in without an account."""
    return cast("User", request.user)


def actor_of(request: Request) -> Actor:
    """The caller, for the audit trail."""
    return Actor.user(person_of(request), "api")


#: Requests of these kinds add to the queue.
QUEUEING = frozenset({"create", "bulk", "execute", "replay"})


class TaskView(ApiView):
    """A view of tasks."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """After everything else that is checked first: whether the queue takes more."""
        super().initial(request, *args, **kwargs)
        if self.limit_of(request.method or "GET") in QUEUEING:
            pressure.check()

    def find(self, request: Request, task_id: int) -> AgencyTask:
        """The task, if the caller may see it. Raises NotFound."""
        rows = access.visible_to(request.user).select_related("created_by", "human_reviewed_by")
        task = rows.filter(pk=task_id).first()
        if task is None:
            raise NotFound("No such task")
        return task

    def check(self, request: Request, task_id: int, action: str) -> None:
        """Raises NotFound or Forbidden, and Stale when If-Match names another version than the one locked here."""
        access.check(request.user, task_id, action)
        expected = expected_version(request)
        if expected is None:
            return
        locked = AgencyTask.objects.select_for_update(of=("self",)).filter(pk=task_id)
        if locked.values_list("version", flat=True).get() != expected:
            raise Stale("The task was changed since you read it")

    def shown(
        self, request: Request, task: AgencyTask, status: int = 200, waits: list[int] | None = None, **headers: Any
    ) -> Response:
        """A task as the answer, with its ETag. `waits` saves asking what it depends on."""
        response = Response(task_out(task, request.user, waits), status=status, headers=headers)
        return tagged(response, etag(task.version))
