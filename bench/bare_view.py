"""The least a Django view can do with a message: read JSON, one INSERT, answer 202. No signature, no dedupe."""

from __future__ import annotations

import json
import os

import django
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.db import connection
from django.http import HttpRequest, JsonResponse
from django.urls import path

TABLE = "CREATE TABLE IF NOT EXISTS bare_messages (id bigserial PRIMARY KEY, body jsonb, at timestamptz DEFAULT now())"


def receive(request: HttpRequest) -> JsonResponse:
    """One row."""
    document = json.loads(request.body)
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO bare_messages (body) VALUES (%s) RETURNING id", [json.dumps(document)])
        row = cursor.fetchone()
    answer = JsonResponse({"id": row[0]}, status=202)
    answer["Content-Length"] = str(len(answer.content))  # else gunicorn sends chunks
    return answer


def make() -> WSGIHandler:
    """The application, with the product's way of holding connections."""
    import environ

    database = environ.Env.db_url_config(os.environ["DATABASE_URL"])
    options = {**database.get("OPTIONS", {}), "pool": {"min_size": 1, "max_size": 20, "timeout": 10}}
    settings.configure(
        SECRET_KEY="bench",
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF=__name__,
        MIDDLEWARE=[],
        USE_TZ=True,
        DATABASES={
            "default": {
                **database,
                "ENGINE": "agency.postgresql",
                "CONN_MAX_AGE": 0,
                "CONN_HEALTH_CHECKS": True,
                "OPTIONS": options,
            }
        },
    )
    django.setup()
    return WSGIHandler()


urlpatterns = [path("receive/", receive)]
application = make() if os.environ.get("BENCH_BARE_VIEW") else None
