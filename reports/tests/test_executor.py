"""report_generation as a task: made by the service, run by a real worker."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from reports.executor import ReportConfig, ReportGeneration
from reports.tests import history
from reports.tests.history import START
from tasks.errors import Invalid
from tasks.executors import registry
from tasks.models import AgencyTask
from tasks.runner import Runner
from tasks.tests.conftest import runner as runner
from tasks.tests.conftest import wait_status
from tasks.tests.factories import make_task
from webhooks.models import OutboundMessage

SEED = {
    "reportType": "task_summary",
    "startDate": "2024-11-01T00:00:00Z",
    "endDate": "2024-11-30T23:59:59Z",
    "sendNotification": True,
}


def make(**config: Any) -> AgencyTask:
    return make_task(title="Report", taskType="report_generation", executionConfig=config)


def preview(**config: Any) -> Any:
    return ReportGeneration().preview(ReportConfig.model_validate(config))


def test_it_comes_in_by_the_door_of_plugins() -> None:
    assert isinstance(registry.get("report_generation"), ReportGeneration)


def test_a_month_that_ends_in_its_last_second_is_the_whole_month() -> None:
    period = ReportConfig.model_validate(SEED).covers(START)
    assert period.end == dt.datetime(2024, 12, 1, tzinfo=dt.UTC)
    assert str(period) == "01 Nov 2024 to 30 Nov 2024"


def test_its_preview_says_what_when_and_to_whom() -> None:
    shown = preview(**SEED)
    assert shown.sentence == (
        "Makes the report “Task summary” for 01 Nov 2024 to 30 Nov 2024 and sends its figures to owner"
    )
    assert preview(reportType="execution_stats", period="last_week").sentence == (
        "Makes the report “Execution statistics” for last week"
    )


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("config", "pointer", "words"),
    [
        ({}, "#/executionConfig/reportType", "Report generation requires reportType"),
        ({"reportType": "gossip"}, "#/executionConfig/reportType", "task_summary"),
        ({**SEED, "endDate": "2024-10-01T00:00:00Z"}, "#/executionConfig", "endDate must be after startDate"),
        ({**SEED, "endDate": "1024-10-01T00:00:00Z"}, "#/executionConfig", "endDate must be after startDate"),
        ({**SEED, "startDate": "1999-10-01T00:00:00Z"}, "#/executionConfig", "at most 3660 days"),
        ({**SEED, "startDate": "2024-11-01T00:00:00"}, "#/executionConfig/startDate", "timezone"),
        ({**SEED, "period": "last_week"}, "#/executionConfig", "not both"),
        ({"reportType": "task_summary", "startDate": SEED["startDate"]}, "#/executionConfig", "endDate is required"),
        ({**SEED, "timezone": "Mars/Olympus"}, "#/executionConfig/timezone", "Europe/Berlin"),
        ({**SEED, "timezone": "../etc/passwd"}, "#/executionConfig/timezone", "not known"),
        ({**SEED, "format": "pdf"}, "#/executionConfig/format", "xlsx"),
        ({**SEED, "extra": 1}, "#/executionConfig/extra", "Extra inputs"),
    ],
)
def test_a_wrong_config_is_refused_with_its_field(config: dict[str, Any], pointer: str, words: str) -> None:
    with pytest.raises(Invalid) as refused:
        make(**config)
    assert refused.value.errors[0].pointer == pointer
    assert words in refused.value.errors[0].message


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("kind", ["task_summary", "execution_stats", "webhook_activity"])
def test_every_kind_runs_and_leaves_its_figures(runner: Runner, kind: str) -> None:
    history.write(days=2, tasks=20)
    task = make(reportType=kind, startDate=START.isoformat(), endDate="2026-03-02T23:59:59Z")
    done = wait_status(task, "completed", "failed")
    assert done.status == "completed", done.last_error
    assert done.result["reportType"] == kind
    assert done.result["period"]["end"] == "2026-03-03T00:00:00+00:00"
    assert len(done.result["perDay"]) == 2
    assert done.result["summary"].keys() == done.result["previous"].keys()
    assert "01 Mar 2026 to 02 Mar 2026" in done.result_summary
    assert OutboundMessage.objects.filter(event_type="report.ready").count() == 0


@pytest.mark.django_db(transaction=True)
def test_the_figures_are_sent_once_as_a_message_that_reads_well(runner: Runner) -> None:
    with history.as_written():
        history.task(START, "completed").save()
        history.task(START, "failed").save()
    where = history.channel("Desk", owner_address="desk", url="https://desk.example/hook")
    task = make(
        reportType="task_summary",
        startDate=START.isoformat(),
        endDate="2026-03-01T23:59:59Z",
        sendNotification=True,
        webhookId=where.pk,
    )
    assert wait_status(task, "completed").result["notification"]["channel"] == "Desk"
    message = OutboundMessage.objects.get(event_type="report.ready")
    assert bytes(message.body)
    assert message.subject == "Task summary: 01 Mar 2026"
    assert "Tasks created: 2 (none before)\nCompleted: 1 (none before)\nFailed: 1 (none before)" in message.text
    assert "Success rate: 50.0 %" in message.text


@pytest.mark.django_db(transaction=True)
def test_a_channel_that_is_gone_fails_the_task_with_its_number(runner: Runner) -> None:
    task = make(reportType="task_summary", sendNotification=True, webhookId=999_999)
    done = wait_status(task, "failed")
    assert done.last_error == "channel 999999 does not exist"
    assert done.executions.get().error_code == "no_channel"
