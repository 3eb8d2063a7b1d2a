"""No path runs a task without a valid approval: random people, random doors, random order, and hands in the database.

What counts as valid is worked out here once more, from the rows alone and in other words than the product's.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import Group
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks import dispatch, lifecycle, services
from tasks.actors import Actor
from tasks.errors import TaskError
from tasks.executors import registry
from tasks.inputs import parse_changes
from tasks.lifecycle import End, Lease
from tasks.models import AgencyTask, Approval, ReviewPolicy
from tasks.review import decisions, follow_up, links
from tasks.states import Attempt, Status
from tasks.tests.api_client import Api
from tasks.tests.factories import ReviewerFactory, UserFactory, make_task

pytestmark = pytest.mark.django_db

RAN = {"queued", "in_progress", "completed", "waiting_input"}
URL = "https://api.example.com/users"
PEOPLE = ("maker", "first", "second", "stranger")


#: What somebody with SQL could try.
FORGERIES = (
    """UPDATE agency_tasks SET review = 'approved', approved_digest = config_digest, human_reviewed_at = now(),
       human_reviewed_by_id = %(person)s WHERE id = %(task)s""",
    "UPDATE agency_tasks SET review = 'none', requires_human_review = false WHERE id = %(task)s",
    "UPDATE agency_tasks SET status = 'queued' WHERE id = %(task)s",
    "UPDATE task_approvals SET user_id = %(person)s WHERE task_id = %(task)s",
    "UPDATE task_approvals SET voided_at = NULL WHERE task_id = %(task)s",
)


class World:
    """One task under one policy, the people around it and every door they can try."""

    def __init__(self, quorum: int, four_eyes: bool, grouped: bool) -> None:
        self.group = Group.objects.get_or_create(name="money")[0]
        maker, first, second = (ReviewerFactory(is_staff=True) for _ in range(3))
        self.people = {"maker": maker, "first": first, "second": second, "stranger": UserFactory(is_staff=True)}
        for name in ("maker", "first"):
            self.people[name].groups.add(self.group)
        policy = ReviewPolicy.objects.create(
            name=f"policy {maker.pk}", hosts=["api.example.com"], reason="Money", approvals=quorum, four_eyes=four_eyes
        )
        if grouped:
            policy.reviewer_groups.add(self.group)
        self.task = make_task(Actor.user(maker, "api"), maxRetries=10)
        policy.delete()
        self.links = {name: links.link_for(self.task, person) for name, person in self.people.items()}

    def actor(self, who: str, door: str) -> Actor:
        return Actor.user(self.people[who], door)

    def client(self, who: str) -> Client:
        client = Client()
        client.force_login(self.people[who], "django.contrib.auth.backends.ModelBackend")
        return client

    # --- doors ----------------------------------------------------------------------------------------------------

    def service(self, who: str) -> None:
        services.approve(self.task.pk, self.actor(who, "channel"))

    def queue(self, who: str) -> None:
        task = AgencyTask.objects.get(pk=self.task.pk)
        data = {"version": task.version, "digest": task.config_digest, "event": 0}
        self.client(who).post(reverse("review:act", args=[task.pk, "approve"]), data)

    def bulk(self, who: str) -> None:
        task = AgencyTask.objects.get(pk=self.task.pk)
        row = f"{task.pk}:{task.version}:{task.config_digest}"
        self.client(who).post(reverse("review:bulk"), {"verb": "approve", "row": row})

    def admin(self, who: str) -> None:
        digest = AgencyTask.objects.get(pk=self.task.pk).config_digest
        data = {"action": "approve", "apply": "1", "_selected_action": self.task.pk, f"digest_{self.task.pk}": digest}
        self.client(who).post(reverse("admin:tasks_agencytask_changelist"), data)

    def link(self, who: str) -> None:
        address = self.links[who].partition("/review/")[2]
        self.client(who).post(f"/review/{address}", {"verb": "approve"})

    def api(self, who: str) -> None:
        Api(self.people[who]).post(f"tasks/{self.task.pk}/approve/", {"notes": "fine"})

    def reject(self, who: str) -> None:
        services.reject(self.task.pk, self.actor(who, "queue"), reason="No")

    def undo(self, who: str) -> None:
        decisions.undo(self.task.pk, self.actor(who, "queue"))

    def edit(self, who: str) -> None:
        config = {"apiEndpoint": f"{URL}?by={who}&at={timezone.now().timestamp()}"}
        services.edit(self.task.pk, parse_changes({"executionConfig": config}), self.actor(who, "api"))

    def rename(self, who: str) -> None:
        services.edit(self.task.pk, parse_changes({"title": f"Renamed by {who}"}), self.actor(who, "api"))

    def execute(self, who: str) -> None:
        services.execute(self.task.pk, self.actor(who, "api"))

    def cancel(self, who: str) -> None:
        services.cancel(self.task.pk, self.actor(who, "api"))

    def replay(self, who: str) -> None:
        services.replay(self.task.pk, self.actor(who, "api"))

    def put_off(self, who: str) -> None:
        services.defer(self.task.pk, self.actor(who, "api"), None)
        services.release(self.task.pk, self.actor(who, "api"))

    def tick(self, who: str) -> None:
        AgencyTask.objects.filter(pk=self.task.pk, status="pending").update(run_at=timezone.now())
        dispatch.process_pending_tasks()
        follow_up.tick()

    def work(self, who: str) -> None:
        """A worker claims and ends the attempt, as a failure that will be tried again."""
        ended = set(AgencyTask.objects.filter(approved_until__lte=timezone.now()).values_list("pk", flat=True))
        for row in lifecycle.claim("io", "w", 100, list(registry.known())):
            check(AgencyTask.objects.get(pk=row["id"]))
            assert row["id"] not in ended, "claimed under an approval that had ended"
            end = End(Status.PENDING, Attempt.FAILED, error="again", errors=0, wait_s=0.0)
            lifecycle.finish(Lease(row["id"], row["epoch"], "w"), end)

    def age(self, who: str) -> None:
        """More than a week passes; nobody has looked at the clocks yet."""
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE agency_tasks SET approved_until = approved_until - interval '8 days',"
                " human_reviewed_at = human_reviewed_at - interval '8 days' WHERE id = %s",
                [self.task.pk],
            )

    # --- hands in the database ------------------------------------------------------------------------------------

    def forge(self, who: str) -> None:
        """Somebody with SQL: marks it approved, takes the review away, queues it, rewrites decisions."""
        for statement in FORGERIES:
            try:
                with transaction.atomic(), connection.cursor() as cursor:
                    cursor.execute(statement, {"task": self.task.pk, "person": self.people[who].pk})
            except DatabaseError:
                continue


DOORS = "service queue bulk admin link api reject undo edit rename execute cancel replay put_off tick work age forge".split()
STEPS: dict[str, Callable[[World, str], None]] = {name: getattr(World, name) for name in DOORS}


def check(task: AgencyTask) -> None:
    """A task that is about to run, runs or ran has as many valid approvals of its content as it needs."""
    if task.status not in RAN:
        return
    rows = Approval.objects.filter(task=task, decision="approved", voided_at__isnull=True, digest=task.config_digest)
    people = set(rows.values_list("user_id", flat=True))
    if task.four_eyes:
        people -= {task.created_by_id, task.last_edited_by_id}
    for group in task.review_plan.get("groups", []):
        people &= set(Group.objects.get(pk=group[0]).user_set.values_list("pk", flat=True))
    assert task.review == "approved"
    assert len(people) >= task.approvals_required, f"{task.status} with {people}"


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    quorum=st.integers(1, 3),
    four_eyes=st.booleans(),
    grouped=st.booleans(),
    steps=st.lists(st.tuples(st.sampled_from(sorted(STEPS)), st.sampled_from(PEOPLE)), min_size=3, max_size=12),
)
def test_no_path_runs_a_task_without_a_valid_approval(
    quorum: int, four_eyes: bool, grouped: bool, steps: list[tuple[str, str]]
) -> None:
    with transaction.atomic():
        world = World(quorum, four_eyes, grouped)
        assert world.task.review == "required"
        for name, who in [*steps, ("tick", "maker"), ("work", "maker")]:
            try:
                with transaction.atomic():
                    STEPS[name](world, who)
            except TaskError:
                continue  # a refusal is an answer; what counts is the state after it
            finally:
                check(AgencyTask.objects.get(pk=world.task.pk))
        transaction.set_rollback(True)


@pytest.mark.parametrize("door", ["service", "queue", "bulk", "admin", "link", "api"])
def test_every_door_lets_a_right_approval_through(door: str) -> None:
    """The property above would hold for doors that are walled up."""
    world = World(1, True, True)
    STEPS[door](world, "first")
    world.tick("first")
    task = AgencyTask.objects.get(pk=world.task.pk)
    assert (task.review, task.status) == ("approved", "queued"), task.status_reason


@pytest.mark.parametrize("door", ["service", "queue", "bulk", "admin", "link", "api"])
@pytest.mark.parametrize("who", ["maker", "second", "stranger"])
def test_every_door_refuses_the_maker_the_outsider_and_who_has_no_permission(door: str, who: str) -> None:
    world = World(1, True, True)
    try:
        STEPS[door](world, who)
    except TaskError:
        assert door == "service"  # the others answer with a status
    task = AgencyTask.objects.get(pk=world.task.pk)
    assert (task.review, task.status) == ("required", "pending")
    assert not Approval.objects.filter(task=task).exists()
