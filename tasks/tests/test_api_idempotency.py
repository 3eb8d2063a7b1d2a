"""The same request twice is one deed; a stale one is none."""

from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from agency.api import idempotency
from agency.models import Credential, IdempotencyKey
from tasks.models import AgencyTask, TaskEvent
from tasks.tests.api_client import CALL, Api

KEY = "8e03978e-40d5-43dd-bc93-6894a57f9324"


@pytest.fixture
def admin(db: None) -> Api:
    return Api(is_staff=True, is_superuser=True)


@pytest.mark.django_db(transaction=True)
def test_twenty_parallel_sends_of_one_key_make_one_task_and_give_one_answer() -> None:
    api = Api()

    def send(number: int) -> Any:
        try:
            return Api.of(api).post("tasks/", CALL, Idempotency_Key=KEY)
        finally:
            connection.close()

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(send, range(20)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert len({answer["Location"] for answer in answers}) == len({answer["ETag"] for answer in answers}) == 1
    assert sum("Idempotency-Replayed" not in answer for answer in answers) == 1
    assert AgencyTask.objects.count() == 1


def test_the_same_key_with_another_body_or_address_is_refused(admin: Api) -> None:
    made = admin.post("tasks/", CALL, Idempotency_Key=KEY)
    for again in (
        admin.post("tasks/", {**CALL, "title": "Other"}, Idempotency_Key=KEY),
        admin.post(f"tasks/{made.json()['id']}/cancel/", {}, Idempotency_Key=KEY),
    ):
        assert again.status_code == 422
        assert "used for another request" in again.json()["error"]
    assert AgencyTask.objects.get().status == "queued"


def test_a_key_belongs_to_its_user(admin: Api) -> None:
    first, second = (api.post("tasks/", CALL, Idempotency_Key=KEY).json()["id"] for api in (admin, Api()))
    assert first != second


def test_a_refused_request_does_not_use_up_its_key(admin: Api) -> None:
    assert admin.post("tasks/", {**CALL, "title": ""}, Idempotency_Key=KEY).status_code == 422
    assert admin.post("tasks/", CALL, Idempotency_Key=KEY).status_code == 201


def test_an_action_sent_twice_is_done_once(admin: Api) -> None:
    task = admin.create(executionType="manual_trigger")
    path = f"tasks/{task['id']}/execute/"
    first, again = (admin.post(path, {}, Idempotency_Key=KEY) for _ in range(2))
    assert first.content == again.content
    assert (again.status_code, again["Idempotency-Replayed"]) == (202, "true")
    assert TaskEvent.objects.filter(task_id=task["id"], to_status="queued").count() == 1


@pytest.mark.parametrize("key", ["", "a b", "ü", "x" * 256])
def test_a_key_that_cannot_be_kept_is_refused(admin: Api, key: str) -> None:
    assert admin.post("tasks/", CALL, Idempotency_Key=key).status_code == 400


def test_keys_are_forgotten_after_a_day_and_hold_no_secret(admin: Api) -> None:
    config = {**CALL["executionConfig"], "authType": "bearer", "bearerToken": "canary-9d1f2c"}  # type: ignore[dict-item]
    admin.post("tasks/", {**CALL, "executionConfig": config}, Idempotency_Key=KEY)
    row = IdempotencyKey.objects.get()
    assert b"canary-9d1f2c" not in bytes(row.body)
    assert Credential.objects.count() == 1
    assert idempotency.forget_old() == 0
    IdempotencyKey.objects.update(created_at=timezone.now() - dt.timedelta(hours=25))
    assert idempotency.forget_old() == 1


def test_a_reader_that_has_it_already_gets_304(admin: Api) -> None:
    task = admin.create()
    path = f"tasks/{task['id']}/"
    tag = admin.get(path)["ETag"]
    same = admin.get(path, If_None_Match=tag)
    assert (same.status_code, same.content, same["ETag"]) == (304, b"", tag)
    assert admin.get(path, If_None_Match=f'"x", W/{tag}').status_code == 304
    events = f"tasks/{task['id']}/events/?after=0"
    seen = admin.get(events)["ETag"]
    assert admin.get(events, If_None_Match=seen).status_code == 304
    admin.patch(path, {"title": "Other"})
    assert admin.get(path, If_None_Match=tag).json()["title"] == "Other"
    assert admin.get(events, If_None_Match=seen).status_code == 200


def test_a_step_of_a_running_attempt_changes_the_tag(admin: Api) -> None:
    from tasks.models import TaskExecution

    task = admin.create()
    before = admin.get(f"tasks/{task['id']}/")["ETag"]
    TaskExecution.objects.create(task_id=task["id"], attempt=1, epoch=1, status="running", worker="w")
    assert admin.get(f"tasks/{task['id']}/")["ETag"] != before


@pytest.mark.parametrize(
    ("method", "verb", "body"),
    [
        ("PATCH", "", {"title": "Mine"}),
        ("DELETE", "", None),
        ("POST", "approve/", {}),
        ("POST", "reject/", {"reason": "No"}),
        ("POST", "cancel/", {}),
        ("POST", "defer/", {}),
        ("POST", "duplicate/", {}),
    ],
)
def test_a_change_of_a_version_that_is_gone_is_refused_and_changes_nothing(
    admin: Api, method: str, verb: str, body: Any
) -> None:
    task = admin.create(requiresHumanReview=True)
    path = f"tasks/{task['id']}/"
    old = admin.get(path)["ETag"]
    admin.patch(path, {"priority": "high"})
    now = admin.get(path)
    assert admin.call(method, f"{path}{verb}", body, If_Match=old).status_code == 412
    assert admin.get(path).json() == now.json()
    assert AgencyTask.objects.count() == 1
    assert admin.call(method, f"{path}{verb}", body, If_Match=f"W/{now['ETag']}").status_code in (200, 201)


@pytest.mark.parametrize("tag", ["7", '"7"', "v7", '"v"', '"v99999999999999999999"', '"v1", "v2"'])
def test_an_if_match_that_is_no_tag_of_ours_is_refused(admin: Api, tag: str) -> None:
    assert admin.patch(f"tasks/{admin.create()['id']}/", {"title": "x"}, If_Match=tag).status_code == 400


@pytest.mark.django_db(transaction=True)
def test_of_ten_parallel_edits_of_one_version_one_wins() -> None:
    api = Api()
    task = api.create()
    tag = api.get(f"tasks/{task['id']}/")["ETag"]

    def edit(number: int) -> int:
        try:
            answer = Api.of(api).patch(f"tasks/{task['id']}/", {"title": f"Edit {number}"}, If_Match=tag)
            return int(answer.status_code)
        finally:
            connection.close()

    with ThreadPoolExecutor(10) as pool:
        assert sorted(pool.map(edit, range(10))) == [200] + [412] * 9


@pytest.mark.django_db(transaction=True)
def test_approve_reject_edit_execute_and_cancel_at_once_leave_one_winner_and_no_500() -> None:
    api = Api(is_staff=True, is_superuser=True)
    task = api.create(requiresHumanReview=True)
    path = f"tasks/{task['id']}/"
    tag = api.get(path)["ETag"]
    deeds = [
        ("POST", "approve/", {}), ("POST", "reject/", {"reason": "No"}), ("PATCH", "", {"title": "Edited"}),
        ("POST", "cancel/", {}),
    ] * 5  # fmt: skip

    def act(deed: tuple[str, str, Any]) -> int:
        try:
            return int(Api.of(api).call(deed[0], path + deed[1], deed[2], If_Match=tag).status_code)
        finally:
            connection.close()

    with ThreadPoolExecutor(20) as pool:
        codes = sorted(pool.map(act, deeds))
    assert codes[0] == 200
    assert set(codes[1:]) <= {409, 412}
