"""The inbox's address: what it answers in every case, and what is stored."""

from __future__ import annotations

import base64
import json
import threading
from typing import Any

import pytest
from django.test import Client

from tasks.models import AgencyTask
from tasks.tests.factories import UserFactory
from webhooks import channels
from webhooks.inbound import door, processing
from webhooks.models import InboundMessage, Webhook
from webhooks.tests.factories import (
    SLACK_SECRET,
    TESTER,
    TWILIO_SID,
    TWILIO_TOKEN,
    custom_channel,
    email_channel,
    slack_channel,
    sms_channel,
)
from webhooks.tests.signing import compact, form, slack_headers, standard_headers, twilio_signature

pytestmark = pytest.mark.django_db

TASK = {
    "taskType": "api_call",
    "title": "Fetch",
    "executionConfig": {"apiEndpoint": "https://api.example.com/x", "apiMethod": "GET"},
}
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"


def url_of(channel: Webhook) -> str:
    return f"/webhooks/inbound/{channel.token}/"


def post(channel: Webhook, body: bytes, headers: dict[str, str], content_type: str = JSON) -> Any:
    return Client(raise_request_exception=False).post(url_of(channel), body, content_type=content_type, headers=headers)


def send(channel: Webhook, document: Any, message_id: str = "msg_1") -> Any:
    body = compact(document) if not isinstance(document, bytes) else document
    return post(channel, body, standard_headers(body, message_id))


def test_a_signed_task_is_stored_answered_202_and_becomes_one_task() -> None:
    channel = custom_channel()
    answer = send(channel, {"type": "task.create", "data": TASK})
    assert (answer.status_code, answer.json()["status"]) == (202, "accepted")
    message = InboundMessage.objects.get()
    assert (message.state, bytes(message.raw)) == ("received", compact({"type": "task.create", "data": TASK}))
    assert processing.process(message.pk) == "processed"
    task = AgencyTask.objects.get()
    message.refresh_from_db()
    assert (task.source_type, task.source_webhook_id, task.source_message_id) == (
        "webhook_custom",
        channel.pk,
        message.pk,
    )
    assert (message.task_id, message.state) == (task.pk, "processed")
    assert processing.process(message.pk) == ""
    assert AgencyTask.objects.count() == 1


def test_a_repeat_is_200_and_another_body_under_the_same_id_is_a_recorded_conflict() -> None:
    channel = custom_channel()
    assert send(channel, TASK).status_code == 202
    assert send(channel, TASK).status_code == 200
    assert send(channel, {**TASK, "title": "Other"}).json()["status"] == "duplicate"
    message = InboundMessage.objects.get()
    assert (message.duplicates, message.conflicts) == (2, 1)
    assert json.loads(bytes(message.raw))["title"] == "Fetch"


def test_bad_signatures_and_unknown_channels_get_the_same_words_and_store_nothing() -> None:
    channel = custom_channel()
    body = compact(TASK)
    forged = post(channel, body + b" ", standard_headers(body, "msg_1"))
    unsigned = post(channel, body, {})
    old = post(channel, body, standard_headers(body, "msg_1", at=1_700_000_000))
    nobody = Client().post(
        f"/webhooks/inbound/{'x' * 32}/", body, content_type=JSON, headers=standard_headers(body, "m")
    )
    short = Client().post("/webhooks/inbound/abc/", body, content_type=JSON)
    assert [one.status_code for one in (forged, unsigned, old, nobody, short)] == [401, 401, 401, 404, 404]
    assert len({one.content for one in (forged, unsigned, old, nobody, short)}) == 1
    assert not InboundMessage.objects.exists()


def test_a_channel_that_is_off_or_takes_nothing_in_is_unknown() -> None:
    channel = custom_channel()
    channels.disable(channel.pk, TESTER, "not needed")
    door.forget()
    assert send(channel, TASK).status_code == 404
    assert send(custom_channel(acceptsInbound=False, inboundSecret=""), TASK).status_code == 404


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ({"taskType": "api_call", "title": "x", "executionConfig": {}}, "apiEndpoint"),
        ({"taskType": "nonsense", "title": "x"}, "taskType"),
        ({**TASK, "status": "completed"}, "status"),
        ({**TASK, "createdBy": 1}, "createdBy"),
        ({**TASK, "scheduledFor": "2030-01-01T00:00:00"}, "scheduledFor"),
        ({**TASK, "title": 5}, "title"),
    ],
)
def test_an_authentic_task_that_the_api_would_refuse_is_400_named_and_recorded(document: Any, field: str) -> None:
    answer = send(custom_channel(), document)
    assert answer.status_code == 400
    assert any(field in error["pointer"] or field in error["message"] for error in answer.json()["errors"])
    assert InboundMessage.objects.get().state == "unusable"


@pytest.mark.parametrize("body", [b"[]", b"not json", b'{"a":1,"a":2}', b"[" * 5000, b'{"text":"\\u0000"}', b"\xff"])
def test_authentic_bodies_that_cannot_be_read_are_400_and_recorded(body: bytes) -> None:
    channel = custom_channel()
    headers = standard_headers(b"{}", "msg_1")
    import base64
    import hashlib
    import hmac as hmac_module

    from webhooks.tests.signing import STANDARD_SECRET

    key = base64.b64decode(STANDARD_SECRET[6:])
    signed = f"msg_1.{headers['webhook-timestamp']}.".encode() + body
    mark = base64.b64encode(hmac_module.new(key, signed, hashlib.sha256).digest()).decode()
    answer = post(channel, body, {**headers, "webhook-signature": f"v1,{mark}"})
    assert answer.status_code == 400
    assert InboundMessage.objects.get().state == "unusable"


def test_unknown_events_and_our_own_are_202_ignored() -> None:
    channel = custom_channel()
    assert send(channel, {"type": "invoice.paid", "data": {}}, "msg_1").json()["status"].startswith("ignored")
    assert send(channel, {"type": "task.completed", "data": TASK}, "msg_2").status_code == 202
    body = compact(TASK)
    headers = {**standard_headers(body, "msg_3"), "Agency-Hops": "4"}
    assert post(channel, body, headers).json()["status"].startswith("ignored: it passed through")
    assert set(InboundMessage.objects.values_list("state", flat=True)) == {"ignored"}


def test_sizes_types_charsets_methods_and_lengths_are_checked_first() -> None:
    channel = custom_channel(maxBodyBytes=2048)
    body = compact({"text": "x" * 3000})
    assert post(channel, body, standard_headers(body, "m")).status_code == 413
    assert post(channel, b"{}", standard_headers(b"{}", "m"), "text/plain").status_code == 415
    assert post(channel, b"{}", standard_headers(b"{}", "m"), "application/json; charset=utf-16").status_code == 415
    assert Client().put(url_of(channel), b"{}", content_type=JSON).status_code == 405
    assert Client().delete(url_of(channel)).status_code == 405


def test_a_larger_body_is_taken_when_the_channel_allows_it() -> None:
    channel = custom_channel(maxBodyBytes=3 << 20)
    assert send(channel, {"type": "big.event", "data": {"text_block": "x" * (2 << 20)}}).status_code == 202


def test_too_many_messages_of_a_channel_are_429_with_the_wait(settings: Any) -> None:
    settings.RATE_LIMITS, settings.INBOUND_RATE = True, 3
    channel = custom_channel()
    answers = [send(channel, TASK, f"msg_{number}") for number in range(5)]
    assert [answer.status_code for answer in answers] == [202, 202, 202, 429, 429]
    assert 1 <= int(answers[-1]["Retry-After"]) <= 60
    assert send(custom_channel(), TASK).status_code == 202


def test_an_address_with_many_bad_signatures_is_429_before_the_signature_is_looked_at(
    settings: Any,
) -> None:
    settings.RATE_LIMITS, settings.INBOUND_BAD_RATE = True, 2
    channel = custom_channel()
    assert [post(channel, b"{}", {}).status_code for _ in range(4)] == [401, 401, 429, 429]
    assert send(channel, TASK).status_code == 429


def test_a_full_inbox_answers_503(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from webhooks.inbound import limits

    settings.INBOUND_BACKLOG = 1
    channel = custom_channel()
    monkeypatch.setattr(limits, "_backlog", (0.0, False))
    assert send(channel, TASK, "msg_1").status_code == 202
    monkeypatch.setattr(limits, "_backlog", (0.0, False))
    answer = send(channel, TASK, "msg_2")
    monkeypatch.setattr(limits, "_backlog", (0.0, False))
    assert (answer.status_code, answer["Retry-After"]) == (503, "30")


def test_inline_secrets_of_a_task_are_forgotten_here_once_they_are_credentials() -> None:
    canary = "canary-7f3a9c1b2d4e5f60"
    config = {**TASK["executionConfig"], "authType": "bearer", "bearerToken": canary}
    send(custom_channel(), {**TASK, "executionConfig": config})
    message = InboundMessage.objects.get()
    assert canary.encode() not in bytes(message.raw)  # encrypted while it waits
    assert processing.process(message.pk) == "processed"
    message.refresh_from_db()
    task = AgencyTask.objects.get()
    assert json.loads(bytes(message.raw))["executionConfig"]["bearerToken"] == "***"
    for row in (message, task):
        assert canary not in str(row.__dict__)
    assert task.execution_config["bearerToken"]["credential"]


@pytest.mark.parametrize(
    ("document", "after"),
    [
        ({"text": "status", "from": "ann", "apiToken": "canary-1f2e3d4c"}, "processed"),
        ({"taskType": "no_such_type", "title": "T", "executionConfig": {"password": "canary-1f2e3d4c"}}, "unusable"),
        ({"taskType": "api_call", "\\u0070assword": "canary-1f2e3d4c"}, "unusable"),
        ({"type": "task.completed", "data": {"token": "canary-1f2e3d4c"}}, "ignored"),
    ],
)
def test_no_body_keeps_a_secret_whatever_becomes_of_it(document: dict[str, Any], after: str) -> None:
    channel, body = custom_channel(), compact(document).replace(b"\\\\u", b"\\u")
    post(channel, body, standard_headers(body, "msg_1"))
    message = InboundMessage.objects.get()
    assert b"canary" not in bytes(message.raw)
    processing.process(message.pk)
    message.refresh_from_db()
    assert (message.state, message.masked, message.sealed_by) == (after, True, "")
    assert b"***" in bytes(message.raw)
    assert not processing.replay(message.pk)  # what was masked would be taken for the secret


def test_a_sealed_body_is_bound_to_its_message_and_survives_failures_until_its_key_is_gone(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = {**TASK["executionConfig"], "authType": "bearer", "bearerToken": "canary-7f3a9c1b2d4e5f60"}
    channel = custom_channel()
    send(channel, {**TASK, "executionConfig": config})
    message = InboundMessage.objects.get()
    with monkeypatch.context() as broken:
        broken.setattr(processing, "create_task", lambda *_, **__: 1 / 0)
        InboundMessage.objects.update(attempts=processing.MAX_ATTEMPTS)
        assert processing.process(message.pk) == "failed"
    message.refresh_from_db()
    assert message.sealed_by
    assert processing.replay(message.pk)
    InboundMessage.objects.update(body_sha256="0" * 64)
    assert processing.process(message.pk) == "failed"
    InboundMessage.objects.update(body_sha256=message.body_sha256)
    assert processing.replay(message.pk)
    ring, settings.CREDENTIAL_KEYS = settings.CREDENTIAL_KEYS, "other:" + base64.b64encode(b"1" * 32).decode()
    assert processing.process(message.pk) == "failed"
    message.refresh_from_db()
    assert "CREDENTIAL_KEYS" in message.state_reason
    settings.CREDENTIAL_KEYS = ring
    assert processing.replay(message.pk)
    assert processing.process(message.pk) == "processed"


# --- providers end to end ---


def test_slack_is_challenged_with_a_signature_only() -> None:
    channel = slack_channel()
    body = compact({"type": "url_verification", "challenge": "abc"})
    assert post(channel, body, slack_headers(body, SLACK_SECRET)).json() == {"challenge": "abc"}
    assert post(channel, body, {}).status_code == 401
    assert not InboundMessage.objects.exists()


def slack_event(text: str, stamp: str = "1700000000.000100", user: str = "U9", team: str = "T1") -> bytes:
    event = {"type": "message", "channel_type": "im", "user": user, "channel": "D1", "ts": stamp, "text": text}
    return compact({"type": "event_callback", "team_id": team, "event_id": "Ev" + stamp, "event": event})


def test_a_slack_event_becomes_a_task_that_waits_for_review() -> None:
    channel = slack_channel()
    body = slack_event("remind me tomorrow at 9 to call John")
    assert post(channel, body, slack_headers(body, SLACK_SECRET)).status_code == 202
    processing.process(InboundMessage.objects.get().pk)
    task = AgencyTask.objects.get()
    assert (task.source_type, task.task_type, task.review, task.status) == (
        "webhook_slack",
        "reminder",
        "required",
        "pending",
    )
    assert task.original_message == "remind me tomorrow at 9 to call John"


def test_events_of_another_account_are_ignored() -> None:
    channel = slack_channel()
    body = slack_event("remind me tomorrow at 9 to call John", team="T2")
    assert post(channel, body, slack_headers(body, SLACK_SECRET)).json()["status"].startswith("ignored")


def sms(text: str, sid: str = "SM1", sender: str = "+14155552671") -> dict[str, str]:
    return {
        "MessageSid": sid,
        "AccountSid": TWILIO_SID,
        "From": sender,
        "To": "+15559990000",
        "Body": text,
        "NumMedia": "0",
    }


def send_sms(channel: Webhook, params: dict[str, str], settings: Any) -> Any:
    signature = twilio_signature(settings.PUBLIC_URL + url_of(channel), params, TWILIO_TOKEN)
    return post(channel, form(params), {"X-Twilio-Signature": signature}, FORM)


def test_an_sms_signed_for_our_public_address_is_taken_whatever_its_host_header_says(settings: Any) -> None:
    channel = sms_channel()
    answer = send_sms(channel, sms("extract the prices from https://example.com/data"), settings)
    assert (answer.status_code, answer.content) == (202, b"<Response/>")
    processing.process(InboundMessage.objects.get().pk)
    assert AgencyTask.objects.get().task_type == "data_extraction"


def test_a_mail_from_postmark_becomes_a_task_with_its_subject() -> None:
    channel = email_channel()
    mail = {
        "From": "ann@example.com",
        "FromName": "Ann",
        "MessageID": "pm-1",
        "Subject": "Prices please",
        "TextBody": "Please extract the prices from https://example.com/data\n\n-- \nAnn",
        "Headers": [],
        "Attachments": [{"Name": "a.txt", "ContentType": "text/plain", "Content": "aGk="}],
    }
    answer = post(channel, compact(mail), {"Authorization": "Bearer a-shared-token-of-32-characters!"})
    assert answer.status_code == 202
    message = InboundMessage.objects.get()
    processing.process(message.pk)
    message.refresh_from_db()
    assert AgencyTask.objects.get().title == "Prices please"
    assert message.attachments == [{"name": "a.txt", "contentType": "text/plain", "size": 2}]
    assert message.weak


def test_get_is_ready_and_echoes_a_challenge_only_to_who_knows_the_secret() -> None:
    channel = email_channel()
    assert Client().get(url_of(channel)).json()["status"] == "ready"
    query = {"hub.mode": "subscribe", "hub.challenge": "11589", "hub.verify_token": "a-shared-token-of-32-characters!"}
    answer = Client().get(url_of(channel), query)
    assert (answer.status_code, answer.content, answer["Content-Type"]) == (200, b"11589", "text/plain")
    assert Client().get(url_of(channel), {**query, "hub.verify_token": "wrong"}).status_code == 401
    assert Client().get(url_of(channel), {**query, "hub.challenge": "<script>"}).status_code == 401
    assert Client().get(f"/webhooks/inbound/{'x' * 32}/").status_code == 404


# --- at the same time ---


@pytest.mark.django_db(transaction=True)
def test_twenty_parallel_deliveries_of_one_message_make_one_task() -> None:
    from django.db import connection

    channel = custom_channel()
    body = compact(TASK)
    headers = standard_headers(body, "msg_1")
    barrier, codes = threading.Barrier(20), []

    def deliver() -> None:
        barrier.wait()
        codes.append(post(channel, body, headers).status_code)
        for pk in InboundMessage.objects.values_list("pk", flat=True):
            processing.process(pk)
        connection.close()

    threads = [threading.Thread(target=deliver) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(codes) == [200] * 19 + [202]
    assert InboundMessage.objects.get().duplicates == 19
    assert AgencyTask.objects.count() == 1


def test_a_known_sender_of_a_channel_is_the_creator_of_their_task() -> None:
    channel, user = custom_channel(), UserFactory()
    channels.know_sender(channel, "ann", TESTER, user_id=user.pk)
    send(channel, {"type": "task.create", "data": {**TASK, "from": "ann"}})
    processing.process(InboundMessage.objects.get().pk)
    assert AgencyTask.objects.get().created_by_id == user.pk
