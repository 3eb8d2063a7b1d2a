"""From a message to work to an answer: real worker loops, a real target, real receivers."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from standardwebhooks import Webhook as PublicWebhook

from tasks import services
from tasks.actors import Actor
from tasks.drafts import Source
from tasks.executors import registry
from tasks.models import AgencyTask
from tasks.runner import Runner
from tasks.tests.conftest import wait_for
from tasks.tests.factories import UserFactory, make_task, task_input
from tasks.tests.target import Target
from webhooks import keys, notify
from webhooks.models import ChannelKey, OutboundMessage, Webhook
from webhooks.tests.factories import custom_channel, sms_channel
from webhooks.tests.receivers import receiver
from webhooks.tests.signing import compact, standard_headers

pytestmark = pytest.mark.django_db


def send(channel: Webhook, document: dict[str, Any]) -> int:
    body = compact(document)
    answer = Client().post(
        f"/webhooks/inbound/{channel.token}/",
        body,
        content_type="application/json",
        headers=standard_headers(body, "msg_1"),
    )
    assert answer.status_code == 202, answer.content
    return answer.json()["messageId"]


@pytest.mark.django_db(transaction=True)
def test_a_signed_message_becomes_work_and_its_end_comes_back_signed(
    loops: Any,
    target: Target,
    runner: Runner,
) -> None:
    config = {"apiEndpoint": target.url + "/ok", "apiMethod": "GET"}
    with receiver() as there:
        channel = custom_channel(url=there.url + "/hook")
        send(
            channel,
            {"type": "task.create", "data": {"taskType": "api_call", "title": "Fetch", "executionConfig": config}},
        )
        (got,) = wait_for(lambda: there.got, 20)
        event = PublicWebhook(keys.live([channel.pk], ChannelKey.Purpose.OUTBOUND)[channel.pk][0]).verify(
            got.body, got.headers
        )
    task = AgencyTask.objects.get()
    assert (event["type"], event["data"]["taskId"], event["data"]["status"]) == ("task.completed", task.pk, "completed")
    assert event["data"]["sourceMessageId"] == "msg_1"
    wait_for(lambda: OutboundMessage.objects.get().state == "delivered", 5)


@pytest.mark.django_db(transaction=True)
def test_a_failed_task_tells_why_and_a_task_that_wants_silence_tells_nothing(
    loops: Any,
    target: Target,
    runner: Runner,
) -> None:
    with receiver() as there:
        channel = custom_channel(url=there.url + "/hook")
        source = Source(type="webhook_custom", webhook_id=channel.pk)
        config = {"apiEndpoint": target.url + "/status?code=404", "apiMethod": "GET"}
        fields = {"executionConfig": config, "maxRetries": 0}
        silent = services.create(task_input(**fields, notifyOnFailure=False), Actor("test"), source)
        services.create(task_input(**fields), Actor("test"), source)
        (got,) = wait_for(lambda: there.got, 20)
        wait_for(lambda: AgencyTask.objects.get(pk=silent.pk).status == "failed", 20)
    assert got.json["type"] == "task.failed"
    assert "404" in got.json["data"]["error"]
    assert OutboundMessage.objects.count() == 1


# --- executors ---


def run(task_type: str, config: dict[str, Any], **fields: Any) -> Any:
    """The executor of a type, as an attempt would run it."""
    task = make_task(taskType=task_type, executionConfig=config, **fields)
    return run_again(task), task


def run_again(task: AgencyTask) -> Any:
    from tasks.runner import snapshot_of

    columns = {field.attname: getattr(task, field.attname) for field in AgencyTask._meta.concrete_fields}
    snapshot = snapshot_of({**columns, "execution_id": 1})
    executor = registry.get(task.task_type)
    return executor.run(executor.Config.model_validate(task.execution_config), FakeContext(snapshot))


class FakeContext:
    """What these two executors ask of an attempt."""

    def __init__(self, task: Any) -> None:
        self.task = task

    def check(self) -> None:
        """Never stopped."""

    def idempotency_key(self, step: str = "") -> str:
        return f"{self.task.uuid}:{self.task.run_generation}:{step}"


def test_the_seed_s_notification_and_reminder_work_as_written_without_any_channel() -> None:
    user = UserFactory(email="owner@example.com")
    outcome, task = run("notification", {"recipient": "owner"}, actor=Actor.user(user, "api"))
    assert outcome.summary == "Message to the owner is on its way"
    message = OutboundMessage.objects.get()
    assert (message.recipient, message.subject, message.state) == ("owner@example.com", task.title, "pending")
    assert message.webhook == notify.default_channel()
    seed = {
        "reminderTime": "2024-12-15T10:00:00Z",
        "reminderMessage": "Follow up with client about proposal",
        "recipient": "owner",
    }
    run("reminder", seed, actor=Actor.user(user, "api"))
    reminder = OutboundMessage.objects.get(event_type="reminder.due")
    assert reminder.text.startswith("Reminder: Follow up with client about proposal")


def test_a_retried_attempt_finds_its_message_and_a_new_run_writes_another() -> None:
    _, task = run("notification", {"recipient": "owner"})
    run_again(task)
    assert OutboundMessage.objects.count() == 1
    task.run_generation += 1
    run_again(task)
    assert OutboundMessage.objects.count() == 2


def test_a_reminder_is_due_at_its_time_even_in_quiet_hours() -> None:
    channel = sms_channel(ownerAddress="+14155552671", quietStart="00:00", quietEnd="23:59")
    at = (timezone.now() + dt.timedelta(days=2)).replace(hour=12, minute=0, second=0, microsecond=0)
    outcome, _ = run("reminder", {"reminderTime": at.isoformat(), "reminderMessage": "Call", "webhookId": channel.pk})
    message = OutboundMessage.objects.get()
    assert (message.next_attempt_at, message.recipient) == (at, "+14155552671")
    assert outcome.output["reminderTime"] == at.isoformat()


def test_a_notification_waits_for_the_end_of_quiet_hours() -> None:
    channel = sms_channel(ownerAddress="+14155552671", quietStart="00:00", quietEnd="23:59")
    run("notification", {"message": "Hi", "webhookId": channel.pk})
    assert OutboundMessage.objects.get().next_attempt_at.strftime("%H:%M") == "23:59"


def test_a_channel_that_does_not_exist_or_send_fails_for_good() -> None:
    for channel_id in (999_999, custom_channel().pk):
        outcome, _ = run("notification", {"webhookId": channel_id})
        assert (outcome.code, outcome.heals) == ("no_channel", False)


def test_a_message_to_somebody_outside_waits_for_review() -> None:
    assert make_task(taskType="notification", executionConfig={"recipient": "owner"}).review == "none"
    outside = make_task(taskType="notification", executionConfig={"recipient": "+14155552671", "message": "Hi"})
    assert (outside.review, outside.review_reasons) == ("required", ["It writes to +14155552671"])


@pytest.mark.parametrize(
    ("task_type", "config", "field"),
    [
        ("reminder", {}, "reminderTime"),
        ("reminder", {"reminderTime": "2030-01-01T00:00:00", "reminderMessage": "x"}, "reminderTime"),
        ("reminder", {"reminderTime": "2030-01-01T00:00:00Z", "reminderMessage": ""}, "reminderMessage"),
        ("notification", {"recipient": "a\nb"}, "recipient"),
        ("notification", {"recipients": ["owner"]}, "recipients"),
        ("notification", {"webhookId": "7"}, "webhookId"),
    ],
)
def test_wrong_configs_are_refused_with_their_field(task_type: str, config: dict[str, Any], field: str) -> None:
    from tasks.errors import Invalid

    with pytest.raises(Invalid) as refusal:
        make_task(taskType=task_type, executionConfig=config)
    assert any(field in error.pointer for error in refusal.value.errors)


def test_what_waits_for_review_is_told_to_the_owner_of_its_channel_with_what_to_reply() -> None:
    channel = sms_channel(ownerAddress="+14155552671")
    source = Source(type="webhook_sms", webhook_id=channel.pk)
    task = services.create(task_input(requiresHumanReview=True), Actor("test"), source)
    message = OutboundMessage.objects.get()
    assert (message.event_type, message.recipient) == ("review.requested", "+14155552671")
    assert f"Reply APPROVE {task.pk} or REJECT {task.pk} and a reason." in message.text
