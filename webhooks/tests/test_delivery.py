"""Messages going out: signed, retried, kept, given up, sent again; one dead receiver beside a healthy one."""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone
from standardwebhooks import Webhook as PublicWebhook

from tasks import invariants
from tasks.errors import Conflict, Invalid
from tasks.tests.conftest import wait_for
from webhooks import channels, keys, resending, upkeep
from webhooks.invariants import MESSAGES
from webhooks.models import ChannelEvent, ChannelKey, DeliveryAttempt, OutboundMessage, Webhook
from webhooks.outbound import breaker, delivery, outbox
from webhooks.outbound.notes import Note
from webhooks.tests.factories import (
    TESTER,
    TWILIO_SID,
    TWILIO_TOKEN,
    custom_channel,
    email_channel,
    slack_channel,
    sms_channel,
)
from webhooks.tests.receivers import FakeSlack, FakeTwilio, Got, MailServer, receiver

ALWAYS = {"sending_has_one_running_try", "finished_tasks_are_told", "one_message_makes_one_task"}
pytestmark = pytest.mark.django_db


def post(channel: Webhook, key: str = "k1", **more: Any) -> OutboundMessage:
    draft = outbox.Draft(
        channel, "task.completed", key, Note("Done: Fetch", "Done: #12 Fetch."), data={"taskId": 12}, **more
    )
    with transaction.atomic():
        message_id = outbox.post(draft)
    return OutboundMessage.objects.get(pk=message_id)


def deliver_one() -> str:
    """One message, by hand, without the loops."""
    (claimed,) = delivery.claim("tester", 1).messages
    return delivery.deliver(claimed)


@pytest.fixture(autouse=True)
def _in_order(db: None) -> Iterator[None]:
    """After every test: what must hold of messages holds."""
    yield
    broken = invariants.check(grace_s=0.5, only=[one for one in MESSAGES if one.name in ALWAYS])
    assert broken == [], [str(one) for one in broken]


def reload(message: OutboundMessage) -> OutboundMessage:
    message.refresh_from_db()
    return message


def make_due(message: OutboundMessage) -> None:
    OutboundMessage.objects.filter(pk=message.pk).update(next_attempt_at=timezone.now())


def signing_secret(channel: Webhook) -> str:
    return keys.live([channel.pk], ChannelKey.Purpose.OUTBOUND)[channel.pk][0]


# --- custom webhooks ---


def test_a_custom_receiver_gets_an_event_that_the_public_library_verifies(loopback: None) -> None:
    with receiver() as there:
        channel = custom_channel(url=f"{there.url}/hook", customHeaders={"X-Team": "blue"})
        message = post(channel)
        assert deliver_one() == "delivered"
    got = there.got[0]
    event = PublicWebhook(signing_secret(channel)).verify(got.body, got.headers)
    assert (event["type"], event["data"]["taskId"], event["data"]["message"]) == (
        "task.completed",
        12,
        "Done: #12 Fetch.",
    )
    assert got.headers["webhook-id"] == message.message_id
    assert (got.headers["x-team"], got.headers["agency-hops"], got.headers["content-type"]) == (
        "blue",
        "1",
        "application/json",
    )
    attempt = DeliveryAttempt.objects.get()
    assert (attempt.outcome, attempt.status_code, attempt.epoch) == ("delivered", 200, 1)
    channel.refresh_from_db()
    assert channel.last_success_at is not None


def test_a_second_message_for_the_same_cause_is_not_written(loopback: None) -> None:
    channel = custom_channel(url="http://127.0.0.1:9/hook")
    post(channel, "same")
    with transaction.atomic():
        assert outbox.post(outbox.Draft(channel, "task.completed", "same", Note("x", "y"))) is None
    assert OutboundMessage.objects.count() == 1


def test_a_message_whose_cause_is_rolled_back_was_never_there(loopback: None) -> None:
    channel = custom_channel(url="http://127.0.0.1:9/hook")
    with transaction.atomic():
        outbox.post(outbox.Draft(channel, "task.completed", "k", Note("x", "y")))
        transaction.set_rollback(True)
    assert not OutboundMessage.objects.exists()


def test_a_retry_has_the_same_id_and_body_and_a_new_time_and_signature(loopback: None) -> None:
    answers = iter([(500, {}, b"broken"), (200, {}, b"")])
    with receiver(lambda got: next(answers)) as there:
        channel = custom_channel(url=there.url + "/")
        message = post(channel)
        assert deliver_one() == "pending"
        waited = reload(message).next_attempt_at - timezone.now()
        assert dt.timedelta(seconds=3) < waited < dt.timedelta(seconds=7)
        make_due(message)
        assert deliver_one() == "delivered"
    first, second = there.got
    assert (first.headers["webhook-id"], first.body) == (second.headers["webhook-id"], second.body)
    for got in there.got:
        PublicWebhook(signing_secret(channel)).verify(got.body, got.headers)
    kept = DeliveryAttempt.objects.order_by("epoch").first()
    assert (kept.outcome, kept.status_code, kept.response_body, kept.error) == ("failed", 500, "broken", "answered 500")


def test_a_rotated_key_signs_beside_the_new_one_until_its_grace_ends(loopback: None) -> None:
    with receiver() as there:
        channel = custom_channel(url=there.url + "/")
        old = signing_secret(channel)
        _, new = keys.rotate(channel, ChannelKey.Purpose.OUTBOUND, TESTER)
        post(channel, "k1")
        deliver_one()
        keys.rotate(channel, ChannelKey.Purpose.OUTBOUND, TESTER, grace=dt.timedelta(0))
        post(channel, "k2")
        deliver_one()
    both, later = there.got
    for secret in (old, new):
        PublicWebhook(secret).verify(both.body, both.headers)
    PublicWebhook(old).verify(later.body, later.headers)  # its 24 hours are not over
    with pytest.raises(Exception, match="No matching signature"):
        PublicWebhook(new).verify(later.body, later.headers)


def test_no_more_than_three_keys_are_live(loopback: None) -> None:
    channel = custom_channel(url="http://127.0.0.1:9/")
    for _ in range(2):
        keys.rotate(channel, ChannelKey.Purpose.OUTBOUND, TESTER)
    with pytest.raises(Conflict, match="3 keys"):
        keys.rotate(channel, ChannelKey.Purpose.OUTBOUND, TESTER)
    keys.revoke(ChannelKey.objects.filter(purpose="outbound").earliest("pk"), TESTER)
    keys.rotate(channel, ChannelKey.Purpose.OUTBOUND, TESTER)


def test_a_redirect_is_a_failure_with_its_place_recorded_and_not_followed(loopback: None) -> None:
    with receiver() as other, receiver(lambda got: (302, {"Location": other.url + "/x"}, b"")) as there:
        post(custom_channel(url=there.url + "/"))
        assert deliver_one() == "pending"
        assert other.got == []
        assert DeliveryAttempt.objects.get().location == other.url + "/x"


def test_410_ends_the_message_and_switches_the_channel_off_and_holds_what_waits(loopback: None) -> None:
    with receiver(lambda got: (410, {}, b"")) as there:
        channel = custom_channel(url=there.url + "/")
        message, waiting = post(channel, "k1"), post(channel, "k2")
        OutboundMessage.objects.filter(pk=waiting.pk).update(next_attempt_at=timezone.now() + dt.timedelta(hours=1))
        assert deliver_one() == "dead"
    channel.refresh_from_db()
    assert (channel.is_active, "410" in channel.disabled_reason) == (False, True)
    assert (reload(message).state, reload(waiting).state) == ("dead", "held")
    assert ChannelEvent.objects.filter(action="disabled").exists()
    assert post(channel, "k3").held_reason == "the channel is disabled"
    channels.enable(channel.pk, TESTER)
    assert reload(waiting).state == "pending"


def test_a_target_inside_the_network_is_dead_at_once(settings: Any, loopback: None) -> None:
    channel = custom_channel(url="http://127.0.0.1:9/")
    message = post(channel)
    settings.OUTBOUND_ALLOW_CIDRS, settings.OUTBOUND_ALLOW_HOSTS = [], []
    assert deliver_one() == "dead"
    assert DeliveryAttempt.objects.get().outcome == "refused"
    assert "not allowed" in reload(message).last_error


def test_five_days_without_success_and_three_messages_given_up_switch_a_channel_off(
    loopback: None, settings: Any
) -> None:
    settings.DELIVERY_STEPS = [0.0]
    channel = custom_channel(url="http://127.0.0.1:9/")
    for number in range(3):
        post(channel, f"k{number}")
        assert deliver_one() == "dead"
        channel.refresh_from_db()
        assert channel.is_active
    Webhook.objects.filter(pk=channel.pk).update(failing_since=timezone.now() - dt.timedelta(hours=121))
    post(channel, "k4")
    deliver_one()
    channel.refresh_from_db()
    assert not channel.is_active


def test_a_huge_result_is_left_out_of_the_event(loopback: None) -> None:
    channel = custom_channel(url="http://127.0.0.1:9/")
    with transaction.atomic():
        outbox.post(
            outbox.Draft(channel, "task.completed", "k", Note("x", "y"), data={"taskId": 1, "result": "x" * 100_000})
        )
    body = bytes(OutboundMessage.objects.get().body)
    assert len(body) < 1000
    assert b'"resultTruncated":true' in body


# --- resending ---


def test_a_person_may_send_a_dead_message_again_and_failure_leaves_it_dead(loopback: None, settings: Any) -> None:
    settings.DELIVERY_STEPS = [0.0]
    status = [500]
    with receiver(lambda got: (status[0], {}, b"")) as there:
        message = post(custom_channel(url=there.url + "/"))
        assert deliver_one() == "dead"
        resending.resend(message.pk, TESTER)
        assert deliver_one() == "dead"
        assert reload(message).attempts == 1
        status[0] = 200
        resending.resend(message.pk, TESTER)
        assert deliver_one() == "delivered"
        resending.resend(message.pk, TESTER)
        status[0] = 500
        assert deliver_one() == "delivered"
    assert len({got.headers["webhook-id"] for got in there.got}) == 1
    assert list(DeliveryAttempt.objects.order_by("epoch").values_list("manual", flat=True)) == [False, True, True, True]


def test_a_manual_try_of_a_waiting_message_leaves_its_schedule_alone(loopback: None) -> None:
    with receiver(lambda got: (500, {}, b"")) as there:
        message = post(custom_channel(url=there.url + "/"))
        deliver_one()
        due = reload(message).next_attempt_at
        resending.resend(message.pk, TESTER)
        deliver_one()
    assert (reload(message).state, message.next_attempt_at, message.attempts) == ("pending", due, 1)


def test_all_dead_messages_of_a_channel_since_a_time_begin_anew(loopback: None, settings: Any) -> None:
    settings.DELIVERY_STEPS = [0.0]
    channel = custom_channel(url="http://127.0.0.1:9/")
    for number in range(3):
        post(channel, f"k{number}")
        deliver_one()
    old = OutboundMessage.objects.earliest("pk")
    OutboundMessage.objects.filter(pk=old.pk).update(created_at=timezone.now() - dt.timedelta(days=2))
    assert resending.resend_since(channel.pk, timezone.now() - dt.timedelta(days=1), TESTER) == 2
    assert resending.resend_many([old.pk, 999_999], TESTER) == 1
    assert set(OutboundMessage.objects.values_list("state", "attempts")) == {("pending", 0)}
    with pytest.raises(Invalid, match="14 days"):
        resending.resend_since(channel.pk, timezone.now() - dt.timedelta(days=15), TESTER)


# --- other transports ---


def test_an_sms_goes_out_through_twilio_with_its_number_and_token(loopback: None, settings: Any) -> None:
    fake = FakeTwilio(TWILIO_SID, TWILIO_TOKEN)
    settings.TWILIO_BASE_URL = fake.url
    message = post(sms_channel(ownerAddress="+14155552671"))
    assert deliver_one() == "delivered"
    fake.stop()
    assert fake.sent == [{"To": "+14155552671", "From": "+15559990000", "Body": "Done: #12 Fetch."}]
    assert reload(message).provider_id.startswith("SM")


def test_an_unsubscribed_number_is_given_up_at_once(loopback: None, settings: Any) -> None:
    fake = FakeTwilio(TWILIO_SID, TWILIO_TOKEN)
    settings.TWILIO_BASE_URL = fake.url
    message = post(sms_channel(ownerAddress="+15005550004"))
    assert deliver_one() == "dead"
    fake.stop()
    assert "21610" in reload(message).last_error


def test_an_sms_whose_answer_never_came_is_held_for_a_person_and_not_sent_again(loopback: None, settings: Any) -> None:
    with receiver(lambda got: (0, {}, b"")) as there:
        settings.TWILIO_BASE_URL = there.url
        message = post(sms_channel(ownerAddress="+14155552671"))
        assert deliver_one() == "held"
        assert delivery.claim("tester", 1).messages == []
    assert len(there.got) == 1
    assert reload(message).held_reason == "sent, but nobody answered"


def test_a_slack_post_goes_to_its_thread_and_cannot_ping_everybody(loopback: None, settings: Any) -> None:
    fake = FakeSlack("xoxb-test-token-1234567890")
    settings.SLACK_BASE_URL = fake.url + "/api"
    channel = slack_channel()
    draft = outbox.Draft(
        channel,
        "message.reply",
        "k",
        Note("x", "<!channel> & done"),
        recipient="C1",
        address={"channel": "C1", "threadTs": "17.1"},
    )
    with transaction.atomic():
        outbox.post(draft)
    assert deliver_one() == "delivered"
    assert fake.posts == [
        {"channel": "C1", "thread_ts": "17.1", "text": "&lt;!channel&gt; &amp; done", "unfurl_links": False}
    ]
    post(channel, "k2", recipient="C404")
    assert deliver_one() == "dead"
    fake.stop()


def test_a_slack_incoming_webhook_is_its_own_secret(loopback: None, settings: Any) -> None:
    fake = FakeSlack("unused")
    settings.SLACK_HOOKS_URL = fake.url
    channel = slack_channel(config={"mode": "webhook"}, outboundSecret=f"{fake.url}/services/T/B/secret-part")
    post(channel)
    assert deliver_one() == "delivered"
    fake.stop()
    assert fake.posts[0]["text"] == "Done: #12 Fetch."
    assert "secret-part" not in str(list(DeliveryAttempt.objects.values()))


def test_a_mail_is_marked_as_automatic_and_keeps_its_id_over_tries(loopback: None, settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST = "127.0.0.1"
    with MailServer() as server:
        settings.EMAIL_PORT = server.port
        message = post(email_channel(ownerAddress="ann@example.com"))
        assert deliver_one() == "delivered"
    (mail,) = server.mails
    assert (mail["To"], mail["From"], mail["Subject"]) == ("ann@example.com", "tasks@agency.example", "Done: Fetch")
    assert mail["Message-ID"] == f"<{message.message_id}@agency.example>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert "Done: #12 Fetch." in mail.get_content()


def test_a_mail_server_that_refuses_for_good_or_for_now_or_is_not_there(loopback: None, settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST = "127.0.0.1"
    channel = email_channel(ownerAddress="ann@example.com")
    for refuse, state in (("550 no such user", "dead"), ("450 try later", "pending")):
        with MailServer(refuse) as server:
            settings.EMAIL_PORT = server.port
            post(channel, refuse)
            assert deliver_one() == state
    settings.EMAIL_PORT = 9
    message = post(channel, "nobody")
    deliver_one()
    assert (reload(message).state, message.last_error) == ("pending", "could not connect")


def test_a_mail_nobody_is_named_for_is_held_with_the_reason(loopback: None) -> None:
    assert "no owner address" in post(email_channel()).held_reason


# --- leases, limits, breakers ---


def test_a_lost_worker_s_message_is_sent_again_under_the_same_id_and_its_late_end_is_refused(loopback: None) -> None:
    with receiver() as there:
        message = post(custom_channel(url=there.url + "/"))
        (zombie,) = delivery.claim("zombie", 1).messages
        assert delivery.rescue() == 0
        expire_lease(message)
        assert delivery.rescue() == 1
        assert (reload(message).state, message.crashes, message.attempts) == ("pending", 1, 0)
        (fresh,) = delivery.claim("fresh", 1).messages
        assert delivery.deliver(zombie) == ""
        assert reload(message).state == "sending"
        assert delivery.deliver(fresh) == "delivered"
    assert len({got.headers["webhook-id"] for got in there.got}) == 1
    assert list(DeliveryAttempt.objects.order_by("epoch").values_list("outcome", flat=True)) == ["lost", "delivered"]


def test_a_zombie_that_delivered_spares_the_second_try(loopback: None) -> None:
    with receiver() as there:
        message = post(custom_channel(url=there.url + "/"))
        (zombie,) = delivery.claim("zombie", 1).messages
        expire_lease(message)
        delivery.rescue()
        assert delivery.deliver(zombie) == ""
    assert reload(message).state == "delivered"


def test_a_lost_worker_s_sms_is_held_and_a_message_that_kills_workers_is_given_up(loopback: None) -> None:
    sms = post(sms_channel(ownerAddress="+14155552671"), "sms")
    poison = post(custom_channel(url="http://127.0.0.1:9/"), "poison")
    for _ in range(delivery.MAX_CRASHES):
        delivery.claim("dying", 5)
        for message in (sms, poison):
            expire_lease(message)
        delivery.rescue()
    assert reload(sms).held_reason == "the worker was lost after it may have been sent"
    assert reload(poison).last_error == "every worker that tried it was lost"


def expire_lease(message: OutboundMessage) -> None:
    OutboundMessage.objects.filter(pk=message.pk, state="sending").update(
        lease_expires_at=timezone.now() - dt.timedelta(seconds=1)
    )


@pytest.mark.django_db(transaction=True)
def test_two_claimers_never_get_the_same_message_nor_more_than_a_channel_s_room(loopback: None, settings: Any) -> None:
    settings.DELIVERY_PER_CHANNEL = 4
    channel = custom_channel(url="http://127.0.0.1:9/")
    for number in range(20):
        post(channel, f"k{number}")
    got: list[int] = []
    barrier = threading.Barrier(8)

    def take() -> None:
        barrier.wait()
        for _ in range(5):
            got.extend(claimed.id for claimed in delivery.claim("w", 10).messages)
        connection.close()

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == len(set(got)) == 4


def test_a_channel_s_rate_and_a_host_s_room_are_kept(loopback: None, settings: Any) -> None:
    settings.DELIVERY_PER_CHANNEL, settings.DELIVERY_PER_SECOND, settings.DELIVERY_PER_HOST = 100, 3, 5
    for channel in (custom_channel(url="http://127.0.0.1:9/a"), custom_channel(url="http://127.0.0.1:9/b")):
        for number in range(10):
            post(channel, f"{channel.pk}:{number}")
    first = delivery.claim("w", 100).messages
    assert len(first) == 5
    per_channel = [claimed.row["webhook_id"] for claimed in first]
    assert max(per_channel.count(channel) for channel in set(per_channel)) == 3
    assert delivery.claim("w", 100).messages == []


def test_the_breaker_opens_after_ten_tries_that_failed_and_closes_after_a_probe_that_did_not() -> None:
    now = 1_000_000.0
    assert [breaker.record(1, failed=True, now=now) for _ in range(10)] == ["closed"] * 9 + ["opened"]
    assert breaker.standing(now + 59).blocked == [1]
    assert breaker.standing(now + 61) == breaker.Breakers([], [1])
    assert breaker.record(1, failed=True, now=now + 61) == "opened"
    assert breaker.standing(now + 100).blocked == [1]
    assert breaker.record(1, failed=False, now=now + 122) == "closed"
    assert breaker.standing(now + 123) == breaker.Breakers([], [])
    assert breaker.record(1, failed=True, now=now + 124) == "closed"


def test_three_failures_in_ten_do_not_open_a_breaker_and_old_ones_are_forgotten() -> None:
    now = 1_000_000.0
    for number in range(10):
        assert breaker.record(2, failed=number < 6, now=now) == "closed"
    for _ in range(9):
        breaker.record(3, failed=True, now=now)
    assert breaker.record(3, failed=True, now=now + 400) == "closed"


def test_waiting_at_an_open_breaker_costs_no_try(loopback: None) -> None:
    channel = custom_channel(url="http://127.0.0.1:9/")
    message = post(channel)
    for _ in range(10):
        breaker.record(channel.pk, failed=True)
    assert delivery.claim("w", 5).messages == []
    assert (reload(message).state, message.attempts) == ("pending", 0)


@pytest.mark.django_db(transaction=True)
def test_a_dead_receiver_does_not_slow_a_healthy_one(loops: Any, settings: Any) -> None:
    settings.DELIVERY_TIMEOUT_SECONDS = 2.0
    hang = threading.Event()

    def never(got: Got) -> Any:
        hang.wait(30)
        return 0, {}, b""

    with receiver() as healthy, receiver(never) as dead:
        bad, good = custom_channel(url=dead.url + "/"), custom_channel(url=healthy.url + "/")
        for number in range(40):
            post(bad, f"bad{number}")
        started = time.monotonic()
        for number in range(40):
            post(good, f"good{number}")
        wait_for(lambda: len(healthy.got) == 40, 10)
        assert healthy.got[-1].at - started < 2.0  # less than one timeout of the dead one
        assert OutboundMessage.objects.filter(webhook=bad, state="delivered").count() == 0
        hang.set()


# --- quiet hours, retention ---


def test_quiet_hours_put_a_message_off_to_their_end_in_the_channel_s_zone() -> None:
    channel = sms_channel(quietStart="21:00", quietEnd="08:00", timezone="Europe/Berlin")
    channel.refresh_from_db()
    for at, expected in (
        ("2024-03-05T19:59:00+00:00", "2024-03-05T19:59:00+00:00"),
        ("2024-03-05T20:00:00+00:00", "2024-03-06T07:00:00+00:00"),
        ("2024-03-06T06:59:00+00:00", "2024-03-06T07:00:00+00:00"),
        ("2024-03-06T07:00:00+00:00", "2024-03-06T07:00:00+00:00"),
    ):
        assert outbox.after_quiet(channel, dt.datetime.fromisoformat(at)) == dt.datetime.fromisoformat(expected)


def test_old_bodies_and_attempts_are_forgotten_and_ids_stay(loopback: None) -> None:
    with receiver() as there:
        message, young = post(custom_channel(url=there.url + "/"), "old"), None
        deliver_one()
        young = post(custom_channel(url=there.url + "/"), "young")
    long_ago = timezone.now() - dt.timedelta(days=31)
    OutboundMessage.objects.filter(pk=message.pk).update(created_at=long_ago)
    DeliveryAttempt.objects.update(started_at=long_ago)
    assert upkeep.purge() == 2
    assert (reload(message).body, message.text, message.state) == (None, "", "delivered")
    assert not DeliveryAttempt.objects.exists()
    assert reload(young).body
    with pytest.raises(Conflict):
        resending.resend(message.pk, TESTER)
