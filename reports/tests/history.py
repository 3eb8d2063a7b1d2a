"""A past for reports to read: rows as they stand at the end of their lives, written without living them."""

from __future__ import annotations

import datetime as dt
import random
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth import get_user_model
from django.db import connection, transaction

from tasks.models import AgencyTask, Approval, TaskEvent, TaskExecution
from webhooks.models import DeliveryAttempt, InboundMessage, OutboundMessage, Webhook

START = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
TYPES = ("api_call", "notification", "browser_automation")
CAUSES = ("http_500", "deadline", "timeout")
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


@contextmanager
def as_written() -> Iterator[None]:
    """No trigger interferes: rows are stored exactly as given."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL session_replication_role = 'replica'")
        yield
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL session_replication_role = 'origin'")


def task(created: dt.datetime, status: str = "completed", **fields: Any) -> AgencyTask:
    """An unsaved task that was created then and stands like this."""
    ended = fields.pop("completed_at", created + dt.timedelta(minutes=5))
    values: dict[str, Any] = {
        "title": "Past work",
        "task_type": "api_call",
        "created_at": created,
        "run_at": created,
        "status": status,
        "completed_at": ended if status in ("completed", "failed", "cancelled") else None,
        "last_error": "broken" if status == "failed" else "",
    }
    return AgencyTask(**{**values, **fields})


def attempt(of: AgencyTask, number: int, status: str, ended: dt.datetime, ms: int, **fields: Any) -> TaskExecution:
    """An unsaved attempt that ended then."""
    return TaskExecution(
        task=of,
        attempt=number,
        epoch=number,
        status=status,
        worker="w",
        started_at=ended - dt.timedelta(milliseconds=ms),
        completed_at=ended,
        duration_ms=ms,
        triggered_by="retry" if number > 1 else "automatic",
        **fields,
    )


@dataclass
class Past:
    """What was written, for tests to count by hand."""

    tasks: list[AgencyTask] = field(default_factory=list)
    attempts: list[TaskExecution] = field(default_factory=list)
    approvals: list[Approval] = field(default_factory=list)
    received: list[InboundMessage] = field(default_factory=list)
    sent: list[OutboundMessage] = field(default_factory=list)
    tries: list[DeliveryAttempt] = field(default_factory=list)


def write(days: int = 6, tasks: int = 120, seed: int = 7) -> Past:
    """A random past of some days from START on."""
    chance, past = random.Random(seed), Past()
    _write_tasks(past, chance, days, tasks)
    _write_messages(past, chance, days, tasks)
    return past


def _moment(chance: random.Random, days: int) -> dt.datetime:
    return START + dt.timedelta(seconds=chance.uniform(0, days * 86400))


def _write_tasks(past: Past, chance: random.Random, days: int, count: int) -> None:
    reviewer = get_user_model().objects.create(username=f"reviewer-{uuid.uuid4()}")
    for _ in range(count):
        created = _moment(chance, days)
        status = chance.choice(("completed", "completed", "completed", "failed", "cancelled", "pending"))
        deadline = created + dt.timedelta(minutes=chance.choice((1, 60, 6000))) if chance.random() < 0.4 else None
        ended = created + dt.timedelta(seconds=chance.uniform(1, 90000))
        kind = chance.choice(TYPES)
        past.tasks.append(task(created, status, task_type=kind, deadline=deadline, completed_at=ended))
    with as_written():
        AgencyTask.objects.bulk_create(past.tasks)
    for one in past.tasks:
        _attempts_of(one, past, chance)
        if chance.random() < 0.3:
            decided = one.created_at + dt.timedelta(seconds=chance.uniform(5, 50000))
            decision = chance.choice(("approved", "rejected"))
            past.approvals.append(Approval(task=one, digest="d", decision=decision, user=reviewer, created_at=decided))
    with as_written():
        TaskEvent.objects.bulk_create(end_of(one) for one in past.tasks if one.completed_at)
        TaskExecution.objects.bulk_create(past.attempts)
        Approval.objects.bulk_create(past.approvals)


def end_of(one: AgencyTask) -> TaskEvent:
    """The audit row that the trigger writes when a task ends."""
    return TaskEvent(
        task_id=one.pk, at=one.completed_at, kind="status", from_status="in_progress", to_status=one.status
    )


def _attempts_of(one: AgencyTask, past: Past, chance: random.Random) -> None:
    if one.status in ("cancelled", "pending"):
        return
    failures = chance.choice((0, 0, 1, 2)) if one.status == "completed" else 2
    for number in range(1, failures + 1):
        ended = one.created_at + dt.timedelta(minutes=number * 17)
        kind = chance.choice(("failed", "timed_out", "lost"))
        past.attempts.append(
            attempt(one, number, kind, ended, chance.randrange(1, 90000), error_code=chance.choice(CAUSES))
        )
    if one.status == "completed":
        past.attempts.append(attempt(one, failures + 1, "success", one.completed_at, chance.randrange(1, 9000)))


def channel(name: str = "Texts", **fields: Any) -> Webhook:
    return Webhook.objects.create(name=name, type="custom_webhook", **fields)


def _write_messages(past: Past, chance: random.Random, days: int, count: int) -> None:
    channels = [channel("Texts"), channel("Mail")]
    for number in range(count):
        where, at = chance.choice(channels), _moment(chance, days)
        state = chance.choice(("processed", "processed", "ignored", "unusable", "failed"))
        past.received.append(received(where, at, f"in-{number}", state, duplicates=chance.choice((0, 0, 2))))
        state = chance.choice(("delivered", "delivered", "delivered", "dead", "pending", "cancelled"))
        past.sent.append(sent(where, at, number, state, took_s=chance.uniform(0.1, 4000)))
    InboundMessage.objects.bulk_create(past.received)
    OutboundMessage.objects.bulk_create(past.sent)
    for message in past.sent:
        if message.state in ("delivered", "dead"):
            past.tries.append(tried(message, 1, "delivered" if message.state == "delivered" else "failed"))
    DeliveryAttempt.objects.bulk_create(past.tries)


def received(where: Webhook, at: dt.datetime, key: str, state: str = "processed", **fields: Any) -> InboundMessage:
    return InboundMessage(
        webhook=where,
        external_id=key,
        raw=b"{}",
        body_sha256="0" * 64,
        content_type="application/json",
        state=state,
        state_reason="odd" if state in ("unusable", "failed") else "",
        received_at=at,
        processed_at=None if state == "received" else at + dt.timedelta(seconds=2),
        **fields,
    )


def sent(where: Webhook, at: dt.datetime, number: int, state: str = "delivered", took_s: float = 1) -> OutboundMessage:
    final = state in ("delivered", "dead", "cancelled")
    return OutboundMessage(
        message_id="msg_" + "".join(random.choices(ALPHABET, k=26)),
        dedupe_key=f"past-{number}-{uuid.uuid4()}",
        webhook=where,
        event_type="task.completed",
        text="Done",
        state=state,
        last_error="refused" if state == "dead" else "",
        held_reason="muted" if state == "held" else "",
        next_attempt_at=at if state == "pending" else None,
        created_at=at,
        finished_at=at + dt.timedelta(seconds=took_s) if final else None,
    )


def tried(message: OutboundMessage, number: int, outcome: str) -> DeliveryAttempt:
    return DeliveryAttempt(
        message=message,
        webhook=message.webhook,
        epoch=number,
        number=number,
        worker="w",
        outcome=outcome,
        status_code=200 if outcome == "delivered" else 500,
        duration_ms=120,
        started_at=message.created_at,
        finished_at=message.created_at + dt.timedelta(seconds=1),
    )
