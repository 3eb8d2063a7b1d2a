"""The queue's answers: what is shown to whom, ETags, refusals that say what changed, filters in the address."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from tasks import services
from tasks.actors import Actor
from tasks.inputs import parse_changes
from tasks.models import AgencyTask, TaskEvent
from tasks.review import queue
from tasks.tests.factories import make_task
from tasks.tests.test_admin import person, signed_in

pytestmark = pytest.mark.django_db


def waiting(**fields: Any) -> AgencyTask:
    return make_task(requiresHumanReview=True, **fields)


def seen(task: AgencyTask, **more: Any) -> dict[str, Any]:
    task.refresh_from_db()
    last = TaskEvent.objects.filter(task_id=task.pk).order_by("-id").values_list("pk", flat=True)[0]
    return {"version": task.version, "digest": task.config_digest, "event": last, **more}


def act(client: Client, task: AgencyTask, verb: str, data: dict[str, Any], *, script: bool = True) -> Any:
    headers = {"X-Fragment": "1"} if script else {}
    return client.post(reverse("review:act", args=[task.pk, verb]), data, headers=headers)


def listed(client: Client, query: str = "") -> list[int]:
    return [row.pk for row in client.get(reverse("review:list") + query).context["rows"]]


def test_the_queue_is_for_staff_who_may_see_tasks() -> None:
    task = waiting()
    for address in (reverse("review:queue"), reverse("review:list"), reverse("review:task", args=[task.pk])):
        assert Client().get(address).status_code == 302
        assert signed_in().get(address).status_code == 403
        assert signed_in("viewer").get(address).status_code == 200


def test_badge_and_list_show_the_same() -> None:
    for _ in range(3):
        waiting()
    make_task()
    client = signed_in("reviewer")
    answer = client.get(reverse("review:list"))
    assert len(answer.context["rows"]) == int(answer.context["badge"]) == queue.waiting().count() == 3


def test_risk_comes_first_then_what_is_due_then_priority() -> None:
    low, urgent = waiting(), waiting(priority="critical")
    AgencyTask.objects.filter(pk__in=[low.pk, urgent.pk]).update(review_due_at=None)
    high = make_task(executionConfig={"apiEndpoint": "https://a.example.com", "apiMethod": "DELETE"})
    due = waiting()
    assert listed(signed_in("reviewer")) == [high.pk, due.pk, urgent.pk, low.pk]


def test_filters_stand_in_the_address() -> None:
    client = signed_in("reviewer")
    zebra, other = waiting(title="Zebra order"), waiting(priority="high", title="Other")
    high = make_task(executionConfig={"apiEndpoint": "https://a.example.com", "apiMethod": "DELETE"})
    assert listed(client, "?q=zebra") == [zebra.pk]
    assert listed(client, f"?q=%23{other.pk}") == [other.pk]
    assert listed(client, "?priority=3") == [other.pk]
    assert listed(client, "?risk=3") == listed(client, "?view=high") == [high.pk]
    assert listed(client, "?type=ghl_action") == []
    assert sorted(listed(client, "?risk=x&priority=99&limit=-1&q=%00&view=nonsense")) == sorted(
        [zebra.pk, other.pk, high.pk]
    )


def test_a_list_that_did_not_change_is_not_sent_again() -> None:
    task, client = waiting(), signed_in("reviewer")
    first = client.get(reverse("review:list"))
    again = client.get(reverse("review:list"), headers={"If-None-Match": first["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    services.edit(task.pk, parse_changes({"title": "Another"}), Actor("x"))
    assert client.get(reverse("review:list"), headers={"If-None-Match": first["ETag"]}).status_code == 200


def test_a_list_takes_few_queries_however_long(django_assert_max_num_queries: Any) -> None:
    for _ in range(12):
        waiting()
    client = signed_in("reviewer")
    with django_assert_max_num_queries(11):
        client.get(reverse("review:list"))


def test_a_decision_answers_with_what_came_of_it() -> None:
    task, client = waiting(), signed_in("reviewer")
    answer = act(client, task, "approve", seen(task))
    assert answer.json() == {"message": f"Approved #{task.pk}.", "undo": True, "undoSeconds": 5.0}
    assert act(client, task, "undo", {}).status_code == 200
    task.refresh_from_db()
    assert task.review == "required"


def test_a_decision_that_does_not_say_what_was_seen_is_refused() -> None:
    task, client = waiting(), signed_in("reviewer")
    for data in ({}, {"version": "x", "digest": "y"}, {"version": 1}):
        assert act(client, task, "approve", data).status_code == 422
    task.refresh_from_db()
    assert task.review == "required"


def test_a_late_click_is_told_who_was_faster_and_what_changed() -> None:
    task, client = waiting(), signed_in("reviewer")
    before = seen(task)
    editor = person("operator", username="olga")
    change = {
        "executionConfig": {"apiEndpoint": "https://api.example.com/other", "apiMethod": "GET"},
        "title": "New title",
    }
    services.edit(task.pk, parse_changes(change), Actor.user(editor, "admin"))
    answer = act(client, task, "approve", before)
    assert answer.status_code == 409
    html = answer.json()["changed"]
    for words in (
        "was changed since you looked",
        "olga",
        "https://api.example.com/users",
        "https://api.example.com/other",
        "New title",
    ):
        assert words in html, words


def test_a_click_on_what_is_decided_says_by_whom() -> None:
    task, ben = waiting(), person("reviewer", username="ben")
    before = seen(task)
    services.reject(task.pk, Actor.user(ben, "queue"), reason="Wrong account")
    html = act(signed_in("reviewer"), task, "approve", before).json()["changed"]
    assert "Already rejected by ben" in html
    assert "Wrong account" in html


def test_without_script_the_same_forms_work() -> None:
    task, client = waiting(), signed_in("reviewer")
    answer = act(client, task, "approve", seen(task), script=False)
    assert answer.status_code == 302
    task.refresh_from_db()
    assert task.review == "approved"
    page = client.post(reverse("review:act", args=[task.pk, "approve"]), seen(task), follow=True)
    assert b"Already approved" in page.content


def test_putting_off_and_taking_up_again() -> None:
    task, client = waiting(), signed_in("reviewer")
    assert act(client, task, "defer", {"until": "yesterday"}).status_code == 422
    assert act(client, task, "defer", {"until": "2020-01-01T00:00"}).status_code == 422
    assert act(client, task, "defer", {"until": ""}).status_code == 200
    assert listed(client) == []
    assert listed(client, "?view=later") == [task.pk]


def test_a_viewer_decides_nothing() -> None:
    task, client = waiting(), signed_in("viewer")
    for verb in ("approve", "reject", "defer", "ask"):
        assert act(client, task, verb, seen(task, text="No", until="")).status_code == 403, verb
    task.refresh_from_db()
    assert (task.review, task.status) == ("required", "pending")


def test_no_get_decides() -> None:
    task, client = waiting(), signed_in("reviewer")
    for verb in ("approve", "reject", "undo", "claim"):
        assert client.get(reverse("review:act", args=[task.pk, verb])).status_code == 405


def test_secrets_and_messages_are_not_shown_to_everybody() -> None:
    auth = {"authType": "bearer", "bearerToken": "sk-very-secret-token-123456"}
    task = waiting(executionConfig={"apiEndpoint": "https://api.example.com/x", "apiMethod": "GET", **auth})
    AgencyTask.objects.filter(pk=task.pk).update(original_message="the password is swordfish <script>alert(1)</script>")
    page = reverse("review:task", args=[task.pk])
    full = signed_in("reviewer").get(page).content
    assert b"sk-very-secret" not in full
    assert b"swordfish &lt;script&gt;" in full
    assert b"swordfish" not in signed_in("viewer").get(page).content


@pytest.mark.parametrize(
    "address", ["/review/999999999/", "/review/99999999999999999999999/", "/admin/tasks/999999999/"]
)
def test_what_does_not_exist_is_not_found(address: str) -> None:
    assert signed_in("reviewer").get(address).status_code == 404


def test_bulk_answers_row_by_row() -> None:
    one, two, client = waiting(), waiting(), signed_in("reviewer")
    rows = [f"{task.pk}:{task.version}:{task.config_digest}" for task in (one, two)]
    services.edit(two.pk, parse_changes({"title": "Another"}), Actor("x"))
    answer = client.post(reverse("review:bulk"), {"verb": "approve", "row": rows}).json()
    assert answer["done"] == 1
    assert [row["code"] for row in answer["results"]] == ["", "stale"]
    assert client.post(reverse("review:bulk"), {"verb": "approve", "row": "nonsense"}).status_code == 422
    assert client.post(reverse("review:bulk"), {"verb": "burn", "row": rows}).status_code == 422
