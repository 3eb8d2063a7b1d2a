"""Beat writes down its rings cheaply, and loses none that it could not write."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from django_celery_beat.models import PeriodicTask

from agency.beat import Scheduler
from agency.celery import app

TICKS = ("process pending tasks", "rescue lost attempts")


@pytest.fixture
def scheduler(transactional_db: Any) -> Scheduler:
    made = Scheduler(app=app)
    made.sync()
    return made


def ring(scheduler: Scheduler) -> None:
    for name in TICKS:
        scheduler.reserve(scheduler.schedule[name])


def counts() -> list[int]:
    return list(PeriodicTask.objects.filter(name__in=TICKS).values_list("total_run_count", flat=True))


def test_the_last_rings_are_written_in_one_statement(scheduler: Scheduler) -> None:
    ring(scheduler)
    ring(scheduler)
    with CaptureQueriesContext(
        connection,
    ) as asked:
        scheduler.sync()
    assert [query["sql"][:6] for query in asked] == ["BEGIN", "UPDATE", "COMMIT"]
    assert counts() == [2, 2]
    assert not scheduler.schedule_changed()


def test_rings_that_could_not_be_written_are_written_with_the_next(
    scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any) -> None:
        raise OperationalError("the database is away")

    ring(scheduler)
    with monkeypatch.context() as broken:
        broken.setattr(type(PeriodicTask.objects.all()), "bulk_update", away)
        scheduler.sync()
    assert counts() == [0, 0]
    scheduler.sync()
    assert counts() == [1, 1]
