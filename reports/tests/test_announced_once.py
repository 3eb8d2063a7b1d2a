"""A report that a person asked for through a channel, and wants to be sent, is one message."""

from __future__ import annotations

from typing import Any

import pytest

from reports.tests import history
from tasks import services
from tasks.actors import Actor
from tasks.drafts import Source
from tasks.inputs import parse_task
from tasks.runner import Runner
from tasks.tests.conftest import runner as runner
from tasks.tests.conftest import wait_status
from webhooks.models import OutboundMessage
from webhooks.tests.factories import email_channel

pytestmark = pytest.mark.django_db(transaction=True)


def _events(channel: Any, **config: Any) -> list[str]:
    """The messages about one report that came through a channel."""
    document = {
        "title": "Report",
        "taskType": "report_generation",
        "executionConfig": {"reportType": "task_summary", "period": "last_7_days", **config},
    }
    task = services.create(parse_task(document), Actor("test"), Source(type="webhook_email", webhook_id=channel.pk))
    wait_status(task, "completed")
    return list(OutboundMessage.objects.filter(task_id=task.pk).order_by("id").values_list("event_type", flat=True))


def test_its_figures_are_the_answer_and_nothing_else_says_that_it_is_done(runner: Runner) -> None:
    mail = email_channel(name="Mail", ownerAddress="owner@example.com")
    assert _events(mail) == ["task.completed"]
    assert _events(mail, sendNotification=True) == ["report.ready"]


def test_a_program_hears_the_end_of_its_task_as_of_every_other(runner: Runner) -> None:
    program = history.channel("Desk", owner_address="desk", url="https://desk.example/hook")
    assert _events(program, sendNotification=True) == ["report.ready", "task.completed"]


def test_who_asked_still_hears_that_it_is_done_when_the_figures_go_to_somebody_else(runner: Runner) -> None:
    mail = email_channel(name="Mail", ownerAddress="owner@example.com")
    other = email_channel(name="Other", ownerAddress="boss@example.com")
    assert _events(mail, sendNotification=True, webhookId=other.pk) == ["report.ready", "task.completed"]
