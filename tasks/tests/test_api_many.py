"""Bulk creation, bulk deeds, workflows, templates and schedules over REST."""

from __future__ import annotations

from typing import Any

import pytest

from agency.models import Credential
from tasks.models import AgencyTask, TaskEvent
from tasks.tests.api_client import CALL, Api, allow

pytestmark = pytest.mark.django_db
BAD: dict[str, Any] = {**CALL, "executionConfig": {"apiMethod": "GET"}}


@pytest.fixture
def admin() -> Api:
    return Api(is_staff=True, is_superuser=True)


def test_a_thousand_tasks_are_created_in_one_request_with_their_history(admin: Api) -> None:
    answer = admin.post("tasks/bulk/", {"tasks": [{**CALL, "title": f"Call {n}"} for n in range(1000)]})
    assert answer.status_code == 201, answer.content
    body = answer.json()
    assert (body["created"], body["failed"], len(body["results"])) == (1000, 0, 1000)
    rows = AgencyTask.objects.in_bulk([item["id"] for item in body["results"]])
    for item in body["results"]:
        row = rows[item["id"]]
        assert (row.title, str(row.task_uuid), row.status) == (f"Call {item['index']}", item["taskUuid"], "queued")
    assert TaskEvent.objects.filter(kind="created").count() == 1000
    assert [task["title"] for task in admin.get("tasks/?search=call+999").json()["results"]] == ["Call 999"]
    assert admin.post("tasks/bulk/", {"tasks": [CALL] * 1001}).status_code == 422


def test_one_wrong_item_keeps_all_from_being_made_and_each_fault_is_told(admin: Api) -> None:
    secret = {**CALL["executionConfig"], "authType": "bearer", "bearerToken": "a-secret-nobody-keeps"}  # type: ignore[dict-item]
    items = [
        CALL,
        BAD,
        {**CALL, "status": "completed"},
        {**CALL, "dependsOn": [987654]},
        {**CALL, "executionConfig": secret},
    ]
    answer = admin.post("tasks/bulk/", {"tasks": items})
    assert answer.status_code == 422
    body = answer.json()
    assert {error["pointer"].split("/")[2] for error in body["errors"]} == {"1", "2", "3"}
    assert body["results"][1]["error"] == "API call requires apiEndpoint"
    assert "1" in body["error"]
    assert [item["success"] for item in body["results"]] == [False] * 5
    assert AgencyTask.objects.count() == Credential.objects.count() == 0


def test_with_keep_going_the_right_ones_are_made(admin: Api) -> None:
    answer = admin.post("tasks/bulk/", {"tasks": [CALL, BAD, "nonsense", CALL], "keepGoing": True})
    assert answer.status_code == 207
    body = answer.json()
    assert (body["created"], body["failed"]) == (2, 2)
    assert [item["success"] for item in body["results"]] == [True, False, False, True]
    assert AgencyTask.objects.count() == 2


def test_one_deed_on_many_is_answered_for_each() -> None:
    ana, staff = Api(), Api(is_staff=True)
    allow(staff.user, "approve_task")
    first, second = (ana.create(requiresHumanReview=True)["id"] for _ in range(2))
    third = ana.create()["id"]
    answer = staff.post("tasks/bulk-actions/", {"action": "approve", "ids": [first, third, second, 987654]})
    assert answer.status_code == 207, answer.content
    assert [(item["id"], item["success"], item["code"]) for item in answer.json()["results"]] == [
        (first, True, None), (third, False, 409), (second, True, None), (987654, False, 404),
    ]  # fmt: skip
    unscoped = Api(staff.user, scopes=("read", "write"))
    assert unscoped.post("tasks/bulk-actions/", {"action": "approve", "ids": [first]}).status_code == 403
    assert ana.post("tasks/bulk-actions/", {"action": "cancel", "ids": [third]}).json()["done"] == 1


def graph(**after: list[Any]) -> dict[str, Any]:
    return {"tasks": [{**CALL, "title": name, "alias": name, "dependsOn": steps} for name, steps in after.items()]}


def test_a_workflow_is_a_graph_of_aliases(admin: Api) -> None:
    before = admin.create()["id"]
    answer = admin.post("workflows/", graph(report=["left", "right"], left=["fetch"], right=["fetch"], fetch=[before]))
    assert answer.status_code == 201, answer.content
    tasks = answer.json()["tasks"]
    assert list(tasks) == ["report", "left", "right", "fetch"]
    assert tasks["report"]["dependsOn"] == sorted([tasks["left"]["id"], tasks["right"]["id"]])
    assert tasks["fetch"]["dependsOn"] == [before]
    assert {task["status"] for task in tasks.values()} == {"pending"}
    listed = admin.get(f"tasks/?workflowUuid={answer.json()['workflowUuid']}").json()
    assert listed["count"] == 4


@pytest.mark.parametrize(
    ("body", "pointer", "word"),
    [
        (graph(a=["b"], b=["c"], c=["a"], d=[]), "#/tasks/0/dependsOn", "circle"),
        (graph(a=["a"]), "#/tasks/0/dependsOn", "circle"),
        (graph(a=[], b=["z"]), "#/tasks/1/dependsOn/0", "no alias"),
        ({"tasks": [{**CALL, "alias": "a"}, {**CALL, "alias": "a"}]}, "#/tasks/1/alias", "two tasks"),
        ({"tasks": [{**CALL, "alias": "a"}, {**BAD, "alias": "b"}]}, "#/tasks/1/executionConfig", "apiEndpoint"),
        (graph(a=[987654]), "#/tasks/0/dependsOn", "does not exist"),
        ({"tasks": []}, "#/tasks", "at least 1"),
        ({"tasks": [CALL]}, "#/tasks/0/alias", "required"),
    ],
)
def test_a_graph_that_cannot_run_is_refused_whole(admin: Api, body: Any, pointer: str, word: str) -> None:
    answer = admin.post("workflows/", body)
    assert answer.status_code == 422, answer.content
    assert answer.json()["errors"][0]["pointer"].startswith(pointer)
    assert word in answer.json()["errors"][0]["message"]
    assert AgencyTask.objects.count() == 0


def test_the_task_of_another_cannot_be_waited_for() -> None:
    ana, ben = Api(), Api()
    made = ana.create()
    for refused in (
        ben.post("tasks/", {**CALL, "dependsOn": [made["id"]]}),
        ben.post("tasks/bulk/", {"tasks": [{**CALL, "dependsOn": [made["id"]]}]}),
        ben.post("workflows/", graph(a=[made["id"]])),
        ben.patch(f"tasks/{ben.create()['id']}/", {"dependsOn": [made["id"]]}),
    ):
        assert refused.status_code == 422
        assert "does not exist" in refused.content.decode()


TEMPLATE = {
    "name": "Weekly fetch",
    "task": {**CALL, "title": "Fetch {{client}}"},
    "parameters": {"properties": {"client": {"type": "string"}}},
}


def test_a_template_makes_tasks_and_a_schedule_makes_them_in_time(admin: Api) -> None:
    made = admin.post("templates/", TEMPLATE)
    assert made.status_code == 201, made.content
    path = f"templates/{made.json()['id']}/"
    task = admin.post(f"{path}tasks/", {"parameters": {"client": "Acme"}})
    assert (task.status_code, task.json()["title"], task.json()["sourceType"]) == (201, "Fetch Acme", "template")
    assert admin.post(f"{path}tasks/", {"parameters": {"client": 7}}).status_code == 422
    edited = admin.patch(path, {"description": "New"}, If_Match=made["ETag"])
    assert (edited.status_code, edited.json()["version"]) == (200, 2)
    assert admin.patch(path, {"description": "Newer"}, If_Match=made["ETag"]).status_code == 412
    assert admin.patch(path, {"name": None}).status_code == 422
    schedule = admin.post(
        "schedules/",
        {"name": "Mondays", "templateId": made.json()["id"], "parameters": {"client": "Acme"}, "cron": "0 9 * * 1",
         "timezone": "Europe/Berlin"},
    )  # fmt: skip
    assert schedule.status_code == 201, schedule.content
    assert schedule.json()["nextRunAt"]
    own = f"schedules/{schedule.json()['id']}/"
    assert len(admin.get(f"{own}upcoming/?limit=3").json()) == 3
    assert admin.get(f"{own}occurrences/").json() == []
    assert admin.patch(own, {"active": False}).json()["nextRunAt"] is None
    assert admin.get("schedules/").json()["count"] == 1
    assert admin.delete(own).status_code == 204
    assert admin.delete(path).json()["active"] is False
    assert admin.post(f"{path}tasks/", {"parameters": {"client": "Acme"}}).status_code == 409


@pytest.mark.parametrize(
    ("changed", "pointer"),
    [
        ({"cron": "0 9 31 2 *"}, "#/cron"),
        ({"cron": "whenever you like"}, "#/cron"),
        ({"timezone": "Mars/Olympus"}, "#/timezone"),
        ({"templateId": 987654}, None),
        ({"parameters": {}}, "#/parameters/client"),
        ({"overlap": "explode"}, "#/overlap"),
        ({"startsAt": "2026-12-02T00:00:00Z", "endsAt": "2026-12-01T00:00:00Z"}, "#/endsAt"),
    ],
)
def test_a_schedule_that_cannot_start_is_refused(admin: Api, changed: Any, pointer: str | None) -> None:
    template = admin.post("templates/", TEMPLATE).json()["id"]
    body = {"name": "S", "templateId": template, "parameters": {"client": "Acme"}, "cron": "0 9 * * 1", **changed}
    answer = admin.post("schedules/", body)
    assert answer.status_code == 422, answer.content
    assert pointer is None or answer.json()["errors"][0]["pointer"] == pointer


def test_planning_is_for_people_with_its_permissions() -> None:
    ana = Api()
    assert ana.post("templates/", TEMPLATE).status_code == 403
    assert ana.post("schedules/", {}).status_code == 403
    allow(ana.user, "add_tasktemplate")
    ana = Api(type(ana.user).objects.get(pk=ana.user.pk))
    assert ana.post("templates/", TEMPLATE).status_code == 201
    assert ana.post("templates/", TEMPLATE).status_code == 409
