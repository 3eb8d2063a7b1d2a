"""Channels and messages over REST: who may, what is answered, and that no secret ever is."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from tasks.tests.api_client import Api, allow
from webhooks import channels
from webhooks.inbound import processing
from webhooks.models import ChannelEvent, InboundMessage, OutboundMessage, Webhook
from webhooks.outbound import outbox
from webhooks.outbound.notes import Note
from webhooks.tests.factories import TESTER, custom_channel, sms_channel
from webhooks.tests.test_inbound import TASK, send

pytestmark = pytest.mark.django_db

NEW = {"name": "Shop", "type": "custom_webhook", "url": "https://shop.example.com/hook"}


@pytest.fixture
def manager() -> Api:
    api = Api(is_staff=True)
    allow(
        api.user,
        "manage_channels",
        "view_inboundmessage",
        "view_outboundmessage",
        "replay_inboundmessage",
        "resend_outboundmessage",
        "view_sensitive",
    )
    return api


@pytest.fixture
def outsider() -> Api:
    return Api()


def test_a_new_channel_shows_its_secrets_once_and_its_address_always(manager: Api) -> None:
    made = manager.post("webhooks/", NEW)
    assert made.status_code == 201, made.content
    document = made.json()
    assert set(document["secrets"]) == {"inbound", "outbound"}
    assert document["inboundUrl"].endswith(f"/webhooks/inbound/{Webhook.objects.get().token}/")
    shown = manager.get(f"webhooks/{document['id']}/").json()
    assert "secrets" not in shown
    for secret in document["secrets"].values():
        assert secret not in str(shown)
    assert [key["purpose"] for key in sorted(shown["keys"], key=lambda key: key["purpose"])] == ["inbound", "outbound"]
    assert ChannelEvent.objects.filter(action="created", actor_user_id=manager.user.pk).exists()


def test_outsiders_and_tokens_without_the_scope_see_and_change_nothing(manager: Api, outsider: Api) -> None:
    channel = custom_channel()
    for method, path in (
        ("GET", "webhooks/"),
        ("POST", "webhooks/"),
        ("GET", f"webhooks/{channel.pk}/"),
        ("PATCH", f"webhooks/{channel.pk}/"),
        ("DELETE", f"webhooks/{channel.pk}/"),
        ("POST", f"webhooks/{channel.pk}/keys/"),
        ("POST", f"webhooks/{channel.pk}/senders/"),
        ("POST", f"webhooks/{channel.pk}/disable/"),
        ("POST", f"webhooks/{channel.pk}/resend/"),
        ("GET", "inbound-messages/"),
        ("GET", "outbound-messages/"),
        ("POST", "outbound-messages/resend/"),
    ):
        assert outsider.call(method, path, {} if method != "GET" else None).status_code == 403, path
    writer = Api(manager.user, scopes=("read", "write"))
    assert writer.post("webhooks/", NEW).status_code == 403
    assert writer.get("webhooks/").status_code == 200


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"url": "http://127.0.0.1/x"}, "#/url"),
        ({"url": ""}, "#/url"),
        ({"customHeaders": {"webhook-id": "x"}}, "#/customHeaders"),
        ({"customHeaders": {"Transfer-Encoding": "chunked"}}, "#/customHeaders"),
        ({"timezone": "Mars/Base"}, "#/timezone"),
        ({"quietStart": "21:00"}, "#/quietStart"),
        ({"verification": "none"}, "#/verification"),
        ({"verification": "ghl"}, "#/account"),
        ({"type": "pigeon"}, "#/type"),
        ({"token": "chosen"}, "#/token"),
        ({"maxBodyBytes": 100 << 20}, "#/maxBodyBytes"),
        ({"verification": "stripe"}, "#/secret"),
    ],
)
def test_a_channel_that_cannot_be_is_refused_with_its_field(manager: Api, change: dict[str, Any], pointer: str) -> None:
    answer = manager.post("webhooks/", {**NEW, **change})
    assert answer.status_code == 422
    assert pointer in [error["pointer"] for error in answer.json()["errors"]]
    assert not Webhook.objects.exists()


def test_a_channel_is_changed_listed_switched_off_and_on_and_removed(manager: Api) -> None:
    channel = custom_channel(url="https://shop.example.com/hook")
    path = f"webhooks/{channel.pk}/"
    assert (
        manager.patch(path, {"name": "Renamed", "quietStart": "21:00", "quietEnd": "08:00"}).json()["quietEnd"]
        == "08:00"
    )
    assert manager.patch(path, {"type": "sms"}).status_code == 422
    assert manager.get("webhooks/?type=custom_webhook&isActive=true").json()["count"] == 1
    off = manager.post(path + "disable/", {"reason": "holiday"})
    assert (off.status_code, off.json()["isActive"], off.json()["disabledReason"]) == (200, False, "holiday")
    assert manager.post(path + "disable/", {"reason": "again"}).status_code == 409
    assert manager.post(path + "enable/").json()["isActive"] is True
    actions = [row["action"] for row in manager.get(path + "events/").json()]
    assert actions[:3] == ["enabled", "disabled", "changed"]
    assert manager.delete(path).status_code == 204
    assert manager.get(path).status_code == 404


def test_a_channel_that_was_used_is_switched_off_instead_of_removed(manager: Api) -> None:
    message = out(custom_channel(url="https://shop.example.com/hook"))
    assert manager.delete(f"webhooks/{message.webhook_id}/").status_code == 409


def test_keys_are_rotated_shown_once_and_revoked(manager: Api) -> None:
    channel = custom_channel()
    path = f"webhooks/{channel.pk}/keys/"
    made = manager.post(path, {"purpose": "inbound", "graceHours": 1})
    assert made.status_code == 201
    assert made.json()["secret"].startswith("whsec_")
    listed = manager.get(path).json()
    assert [key["isCurrent"] for key in listed] == [True, False]
    assert "secret" not in listed[0]
    given = manager.post(path, {"purpose": "inbound", "secret": "whsec_" + "A" * 44})
    assert given.json()["secret"] == ""
    assert manager.post(path, {"purpose": "inbound"}).status_code == 409
    assert manager.delete(f"{path}{listed[1]['id']}/").status_code == 204
    assert manager.post(path, {"purpose": "inbound", "graceHours": 1000}).status_code == 422


def test_senders_are_known_in_one_spelling(manager: Api) -> None:
    channel = sms_channel()
    path = f"webhooks/{channel.pk}/senders/"
    made = manager.post(path, {"address": "(415) 555-2671", "userId": manager.user.pk})
    assert made.json()["address"] == "+14155552671"
    assert manager.post(path, {"address": "+1 415 555 2671"}).status_code == 409
    assert manager.delete(f"{path}{made.json()['id']}/").status_code == 204
    assert manager.get(path).json() == []
    stranger = manager.post(path, {"address": "+1 415 555 2672", "userId": 231_380_721})
    assert (stranger.status_code, stranger.json()["errors"][0]["pointer"]) == (422, "#/userId")
    assert manager.get(path).json() == []


# --- messages ---


def out(channel: Webhook, key: str = "k") -> OutboundMessage:
    with transaction.atomic():
        pk = outbox.post(outbox.Draft(channel, "task.completed", key, Note("Done", "Done: it works")))
    return OutboundMessage.objects.get(pk=pk)


def test_received_messages_are_listed_and_what_people_wrote_is_for_some_only(manager: Api) -> None:
    channel = custom_channel()
    send(channel, {"text": "hello there", "from": "ann"})
    processing.process(InboundMessage.objects.get().pk)
    (shown,) = manager.get(f"inbound-messages/?webhookId={channel.pk}&state=processed").json()["results"]
    assert (shown["text"], shown["sender"], shown["externalId"]) == ("hello there", "ann", "msg_1")
    blind = Api(is_staff=True)
    allow(blind.user, "view_inboundmessage")
    hidden = blind.get(f"inbound-messages/{shown['id']}/").json()
    assert (hidden["text"], hidden["sender"], hidden["understanding"]) == (None, None, {})
    assert manager.get("inbound-messages/?state=nonsense").status_code == 400


def test_a_message_that_made_no_task_can_be_processed_again(manager: Api) -> None:
    channel = custom_channel(structuredPolicy="ignore")
    send(channel, TASK)
    message = InboundMessage.objects.get()
    assert processing.process(message.pk) == "ignored"
    channels.change(channel.pk, {"structuredPolicy": "run"}, TESTER)
    path = f"inbound-messages/{message.pk}/replay/"
    assert manager.post(path).json()["state"] == "received"
    assert processing.process(message.pk) == "processed"
    assert manager.post(path).status_code == 409


def test_messages_are_shown_with_their_tries_resent_cancelled_and_forgotten(manager: Api) -> None:
    channel = custom_channel(url="https://shop.example.com/hook")
    message = out(channel)
    shown = manager.get(f"outbound-messages/{message.pk}/").json()
    assert (shown["state"], shown["text"], shown["deliveryAttempts"]) == ("pending", "Done: it works", [])
    assert manager.post(f"outbound-messages/{message.pk}/replay/").status_code == 202
    cancelled = manager.post(f"outbound-messages/{message.pk}/cancel/", {"reason": "not needed"}).json()
    assert (cancelled["state"], cancelled["lastError"]) == ("cancelled", "not needed")
    assert manager.post(f"outbound-messages/{message.pk}/replay/").status_code == 409
    assert manager.post(f"outbound-messages/{message.pk}/expunge/").json()["text"] == ""
    assert manager.post("outbound-messages/999999/replay/").status_code == 404


def test_dead_letters_are_found_and_begin_anew(manager: Api) -> None:
    channel = custom_channel(url="https://shop.example.com/hook")
    ids = [out(channel, f"k{number}").pk for number in range(3)]
    OutboundMessage.objects.filter(pk__in=ids).update(
        state="dead", last_error="answered 500", next_attempt_at=None, finished_at=timezone.now()
    )
    assert manager.get("outbound-messages/?state=dead").json()["count"] == 3
    assert manager.post("outbound-messages/resend/", {"ids": ids[:1]}).json() == {"resent": 1}
    since = (timezone.now() - dt.timedelta(hours=1)).isoformat()
    assert manager.post(f"webhooks/{channel.pk}/resend/", {"since": since}).json() == {"resent": 2}
    long_ago = (timezone.now() - dt.timedelta(days=20)).isoformat()
    assert manager.post(f"webhooks/{channel.pk}/resend/", {"since": long_ago}).status_code == 422
