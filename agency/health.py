"""Is this process alive, is the product ready, and how is each part: for supervisors, load balancers and people."""

from __future__ import annotations

from collections.abc import Callable

import redis
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

BROKER_TIMEOUT_S = 2.0


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


# The parts /readyz asks, by name. Apps add theirs (say, the age of a worker's heartbeat) to `parts` for /healthz.
required: dict[str, Callable[[], str | None]] = {
    "database": database_problem,
    "migrations": migrations_problem,
    "broker": broker_problem,
}
parts: dict[str, Callable[[], str | None]] = {}


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
