"""Templates and schedules through their services."""

from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from tasks import schedules, templates
from tasks.actors import Actor
from tasks.errors import Conflict, Invalid
from tasks.models import AgencyTask, ScheduleOccurrence, TaskSchedule, TaskTemplate
from tasks.tests.factories import UserFactory

pytestmark = pytest.mark.django_db

TASK = {
    "title": "Ping {{ client }}",
    "taskType": "api_call",
    "executionType": "manual_trigger",
    "executionConfig": {
        "apiEndpoint": "https://api.example.com/{{client}}",
        "apiMethod": "POST",
        "apiPayload": {"count": "{{count}}"},
    },
}
PARAMETERS = {
    "properties": {"client": {"type": "string", "maxLength": 50}, "count": {"type": "integer", "default": 3}},
    "required": ["client"],
}


def make_template(**fields: Any) -> TaskTemplate:
    return TaskTemplate.objects.create(**({"name": "ping", "task": TASK, "parameters": PARAMETERS} | fields))


def make_schedule(**fields: Any) -> TaskSchedule:
    template = fields.get("template") or make_template()
    defaults = {"name": "hourly", "template": template, "parameters": {"client": "acme"}, "cron": "0 * * * *"}
    return schedules.save(TaskSchedule(**(defaults | fields)))


def missed_hours(schedule: TaskSchedule, hours: int) -> None:
    """As if no processor had run for so many hours."""
    whole = timezone.now().replace(minute=0, second=0, microsecond=0)
    TaskSchedule.objects.filter(pk=schedule.pk).update(next_run_at=whole - dt.timedelta(hours=hours - 1))


def outcomes(schedule: TaskSchedule) -> list[str]:
    return list(schedule.occurrences.order_by("planned_for").values_list("outcome", flat=True))


def test_a_template_fills_its_slots_with_typed_values() -> None:
    task = templates.create_task(make_template(), {"client": "acme", "count": 7}, Actor("test"))
    assert task.title == "Ping acme"
    assert task.execution_config["apiEndpoint"] == "https://api.example.com/acme"
    assert task.execution_config["apiPayload"] == {"count": 7}
    assert task.source_type == "template"


def test_a_value_cannot_break_out_of_its_slot() -> None:
    client = '", "apiMethod": "DELETE'
    rendered = templates.render(make_template(), {"client": client})
    assert rendered["executionConfig"]["apiEndpoint"].endswith(client)
    assert rendered["executionConfig"]["apiMethod"] == "POST"


@pytest.mark.parametrize(
    ("values", "pointer"),
    [({}, "#/parameters"), ({"client": 5}, "#/parameters/client"), ({"client": "a", "x": 1}, "#/parameters")],
)
def test_values_the_schema_refuses_name_the_parameter(values: dict[str, Any], pointer: str) -> None:
    with pytest.raises(Invalid) as refused:
        templates.render(make_template(), values)
    assert refused.value.errors[0].pointer == pointer


def test_a_template_that_is_switched_off_makes_nothing() -> None:
    with pytest.raises(Conflict):
        templates.create_task(make_template(active=False), {"client": "acme"}, Actor("test"))


def test_a_slot_without_a_parameter_is_refused_when_the_template_is_written() -> None:
    with pytest.raises(Invalid):
        templates.check({"title": "{{nobody}}"}, {})


def test_a_due_schedule_makes_one_task_and_moves_on() -> None:
    schedule = make_schedule()
    missed_hours(schedule, 1)
    assert schedules.start_due() in (0, 1)  # the full hour may be longer ago than the catch-up window allows
    schedule.refresh_from_db()
    assert schedule.next_run_at is not None
    assert schedule.next_run_at > timezone.now()
    assert schedules.start_due() == 0


@pytest.mark.parametrize(
    ("misfire", "expected"),
    [
        ("all", ["started", "started", "started"]),
        ("last", ["skipped", "skipped", "started"]),
    ],
)
def test_missed_starts_follow_the_misfire_rule(misfire: str, expected: list[str]) -> None:
    schedule = make_schedule(misfire=misfire, overlap="queue", catchup_window_s=86_400)
    missed_hours(schedule, 3)
    schedules.start_due()
    assert outcomes(schedule) == expected
    assert AgencyTask.objects.filter(schedule=schedule).count() == expected.count("started")


def test_starts_older_than_the_window_are_skipped_and_kept() -> None:
    schedule = make_schedule(misfire="all", overlap="queue", catchup_window_s=60)
    missed_hours(schedule, 4)
    schedules.start_due()
    assert outcomes(schedule)[:3] == ["skipped"] * 3
    assert "catch-up window" in schedule.occurrences.order_by("planned_for")[0].reason


def test_an_unfinished_task_holds_back_the_next_start() -> None:
    schedule = make_schedule(misfire="all", overlap="skip", catchup_window_s=86_400)
    missed_hours(schedule, 2)
    schedules.start_due()
    assert outcomes(schedule) == ["started", "skipped"]


def test_a_later_start_cancels_the_earlier_one_when_asked() -> None:
    schedule = make_schedule(misfire="all", overlap="cancel", catchup_window_s=86_400)
    missed_hours(schedule, 2)
    schedules.start_due()
    statuses = AgencyTask.objects.filter(schedule=schedule).order_by("pk").values_list("status", flat=True)
    assert list(statuses) == ["cancelled", "pending"]


def test_a_start_that_cannot_be_made_is_skipped_with_its_reason() -> None:
    schedule = make_schedule(overlap="queue", catchup_window_s=86_400)
    TaskTemplate.objects.filter(pk=schedule.template_id).update(task={**TASK, "taskType": "nothing"})
    missed_hours(schedule, 1)
    assert schedules.start_due() == 0
    assert "nothing" in ScheduleOccurrence.objects.get().reason


def test_switching_a_schedule_on_starts_from_now() -> None:
    schedule = make_schedule(active=False)
    assert schedule.next_run_at is None
    schedule.active = True
    assert schedules.save(schedule).next_run_at > timezone.now()


def test_a_schedule_that_can_never_start_is_refused() -> None:
    with pytest.raises(Invalid) as refused:
        make_schedule(cron="0 0 31 2 *")
    assert refused.value.errors[0].pointer == "#/cron"


@pytest.mark.django_db(transaction=True)
def test_several_processors_start_an_occurrence_once() -> None:
    schedule = make_schedule(overlap="queue", catchup_window_s=86_400)
    missed_hours(schedule, 1)

    def tick(_: int) -> int:
        try:
            return schedules.start_due()
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(tick, range(16))) == 1
    assert AgencyTask.objects.filter(schedule=schedule).count() == 1


def test_a_secret_written_into_a_template_becomes_a_credential() -> None:
    config = {
        "apiEndpoint": "https://api.example.com/x",
        "authType": "bearer",
        "bearerToken": "canary-token-1234567890",
    }
    task = {"title": "Call", "taskType": "api_call", "executionConfig": config}
    template = templates.save(TaskTemplate(name="secret", task=task), Actor.user(UserFactory(), "api"))
    template.refresh_from_db()
    assert "canary" not in str(template.task)
    assert set(template.task["executionConfig"]["bearerToken"]) == {"credential", "hint"}


def test_a_schedule_whose_tasks_would_be_refused_is_refused() -> None:
    with pytest.raises(Invalid):
        make_schedule(template=make_template(task={"title": "x", "taskType": "api_call", "executionConfig": {}}))


def test_a_schedule_keeps_no_secret_among_its_parameters() -> None:
    parameters = {"properties": {"api_token": {"type": "string"}, "client": {"type": "string"}}}
    with pytest.raises(Invalid) as refused:
        make_schedule(
            template=make_template(parameters=parameters, task={**TASK, "executionConfig": {}}),
            parameters={"client": "a", "api_token": "canary"},
        )
    assert refused.value.errors[0].pointer == "#/parameters/api_token"


def secret_template() -> TaskTemplate:
    config = {
        "apiEndpoint": "https://api.example.com/x",
        "authType": "bearer",
        "bearerToken": "canary-token-1234567890",
    }
    task = {"title": "Call", "taskType": "api_call", "executionConfig": config}
    return templates.save(TaskTemplate(name="with a secret", task=task), Actor.user(UserFactory(), "api"))


def test_a_schedule_uses_the_credential_its_template_was_allowed() -> None:
    schedule = make_schedule(template=secret_template(), parameters={}, overlap="queue", catchup_window_s=86_400)
    missed_hours(schedule, 1)
    assert schedules.start_due() == 1
    task = AgencyTask.objects.get(schedule=schedule)
    assert task.execution_config["bearerToken"] == schedule.template.task["executionConfig"]["bearerToken"]


def test_a_slot_grants_no_credential_that_the_template_does_not_hold() -> None:
    other = secret_template().task["executionConfig"]["bearerToken"]
    parameters = {"properties": {"key": {"type": "object"}}, "required": ["key"]}
    config = {"apiEndpoint": "https://api.example.com/x", "authType": "bearer", "bearerToken": "{{key}}"}
    task = {"title": "Call", "taskType": "api_call", "executionConfig": config}
    open_one = TaskTemplate.objects.create(name="open", task=task, parameters=parameters)
    with pytest.raises(Invalid) as refused:
        templates.create_task(open_one, {"key": other}, Actor.user(UserFactory(), "api"))
    assert refused.value.errors[0].code == "credential"


def test_a_template_keeps_its_credentials_whoever_edits_it() -> None:
    template = secret_template()
    template.description = "edited by somebody else"
    templates.save(template, Actor.user(UserFactory(), "api"))
    template.refresh_from_db()
    assert template.version == 2
