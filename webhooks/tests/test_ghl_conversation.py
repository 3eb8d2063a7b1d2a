"""Messages through a HighLevel conversation, against a GoHighLevel that keeps to its contract."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import redis
from django.db import transaction

from agency import credentials
from tasks.executors.ghl import limits
from tasks.tests.fake_ghl import LOCATION, TOKEN, FakeGhl
from webhooks.models import OutboundMessage, Webhook
from webhooks.outbound import delivery, outbox
from webhooks.outbound.notes import Note
from webhooks.tests.factories import make

pytestmark = pytest.mark.django_db


@pytest.fixture
def ghl(loopback: None, settings: Any) -> Iterator[FakeGhl]:
    server = FakeGhl()
    settings.GHL_BASE_URL, settings.GHL_API_KEY, settings.GHL_API_VERSION = server.base_url, "", "v3"
    settings.GHL_REQUESTS_PER_SECOND = 100
    valkey = redis.Redis.from_url(settings.REDIS_URL)
    for key in valkey.scan_iter("agency:ghl:*"):
        valkey.delete(key)
    yield server
    server.close()


@pytest.fixture
def contact(ghl: FakeGhl) -> str:
    return str(ghl.add(phone="+14155552671")["id"])


def conversation(contact: str, **fields: Any) -> Webhook:
    given = {"name": "HighLevel", "type": "ghl", "account": LOCATION, "config": {"defaultContactId": contact}}
    return make({**given, "outboundSecret": TOKEN, **fields})


def post(channel: Webhook, key: str = "k1", **more: Any) -> OutboundMessage:
    with transaction.atomic():
        message_id = outbox.post(outbox.Draft(channel, "notification", key, Note("Hi", "Hi there."), **more))
    return OutboundMessage.objects.get(pk=message_id)


def deliver_one() -> str:
    (claimed,) = delivery.claim("tester", 1).messages
    return delivery.deliver(claimed)


def test_a_message_goes_to_the_contact_in_the_kind_of_the_conversation(ghl: FakeGhl, contact: str) -> None:
    message = post(conversation(contact))
    assert deliver_one() == "delivered"
    message.refresh_from_db()
    assert message.provider_id == ghl.messages[0]["id"]
    post(conversation(contact), "k2", recipient=contact, address={"contactId": contact, "type": "Email"})
    assert deliver_one() == "delivered"
    assert ghl.seen("send_message") == [
        {"type": "SMS", "contactId": contact, "message": "Hi there."},
        {"type": "Email", "contactId": contact, "message": "Hi there.", "subject": "Hi"},
    ]


def test_the_version_before_v3_is_that_of_conversations(ghl: FakeGhl, contact: str, settings: Any) -> None:
    settings.GHL_API_VERSION = "2021-07-28"
    post(conversation(contact))
    assert deliver_one() == "delivered"
    assert ghl.headers_seen[-1]["Version"] == "2021-04-15"


def test_without_a_token_of_its_own_a_channel_uses_its_location_s_and_then_the_site_s(
    ghl: FakeGhl, contact: str, settings: Any
) -> None:
    channel = conversation(contact, outboundSecret="")
    post(channel, "none")
    assert deliver_one() == "dead"
    host = ghl.base_url.removeprefix("http://")
    made = credentials.store(TOKEN, name="Location", kind="ghl", allowed_hosts=[host, "127.0.0.1"], owner=None)
    made.account = LOCATION
    made.save(update_fields=["account"])
    post(channel, "location")
    assert deliver_one() == "delivered"
    made.delete()
    settings.GHL_API_KEY = TOKEN
    post(channel, "site")
    assert deliver_one() == "delivered"
    assert ghl.effects == {"send_message": 2}


def test_the_limit_of_the_location_is_shared_with_tasks_and_waiting_for_it_costs_no_try(
    ghl: FakeGhl, contact: str, settings: Any
) -> None:
    settings.GHL_REQUESTS_PER_10_SECONDS = 3
    for _ in range(3):
        assert limits.take(LOCATION) == 0  # as tasks of ghl_action do
    channel = conversation(contact)
    message = post(channel)
    assert deliver_one() == "pending"
    message.refresh_from_db()
    channel.refresh_from_db()
    assert (message.attempts, message.last_error) == (0, "waits for HighLevel's request limit")
    assert channel.failing_since is None
    assert ghl.requests == []
    assert message.delivery_attempts.get().outcome == "refused"


def test_a_429_stops_every_worker_for_as_long_as_the_api_says(ghl: FakeGhl, contact: str) -> None:
    ghl.fail("send_message", 429)
    message = post(conversation(contact))
    assert deliver_one() == "pending"
    message.refresh_from_db()
    assert (message.attempts, message.refusals, ghl.effects) == (0, 0, {})
    assert limits.take(LOCATION) > 0


def test_no_ticket_is_taken_for_a_message_that_cannot_be_sent(ghl: FakeGhl, settings: Any) -> None:
    settings.GHL_REQUESTS_PER_10_SECONDS = 1
    message = post(conversation(""))
    assert deliver_one() == "dead"
    message.refresh_from_db()
    assert message.last_error == "no HighLevel contact to write to"
    assert limits.take(LOCATION) == 0


@pytest.mark.parametrize(("how", "state"), [("cut", "held"), (500, "pending"), (401, "pending")])
def test_a_send_without_an_answer_is_held_and_an_error_is_tried_again(
    ghl: FakeGhl, contact: str, how: Any, state: str
) -> None:
    ghl.fail("send_message", how)
    post(conversation(contact))
    assert deliver_one() == state


def test_a_contact_that_wants_no_messages_is_given_up_at_once(ghl: FakeGhl) -> None:
    silent = ghl.add(phone="+14155552672", dnd=True)["id"]
    message = post(conversation(silent))
    assert deliver_one() == "dead"
    message.refresh_from_db()
    assert message.last_error.startswith("HighLevel refused: ")
