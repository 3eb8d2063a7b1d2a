"""The REST API of tasks, call by call."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.cache import caches

from tasks.tests.api_client import CALL, Api, allow

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin() -> Api:
    return Api(is_staff=True, is_superuser=True)


def test_a_task_is_created_shown_and_listed(admin: Api) -> None:
    made = admin.create(tags=["crm"], metadata={"client_id": 7})
    assert made["status"] == "queued"
    assert made["sourceType"] == "api"
    assert made["createdBy"] == admin.user.username
    shown = admin.get(f"tasks/{made['id']}/").json()
    assert shown["metadata"] == {"client_id": 7}
    assert shown["recentExecutions"] == []
    listed = admin.get("tasks/").json()
    assert [task["id"] for task in listed["results"]] == [made["id"]]
    assert listed["count"] == 1


def test_a_bad_config_is_refused_in_the_words_of_the_seed(admin: Api) -> None:
    answer = admin.post("tasks/", {**CALL, "executionConfig": {"apiMethod": "GET"}})
    assert answer.status_code == 422
    assert answer["Content-Type"] == "application/problem+json"
    body = answer.json()
    assert (body["success"], body["error"]) == (False, "API call requires apiEndpoint")
    assert body["errors"][0]["pointer"].startswith("#/executionConfig")


def test_secrets_are_stored_as_references_and_never_shown(admin: Api) -> None:
    config = {**CALL["executionConfig"], "authType": "bearer", "bearerToken": "very-secret-token-123"}  # type: ignore[dict-item]
    made = admin.post("tasks/", {**CALL, "executionConfig": config})
    assert made.status_code == 201
    assert "very-secret-token-123" not in made.content.decode()
    assert "very-secret-token-123" not in admin.get(f"tasks/{made.json()['id']}/").content.decode()


def test_execute_answers_as_the_seed_says(admin: Api) -> None:
    made = admin.create(executionType="manual_trigger")
    assert made["status"] == "pending"
    answer = admin.post(f"tasks/{made['id']}/execute/")
    assert answer.status_code == 202
    assert answer.json() == {"success": True, "taskId": made["id"], "message": "Task execution started"}
    assert admin.get(f"tasks/{made['id']}/").json()["status"] == "queued"


def test_approve_and_reject_decide_once() -> None:
    creator, reviewer = Api(), Api(is_staff=True)
    allow(reviewer.user, "approve_task")
    first, second = (creator.create(requiresHumanReview=True) for _ in range(2))
    approved = reviewer.post(f"tasks/{first['id']}/approve/", {"notes": "Fine"})
    assert approved.status_code == 200, approved.content
    assert approved.json()["humanReviewedBy"] == reviewer.user.username
    assert approved.json()["status"] == "queued"
    assert reviewer.post(f"tasks/{first['id']}/approve/", {}).status_code == 409
    assert reviewer.post(f"tasks/{second['id']}/reject/", {}).status_code == 422
    rejected = reviewer.post(f"tasks/{second['id']}/reject/", {"reason": "Invalid API endpoint configuration"})
    assert (rejected.json()["status"], rejected.json()["review"]) == ("cancelled", "rejected")


@pytest.mark.parametrize(
    ("verb", "body", "status"),
    [
        ("cancel", {}, "cancelled"),
        ("defer", {"until": "2027-01-01T10:00:00Z"}, "deferred"),
        ("defer", None, "deferred"),
    ],
)
def test_a_waiting_task_is_cancelled_or_deferred(admin: Api, verb: str, body: Any, status: str) -> None:
    made = admin.create(executionType="manual_trigger")
    assert admin.post(f"tasks/{made['id']}/{verb}/", body).json()["status"] == status


def test_a_deferred_task_is_released_and_a_cancelled_one_retried_and_copied(admin: Api) -> None:
    made = admin.create()
    task = f"tasks/{made['id']}"
    assert admin.post(f"{task}/defer/", {}).json()["status"] == "deferred"
    assert admin.post(f"{task}/release/", {}).json()["status"] == "queued"
    assert admin.delete(f"{task}/").json()["status"] == "cancelled"
    assert admin.post(f"{task}/retry/", {}).json()["status"] == "queued"
    copy = admin.post(f"{task}/duplicate/", {})
    assert copy.status_code == 201
    assert copy.json()["id"] != made["id"]
    assert copy["Location"] == f"/api/v1/tasks/{copy.json()['id']}/"


def test_the_history_and_the_preview_are_shown(admin: Api) -> None:
    made = admin.create()
    events = admin.get(f"tasks/{made['id']}/events/").json()
    assert [event["toStatus"] for event in events] == ["pending", "queued"]
    assert admin.get(f"tasks/{made['id']}/events/?after={events[0]['id']}").json() == events[1:]
    assert admin.get(f"tasks/{made['id']}/preview/").json()["sentence"].count("GET https://api.example.com/users") == 1
    assert admin.get(f"tasks/{made['id']}/executions/?limit=10").json() == []


def test_counts_queue_and_types(admin: Api) -> None:
    admin.create()
    admin.create(requiresHumanReview=True)
    stats = admin.get("tasks/stats/").json()
    assert (stats["total"], stats["pendingReview"], stats["byStatus"]["queued"]) == (2, 1, 1)
    queue = admin.get("tasks/queue/").json()
    assert (queue["queued"], len(queue["next"])) == (1, 1)
    types = {kind["type"]: kind for kind in admin.get("task-types/").json()}
    assert "apiEndpoint" in types["api_call"]["configSchema"]["properties"]


def test_one_tick_of_the_processor_answers_as_the_seed_says(admin: Api) -> None:
    assert admin.post("tasks/process-pending/").json() == {"processed": 0, "success": 0, "failed": 0}


def test_every_answer_below_api_is_a_problem_never_a_page(admin: Api) -> None:
    lost = admin.get("nothing/here/")
    assert (lost.status_code, lost["Content-Type"]) == (404, "application/problem+json")
    assert lost.json()["requestId"] == lost["X-Request-ID"]
    assert Api(scopes=("read",)).post("tasks/", CALL).status_code == 403


def test_an_address_without_its_slash_is_sent_on_with_method_and_body(admin: Api) -> None:
    answer = admin.post("tasks?x=1", CALL)
    assert (answer.status_code, answer["Location"]) == (308, "/api/v1/tasks/?x=1")


def test_of_a_long_history_the_ended_are_counted_now_and_then_and_the_open_always(
    admin: Api, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "stats"}}
    monkeypatch.setattr("tasks.overview.LONG", 0)
    first = admin.create()
    assert admin.get("tasks/stats/").json()["byStatus"]["queued"] == 1
    admin.create()
    admin.delete(f"tasks/{first['id']}/")
    kept = admin.get("tasks/stats/").json()["byStatus"]
    assert (kept["queued"], kept["cancelled"]) == (1, 0)
    monkeypatch.setattr("tasks.overview.KEPT_S", 0)
    caches["default"].clear()
    assert admin.get("tasks/stats/").json()["byStatus"]["cancelled"] == 1


def test_counts_are_told_without_valkey(admin: Api, settings: Any) -> None:
    away = {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "redis://127.0.0.1:9/0"}
    settings.CACHES = {"default": away}
    admin.create()
    assert admin.get("tasks/stats/").json()["total"] == 1
