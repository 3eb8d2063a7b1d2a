"""Which task waits for which: no cycles, and a count on the task that the end of others brings to zero."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import connection

from tasks import lifecycle
from tasks.errors import Invalid
from tasks.models import AgencyTask, TaskDependency
from tasks.states import TERMINAL, Status
from tasks.validation import FieldError

_REACHES = """
WITH RECURSIVE up(id) AS (
  SELECT unnest(%(starts)s::bigint[])
  UNION SELECT d.depends_on_id FROM task_dependencies d JOIN up ON d.task_id = up.id)
SELECT 1 FROM up WHERE id = %(goal)s LIMIT 1
"""


def add_dependencies(wanted: Sequence[tuple[AgencyTask, Sequence[int]]]) -> None:
    """Writes the dependencies of new tasks and their counts. Raises Invalid for an id that does not exist.

    The tasks depended on are locked, so that one that ends at this moment either is seen as ended here or sees these rows.
    """
    ids = {upstream for _, upstreams in wanted for upstream in upstreams}
    if not ids:
        return
    known = _locked_states(ids)
    rows = []
    for task, upstreams in wanted:
        missing = [upstream for upstream in upstreams if upstream not in known]
        if missing:
            message = f"dependsOn names task {missing[0]}, which does not exist"
            raise Invalid([FieldError("#/dependsOn", "unknown_task", message)])
        rows += [
            TaskDependency(task=task, depends_on_id=upstream, met=_is_met(task, known[upstream]))
            for upstream in sorted(set(upstreams))
        ]
    TaskDependency.objects.bulk_create(rows)
    counted = _count([task.pk for task, upstreams in wanted if upstreams])
    for task, _upstreams in wanted:
        task.__dict__.update(counted.get(task.pk, {}))
    lifecycle.cancel_followers([pk for pk, status in known.items() if status in TERMINAL - {Status.COMPLETED}])


def replace_dependencies(task: AgencyTask, upstreams: Sequence[int]) -> None:
    """Sets what an existing task waits for. Raises Invalid for an unknown id and for a cycle."""
    if _reaches(upstreams, task.pk):
        raise Invalid(
            [FieldError("#/dependsOn", "cycle", "dependsOn would make a circle: the task would wait for itself")]
        )
    TaskDependency.objects.filter(task=task).delete()
    if upstreams:
        add_dependencies([(task, upstreams)])
    else:
        _count([task.pk])


def waits_in_vain(task: AgencyTask) -> bool:
    """Whether a task it waits for has ended otherwise than completed."""
    ended = TERMINAL - {Status.COMPLETED}
    return TaskDependency.objects.filter(task=task, met=False, depends_on__status__in=ended).exists()


def _is_met(task: AgencyTask, status: str) -> bool:
    return status == Status.COMPLETED or (status in TERMINAL and task.on_dependency_failure == "run")


def _locked_states(ids: set[int]) -> dict[int, str]:
    rows = AgencyTask.objects.select_for_update(of=("self",), no_key=True).filter(pk__in=ids).order_by("pk")
    return dict(rows.values_list("pk", "status"))


def _reaches(starts: Sequence[int], goal: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(_REACHES, {"starts": list(starts), "goal": goal})
        return cursor.fetchone() is not None


def _count(ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    """Writes the counts; answers what changed of each task."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE agency_tasks t SET unmet_dependencies = (SELECT count(*) FROM task_dependencies d"
            " WHERE d.task_id = t.id AND NOT d.met) WHERE t.id = ANY(%s)"
            " RETURNING t.id, t.unmet_dependencies, t.version, t.updated_at",
            [list(ids)],
        )
        names = ("unmet_dependencies", "version", "updated_at")
        return {row[0]: dict(zip(names, row[1:], strict=True)) for row in cursor.fetchall()}
