"""Watching a task as it goes on, by asking the audit trail what is new: one small query a step, by an index."""

from __future__ import annotations

import time
from collections.abc import Iterator

from agency.db import release
from tasks.models import AgencyTask, TaskEvent
from tasks.states import TERMINAL, Status

#: States in which nothing more happens by itself.
ENDS = TERMINAL | {Status.WAITING_INPUT}
#: Seconds between two looks: quick at first, since most tasks are over soon.
FIRST_LOOK_S, LONGEST_LOOK_S = 0.05, 2.0


def events(task_id: int, within_s: float) -> Iterator[TaskEvent]:
    """The events of a task, past and coming, until it ends, waits for a person, or the time is up."""
    deadline = time.monotonic() + within_s
    last, wait = 0, FIRST_LOOK_S
    while True:
        status = AgencyTask.objects.filter(pk=task_id).values_list("status", flat=True).get()
        for event in TaskEvent.objects.filter(task_id=task_id, id__gt=last).order_by("id"):
            last, wait = event.pk, FIRST_LOOK_S
            yield event
        if status in ENDS or time.monotonic() >= deadline:
            return
        release()
        time.sleep(min(wait, max(0.0, deadline - time.monotonic())))
        wait = min(wait * 1.5, LONGEST_LOOK_S)
