from __future__ import annotations

import pytest
from django.db import connection


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
