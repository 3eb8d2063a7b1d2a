"""The admin: fast lists, facts, actions that go through the services, edits that overwrite nobody."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse

from tasks.admin.filters import VIEWS
from tasks.models import AgencyTask, Approval, TaskEvent, TaskTemplate
from tasks.tests.factories import UserFactory, make_task

pytestmark = pytest.mark.django_db

LIST = "admin:tasks_agencytask_changelist"


def person(*groups: str, **fields: Any) -> Any:
    user = UserFactory(is_staff=True, **fields)
    user.groups.set(Group.objects.filter(name__in=groups))
    return user


def signed_in(*groups: str, **fields: Any) -> Client:
    client = Client()
    client.force_login(person(*groups, **fields), "django.contrib.auth.backends.ModelBackend")
    return client


def act(client: Client, action: str, *tasks: AgencyTask, **more: str) -> Any:
    data = {"action": action, "_selected_action": [task.pk for task in tasks], **more}
    return client.post(reverse(LIST), data, follow=True)


def apply(client: Client, action: str, *tasks: AgencyTask, **more: str) -> Any:
    digests = {f"digest_{task.pk}": task.config_digest for task in tasks}
    return act(client, action, *tasks, apply="1", **digests, **more)


def pages() -> list[str]:
    task = make_task(requiresHumanReview=True)
    lists = "agencytask taskexecution taskevent taskeffect worker scheduleoccurrence tasktemplate taskschedule approval"
    names = [reverse(f"admin:tasks_{name}_changelist") for name in lists.split()]
    return [
        *names,
        reverse("admin:index"),
        reverse("admin:tasks_agencytask_change", args=[task.pk]),
        reverse("admin:tasks_agencytask_edit", args=[task.pk]),
        reverse("admin:tasks_agencytask_add"),
        reverse("admin:tasks_tasktemplate_add"),
        reverse("admin:tasks_taskschedule_add"),
        reverse("admin:tasks_taskevent_change", args=[TaskEvent.objects.latest("id").pk]),
    ]


def test_every_page_opens_for_a_manager() -> None:
    client = signed_in("manager")
    for address in pages():
        assert client.get(address).status_code == 200, address


def test_a_viewer_sees_and_cannot_write() -> None:
    client, task = signed_in("viewer"), make_task(requiresHumanReview=True)
    assert client.get(reverse("admin:tasks_agencytask_change", args=[task.pk])).status_code == 200
    assert client.get(reverse("admin:tasks_agencytask_edit", args=[task.pk])).status_code == 403
    assert client.get(reverse("admin:tasks_agencytask_add")).status_code == 403
    apply(client, "approve", task)
    task.refresh_from_db()
    assert task.review == "required"


def test_nothing_opens_for_a_stranger() -> None:
    client = Client()
    assert {client.get(address).status_code for address in pages()} == {302}


def test_approving_asks_first_and_then_decides_each_row_for_itself() -> None:
    client = signed_in("reviewer")
    one, two, decided = (make_task(requiresHumanReview=True) for _ in range(3))
    apply(client, "reject", decided, text="No", code="other")
    asked = act(client, "approve", one, two, decided)
    assert b"GET https://api.example.com/users" in asked.content
    told = apply(client, "approve", one, two, decided).content.decode()
    assert "Done: 2." in told
    assert f"#{decided.pk}: Already rejected by" in told
    assert Approval.objects.filter(task__in=[one, two], decision="approved", door="admin").count() == 2


def test_a_row_that_changed_after_it_was_shown_is_not_approved() -> None:
    client, task = signed_in("reviewer"), make_task(requiresHumanReview=True)
    AgencyTask.objects.filter(pk=task.pk).update(config_digest="f" * 64)
    told = apply(client, "approve", task).content.decode()
    assert "was changed since you looked" in told
    assert not Approval.objects.filter(task=task).exists()


def test_rejecting_needs_a_reason() -> None:
    client, task = signed_in("reviewer"), make_task(requiresHumanReview=True)
    assert "reason is required" in apply(client, "reject", task, text=" ").content.decode()
    apply(client, "reject", task, text="Wrong account", code="wrong_target")
    task.refresh_from_db()
    assert (task.status, task.review, task.review_notes) == ("cancelled", "rejected", "Wrong account")
    assert task.approvals.get().code == "wrong_target"


def test_start_cancel_and_run_again() -> None:
    client, task = signed_in("operator"), make_task(executionType="manual_trigger")
    for action, status in (("execute", "queued"), ("cancel", "cancelled"), ("replay", "pending")):
        act(client, action, task)
        task.refresh_from_db()
        assert task.status == status, action
    assert "cannot be run again" in act(client, "replay", task).content.decode()


def form_of(task: AgencyTask, **changes: Any) -> dict[str, Any]:
    from tasks.admin.forms import TaskForm

    form = TaskForm(task=task)
    data = {name: field.value() for name in form.fields if (field := form[name]) is not None}
    data = {name: value for name, value in data.items() if value not in (None, False)}
    data["execution_config"] = form["execution_config"].value()
    return data | changes


def test_an_edit_goes_through_the_service_and_voids_the_approval() -> None:
    client = signed_in("manager")
    task = make_task(requiresHumanReview=True, executionType="manual_trigger")
    apply(client, "approve", task)
    task.refresh_from_db()
    assert task.review == "approved"
    config = '{"apiEndpoint": "https://api.example.com/other", "apiMethod": "GET"}'
    page = reverse("admin:tasks_agencytask_edit", args=[task.pk])
    assert client.post(page, form_of(task, execution_config=config)).status_code == 302
    task.refresh_from_db()
    assert task.review == "required"
    assert task.execution_config["apiEndpoint"].endswith("/other")
    assert TaskEvent.objects.filter(task_id=task.pk, kind="edited").count() == 1


def test_an_edit_does_not_overwrite_what_somebody_else_wrote() -> None:
    client, task = signed_in("operator"), make_task(executionType="manual_trigger")
    mine = form_of(task, title="Mine")
    AgencyTask.objects.filter(pk=task.pk).update(title="Theirs")
    answer = client.post(reverse("admin:tasks_agencytask_edit", args=[task.pk]), mine)
    assert answer.status_code == 409
    task.refresh_from_db()
    assert task.title == "Theirs"


def test_a_wrong_config_is_told_beside_its_field() -> None:
    client = signed_in("operator")
    data = form_of(make_task(executionType="manual_trigger"), task_type="api_call", execution_config="{}")
    answer = client.post(reverse("admin:tasks_agencytask_add"), data)
    assert answer.status_code == 422
    assert "API call requires apiEndpoint" in answer.content.decode()


def test_a_new_task_is_made_by_the_service() -> None:
    client = signed_in("operator")
    data = form_of(make_task(executionType="manual_trigger"), task_type="api_call", title="By hand", tags="a, b")
    assert client.post(reverse("admin:tasks_agencytask_add"), data).status_code == 302
    made = AgencyTask.objects.latest("id")
    assert (made.title, made.tags, made.created_by.is_staff) == ("By hand", ["a", "b"], True)


@pytest.mark.parametrize("view", sorted(VIEWS))
def test_every_saved_view_lists(view: str) -> None:
    make_task(requiresHumanReview=True)
    assert signed_in("viewer").get(reverse(LIST), {"view": view}).status_code == 200


def test_search_finds_words_and_numbers() -> None:
    client, task = signed_in("viewer"), make_task(title="Refund of order zebra")
    make_task(title="Another")
    for words in ("zebra", f"#{task.pk}", str(task.pk), "refund order"):
        listed = client.get(reverse(LIST), {"q": words}).context["cl"].result_list
        assert [row.pk for row in listed] == [task.pk], words


def test_a_list_never_counts_the_whole_table(django_assert_max_num_queries: Any) -> None:
    for _ in range(3):
        make_task()
    client = signed_in("viewer")
    with django_assert_max_num_queries(16) as queries:
        client.get(reverse(LIST))
    assert not [
        q["sql"] for q in queries.captured_queries if "COUNT(*)" in q["sql"].upper() and "agency_tasks" in q["sql"]
    ]


def test_csv_keeps_formulas_from_being_formulas() -> None:
    task = make_task(title="=HYPERLINK(1)")
    body = b"".join(act(signed_in("viewer"), "export_csv", task).streaming_content).decode()
    assert "'=HYPERLINK(1)" in body
    assert ",=HYPERLINK" not in body


def test_original_messages_are_for_those_who_may_see_them() -> None:
    task = make_task()
    AgencyTask.objects.filter(pk=task.pk).update(original_message="my password is swordfish")
    page = reverse("admin:tasks_agencytask_change", args=[task.pk])
    assert b"swordfish" in signed_in("reviewer").get(page).content
    assert b"swordfish" not in signed_in("viewer").get(page).content


def test_a_secret_written_into_a_template_here_becomes_a_credential() -> None:
    config = {
        "apiEndpoint": "https://api.example.com/x",
        "authType": "bearer",
        "bearerToken": "canary-token-1234567890",
    }
    task = {"title": "Call", "taskType": "api_call", "executionConfig": config}
    form = {"name": "secret", "description": "", "task": json.dumps(task), "parameters": "{}", "active": "on"}
    assert signed_in("manager").post(reverse("admin:tasks_tasktemplate_add"), form).status_code == 302
    kept = TaskTemplate.objects.get().task
    assert "canary" not in str(kept)
    assert set(kept["executionConfig"]["bearerToken"]) == {"credential", "hint"}


def test_a_template_or_schedule_that_would_be_refused_says_so_beside_the_field() -> None:
    client = signed_in("manager")
    config = {"apiEndpoint": "https://{{host}}/x", "authType": "bearer", "bearerToken": "canary-token-1234567890"}
    task = {"title": "Call", "taskType": "api_call", "executionConfig": config}
    slots = json.dumps({"properties": {"host": {"type": "string"}}})
    form = {"name": "open", "description": "", "task": json.dumps(task), "parameters": slots, "active": "on"}
    answer = client.post(reverse("admin:tasks_tasktemplate_add"), form)
    assert answer.status_code == 200
    assert "stored credential" in answer.content.decode()
    assert not TaskTemplate.objects.exists()
