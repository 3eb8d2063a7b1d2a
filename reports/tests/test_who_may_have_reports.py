"""Reports count everybody's work: who may have one made, through every door."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tasks import schedules, services, templates
from tasks.actors import Actor
from tasks.errors import Invalid
from tasks.models import AgencyTask, TaskSchedule, TaskTemplate
from tasks.runner import Runner
from tasks.tests.api_client import Api, allow
from tasks.tests.conftest import runner as runner
from tasks.tests.conftest import wait_status
from tasks.tests.factories import UserFactory, make_task, task_input
from webhooks.tests.conftest import loopback as loopback

pytestmark = pytest.mark.django_db

NEEDED = "it needs the permission reports.view_rollup"
REPORT: dict[str, Any] = {
    "title": "Totals",
    "taskType": "report_generation",
    "executionConfig": {"reportType": "task_summary"},
}


def refused(answer: Any, pointer: str) -> None:
    assert answer.status_code == 422, answer.content
    assert {error["pointer"] for error in answer.json()["errors"]} == {pointer}
    assert NEEDED in answer.json()["error"]
    assert not AgencyTask.objects.exists()


def test_the_api_refuses_a_report_to_people_who_may_not_see_reports() -> None:
    refused(Api().post("tasks/", REPORT), "#/taskType")


def test_bulk_and_workflows_refuse_it_at_its_place() -> None:
    other = {"title": "Fine", "taskType": "notification", "executionConfig": {"message": "Hello"}}
    refused(Api().post("tasks/bulk/", {"tasks": [other, REPORT]}), "#/tasks/1/taskType")
    graph = {"tasks": [{**other, "alias": "a"}, {**REPORT, "alias": "b", "dependsOn": ["a"]}]}
    refused(Api().post("workflows/", graph), "#/tasks/1/taskType")


def test_a_template_of_somebody_who_may_gives_nobody_else_a_report() -> None:
    writer = allow(UserFactory(), "view_rollup")
    template = templates.save(TaskTemplate(name="Totals", task=REPORT), Actor.user(writer, "api"))
    refused(Api().post(f"templates/{template.pk}/tasks/", {"parameters": {}}), "#/taskType")
    assert templates.create_task(template, {}, Actor.user(writer, "api")).created_by == writer


def test_nobody_writes_a_template_or_schedule_of_what_they_may_not_have() -> None:
    planner = allow(UserFactory(), "add_tasktemplate", "add_taskschedule")
    api = Api(planner)
    refused(api.post("templates/", {"name": "Totals", "task": REPORT, "parameters": {}}), "#/task/taskType")
    slot = {"name": "Any", "task": {**REPORT, "taskType": "{{type}}"}, "parameters": {"properties": {"type": {}}}}
    template = api.post("templates/", slot)
    assert template.status_code == 201, template.content
    plan = {"name": "Nightly", "templateId": template.json()["id"], "cron": "0 6 * * *", "timezone": "UTC"}
    refused(api.post("schedules/", {**plan, "parameters": {"type": "report_generation"}}), "#/task/taskType")
    assert not TaskSchedule.objects.exists()


def test_the_admin_refuses_a_schedule_in_words_beside_its_form() -> None:
    template = templates.save(TaskTemplate(name="Totals", task=REPORT), Actor("test"))
    client = Client()
    planner = allow(UserFactory(is_staff=True), "add_taskschedule", "view_taskschedule", "view_tasktemplate")
    client.force_login(planner, "django.contrib.auth.backends.ModelBackend")
    given = {"name": "Nightly", "template": template.pk, "parameters": "{}", "cron": "0 6 * * *", "timezone": "UTC"}
    given |= {"misfire": "last", "overlap": "skip", "catchup_window_s": "3600", "active": "on"}
    management = {f"occurrences-{name}": "0" for name in ("TOTAL_FORMS", "INITIAL_FORMS")}
    shown = client.post(reverse("admin:tasks_taskschedule_add"), given | management)
    assert shown.status_code == 200
    assert NEEDED in shown.content.decode()
    assert not TaskSchedule.objects.exists()


def test_editing_and_copying_ask_as_making_does() -> None:
    task = make_task(**REPORT)
    somebody = Actor.user(allow(UserFactory(is_staff=True), "change_agencytask"), "api")
    for act in (
        lambda: services.duplicate(task.pk, somebody),
        lambda: services.create(task_input(**REPORT), somebody),
    ):
        with pytest.raises(Invalid, match=NEEDED):
            act()


def test_a_report_asked_for_through_a_channel_waits_for_a_person() -> None:
    task = make_task(Actor("channel:Desk", door="channel"), **REPORT)
    assert (task.status, task.review) == ("pending", "required")
    assert task.review_reasons == [
        "It shows more than its sender's own tasks, and its sender has no account with reports.view_rollup"
    ]
    known = Actor.user(allow(UserFactory(), "view_rollup"), "channel")
    assert make_task(known, **REPORT).review == "none"
    with pytest.raises(Invalid, match=NEEDED):
        make_task(Actor.user(UserFactory(), "channel"), **REPORT)


def test_a_schedule_keeps_starting_what_its_writer_was_allowed() -> None:
    writer = Actor.user(allow(UserFactory(), "view_rollup"), "api")
    template = templates.save(TaskTemplate(name="Totals", task=REPORT), writer)
    plan = TaskSchedule(name="Nightly", template=template, cron="0 6 * * *", timezone="UTC")
    made = schedules.save(plan, writer)
    TaskSchedule.objects.filter(pk=made.pk).update(
        next_run_at=timezone.now().replace(second=0, microsecond=0), cron="* * * * *"
    )
    schedules.start_due()
    (task,) = AgencyTask.objects.all()
    assert (task.task_type, task.schedule_id, task.status) == ("report_generation", made.pk, "queued")


@pytest.mark.django_db(transaction=True)
def test_who_may_no_longer_see_reports_gets_none_from_a_task_made_before(runner: Runner) -> None:
    person = allow(UserFactory(), "view_rollup")
    wish = {**REPORT, "executionType": "manual_trigger"}
    task = make_task(Actor.user(person, "api"), **wish)
    person.user_permissions.remove(Permission.objects.get(codename="view_rollup"))
    services.execute(task.pk, Actor.user(person, "api"))
    done = wait_status(task, "failed", "completed")
    assert done.last_error == "Whoever made this task no longer has the permission reports.view_rollup"
    assert done.result is None or "summary" not in done.result
