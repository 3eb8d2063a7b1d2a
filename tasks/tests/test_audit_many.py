"""The database audits every new row itself, whichever way and however many at once."""

from __future__ import annotations

import pytest
from django.db import connection

from tasks import copying
from tasks.models import AgencyTask, TaskEvent, TaskSearch
from tasks.tests.api_client import CALL, Api
from tasks.tests.factories import make_task

pytestmark = pytest.mark.django_db


def test_each_of_many_new_tasks_has_one_line_with_its_actor_and_the_request() -> None:
    api = Api()
    answer = api.post("tasks/bulk/", {"tasks": [CALL] * 5}, X_Request_ID="a-request-of-mine")
    ids = [item["id"] for item in answer.json()["results"]]
    lines = TaskEvent.objects.filter(kind="created").order_by("id")
    assert [line.task_id for line in lines] == ids
    assert {(line.actor_user_id, line.request_id, line.to_status) for line in lines} == {
        (api.user.pk, "a-request-of-mine", "pending")
    }


def test_one_new_task_names_its_request_too() -> None:
    made = Api().post("tasks/", CALL, X_Request_ID="another-request-1").json()
    names = TaskEvent.objects.filter(task_id=made["id"], kind="created").values_list("request_id", flat=True)
    assert list(names) == ["another-request-1"]


def test_a_row_written_by_hand_is_audited_and_found_as_well() -> None:
    model = make_task(title="By hand", tags=["x"])
    columns = [f.column for f in AgencyTask._meta.concrete_fields if f.column not in ("id", "task_uuid", "status")]
    names = ", ".join(columns)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO agency_tasks (task_uuid, status, {names}) SELECT gen_random_uuid(), 'pending', {names}"
            f" FROM agency_tasks, generate_series(1, 3) WHERE id = {model.pk}"
        )
    others = AgencyTask.objects.exclude(pk=model.pk).values_list("pk", flat=True)
    assert len(others) == 3
    assert TaskEvent.objects.filter(task_id__in=list(others), kind="created").count() == 3
    assert TaskSearch.objects.filter(task_id__in=list(others), tags=["x"]).count() == 3


def test_a_new_row_has_every_default_and_refuses_a_column_that_does_not_exist() -> None:
    plain, fast = AgencyTask(title="x", task_type="api_call"), copying.new_row({"title": "x", "task_type": "api_call"})
    own = {"task_uuid", "run_at", "created_at", "updated_at"}
    names = [field.attname for field in AgencyTask._meta.concrete_fields if field.attname not in own]
    assert {name: getattr(fast, name) for name in names} == {name: getattr(plain, name) for name in names}
    assert copying.new_row({}).tags is not copying.new_row({}).tags
    with pytest.raises(TypeError, match="colour"):
        copying.new_row({"colour": "red"})
