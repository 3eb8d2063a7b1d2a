"""Is this process alive, is the product ready, and how is each part: for supervisors, load balancers and people."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import redis
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models import Max
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from django_celery_beat.models import PeriodicTask

BROKER_TIMEOUT_S = 2.0
BEAT_SILENCE = timedelta(seconds=30)


def database_problem() -> str | None:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return "database does not answer"
    return None


def migrations_problem() -> str | None:
    try:
        executor = MigrationExecutor(connection)
        missing = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
    except DatabaseError:
        return "database does not answer"
    return f"{missing} migrations are not applied" if missing else None


def broker_problem() -> str | None:
    client = redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=BROKER_TIMEOUT_S, socket_connect_timeout=BROKER_TIMEOUT_S
    )
    try:
        client.ping()
    except redis.RedisError:
        return "broker does not answer"
    finally:
        client.close()
    return None


def beat_problem() -> str | None:
    """Beat rings every second and notes when; silence for BEAT_SILENCE means that it does not run."""
    try:
        rang = PeriodicTask.objects.aggregate(last=Max("last_run_at"))["last"]
    except DatabaseError:
        return "database does not answer"
    if rang is None:
        return "beat has never run"
    silent = timezone.now() - rang
    return f"beat is silent for {silent.total_seconds():.0f} s" if silent > BEAT_SILENCE else None


# What /readyz asks, by name; `parts` is what /healthz?full=1 asks besides. Apps add theirs when they are ready.
required: dict[str, Callable[[], str | None]] = {
    "database": database_problem,
    "migrations": migrations_problem,
    "broker": broker_problem,
}
parts: dict[str, Callable[[], str | None]] = {"beat": beat_problem}


def _answer(checks: dict[str, Callable[[], str | None]]) -> JsonResponse:
    found = {name: check() for name, check in checks.items()}
    healthy = not any(found.values())
    body = {"status": "ok" if healthy else "unavailable", "parts": {n: p or "ok" for n, p in found.items()}}
    return JsonResponse(body, status=200 if healthy else 503)


@never_cache
@require_safe
def live(request: HttpRequest) -> HttpResponse:
    """200 as long as this process answers at all; asks nobody else."""
    return JsonResponse({"status": "ok"})


@never_cache
@require_safe
def ready(request: HttpRequest) -> HttpResponse:
    """200 when database, migrations and broker are in order, else 503 with the reason of each."""
    return _answer(required)


@never_cache
@require_safe
def health(request: HttpRequest) -> HttpResponse:
    """Like ready; with ?full=1 also what the apps registered in `parts`."""
    return _answer({**required, **parts} if request.GET.get("full") else required)
