"""System checks of what is watched and kept."""

from __future__ import annotations

import ipaddress
from importlib.util import find_spec
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register

RETENTION = (
    "ARTIFACT_RETENTION_DAYS",
    "EVENT_RETENTION_DAYS",
    "EXECUTION_RETENTION_DAYS",
    "MESSAGE_RETENTION_DAYS",
    "RAW_INBOUND_RETENTION_DAYS",
    "TASK_RETENTION_DAYS",
)


@register()
def metrics_networks(**_: Any) -> list[CheckMessage]:
    """reports.E001: METRICS_ALLOW holds something that is no network."""
    found: list[CheckMessage] = []
    for network in settings.METRICS_ALLOW:
        try:
            ipaddress.ip_network(network)
        except ValueError as error:
            found.append(Error(f"METRICS_ALLOW: {error}; expected networks like 10.1.2.0/24", id="reports.E001"))
    return found


@register()
def retention_days(**_: Any) -> list[CheckMessage]:
    """reports.E002: a retention is negative. reports.W003: the audit of a task goes no later than the task."""
    found: list[CheckMessage] = [
        Error(f"{name} is {getattr(settings, name)}; expected days, or 0 for ever", id="reports.E002")
        for name in RETENTION
        if getattr(settings, name) < 0
    ]
    events, tasks = settings.EVENT_RETENTION_DAYS, settings.TASK_RETENTION_DAYS
    if 0 < events < 400:
        text = f"EVENT_RETENTION_DAYS is {events}: an audit trail is worth keeping for at least 400 days."
        found.append(Warning(text, id="reports.W003"))
    if events and tasks and events <= tasks:
        text = "EVENT_RETENTION_DAYS is not longer than TASK_RETENTION_DAYS: a task's audit goes with the task."
        found.append(Warning(text, id="reports.W003"))
    return found


@register()
def observability_packages(**_: Any) -> list[CheckMessage]:
    """reports.E004: Sentry or OpenTelemetry is configured and its package is not installed."""
    wanted = {"SENTRY_DSN": "sentry_sdk", "OTEL_EXPORTER_OTLP_ENDPOINT": "opentelemetry"}
    return [
        Error(
            f"{name} is set, but {package} is not installed.",
            hint="pip install --require-hashes -r requirements-obs.txt",
            id="reports.E004",
        )
        for name, package in wanted.items()
        if getattr(settings, name) and find_spec(package) is None
    ]
