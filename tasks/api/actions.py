"""What can be done with one task: one view per verb of the seed and of SPEC §5."""

from __future__ import annotations

from typing import Any, TypeVar

from django.urls import reverse
from rest_framework.request import Request
from rest_framework.response import Response

from agency.api.bodies import parse
from agency.api.documented import documented
from agency.api.problems import Problem
from tasks import services
from tasks.api import examples
from tasks.api.base import TaskView, actor_of
from tasks.api.requests import Action, ApproveBody, CancelBody, DeferBody, InputBody, RejectBody
from tasks.api.serializers import Started, TaskOut
from tasks.errors import Stale
from tasks.models import AgencyTask

A = TypeVar("A", bound=Action)


class ActionView(TaskView):
    """POST tasks/{id}/VERB/"""

    action = "edit"

    def body(self, request: Request, task_id: int, model: type[A]) -> A:
        """The body, once the caller may do this at all."""
        self.check(request, task_id, self.action)
        body = parse(model, request.data)
        body.agrees_with(task_id)
        return body


class Execute(ActionView):
    """tasks/{id}/execute/"""

    action = "execute"
    limits = {"POST": "execute"}

    @documented(Started, status=202, body=Action, if_match=True, answer_example=examples.STARTED)
    def post(self, request: Request, task_id: int) -> Response:
        """Starts a task by hand."""
        self.body(request, task_id, Action)
        services.execute(task_id, actor_of(request))
        return Response(Started(task_id=task_id), status=202)


class Decision(ActionView):
    """A decision needs the scope review and the permission tasks.approve_task."""

    action = "review"
    scopes = {"POST": "review"}
    limits = {"POST": "approve"}

    def decided(self, request: Request, decide: Any, task_id: int, **said: Any) -> Response:
        """The decided task. A digest that differs means that the task changed meanwhile: 409."""
        try:
            task: AgencyTask = decide(task_id, actor_of(request), **said)
        except Stale as error:
            raise Problem(409, str(error), kind="conflict") from None
        return self.shown(request, task)


class Approve(Decision):
    """tasks/{id}/approve/"""

    @documented(TaskOut, body=ApproveBody, has_etag=True, if_match=True, examples=examples.APPROVE)
    def post(self, request: Request, task_id: int) -> Response:
        """Approves exactly what the task will do; it then runs, at its time."""
        body = self.body(request, task_id, ApproveBody)
        return self.decided(request, services.approve, task_id, notes=body.notes, digest=body.config_digest)


class Reject(Decision):
    """tasks/{id}/reject/"""

    @documented(TaskOut, body=RejectBody, has_etag=True, if_match=True, examples=examples.REJECT)
    def post(self, request: Request, task_id: int) -> Response:
        """Rejects a task for a reason; it ends as cancelled."""
        body = self.body(request, task_id, RejectBody)
        said = {"reason": body.reason, "code": body.code, "digest": body.config_digest}
        return self.decided(request, services.reject, task_id, **said)


class Cancel(ActionView):
    """tasks/{id}/cancel/"""

    action = "cancel"

    @documented(TaskOut, body=CancelBody, has_etag=True, if_match=True)
    def post(self, request: Request, task_id: int) -> Response:
        """Cancels a task: at once when it is idle, within seconds when it runs."""
        body = self.body(request, task_id, CancelBody)
        reason = body.reason or "Cancelled over the API"
        return self.shown(request, services.cancel(task_id, actor_of(request), reason))


class Defer(ActionView):
    """tasks/{id}/defer/"""

    @documented(TaskOut, body=DeferBody, has_etag=True, if_match=True, examples=examples.DEFER)
    def post(self, request: Request, task_id: int) -> Response:
        """Puts a task off until a time, or until it is released."""
        body = self.body(request, task_id, DeferBody)
        return self.shown(
            request, services.defer(task_id, actor_of(request), body.until, body.reason or "Deferred over the API")
        )


class Release(ActionView):
    """tasks/{id}/release/"""

    @documented(TaskOut, body=Action, has_etag=True, if_match=True)
    def post(self, request: Request, task_id: int) -> Response:
        """Ends a deferral now."""
        self.body(request, task_id, Action)
        return self.shown(request, services.release(task_id, actor_of(request)))


class Retry(ActionView):
    """tasks/{id}/retry/"""

    action = "replay"
    limits = {"POST": "replay"}

    @documented(TaskOut, body=Action, has_etag=True, if_match=True)
    def post(self, request: Request, task_id: int) -> Response:
        """Runs a failed or cancelled task again, as a new run with all its retries."""
        self.body(request, task_id, Action)
        return self.shown(request, services.replay(task_id, actor_of(request)))


class Input(ActionView):
    """tasks/{id}/input/"""

    action = "answer"

    @documented(TaskOut, body=InputBody, has_etag=True, if_match=True, examples=examples.INPUT)
    def post(self, request: Request, task_id: int) -> Response:
        """Answers the question a task waits with."""
        body = self.body(request, task_id, InputBody)
        answered = services.answer(task_id, actor_of(request), {"answer": body.answer}, token=body.waiting_token)
        return self.shown(request, answered)


class Duplicate(ActionView):
    """tasks/{id}/duplicate/"""

    limits = {"POST": "create"}

    @documented(TaskOut, status=201, body=Action, has_etag=True, if_match=True)
    def post(self, request: Request, task_id: int) -> Response:
        """Makes a copy as a new task, which passes review by the rules of today."""
        self.body(request, task_id, Action)
        copy = services.duplicate(task_id, actor_of(request))
        return self.shown(request, copy, 201, Location=reverse("tasks-api:task", args=[copy.pk]))
