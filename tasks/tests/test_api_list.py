"""Lists: filters, search, order, pages by offset and cursor, and who sees what."""

from __future__ import annotations

import base64
import datetime as dt
import json
from typing import Any
from urllib.parse import quote

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tasks.models import AgencyTask
from tasks.tests.api_client import Api, allow

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin() -> Api:
    return Api(is_staff=True, is_superuser=True)


def titles(api: Api, query: str) -> list[str]:
    answer = api.get(f"tasks/?{query}")
    assert answer.status_code == 200, answer.content
    return [task["title"] for task in answer.json()["results"]]


def in_days(days: float) -> str:
    return (timezone.now() + dt.timedelta(days=days)).isoformat()


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("status=queued", ["plain"]),
        ("statuses=queued,deferred", ["later", "plain"]),
        ("statuses=queued&statuses=deferred", ["later", "plain"]),
        ("priority=critical", ["urgent"]),
        ("priority=critical,low", ["urgent", "later"]),
        ("category=billing", ["urgent"]),
        ("taskType=api_call&category=billing", ["urgent"]),
        ("taskType=ghl_action", []),
        ("assignedToBot=false", ["for a person"]),
        ("requiresHumanReview=true", ["urgent"]),
        ("awaitingReview=true", ["urgent"]),
        ("awaitingReview=false&status=pending", ["for a person"]),
        ("tags=crm", ["plain", "urgent"]),
        ("tags=crm,vip", ["urgent"]),
        ("tags=nobody", []),
        ("overdue=true", ["for a person"]),
        ("overdue=true&status=queued", []),
        ("search=invo", ["urgent"]),
        ("search=INVOICES+pay", ["urgent"]),
        ('search="pay the"', ["urgent"]),
        ('search="the pay"', []),
        ("search=o'brien", ["plain"]),
        ("search=ana@example.com", ["plain"]),
        ("search=%26%7C!:*", []),
        ("search=%5C", []),
        ("sourceType=api&status=deferred", ["later"]),
        ("sourceType=webhook_sms", []),
    ],
)
def test_every_filter_finds_what_it_says(admin: Api, query: str, found: list[str]) -> None:
    later = admin.create(title="later", priority="low")
    admin.post(f"tasks/{later['id']}/defer/", {})
    admin.create(title="urgent", priority="critical", category="billing", tags=["crm", "vip"],
                 description="Pay the invoices", requiresHumanReview=True)  # fmt: skip
    late = admin.create(title="for a person", assignedToBot=False, deadline=in_days(1))
    AgencyTask.objects.filter(pk=late["id"]).update(deadline=timezone.now() - dt.timedelta(hours=1))
    admin.create(title="plain", tags=["crm"], description="Call O'Brien or ana@example.com")
    assert sorted(titles(admin, query.replace('"', "%22"))) == sorted(found)


def test_an_id_is_found_like_a_word(admin: Api) -> None:
    made = admin.create(title="by number")
    admin.create(title="another")
    assert titles(admin, f"search={made['id']}") == ["by number"]
    assert titles(admin, f"search=%23{made['id']}") == ["by number"]


def test_what_is_found_follows_an_edit_of_title_and_tags(admin: Api) -> None:
    made = admin.create(title="before", tags=["old"])
    admin.patch(f"tasks/{made['id']}/", {"title": "afterwards", "tags": ["new"]})
    assert titles(admin, "search=before") == []
    assert titles(admin, "search=after&tags=new") == ["afterwards"]


def test_times_bound_the_list_and_a_lost_plus_is_understood(admin: Api) -> None:
    admin.create(title="soon", scheduledFor=in_days(1))
    admin.create(title="far", scheduledFor=in_days(9))
    middle = in_days(5)
    assert titles(admin, f"scheduledBefore={quote(middle)}") == ["soon"]
    assert titles(admin, f"scheduledAfter={middle}") == ["far"]  # its + arrives as a space
    assert titles(admin, f"createdAfter={quote(in_days(-1))}") == ["far", "soon"]
    assert titles(admin, f"createdBefore={quote(in_days(-1))}") == []


@pytest.fixture
def five(admin: Api) -> list[str]:
    """Titles in the order of their ids: two of them without a time."""
    for number, (days, priority) in enumerate(
        [(3, "low"), (None, "high"), (1, "high"), (None, "low"), (2, "critical")]
    ):
        times = {"scheduledFor": in_days(days), "deadline": in_days(days + 1)} if days else {}
        admin.create(title=f"t{number}", priority=priority, executionType="manual_trigger", **times)
    return [f"t{number}" for number in range(5)]


ORDERS = {
    "sortBy=createdAt&sortOrder=asc": ["t0", "t1", "t2", "t3", "t4"],
    "": ["t4", "t3", "t2", "t1", "t0"],
    "sortBy=priority": ["t4", "t2", "t1", "t3", "t0"],
    "sortBy=priority&sortOrder=asc": ["t0", "t3", "t1", "t2", "t4"],
    "sortBy=scheduledFor&sortOrder=asc": ["t2", "t4", "t0", "t1", "t3"],
    "sortBy=scheduledFor": ["t0", "t4", "t2", "t3", "t1"],
    "sortBy=deadline": ["t0", "t4", "t2", "t3", "t1"],
}


@pytest.mark.parametrize("query", ORDERS)
@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_pages_by_cursor_and_by_offset_hold_every_row_once_in_order(
    admin: Api, five: list[str], query: str, limit: int
) -> None:
    seen, address = [], f"tasks/?{query}&limit={limit}"
    while address:
        page = admin.get(address).json()
        seen += [task["title"] for task in page["results"]]
        address = page["next"] and page["next"].split("/api/v1/")[1]
    assert seen == ORDERS[query]
    by_offset = [
        title for start in range(0, 5, limit) for title in titles(admin, f"{query}&limit={limit}&offset={start}")
    ]
    assert by_offset == ORDERS[query]


def test_the_count_is_exact_for_small_lists(admin: Api, five: list[str]) -> None:
    page = admin.get("tasks/?limit=2&offset=2").json()
    assert (page["count"], page["countIsExact"]) == (5, True)
    assert "offset=0" in page["previous"]
    assert admin.get("tasks/?offset=50").json()["count"] == 5


def cursor(*content: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "bad",
    ["", "x", "cD0xJTAw", "%F0%9F%98%80", "A" * 499, cursor("id", 1), cursor("title", "a", 1), cursor("id", "a", "b"),
     cursor("id", 5, 2**70), cursor("id", None, 1), cursor("id", 1, -1), cursor("id", 10**30, 1), cursor("id", [], 1),
     cursor("id", "2026-01-01", 1), base64.urlsafe_b64encode(b"[" * 300).decode()],
)  # fmt: skip
def test_a_crafted_cursor_is_refused(admin: Api, bad: str) -> None:
    assert admin.get(f"tasks/?cursor={bad}").status_code == 400


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=ten", "limit"),
        ("offset=-1", "offset"),
        ("offset=10001", "offset"),
        ("status=done", "status"),
        ("task_type=api_call", "Did you mean 'taskType'?"),
        ("sortBy=title", "sortBy"),
        ("scheduledBefore=2026-01-01T00:00:00", "timezone"),
        ("scheduledBefore=yesterday", "scheduledBefore"),
        ("category=a&category=b", "more than once"),
        ("category=%00", "NUL"),
        ("overdue=perhaps", "overdue"),
        ("templateId=99999999999999999999", "templateId"),
        ("workflowUuid=------------------------------------", "workflowUuid"),
    ],
)
def test_a_wrong_query_is_refused_with_the_name_of_the_field(admin: Api, query: str, word: str) -> None:
    answer = admin.get(f"tasks/?{query}")
    assert answer.status_code == 400, answer.content
    assert word in answer.content.decode()


def test_people_see_their_own_tasks_and_staff_all() -> None:
    ana, ben, staff = Api(), Api(), Api(is_staff=True)
    made = ana.create(title="of ana")
    assert titles(ana, "") == titles(staff, "") == ["of ana"]
    assert titles(ben, "") == []
    for path in ("", "executions/", "events/", "preview/"):
        assert ben.get(f"tasks/{made['id']}/{path}").status_code == 404
        assert staff.get(f"tasks/{made['id']}/{path}").status_code == 200
    assert ben.get("tasks/stats/").json()["total"] == 0
    assert ben.get("tasks/queue/").json()["next"] == []


VERBS = {
    "execute": "execute_task",
    "cancel": "change_agencytask",
    "defer": "change_agencytask",
    "release": "change_agencytask",
    "input": "change_agencytask",
    "duplicate": "change_agencytask",
    "retry": "replay_task",
    "approve": "approve_task",
    "reject": "approve_task",
}
BODIES = {"reject": {"reason": "No"}, "input": {"answer": "yes"}}


@pytest.mark.parametrize("verb", VERBS)
def test_acting_on_the_task_of_another_needs_its_own_permission(verb: str) -> None:
    ana, ben, staff = Api(), Api(), Api(is_staff=True)
    made = ana.create(executionType="manual_trigger", requiresHumanReview=verb in ("approve", "reject"))
    path = f"tasks/{made['id']}/{verb}/"
    assert ben.post(path, BODIES.get(verb)).status_code == 404
    refused = staff.post(path, BODIES.get(verb))
    assert (refused.status_code, f"tasks.{VERBS[verb]}" in refused.json()["error"]) == (403, True)
    others = {"change_agencytask", "execute_task", "replay_task", "approve_task"} - {VERBS[verb]}
    allow(staff.user, *others)
    assert staff.post(path, BODIES.get(verb)).status_code == 403
    assert AgencyTask.objects.get().version == made["version"]
    allow(staff.user, VERBS[verb])
    assert staff.post(path, BODIES.get(verb)).status_code in (200, 201, 202, 409)


def test_an_edit_of_anothers_task_needs_the_permission_and_nobody_approves_without_it() -> None:
    ana, staff = Api(), Api(is_staff=True)
    made = ana.create(requiresHumanReview=True)
    assert staff.patch(f"tasks/{made['id']}/", {"title": "Mine now"}).status_code == 403
    assert ana.post(f"tasks/{made['id']}/approve/").status_code == 403
    assert ana.patch(f"tasks/{made['id']}/", {"title": "Still mine"}).json()["title"] == "Still mine"


def test_a_list_takes_as_many_queries_for_many_tasks_as_for_one(admin: Api) -> None:
    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as seen:
            admin.get("tasks/")
        return len(seen)

    admin.create(requiresHumanReview=True)
    one = queries()
    for _ in range(5):
        admin.create(dependsOn=[AgencyTask.objects.latest("id").pk])
    assert queries() == one
