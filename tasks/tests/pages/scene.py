"""A busy morning at an agency: tasks in every state, so that pages have something to show."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from tasks import lifecycle, services
from tasks.actors import Actor
from tasks.drafts import Source
from tasks.executors import registry
from tasks.lifecycle import End, Lease
from tasks.models import AgencyTask, TaskExecution, Worker
from tasks.review import claims, comments
from tasks.states import Attempt, Status
from tasks.tests.factories import UserFactory, make_task

SMS = {
    "ghlAction": "send_sms",
    "contactId": "ocQHyuzHvysMo5N5VsXc",
    "message": "Hi Dana, your table for four is booked.",
}
OPPORTUNITY = {
    "ghlAction": "create_opportunity",
    "contactId": "ocQHyuzHvysMo5N5VsXc",
    "pipelineId": "VDm7RPYC2GLUvdpKmBfC",
    "name": "Website relaunch",
    "monetaryValue": 24000,
}


@dataclass
class Scene:
    """The people and the tasks that tests name."""

    ana: Any
    ben: Any
    ola: Any
    failed: AgencyTask
    asking: AgencyTask
    running: AgencyTask
    edited: AgencyTask
    high: AgencyTask


def person(name: str, *groups: str, **fields: Any) -> Any:
    user = UserFactory(username=name, is_staff=True, **fields)
    user.groups.set(Group.objects.filter(name__in=groups))
    return user


def build() -> Scene:
    """Makes it all through the services."""
    ana, ben, ola = person("ana", "reviewer"), person("ben", "reviewer"), person("ola", "operator")
    actor = Actor.user(ola, "api")
    high = _waiting(actor)
    edited = _edited(actor, ana)
    _done(actor)
    _staffed(actor)
    return Scene(ana, ben, ola, _failed(actor), _asking(actor), _running(actor), edited, high)


def _waiting(actor: Actor) -> AgencyTask:
    sms = Source(
        type="webhook_sms", original_message="text Dana that her table is booked for 4 at 19:30", from_text=True
    )
    if "ghl_action" in registry.known():
        make_task(
            actor, sms, title="Text Dana about her table", taskType="ghl_action", executionConfig=SMS, priority="high"
        )
        deal = make_task(
            actor, title="New deal: website relaunch for Lindqvist", taskType="ghl_action", executionConfig=OPPORTUNITY
        )
        claims.claim(deal.pk, Actor.user(person("cleo", "reviewer"), "queue"))
    delete = {"apiEndpoint": "https://crm.example.com/v2/contacts/8841", "apiMethod": "DELETE"}
    high = make_task(actor, Source(type="api"), title="Remove contact 8841 from the CRM", executionConfig=delete)
    for number, client in enumerate(("Acme", "Borealis", "Cobalt", "Delta Foods"), 1):
        config = {
            "apiEndpoint": f"https://books.example.com/invoices/{number}/send",
            "apiMethod": "POST",
            "apiPayload": {"to": f"billing@{client.split()[0].lower()}.example", "amount": 1200 * number},
        }
        title = f"Send invoice {2040 + number} to {client}"
        make_task(actor, Source(type="api"), title=title, executionConfig=config, requiresHumanReview=True)
    return high


def _edited(actor: Actor, editor: Any) -> AgencyTask:
    before = {
        "apiEndpoint": "https://books.example.com/refunds",
        "apiMethod": "POST",
        "apiPayload": {"amount": 80, "order": "A-19"},
    }
    task = make_task(
        actor, title="Refund order A-19", executionConfig=before, requiresHumanReview=True, priority="critical"
    )
    after = {**before, "apiPayload": {"amount": 120, "order": "A-19", "note": "goodwill"}}
    from tasks.inputs import parse_changes

    services.edit(task.pk, parse_changes({"executionConfig": after}), Actor.user(editor, "admin"))
    comments.ask(task.pk, Actor.user(editor, "queue"), "Is 120 right? The order was 80.")
    AgencyTask.objects.filter(pk=task.pk).update(review_due_at=timezone.now() - dt.timedelta(hours=2))
    task.refresh_from_db()
    return task


def attempt(task: AgencyTask, end: End | None, *, steps: list[dict[str, Any]] | None = None) -> AgencyTask:
    """Claims the task as a worker would and ends the attempt; None leaves it running."""
    AgencyTask.objects.filter(pk=task.pk).update(run_at=timezone.now() - dt.timedelta(seconds=1), priority=4)
    lifecycle.queue_ready([task.pk], Actor("scene"), "Starts at once")
    for row in lifecycle.claim(task.queue, "scene", 50, [task.task_type]):
        lease = Lease(row["id"], row["epoch"], "scene")
        if steps:
            TaskExecution.objects.filter(pk=row["execution_id"]).update(
                step_results=steps,
                steps_total=len(steps),
                steps_completed=len(steps) - 1,
                current_step=steps[-1]["name"],
            )
        if end is not None:
            lifecycle.finish(lease, end)
    task.refresh_from_db()
    return task


def _done(actor: Actor) -> None:
    end = End(
        Status.COMPLETED, Attempt.SUCCESS, output={"data": {"ok": True}}, summary="GET answered 200 OK", duration_ms=240
    )
    for number in range(12):
        attempt(make_task(actor, title=f"Nightly sync {number + 1}", maxRetries=0), end)


def _staffed(actor: Actor) -> None:
    """Workers that live, beat that rings, work that ended through the day and work that is planned."""
    for kind in settings.SLOTS:
        Worker.objects.create(name=f"scene:{kind}", kind=kind, slots=10, busy=1)
    every = IntervalSchedule.objects.create(every=1, period="seconds")
    PeriodicTask.objects.create(
        name="tick", task="tasks.jobs.process_pending", interval=every, last_run_at=timezone.now()
    )
    for number, done in enumerate(AgencyTask.objects.filter(status=Status.COMPLETED).order_by("pk")):
        hours = (3 * number) % 22
        AgencyTask.objects.filter(pk=done.pk).update(completed_at=timezone.now() - dt.timedelta(hours=hours))
    for number, title in enumerate(("Monthly report for Acme", "Remind Borealis of the workshop"), 1):
        when = timezone.now() + dt.timedelta(hours=7 * number)
        make_task(actor, title=title, scheduledFor=when.isoformat(), executionType="scheduled")


def _failed(actor: Actor) -> AgencyTask:
    error = "HTTP 404 Not Found"
    end = End(
        Status.FAILED, Attempt.FAILED, reason=error, error=error, error_code="http_404", errors=1, duration_ms=310
    )
    for number in range(2):
        attempt(make_task(actor, title=f"Fetch profile {number}", maxRetries=0), end)
    return attempt(make_task(actor, title="Fetch the price list", maxRetries=0), end)


def _asking(actor: Actor) -> AgencyTask:
    asked = {
        "kind": "outcome_unknown",
        "question": "The connection was lost. Nobody knows whether it took effect. Did it happen?",
        "options": [
            {"value": "happened", "label": "It happened"},
            {"value": "run_again", "label": "Run it again"},
            {"value": "fail", "label": "Give up"},
        ],
        "context": {},
    }
    end = End(
        Status.WAITING_INPUT, Attempt.WAITING_INPUT, reason=asked["question"], waiting_for=asked, duration_ms=30000
    )
    config = {"apiEndpoint": "https://shop.example.com/orders", "apiMethod": "POST", "apiPayload": {"sku": "B-7"}}
    return attempt(make_task(actor, title="Place the order for B-7", executionConfig=config), end)


def _running(actor: Actor) -> AgencyTask:
    steps = [
        {"index": 0, "name": "Open https://shop.example.com", "status": "success", "durationMs": 840},
        {"index": 1, "name": "Type into “Search”", "status": "success", "durationMs": 120},
        {"index": 2, "name": "Click “Add to basket”", "status": "running", "durationMs": None},
    ]
    config = {"automationSteps": [{"type": "navigate", "config": {"url": "https://shop.example.com"}}]}
    task = make_task(actor, title="Watch the shop", taskType="browser_automation", executionConfig=config)
    return attempt(task, None, steps=steps)
