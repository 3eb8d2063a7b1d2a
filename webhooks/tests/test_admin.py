"""Channels and messages in the admin."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from tasks.tests.factories import UserFactory
from webhooks.inbound import processing
from webhooks.models import ChannelEvent, ChannelSender, InboundMessage, OutboundMessage, Webhook
from webhooks.tests.factories import custom_channel, sms_channel
from webhooks.tests.test_api import out
from webhooks.tests.test_inbound import TASK, send

pytestmark = pytest.mark.django_db

NEW = {
    "name": "Shop",
    "type": "custom_webhook",
    "accepts_inbound": "on",
    "provider": "custom",
    "verification": "standard_webhooks",
    "verification_options": "{}",
    "max_body_bytes": "1048576",
    "text_policy": "review",
    "structured_policy": "run",
    "timezone": "UTC",
    "region": "US",
    "sends_outbound": "on",
    "url": "https://shop.example.com/hook",
    "config": "{}",
    "custom_headers": "{}",
    "senders-TOTAL_FORMS": "0",
    "senders-INITIAL_FORMS": "0",
    "keys-TOTAL_FORMS": "0",
    "keys-INITIAL_FORMS": "0",
}


@pytest.fixture
def admin() -> Client:
    client = Client()
    client.force_login(UserFactory(is_staff=True, is_superuser=True))
    return client


def act(client: Client, model: str, action: str, *pks: int) -> Any:
    url = reverse(f"admin:webhooks_{model}_changelist")
    return client.post(url, {"action": action, "_selected_action": [str(pk) for pk in pks]}, follow=True)


def test_a_channel_is_made_through_the_service_and_its_secrets_are_shown_once(admin: Client) -> None:
    answer = admin.post(reverse("admin:webhooks_webhook_add"), NEW, follow=True)
    channel = Webhook.objects.get()
    assert channel.host == "shop.example.com"
    assert len(re.findall(r"whsec_[A-Za-z0-9+/=]{44}", answer.content.decode())) == 2
    again = admin.get(reverse("admin:webhooks_webhook_change", args=[channel.pk]))
    assert "whsec_" not in again.content.decode()
    assert channel.token in again.content.decode()


def test_a_channel_the_service_refuses_is_an_error_at_its_field(admin: Client) -> None:
    answer = admin.post(reverse("admin:webhooks_webhook_add"), {**NEW, "url": "http://127.0.0.1/"})
    assert answer.status_code == 200
    assert answer.context["adminform"].form.errors["url"]
    assert not Webhook.objects.exists()


def test_a_change_is_audited_and_leaves_keys_alone(admin: Client) -> None:
    channel = custom_channel(url="https://shop.example.com/hook")
    url = reverse("admin:webhooks_webhook_change", args=[channel.pk])
    senders = {"senders-TOTAL_FORMS": "1", "senders-0-address": "Ann", "senders-0-webhook": str(channel.pk)}
    answer = admin.post(url, {**NEW, "name": "Renamed", **senders}, follow=True)
    assert answer.status_code == 200
    channel.refresh_from_db()
    assert (channel.name, channel.keys.count()) == ("Renamed", 2)
    assert ChannelSender.objects.get().address == "Ann"
    assert {"changed", "sender_saved"} <= set(ChannelEvent.objects.values_list("action", flat=True))


def test_channels_are_switched_and_keys_rotated_from_the_list(admin: Client) -> None:
    channel = custom_channel()
    act(admin, "webhook", "disable", channel.pk)
    channel.refresh_from_db()
    assert not channel.is_active
    act(admin, "webhook", "enable", channel.pk)
    answer = act(admin, "webhook", "rotate_inbound", channel.pk)
    assert "whsec_" in answer.content.decode()
    assert channel.keys.filter(purpose="inbound", revoked_at__isnull=True).count() == 2


def test_messages_are_shown_and_replayed_and_resent(admin: Client) -> None:
    channel = custom_channel(url="https://shop.example.com/hook", structuredPolicy="ignore")
    config = {**TASK["executionConfig"], "authType": "bearer", "bearerToken": "sk-hush-hush-1"}
    send(channel, {**TASK, "executionConfig": config})
    address = reverse("admin:webhooks_inboundmessage_change", args=[InboundMessage.objects.get().pk])
    page = admin.get(address).content.decode()
    assert "Fetch" in page
    assert "sk-hush-hush-1" not in page
    send(channel, TASK, "msg_2")
    inbound = InboundMessage.objects.latest("pk")
    processing.process(inbound.pk)
    act(admin, "inboundmessage", "replay", inbound.pk)
    inbound.refresh_from_db()
    assert inbound.state == "received"
    message = out(channel)
    assert admin.get(reverse("admin:webhooks_outboundmessage_change", args=[message.pk])).status_code == 200
    act(admin, "outboundmessage", "resend", message.pk)
    message.refresh_from_db()
    assert message.manual
    act(admin, "outboundmessage", "cancel", message.pk)
    message.refresh_from_db()
    assert message.state == "cancelled"


def test_lists_are_fast_pages_and_staff_without_permissions_see_nothing(admin: Client) -> None:
    sms_channel()
    for model in ("webhook", "inboundmessage", "outboundmessage", "conversation"):
        url = reverse(f"admin:webhooks_{model}_changelist")
        assert admin.get(url).status_code == 200
        client = Client()
        client.force_login(UserFactory(is_staff=True))
        assert client.get(url).status_code == 403
    assert not OutboundMessage.objects.exists()
