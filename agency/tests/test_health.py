from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.checks import run_checks
from django.db import connection
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask


@pytest.mark.django_db
def test_ready_when_database_migrations_and_broker_answer(client):
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json() == {"status": "ok", "parts": {"database": "ok", "migrations": "ok", "broker": "ok"}}


@pytest.mark.django_db
def test_not_ready_without_a_broker_but_alive(client, settings):
    settings.REDIS_URL = "redis://127.0.0.1:9/0"
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["parts"]["broker"] == "broker does not answer"
    assert client.get("/livez").status_code == 200


@pytest.mark.django_db
def test_not_ready_while_a_migration_is_missing(client):
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'sessions'")
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["parts"]["migrations"] == "1 migrations are not applied"


def test_health_answers_are_never_cached_and_refuse_writes(client):
    assert "no-store" in client.get("/livez")["Cache-Control"]
    assert client.post("/livez").status_code == 405


def beat_last_rang(ago):
    second, _ = IntervalSchedule.objects.get_or_create(every=1, period=IntervalSchedule.SECONDS)
    PeriodicTask.objects.update_or_create(
        name="process pending tasks", defaults={"interval": second, "last_run_at": timezone.now() - ago}
    )


@pytest.mark.django_db
def test_full_health_says_that_beat_is_silent_and_which_workers_are_missing(client):
    beat_last_rang(timedelta(minutes=5))
    answer = client.get("/healthz?full=1")
    assert answer.status_code == 503
    assert answer.json()["parts"]["beat"].startswith("beat is silent for 30")
    assert answer.json()["parts"]["workers"] == "no worker for browser, io, quarantine"


@pytest.mark.django_db
def test_full_health_is_good_when_beat_rings_and_each_queue_has_a_worker(client):
    beat_last_rang(timedelta(seconds=1))
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO task_workers (name, kind, slots, busy, boot, started_at, seen_at)"
            " SELECT kind, kind, 1, 0, gen_random_uuid(), now(), clock_timestamp()"
            " FROM unnest(ARRAY['io', 'browser', 'quarantine']) AS kind"
        )
    answer = client.get("/healthz?full=1")
    assert (answer.status_code, answer.json()["status"]) == (200, "ok"), answer.json()


@pytest.mark.django_db
def test_load_test_settings_are_refused_in_production(settings):
    settings.RATE_LIMITS = False
    settings.OUTBOUND_ALLOW_HOSTS = ["10.0.0.1"]
    settings.DEBUG = True
    found = {message.id for message in run_checks(include_deployment_checks=True)}
    assert {"agency.E106", "agency.E102", "security.W018"} <= found
