"""Review policies over the API: written, read, held to their rules, and at work on the next task."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Group

from tasks.tests.api_client import Api, allow
from tasks.tests.factories import UserFactory

pytestmark = pytest.mark.django_db

MONEY = {
    "name": "Money",
    "reason": "It moves money",
    "hosts": ["api.example.com"],
    "minAmount": "100.00",
    "risk": "high",
    "approvals": 2,
    "fourEyes": True,
    "reviewerGroups": ["reviewer"],
    "slaMinutes": 60,
    "businessDays": [0, 1, 2, 3, 4],
    "opensAt": "08:30",
    "closesAt": "18:00",
    "timezone": "Europe/Berlin",
    "escalateTo": "manager",
    "escalateAfterMinutes": 120,
    "expiresAfterHours": 48,
}


@pytest.fixture
def boss() -> Api:
    user = UserFactory(is_staff=True)
    user.groups.add(Group.objects.get(name="manager"))
    return Api(user)


def test_a_policy_is_made_read_changed_and_switched_off(boss: Api) -> None:
    made = boss.post("review-policies/", MONEY)
    assert made.status_code == 201
    body = made.json()
    assert {name: body[name] for name in ("name", "risk", "reviewerGroups", "escalateTo", "minAmount")} == {
        "name": "Money", "risk": "high", "reviewerGroups": ["reviewer"], "escalateTo": "manager", "minAmount": "100.00",
    }  # fmt: skip
    place = f"review-policies/{body['id']}/"
    assert boss.get(place).json() == body
    assert boss.get(place, **{"If-None-Match": made["ETag"]}).status_code == 304
    changed = boss.call("PUT", place, {**MONEY, "approvals": 3}, **{"If-Match": made["ETag"]})
    assert (changed.status_code, changed.json()["approvals"]) == (200, 3)
    assert boss.call("PUT", place, MONEY, **{"If-Match": made["ETag"]}).status_code == 412
    assert boss.delete(place).json()["active"] is False
    assert body["id"] in [row["id"] for row in boss.get("review-policies/").json()["results"]]


def test_it_holds_for_the_next_task(boss: Api) -> None:
    boss.post("review-policies/", MONEY)
    config = {"apiEndpoint": "https://api.example.com/pay", "apiMethod": "PUT", "apiPayload": {"amount": 250}}
    task = boss.create(executionConfig=config)
    assert (task["review"], task["reviewReasons"], task["approvalsRequired"]) == ("required", ["It moves money"], 2)
    assert boss.post(f"tasks/{task['id']}/approve/").status_code == 403


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"name": ""}, "#/name"),
        ({"reason": " "}, "#/reason"),
        ({"risk": "huge"}, "#/risk"),
        ({"approvals": 0}, "#/approvals"),
        ({"timezone": "Mars/Base"}, "#/timezone"),
        ({"businessDays": [7]}, "#/businessDays/0"),
        ({"closesAt": "08:00"}, "#"),
        ({"closesAt": 0}, "#"),
        ({"minAmount": "-1"}, "#/minAmount"),
        ({"minAmount": "NaN"}, "#/minAmount"),
        ({"reviewerGroups": ["nobody"]}, "#/reviewerGroups"),
        ({"escalateTo": "nobody"}, "#/escalateTo"),
        ({"templateIds": [999999]}, "#/templateIds"),
        ({"creatorIds": [999999]}, "#/creatorIds"),
        ({"task_types": []}, "#/task_types"),
    ],
)
def test_what_is_wrong_is_named(boss: Api, change: dict[str, Any], pointer: str) -> None:
    answer = boss.post("review-policies/", {**MONEY, **change})
    assert answer.status_code in (400, 422), answer.content
    assert pointer in [error["pointer"] for error in answer.json()["errors"]], answer.content


def test_only_managers_write_policies() -> None:
    reader = Api(allow(UserFactory(is_staff=True), "view_reviewpolicy"))
    assert reader.get("review-policies/").status_code == 200
    assert reader.post("review-policies/", MONEY).status_code == 403
    assert Api().get("review-policies/").status_code == 403


def test_one_name_is_one_policy(boss: Api) -> None:
    boss.post("review-policies/", MONEY)
    assert boss.post("review-policies/", MONEY).status_code == 409
    assert boss.get("review-policies/999999/").status_code == 404
