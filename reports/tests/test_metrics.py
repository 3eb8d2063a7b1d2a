"""What Prometheus sees, and who may."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.core.checks import run_checks
from django.db import connection
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from reports import retention, rollups
from reports.metrics.collector import Product
from reports.tests import history
from reports.tests.history import START
from tasks.tests.factories import make_task

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def token(settings: Any) -> str:
    settings.METRICS_TOKEN, settings.METRICS_ALLOW = "a-token-for-prometheus", []
    return settings.METRICS_TOKEN


def scrape(client: Client) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Every sample by name and labels."""
    answer = client.get("/metrics", headers={"Authorization": "Bearer a-token-for-prometheus"})
    assert answer.status_code == 200, answer.content
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.content.decode())
        for sample in family.samples
    }


def sample(found: dict[Any, float], name: str, **labels: str) -> float | None:
    return found.get((name, tuple(sorted(labels.items()))))


def test_gauges_tell_what_waits_and_for_how_long(client: Client) -> None:
    make_task(executionType="manual_trigger")
    make_task(requiresHumanReview=True)
    queued = make_task()
    type(queued).objects.filter(pk=queued.pk).update(run_at=timezone.now() - dt.timedelta(minutes=2))
    late = make_task(executionType="manual_trigger", deadline=(timezone.now() + dt.timedelta(days=1)).isoformat())
    type(late).objects.filter(pk=late.pk).update(deadline=timezone.now() - dt.timedelta(days=1))
    found = scrape(client)
    assert sample(found, "agency_tasks_open", status="pending", queue="io") == 3
    assert sample(found, "agency_tasks_open", status="queued", queue="io") == 1
    assert sample(found, "agency_tasks_due", queue="io") == 1
    assert 119 < sample(found, "agency_oldest_due_task_seconds", queue="io") < 180
    assert sample(found, "agency_reviews_waiting") == 1
    assert sample(found, "agency_tasks_overdue") == 1
    assert sample(found, "agency_build_info", version="1.0.0") == 1


def test_gauges_tell_of_workers_and_messages(client: Client) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO task_workers (name, kind, slots, busy, boot, started_at, seen_at)"
            " VALUES ('a', 'io', 100, 7, gen_random_uuid(), now(), clock_timestamp() - interval '5 s'),"
            " ('b', 'io', 100, 3, gen_random_uuid(), now(), clock_timestamp() - interval '1 s')"
        )
    where = history.channel()
    history.sent(where, START, 1, "pending").save()
    history.received(where, START, "x", "received").save()
    found = scrape(client)
    assert sample(found, "agency_workers", kind="io") == 2
    assert sample(found, "agency_worker_slots", kind="io") == 200
    assert sample(found, "agency_worker_slots_busy", kind="io") == 10
    assert 1 <= sample(found, "agency_worker_silent_seconds", kind="io") < 5
    assert sample(found, "agency_outbound_messages_open", channel_type="custom_webhook", state="pending") == 1
    assert sample(found, "agency_inbound_messages_waiting") == 1


def test_counters_equal_the_rows_and_survive_their_pruning(client: Client, settings: Any) -> None:
    past = history.write(tasks=60)
    rollups.refresh()
    before = scrape(client)
    for kind in history.TYPES:
        mine = [x for x in past.attempts if x.task.task_type == kind]
        lost = sum(x.status == "lost" for x in mine)
        good = sum(x.status == "success" for x in mine)
        assert sample(before, "agency_attempts_total", task_type=kind, outcome="success") == good
        assert sample(before, "agency_leases_lost_total", task_type=kind) == lost
        assert sample(before, "agency_retries_total", task_type=kind) == sum(x.attempt > 1 for x in mine)
        assert sample(before, "agency_attempt_duration_seconds_count", task_type=kind) == len(mine)
        total = sum(x.duration_ms for x in mine) / 1000
        assert sample(before, "agency_attempt_duration_seconds_sum", task_type=kind) == pytest.approx(total)
        within = sum(x.duration_ms <= 1000 for x in mine)
        bucket = sample(before, "agency_attempt_duration_seconds_bucket", task_type=kind, le="1.0")
        assert within <= bucket <= sum(x.duration_ms <= 1082 for x in mine)
    settings.TASK_RETENTION_DAYS = 1
    assert retention.run(budget_s=60)["tasks"] > 0
    after = scrape(client)
    for key, value in before.items():
        if key[0].endswith("_total") and not key[0].startswith("agency_deliveries"):
            assert after[key] == value, key
    assert sample(after, "agency_pruned_rows_total", kind="tasks") > 0


def test_without_a_token_or_a_known_network_there_is_nothing(client: Client, settings: Any) -> None:
    for given in ("", "Bearer ", "Bearer wrong", "a"):
        assert client.get("/metrics", headers={"Authorization": given}).status_code == 404
    settings.METRICS_TOKEN = ""
    assert client.get("/metrics", headers={"Authorization": "Bearer "}).status_code == 404


def test_a_known_network_may_ask_but_not_through_a_proxy(client: Client, settings: Any) -> None:
    settings.METRICS_ALLOW = ["127.0.0.0/8", "10.1.0.0/16"]
    assert client.get("/metrics").status_code == 200
    assert client.get("/metrics", REMOTE_ADDR="10.1.2.3").status_code == 200
    assert client.get("/metrics", REMOTE_ADDR="10.2.2.3").status_code == 404
    assert client.get("/metrics", headers={"X-Forwarded-For": "10.1.2.3"}).status_code == 404


def test_a_scrape_asks_few_questions(client: Client, django_assert_max_num_queries: Any) -> None:
    history.write(tasks=20)
    rollups.refresh()
    with django_assert_max_num_queries(16):
        assert list(Product().collect())


def test_openmetrics_is_answered_to_who_asks_for_it(client: Client) -> None:
    answer = client.get(
        "/metrics",
        headers={"Authorization": "Bearer a-token-for-prometheus", "Accept": "application/openmetrics-text"},
    )
    assert answer["Content-Type"].startswith("application/openmetrics-text")
    assert answer.content.endswith(b"# EOF\n")


def test_wrong_settings_are_named(settings: Any) -> None:
    settings.METRICS_ALLOW = ["10.1.2.3/8"]
    settings.TASK_RETENTION_DAYS, settings.EVENT_RETENTION_DAYS = -1, 30
    settings.SENTRY_DSN = "https://key@sentry.example/1"
    found = {message.id for message in run_checks() if message.id.startswith("reports.")}
    assert found >= {"reports.E001", "reports.E002", "reports.W003"}
