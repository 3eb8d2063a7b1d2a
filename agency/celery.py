"""The Celery application: a doorbell. PostgreSQL alone holds promises, so every setting here may lose a message.

Reasons for each value: docs/decisions/0003-leases-not-celery-retries.md. Times are in seconds.
"""

from __future__ import annotations

import os
from typing import Any

from celery import Celery
from celery.signals import setup_logging
from kombu import Exchange, Queue

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "agency.settings")
# `manage.py prepare` has checked this installation; checks in each worker would load every page and cost it 8 MB.
os.environ.setdefault("CELERY_SKIP_CHECKS", "1")

QUEUES = ("io", "browser", "upkeep", "quarantine")


def every(seconds: float, task: str, queue: str = "upkeep", **options: Any) -> dict[str, Any]:
    """One beat entry. A tick nobody took within its own interval is stale and expires: ticks never pile up."""
    return {"task": task, "schedule": seconds, "options": {"queue": queue, "expires": seconds, **options}}


BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    "process pending tasks": every(1, "tasks.jobs.process_pending"),
    "rescue lost attempts": every(5, "tasks.jobs.reap"),
    "end orphaned browsers": every(30, "tasks.jobs.reap_browsers", queue="browser"),
    "remind of reviews": every(30, "tasks.jobs.review_clocks"),
    "rescue and announce messages": every(10, "webhooks.jobs.sweep"),
    "forget what is old": every(600, "reports.jobs.prune"),
    "count what changed": every(60, "reports.jobs.refresh_rollups"),
    "count what is recent anew": every(86_400, "reports.jobs.sweep_rollups"),
}

app = Celery("agency")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.update(
    # Messages carry ids only; nobody reads a result.
    task_serializer="json",
    accept_content=["json"],
    task_ignore_result=True,
    result_backend=None,
    result_expires=None,
    # Early acks: the database sends again what a worker lost; late acks would only add duplicates.
    task_acks_late=False,
    task_reject_on_worker_lost=False,
    worker_cancel_long_running_tasks_on_connection_loss=False,
    worker_disable_prefetch=True,
    worker_prefetch_multiplier=1,
    # Plain direct queues: Celery publishes to them on the anonymous exchange, which survives FLUSHALL.
    task_queues=[Queue(name, Exchange(name, "direct"), routing_key=name) for name in QUEUES],
    task_default_queue="io",
    task_create_missing_queues=False,
    # Never a hang: a stuck broker costs a caller two short tries.
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    broker_connection_timeout=2,
    broker_transport_options={
        "visibility_timeout": 300,
        "socket_timeout": 5,
        "socket_connect_timeout": 2,
        "socket_keepalive": True,
        "health_check_interval": 10,
        "retry_on_timeout": True,
        "unacked_restore_interval": 10,
        "unacked_restore_throttle": 1,
        "global_keyprefix": "agency:",
    },
    task_publish_retry=True,
    task_publish_retry_policy={"max_retries": 1, "interval_start": 0, "interval_step": 0.1, "interval_max": 0.2},
    # Shutdown: SIGTERM is remapped to a soft shutdown (REMAP_SIGTERM=SIGQUIT); supervisors wait at least 30 s.
    worker_soft_shutdown_timeout=20,
    worker_enable_soft_shutdown_on_idle=False,
    worker_send_task_events=False,
    worker_hijack_root_logger=False,
    # Beat only rings ticks that may ring twice; the entries below are the truth, the admin shows them.
    beat_scheduler="agency.beat:Scheduler",
    beat_max_loop_interval=5,
    beat_schedule=BEAT_SCHEDULE,
    timezone="UTC",
    enable_utc=True,
)
app.autodiscover_tasks(related_name="jobs")


@setup_logging.connect
def keep_logging(**_: Any) -> None:
    """The settings' LOGGING stands, LOG_LEVEL with it: a receiver keeps Celery from putting its own level over it."""
