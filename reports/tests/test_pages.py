"""The report pages, as staff use them."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from reports.executor import ReportConfig
from reports.models import Rollup
from reports.tests import history
from reports.tests.history import START
from tasks import templates
from tasks.actors import Actor
from tasks.models import TaskSchedule, TaskTemplate
from tasks.tests.api_client import Api, allow
from tasks.tests.factories import UserFactory

pytestmark = pytest.mark.django_db

RANGE = {"period": "custom", "start": "2026-03-01", "end": "2026-03-06"}


def staff(*permissions: str) -> Client:
    client = Client()
    client.force_login(allow(UserFactory(is_staff=True), *permissions), "django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def reader() -> Client:
    return staff("view_rollup")


def page(client: Client, **query: Any) -> Any:
    return client.get(reverse("admin:reports"), {**RANGE, **query})


def test_only_staff_with_the_permission_see_reports() -> None:
    for name in ("reports", "report_file", "report_schedule"):
        assert Client().get(reverse(f"admin:{name}")).status_code == 302
        assert staff().get(reverse(f"admin:{name}")).status_code == 403
    assert staff("view_rollup").get(reverse("admin:report_schedule")).status_code == 403
    assert Rollup.objects.count() == 0


@pytest.mark.parametrize("kind", ["task_summary", "execution_stats", "webhook_activity"])
def test_every_report_is_a_page_with_pictures_tables_and_nothing_inline(reader: Client, kind: str) -> None:
    history.write(tasks=40)
    shown = page(reader, report=kind)
    html = shown.content.decode()
    assert shown.status_code == 200
    assert html.count("<svg") >= 2
    assert html.count("<table") >= html.count("<svg")
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", html)
    assert "style-src 'self'" in shown["Content-Security-Policy"]
    ids = re.findall(r'\sid="([^"]+)"', html)
    assert len(ids) == len(set(ids))


def test_a_page_without_any_data_says_so(reader: Client) -> None:
    html = page(reader, report="webhook_activity").content.decode()
    assert "Nothing came in." in html
    assert "<svg" not in html


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"start": ""}, "Choose a day"),
        ({"end": "2026-02-01"}, "The last day must not lie before the first"),
        ({"end": "9999-12-31"}, "more than ten years"),
        ({"start": "soon"}, "Enter a valid date"),
        ({"report": "gossip"}, "not one of the available choices"),
        ({"types": "<b>"}, "not one of the available choices"),
        ({"channels": "999"}, "not one of the available choices"),
        ({"channels": "one"}, "not a valid value"),
    ],
)
def test_a_wrong_address_shows_the_form_with_the_reason(reader: Client, query: dict[str, str], words: str) -> None:
    shown = page(reader, **query)
    assert shown.status_code == 400
    assert words in shown.content.decode()


def test_names_of_channels_cannot_become_markup(reader: Client) -> None:
    evil = history.channel("<script>alert(1)</script>")
    history.received(evil, START + dt.timedelta(hours=1), "one").save()
    html = page(reader, report="webhook_activity").content.decode()
    assert "<script>alert" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html


def test_the_print_view_unfolds_every_table(reader: Client) -> None:
    history.write(days=20, tasks=60)
    long = {"start": "2026-03-01", "end": "2026-03-31", "report": "task_summary"}
    assert "Table with 31 rows" in page(reader, **long).content.decode()
    assert "<details><summary>Table" not in page(reader, **long, view="print").content.decode()


@pytest.mark.parametrize(("kind", "start"), [("csv", b"\xef\xbb\xbfTask summary"), ("xlsx", b"PK"), ("json", b"{")])
def test_a_report_can_be_downloaded(reader: Client, kind: str, start: bytes) -> None:
    file = reader.get(reverse("admin:report_file"), {**RANGE, "report": "task_summary", "format": kind})
    assert file.content.startswith(start)
    assert file["Content-Disposition"] == f'attachment; filename="task_summary_2026-03-01_2026-03-06.{kind}"'
    assert file["X-Content-Type-Options"] == "nosniff"


def test_a_wrong_download_leads_back_to_the_form(reader: Client) -> None:
    assert reader.get(reverse("admin:report_file"), {**RANGE, "format": "exe"}).status_code == 302


def test_days_begin_in_the_readers_zone(reader: Client) -> None:
    with history.as_written():
        history.task(dt.datetime(2026, 3, 1, 3, tzinfo=dt.UTC)).save()
    reader.cookies["timezone"] = "America/New_York"
    html = page(reader, report="task_summary").content.decode()
    assert "days of America/New_York" in html
    assert ">Tasks created</dt><dd><strong>0<" in html  # it was 22:00 on the evening before


SCHEDULE = {
    "report": "execution_stats",
    "name": "Weekly figures",
    "rhythm": "weekly",
    "at": "07:30",
    "recipient": "owner@example.com",
    "format": "xlsx",
}


@pytest.fixture
def planner() -> Client:
    return staff("view_rollup", "add_tasktemplate", "add_taskschedule")


def test_a_report_can_be_made_to_recur(planner: Client) -> None:
    planner.cookies["timezone"] = "Europe/Berlin"
    where = history.channel("Desk", url="https://desk.example/hook")
    form = {**SCHEDULE, "channel": where.pk, "types": ["api_call"]}
    assert planner.get(reverse("admin:report_schedule"), {"report": "execution_stats"}).status_code == 200
    assert planner.post(reverse("admin:report_schedule"), form).status_code == 302
    schedule = TaskSchedule.objects.get()
    assert (schedule.cron, schedule.timezone) == ("30 7 * * 1", "Europe/Berlin")
    assert schedule.next_run_at is not None
    task = templates.create_task(schedule.template, schedule.parameters, Actor("test"), schedule_id=schedule.pk)
    config = ReportConfig.model_validate(task.execution_config)
    assert (config.report_type, config.period, config.recipient) == (
        "execution_stats",
        "last_week",
        "owner@example.com",
    )
    assert (config.webhook_id, config.task_types, config.timezone) == (where.pk, ["api_call"], "Europe/Berlin")
    assert (task.task_type, task.source_type) == ("report_generation", "scheduled")


def test_a_taken_name_is_refused_and_nothing_is_written(planner: Client) -> None:
    assert planner.post(reverse("admin:report_schedule"), SCHEDULE).status_code == 302
    again = planner.post(reverse("admin:report_schedule"), SCHEDULE)
    assert again.status_code == 400
    assert "There is a template or schedule named" in again.content.decode()
    assert TaskTemplate.objects.count() == TaskSchedule.objects.count() == 1


@pytest.mark.parametrize("change", [{"recipient": "a@b.c, d@e.f"}, {"at": "25:00"}, {"rhythm": "hourly"}, {"name": ""}])
def test_a_wrong_plan_is_refused(planner: Client, change: dict[str, str]) -> None:
    assert planner.post(reverse("admin:report_schedule"), {**SCHEDULE, **change}).status_code == 400
    assert TaskTemplate.objects.count() == 0


# -- the API


@pytest.fixture
def api() -> Api:
    return Api(allow(UserFactory(), "view_rollup"), scopes=("read",))


def test_the_api_lists_and_makes_reports(api: Api) -> None:
    history.write(tasks=20)
    kinds = [kind["reportType"] for kind in api.get("reports/").json()]
    assert kinds == ["task_summary", "execution_stats", "webhook_activity"]
    for kind in kinds:
        made = api.get(f"reports/{kind}/?startDate=2026-03-01T00:00:00Z&endDate=2026-03-06T23:59:59Z")
        assert made.status_code == 200
        assert made.json()["reportType"] == kind
        assert made.json()["period"]["end"] == "2026-03-07T00:00:00+00:00"


def test_the_api_answers_files(api: Api) -> None:
    file = api.get("reports/task_summary/?period=last_month&format=csv")
    assert file["Content-Type"] == "text/csv; charset=utf-8"
    assert file["Content-Disposition"].startswith("attachment")


@pytest.mark.parametrize(
    ("address", "status", "words"),
    [
        ("reports/gossip/", 404, "task_summary"),
        ("reports/task_summary/?startDate=2026-03-01T00:00:00", 400, "timezone"),
        ("reports/task_summary/?startDate=2026-03-01T00:00:00Z", 400, "endDate is required"),
        ("reports/task_summary/?period=always", 400, "last_week"),
        ("reports/task_summary/?colour=red", 400, "not known here"),
        ("reports/task_summary/?channels=0", 400, "greater than 0"),
    ],
)
def test_the_api_names_what_is_wrong(api: Api, address: str, status: int, words: str) -> None:
    answer = api.get(address)
    assert answer.status_code == status
    assert words in answer.json()["error"]


def test_figures_of_everybody_need_the_permission() -> None:
    for address in ("reports/", "reports/task_summary/"):
        assert Api().get(address).status_code == 403
