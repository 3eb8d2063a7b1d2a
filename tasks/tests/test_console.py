"""Dashboard and task page: numbers that agree with their lists, and buttons only for what can be done now."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from tasks.console import charts, task_page
from tasks.console.charts import Hour
from tasks.models import AgencyTask
from tasks.tests.factories import make_task
from tasks.tests.pages import scene
from tasks.tests.pages.scene import Scene
from tasks.tests.test_admin import person, signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def here() -> Scene:
    cache.clear()
    return scene.build()


def client_of(user: Any) -> Client:
    client = Client()
    client.force_login(user, "django.contrib.auth.backends.ModelBackend")
    return client


def page_of(task: AgencyTask) -> str:
    return reverse("admin:task_page", args=[task.pk])


def act(client: Client, task: AgencyTask, verb: str, **data: str) -> Any:
    return client.post(reverse("admin:task_act", args=[task.pk, verb]), data, follow=True)


# --- dashboard -----------------------------------------------------------------------------------------------------


def test_every_number_leads_to_a_list_of_as_many(here: Scene) -> None:
    client = client_of(here.ana)
    tiles = client.get(reverse("admin:index")).context["tiles"]
    assert len(tiles) == 8
    for tile in tiles:
        answer = client.get(tile["url"])
        assert answer.status_code == 200, tile
        listed = answer.context["rows"] if "rows" in answer.context else answer.context["cl"].result_list
        if "%" not in str(tile["value"]):
            assert len(listed) == int(tile["value"]), tile["label"]


def test_failures_are_grouped_by_cause_and_lead_to_their_tasks(here: Scene) -> None:
    client = client_of(here.ana)
    (cause,) = client.get(reverse("admin:index")).context["causes"]
    assert (cause["code"], cause["count"], cause["sample"]) == ("http_404", 3, "HTTP 404 Not Found")
    listed = client.get(cause["url"]).context["cl"].result_list
    assert len(listed) == 3
    assert here.failed.pk in [row.pk for row in listed]


def test_what_is_planned_is_shown_and_what_waits_for_review_is_not(here: Scene) -> None:
    planned = client_of(here.ana).get(reverse("admin:index")).context["upcoming"]
    assert [task.title for task in planned] == ["Monthly report for Acme", "Remind Borealis of the workshop"]


def test_who_may_not_see_tasks_sees_no_numbers(here: Scene) -> None:
    answer = client_of(person(username="nobody")).get(reverse("admin:index"))
    assert answer.status_code == 200
    assert "tiles" not in answer.context


def test_bars_fill_the_picture_and_stack() -> None:
    import datetime as dt

    at = dt.datetime(2026, 6, 1, tzinfo=dt.UTC)
    busy, calm = charts.bars([Hour(at, 30, 10), Hour(at, 0, 0)])
    room = charts.HEIGHT - charts.FOOT - 4
    assert busy.done_height + busy.failed_height == pytest.approx(room, abs=0.2)
    assert busy.failed_y + busy.failed_height == pytest.approx(busy.done_y, abs=0.2)
    assert (calm.done_height, calm.failed_height) == (0, 0)
    assert charts.bars([]) == []


# --- task page -----------------------------------------------------------------------------------------------------


def test_buttons_are_what_can_be_done_now(here: Scene) -> None:
    def offered(task: AgencyTask, user: Any) -> set[str]:
        return {verb for verb, may in client_of(user).get(page_of(task)).context["may"].items() if may}

    assert offered(here.failed, here.ola) == {"execute", "replay", "duplicate", "comment"}
    assert offered(here.running, here.ola) == {"cancel", "duplicate", "comment"}
    assert offered(here.asking, here.ola) == {"answer", "cancel", "duplicate", "comment"}
    assert offered(here.edited, here.ola) == {"review", "edit", "cancel", "defer", "duplicate", "comment"}
    viewer = person("viewer", username="vic")
    assert offered(here.failed, viewer) == {"comment"}
    assert offered(here.edited, viewer) == {"review", "comment"}


def test_an_act_that_is_not_offered_is_refused_and_said(here: Scene) -> None:
    viewer = client_of(person("viewer", username="vic"))
    assert b"This cannot be done now" in act(viewer, here.failed, "replay").content
    assert b"This cannot be done now" in act(client_of(here.ola), here.running, "replay").content
    here.failed.refresh_from_db()
    assert here.failed.status == "failed"
    assert act(viewer, here.failed, "explode").status_code == 404


def test_acts_go_through_the_services(here: Scene) -> None:
    client = client_of(here.ola)
    act(client, here.failed, "replay")
    here.failed.refresh_from_db()
    assert (here.failed.status, here.failed.run_generation) == ("queued", 1)
    act(client, here.failed, "cancel")
    copied = act(client, here.failed, "duplicate").redirect_chain[-1][0]
    assert copied != page_of(here.failed)
    put_off = make_task(executionType="manual_trigger")
    act(client, put_off, "defer", until="")
    put_off.refresh_from_db()
    assert put_off.status == "deferred"
    act(client, put_off, "release")
    put_off.refresh_from_db()
    assert put_off.status == "pending"


def test_a_question_is_answered_once_by_whoever_saw_it(here: Scene) -> None:
    client, token = client_of(here.ola), str(here.asking.waiting_token)
    assert b"Did it happen?" in client.get(page_of(here.asking)).content
    old = "00000000-0000-0000-0000-000000000000"
    assert b"asks something else by now" in act(client, here.asking, "answer", answer="happened", token=old).content
    act(client, here.asking, "answer", answer="happened", token=token)
    here.asking.refresh_from_db()
    assert here.asking.status == "completed"


def test_a_remark_is_kept_with_its_author(here: Scene) -> None:
    content = act(client_of(here.ola), here.failed, "comment", text="Price list moved <b>again</b>").content
    assert b"Price list moved &lt;b&gt;again&lt;/b&gt;" in content


def test_the_moving_part_is_sent_only_when_it_moved(here: Scene) -> None:
    client = client_of(here.ana)
    address = reverse("admin:task_live", args=[here.running.pk])
    first = client.get(address)
    assert b"Add to basket" in first.content
    assert client.get(address, headers={"If-None-Match": first["ETag"]}).status_code == 304
    here.running.executions.update(steps_completed=3)
    assert client.get(address, headers={"If-None-Match": first["ETag"]}).status_code == 200


def test_answers_are_cut_and_secrets_in_them_masked() -> None:
    shown = task_page.cut({"password": "hunter2-hunter2", "text": "plain words " * 2_000})
    assert shown is not None
    assert "hunter2" not in shown["text"]
    assert (len(shown["text"]), shown["cut"] > 10_000) == (task_page.CUT, True)
    assert task_page.cut(None) is None


def test_a_task_page_takes_few_queries(here: Scene, django_assert_max_num_queries: Any) -> None:
    client = client_of(here.ana)
    with django_assert_max_num_queries(32):
        client.get(page_of(here.failed))


def test_the_page_shows_only_staff_with_permission() -> None:
    task = make_task()
    assert Client().get(page_of(task)).status_code == 302
    assert signed_in().get(page_of(task)).status_code == 403
