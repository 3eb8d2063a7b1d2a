"""What Twilio reports of a message it took: signed, once, in any order."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client

from tasks.actors import Actor
from webhooks import channels, resending
from webhooks.inbound import processing
from webhooks.models import InboundMessage, OutboundMessage, Webhook
from webhooks.outbound import delivery, outbox
from webhooks.outbound.notes import Note
from webhooks.tests.factories import TWILIO_SID, TWILIO_TOKEN, sms_channel
from webhooks.tests.receivers import FakeTwilio
from webhooks.tests.signing import form, twilio_signature

pytestmark = pytest.mark.django_db
FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def twilio(loopback: None, settings: Any) -> Any:
    fake = FakeTwilio(TWILIO_SID, TWILIO_TOKEN)
    settings.TWILIO_BASE_URL, settings.PUBLIC_URL = fake.url, "https://agency.example.com"
    yield fake
    fake.stop()


@pytest.fixture
def channel(db: None) -> Webhook:
    return sms_channel(ownerAddress="+14155552671")


def sent(channel: Webhook) -> OutboundMessage:
    with transaction.atomic():
        message_id = outbox.post(outbox.Draft(channel, "notification", "k1", Note("Hi", "Hi there.")))
    deliver()
    return OutboundMessage.objects.get(pk=message_id)


def deliver() -> None:
    (claimed,) = delivery.claim("tester", 1).messages
    assert delivery.deliver(claimed) == "delivered"


def report(channel: Webhook, settings: Any, sid: str, status: str, code: str = "", token: str = TWILIO_TOKEN) -> int:
    params = {"MessageSid": sid, "AccountSid": TWILIO_SID, "MessageStatus": status}
    params |= {"ErrorCode": code} if code else {}
    path = f"/webhooks/inbound/{channel.token}/"
    signature = twilio_signature(settings.PUBLIC_URL + path, params, token)
    headers = {"X-Twilio-Signature": signature}
    return int(Client().post(path, form(params), content_type=FORM, headers=headers).status_code)


def told(channel: Webhook, settings: Any, sid: str, *statuses: str, code: str = "") -> None:
    """Reports that are taken and read."""
    for status in statuses:
        assert report(channel, settings, sid, status, code) in {200, 202}
        for pk in InboundMessage.objects.filter(state="received").values_list("pk", flat=True):
            assert processing.process(pk) == "processed"


def state_of(message: OutboundMessage) -> tuple[str, str, str]:
    message.refresh_from_db()
    return message.state, message.receipt, message.receipt_code


def test_twilio_is_told_where_to_report_and_the_report_moves_the_message_on(
    twilio: FakeTwilio, channel: Webhook, settings: Any
) -> None:
    message = sent(channel)
    assert twilio.sent[0]["StatusCallback"] == f"https://agency.example.com/webhooks/inbound/{channel.token}/"
    assert state_of(message) == ("delivered", "", "")
    told(channel, settings, message.provider_id, "queued", "sent")
    assert state_of(message) == ("delivered", "sent", "")
    told(channel, settings, message.provider_id, "delivered", "read")
    assert state_of(message) == ("delivered", "read", "")


def test_reports_that_come_late_twice_or_contradict_change_nothing(
    twilio: FakeTwilio, channel: Webhook, settings: Any
) -> None:
    message = sent(channel)
    told(channel, settings, message.provider_id, "delivered", "sent", "delivered", "undelivered")
    assert state_of(message) == ("delivered", "delivered", "")
    assert InboundMessage.objects.count() == 3


@pytest.mark.parametrize("status", ["undelivered", "failed"])
def test_a_message_that_did_not_arrive_is_dead_with_its_code_and_can_begin_anew(
    twilio: FakeTwilio, channel: Webhook, settings: Any, status: str
) -> None:
    message = sent(channel)
    told(channel, settings, message.provider_id, "sent", status, code="30003")
    assert state_of(message) == ("dead", status, "30003")
    assert message.last_error == f"reported as {status}, code 30003"
    assert resending.resend_many([message.pk], Actor("test")) == 1
    first = message.provider_id
    deliver()
    assert state_of(message) == ("delivered", "", "")
    assert message.provider_id != first
    told(channel, settings, message.provider_id, "delivered")
    assert state_of(message) == ("delivered", "delivered", "")


def test_a_report_that_is_not_signed_or_names_another_channel_s_message_moves_nothing(
    twilio: FakeTwilio, channel: Webhook, settings: Any
) -> None:
    message = sent(channel)
    assert report(channel, settings, message.provider_id, "failed", token="x" * 32) == 401
    other = sms_channel(name="Other")
    assert report(other, settings, message.provider_id, "failed") == 202
    InboundMessage.objects.update(attempts=processing.MAX_ATTEMPTS)
    assert processing.process(InboundMessage.objects.get().pk) == "ignored"
    assert state_of(message) == ("delivered", "", "")


def test_a_report_that_overtakes_the_answer_to_the_request_waits_for_it(
    twilio: FakeTwilio, channel: Webhook, settings: Any
) -> None:
    sid = f"SM{1:032d}"
    assert report(channel, settings, sid, "delivered") == 202
    early = InboundMessage.objects.get()
    assert processing.process(early.pk) == ""
    message = sent(channel)
    assert message.provider_id == sid
    assert processing.process(early.pk) == "processed"
    assert state_of(message) == ("delivered", "delivered", "")


def test_a_channel_that_takes_nothing_in_or_cannot_be_reached_asks_for_no_reports(
    twilio: FakeTwilio, channel: Webhook, settings: Any
) -> None:
    channels.change(channel.pk, {"acceptsInbound": False}, Actor("test"))
    sent(channel)
    OutboundMessage.objects.all().delete()
    channels.change(channel.pk, {"acceptsInbound": True}, Actor("test"))
    settings.PUBLIC_URL = "http://localhost:8000"
    sent(channel)
    assert ["StatusCallback" in form for form in twilio.sent] == [False, False]


@pytest.mark.parametrize("fields", [{"receipt": "lost"}, {"receipt": "sent"}, {"receipt_at": "2026-01-01T00:00:00Z"}])
def test_the_database_refuses_receipts_it_does_not_know_or_that_have_no_time(
    twilio: FakeTwilio, channel: Webhook, fields: dict[str, str]
) -> None:
    message = sent(channel)
    with pytest.raises(IntegrityError), transaction.atomic():
        OutboundMessage.objects.filter(pk=message.pk).update(**fields)
