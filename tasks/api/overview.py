"""Counts, the live queue, the task types, and one tick of the processor."""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from agency.api.bodies import parse, parse_query
from agency.api.documented import documented
from agency.api.permissions import require_staff
from tasks import access, dispatch, overview
from tasks.api import examples
from tasks.api.base import TaskView
from tasks.api.requests import LimitQuery, Nothing
from tasks.api.serializers import QueueOut, StatsOut, TaskTypeArray, TaskTypeOut, TickOut, tasks_out
from tasks.executors import registry
from tasks.executors.base import Executor


class Stats(TaskView):
    """tasks/stats/"""

    @documented(StatsOut)
    def get(self, request: Request) -> Response:
        """How many tasks the caller sees: by status and type, overdue, waiting for review or an answer."""
        return Response(StatsOut.model_construct(**overview.stats(request.user)))


class Queue(TaskView):
    """tasks/queue/"""

    @documented(QueueOut, query=LimitQuery)
    def get(self, request: Request) -> Response:
        """What runs now and what will run next, in the order of work."""
        query = parse_query(LimitQuery, request)
        rows = access.visible_to(request.user).select_related("created_by", "human_reviewed_by")
        running, waiting = overview.queue(rows, query.limit)
        counts = overview.queue_counts(access.visible_to(request.user))
        answer = QueueOut.model_construct(
            None, **counts, running=tasks_out(running, request.user), next=tasks_out(waiting, request.user)
        )
        return Response(answer)


class TaskTypes(TaskView):
    """task-types/"""

    @documented(TaskTypeArray)
    def get(self, request: Request) -> Response:
        """Every task type with the JSON Schema of its executionConfig."""
        return Response([_type_out(executor) for executor in registry.known().values()])


def _type_out(executor: Executor[Any]) -> TaskTypeOut:
    return TaskTypeOut.model_construct(
        type=executor.type,
        label=executor.label,
        queue=executor.queue,
        default_timeout_s=executor.default_timeout_s,
        config_schema=executor.Config.model_json_schema(),
    )


class ProcessPending(TaskView):
    """tasks/process-pending/"""

    scopes = {"POST": "admin"}
    one_transaction = False

    @documented(TickOut, body=Nothing, answer_example=examples.TICK)
    def post(self, request: Request) -> Response:
        """One tick of the processor: queues what is due, as `manage.py process_pending_tasks` does."""
        require_staff(request)
        parse(Nothing, request.data)
        return Response(TickOut.model_construct(None, **dispatch.process_pending_tasks().as_dict()))
