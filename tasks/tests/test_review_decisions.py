"""Deciding: quorum, undo, bulk, what the database itself refuses, questions, claims, clocks and links."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.test import Client
from django.utils import timezone

from tasks import services
from tasks.actors import Actor
from tasks.errors import Conflict, Forbidden, Invalid, Stale
from tasks.inputs import parse_changes
from tasks.models import AgencyTask, Approval, ReviewLink, ReviewNotice, ReviewPolicy, TaskEvent
from tasks.review import claims, comments, decisions, follow_up, links
from tasks.tests.factories import ReviewerFactory, UserFactory, make_task

pytestmark = pytest.mark.django_db


def reviewer(door: str = "api") -> Actor:
    return Actor.user(ReviewerFactory(is_staff=True), door)


def waiting(**fields: Any) -> AgencyTask:
    return make_task(requiresHumanReview=True, **fields)


def fresh(task: AgencyTask) -> AgencyTask:
    return AgencyTask.objects.get(pk=task.pk)


@pytest.mark.parametrize("door", ["queue", "link", "admin", "bulk"])
def test_on_a_page_a_yes_to_a_high_risk_says_why(door: str) -> None:
    task = waiting()
    AgencyTask.objects.filter(pk=task.pk).update(review_risk=3)
    with pytest.raises(Invalid, match="write why"):
        decisions.approve(task.pk, reviewer(door), notes="  ")
    assert decisions.approve(task.pk, reviewer(door), notes="Agreed by phone").review == "approved"


def test_a_program_that_decides_need_not_write() -> None:
    task = waiting()
    AgencyTask.objects.filter(pk=task.pk).update(review_risk=3)
    assert decisions.approve(task.pk, reviewer("api")).review == "approved"


# --- quorum, words, versions ---------------------------------------------------------------------------------------


def test_a_quorum_counts_different_people() -> None:
    task = waiting()
    AgencyTask.objects.filter(pk=task.pk).update(approvals_required=2)
    ana = reviewer()
    services.approve(task.pk, ana)
    assert fresh(task).review == "required"
    with pytest.raises(Conflict, match="already approved"):
        services.approve(task.pk, ana)
    services.approve(task.pk, reviewer())
    assert (fresh(task).review, fresh(task).status) == ("approved", "queued")


def test_a_no_after_ones_own_yes_ends_the_task() -> None:
    task = waiting()
    AgencyTask.objects.filter(pk=task.pk).update(approvals_required=2)
    ana = reviewer()
    services.approve(task.pk, ana)
    services.reject(task.pk, ana, reason="On second thought")
    assert (fresh(task).review, fresh(task).status) == ("rejected", "cancelled")


def test_what_was_shown_must_be_what_is_there() -> None:
    task = waiting()
    services.edit(task.pk, parse_changes({"title": "Another"}), Actor("x"))
    with pytest.raises(Stale):
        services.approve(task.pk, reviewer(), version=task.version)
    with pytest.raises(Stale):
        services.approve(task.pk, reviewer(), digest="0" * 64)
    services.approve(task.pk, reviewer(), version=fresh(task).version, digest=task.config_digest)


def test_an_edit_voids_the_approvals_given_so_far() -> None:
    task = waiting()
    AgencyTask.objects.filter(pk=task.pk).update(approvals_required=2)
    services.approve(task.pk, reviewer())
    services.edit(task.pk, parse_changes({"executionConfig": {"apiEndpoint": "https://b.example.com"}}), Actor("x"))
    AgencyTask.objects.filter(pk=task.pk).update(approvals_required=2)
    services.approve(task.pk, reviewer())
    assert fresh(task).review == "required"
    assert decisions.approvals_of(fresh(task)) == 1


@pytest.mark.parametrize(("reason", "code"), [("", ""), ("  ", ""), ("x" * 5001, ""), ("no\x00", ""), ("No", "weird")])
def test_a_rejection_says_why_in_words_that_can_be_kept(reason: str, code: str) -> None:
    task = waiting()
    with pytest.raises(Invalid):
        services.reject(task.pk, reviewer(), reason=reason, code=code)
    assert fresh(task).review == "required"


def test_only_people_with_the_permission_decide() -> None:
    task = waiting()
    for actor in (Actor("cron"), Actor.user(UserFactory(is_staff=True), "api"), Actor("gone", user_id=10**9)):
        with pytest.raises(Forbidden):
            services.approve(task.pk, actor)
        with pytest.raises(Forbidden):
            services.reject(task.pk, actor, reason="No")


def test_every_decision_is_in_the_audit_trail_with_its_door() -> None:
    task, ana = waiting(), reviewer("queue")
    services.approve(task.pk, ana, notes="Looks right")
    event = TaskEvent.objects.get(task_id=task.pk, kind="approved")
    assert (event.actor_user_id, event.reason, event.data["door"]) == (ana.user_id, "Looks right", "queue")


# --- what the database holds by itself -----------------------------------------------------------------------------


def test_the_database_refuses_an_approval_by_the_maker_of_a_four_eyes_task() -> None:
    ana = ReviewerFactory()
    task = make_task(Actor.user(ana, "api"), requiresHumanReview=True)
    AgencyTask.objects.filter(pk=task.pk).update(four_eyes=True)
    with pytest.raises(DatabaseError, match="four eyes"), transaction.atomic():
        Approval.objects.create(task=task, digest=task.config_digest, decision="approved", user=ana)


def test_the_database_keeps_decisions_as_they_were() -> None:
    task = waiting()
    services.approve(task.pk, reviewer())
    row = Approval.objects.get(task=task)
    for change in ({"user": UserFactory()}, {"digest": "f" * 64}, {"decision": "rejected"}):
        with pytest.raises(DatabaseError), transaction.atomic():
            Approval.objects.filter(pk=row.pk).update(**change)
    with pytest.raises(DatabaseError), transaction.atomic():
        Approval.objects.filter(pk=row.pk).delete()


def test_the_database_refuses_one_yes_twice() -> None:
    task, ana = waiting(), ReviewerFactory()
    fields = {"task": task, "digest": task.config_digest, "decision": "approved", "user": ana}
    Approval.objects.create(**fields)
    with pytest.raises(IntegrityError), transaction.atomic():
        Approval.objects.create(**fields)


def test_the_database_refuses_to_claim_what_was_not_approved() -> None:
    task = waiting()
    services.approve(task.pk, reviewer())
    AgencyTask.objects.filter(pk=task.pk).update(config_digest="0" * 64)
    claim = (
        "UPDATE agency_tasks SET status = 'in_progress', epoch = epoch + 1, lease_owner = 'x',"
        " lease_expires_at = now(), deadline_at = now() WHERE id = %s"
    )
    with transaction.atomic(), connection.cursor() as cursor:
        with pytest.raises(DatabaseError, match="not what was approved"):
            cursor.execute(claim, [task.pk])
        transaction.set_rollback(True)


# --- undo ----------------------------------------------------------------------------------------------------------


def test_an_approval_on_the_page_waits_a_moment_and_can_be_undone(settings: Any) -> None:
    settings.REVIEW_UNDO_SECONDS = 60
    task, ana = waiting(), reviewer("queue")
    services.approve(task.pk, ana)
    assert (fresh(task).review, fresh(task).status) == ("approved", "pending")
    with pytest.raises(Conflict):
        decisions.undo(task.pk, reviewer("queue"))
    decisions.undo(task.pk, ana)
    assert fresh(task).review == "required"
    assert decisions.approvals_of(fresh(task)) == 0


def test_undo_comes_too_late_once_the_task_is_queued(settings: Any) -> None:
    settings.REVIEW_UNDO_SECONDS = 0
    task, ana = waiting(), reviewer("queue")
    services.approve(task.pk, ana)
    with pytest.raises(Conflict, match="Too late"):
        decisions.undo(task.pk, ana)


def test_a_rejection_can_be_undone_and_is_reviewed_again() -> None:
    task, ana = waiting(), reviewer("queue")
    services.reject(task.pk, ana, reason="No", code="other")
    decisions.undo(task.pk, ana)
    assert (fresh(task).review, fresh(task).status) == ("required", "pending")
    services.approve(task.pk, ana)


# --- bulk ----------------------------------------------------------------------------------------------------------


def test_bulk_tells_what_came_of_each_row() -> None:
    fine, decided, stale = waiting(), waiting(), waiting()
    high = make_task(executionConfig={"apiEndpoint": "https://a.example.com", "apiMethod": "DELETE"})
    services.reject(decided.pk, reviewer(), reason="No")
    services.edit(stale.pk, parse_changes({"title": "Another"}), Actor("x"))
    asked = [decisions.Ask(t.pk, t.config_digest, t.version) for t in (fine, decided, stale, high)]
    results = decisions.decide_many([*asked, decisions.Ask(10**9)], reviewer("bulk"), "approve")
    assert [result.code for result in results] == ["", "conflict", "stale", "forbidden", "notfound"]
    assert [fresh(t).review for t in (fine, decided, stale, high)] == ["approved", "rejected", "required", "required"]


def test_bulk_has_a_limit() -> None:
    with pytest.raises(Invalid):
        decisions.decide_many([decisions.Ask(n) for n in range(101)], reviewer(), "approve")
    with pytest.raises(Invalid):
        decisions.decide_many([], reviewer(), "delete")


# --- clocks --------------------------------------------------------------------------------------------------------


def test_an_undecided_task_is_cancelled_in_time_and_never_approved() -> None:
    task, other = waiting(), waiting()
    AgencyTask.objects.filter(pk=task.pk).update(review_expires_at=timezone.now() - dt.timedelta(seconds=1))
    with pytest.raises(Conflict, match="time to decide is over"):
        services.approve(task.pk, reviewer())
    assert follow_up.tick()["expired"] == 1
    assert (fresh(task).status, fresh(task).review, fresh(task).status_reason) == (
        "cancelled",
        "rejected",
        "Nobody decided in time",
    )
    assert fresh(other).review == "required"
    assert follow_up.tick()["expired"] == 0


def test_each_reminder_is_sent_once_to_those_who_may_decide() -> None:
    boss, group = UserFactory(), Group.objects.create(name="bosses")
    boss.groups.add(group)
    ana, maker = ReviewerFactory(), ReviewerFactory()
    ReviewPolicy.objects.create(
        name="r", reason="r", four_eyes=True, sla_minutes=1, remind_after_minutes=1, escalate_after_minutes=1, escalate_to=group
    )  # fmt: skip
    task = make_task(Actor.user(maker, "api"))
    assert follow_up.remind() == 0
    plan = {**task.review_plan, "remindAt": "2026-01-01T00:00:00+00:00", "escalateAt": "2026-01-01T00:00:00+00:00"}
    AgencyTask.objects.filter(pk=task.pk).update(review_plan=plan, review_due_at=timezone.now())
    heard: dict[str, list[int]] = {}

    def hear(sender: Any, task_id: int, kind: str, user_ids: list[int], **_: Any) -> None:
        heard[kind] = user_ids

    follow_up.review_notice.connect(hear)
    assert follow_up.remind() == 3
    assert follow_up.remind() == 0
    assert heard == {"reminder": [ana.pk], "overdue": [ana.pk], "escalated": [boss.pk]}
    assert ReviewNotice.objects.filter(task=task).count() == 3


# --- questions and claims ------------------------------------------------------------------------------------------


def test_a_question_is_kept_and_told_and_the_task_goes_on_waiting() -> None:
    task, told = waiting(), []

    def hear(sender: Any, task_id: int, text: str, **_: Any) -> None:
        told.append((task_id, text))

    comments.question_asked.connect(hear)
    comments.ask(task.pk, reviewer("queue"), "Is 120 right?")
    assert told == [(task.pk, "Is 120 right?")]
    assert fresh(task).review == "required"
    with pytest.raises(Invalid):
        comments.ask(task.pk, reviewer("queue"), " ")


def test_a_claim_is_seen_by_others_and_ends_by_itself() -> None:
    task, ana, ben = waiting(), reviewer(), reviewer()
    claims.claim(task.pk, ana)
    with pytest.raises(Conflict, match="is looking at it"):
        claims.claim(task.pk, ben)
    services.approve(task.pk, ben)  # a courtesy binds nobody
    other = waiting()
    claims.claim(other.pk, ana).__class__.objects.filter(task=other).update(until=timezone.now())
    assert claims.claim(other.pk, ben).user_id == ben.user_id


# --- links ---------------------------------------------------------------------------------------------------------


def address_of(task: AgencyTask, user: Any) -> str:
    return links.link_for(task, user).partition("/review/")[2].join(["/review/", ""])


def browser(user: Any) -> Client:
    client = Client()
    client.force_login(user, "django.contrib.auth.backends.ModelBackend")
    return client


def test_looking_at_a_link_decides_nothing_and_posting_decides_once() -> None:
    task, ana = waiting(), ReviewerFactory(is_staff=True)
    address = address_of(task, ana)
    assert Client().get(address).status_code == 302  # a scanner of mails
    for _ in range(2):
        assert browser(ana).get(address).status_code == 200
    assert fresh(task).review == "required"
    assert browser(ana).post(address, {"verb": "approve", "text": "fine"}).status_code == 302
    assert fresh(task).review == "approved"
    assert Approval.objects.get(task=task).door == "link"
    again = browser(ana).post(address, {"verb": "approve"})
    assert again.status_code == 409
    assert b"used already" in again.content


def test_a_link_is_for_one_person() -> None:
    task, ana, ben = waiting(), ReviewerFactory(is_staff=True), ReviewerFactory(is_staff=True)
    address = address_of(task, ana)
    assert browser(ben).get(address).status_code == 403
    assert browser(ben).post(address, {"verb": "approve"}).status_code == 403
    assert fresh(task).review == "required"


def test_a_link_expires_and_is_bound_to_what_was_sent() -> None:
    task, ana = waiting(), ReviewerFactory(is_staff=True)
    late, old = address_of(task, ana), address_of(task, ana)
    ReviewLink.objects.filter(pk=ReviewLink.objects.earliest("pk").pk).update(expires_at=timezone.now())
    assert b"expired" in browser(ana).post(late, {"verb": "approve"}).content
    services.edit(task.pk, parse_changes({"executionConfig": {"apiEndpoint": "https://b.example.com"}}), Actor("x"))
    answer = browser(ana).post(old, {"verb": "approve"})
    assert answer.status_code == 409
    assert b"was changed since" in answer.content
    assert fresh(task).review == "required"


def test_a_refused_decision_leaves_the_link_usable_and_a_made_up_one_is_unknown() -> None:
    task, ana = waiting(), ReviewerFactory(is_staff=True)
    address = address_of(task, ana)
    assert browser(ana).post(address, {"verb": "reject", "text": ""}).status_code == 422
    assert browser(ana).post(address, {"verb": "reject", "text": "Wrong", "code": "other"}).status_code == 302
    assert fresh(task).review == "rejected"
    assert browser(ana).get("/review/link/made-up/").status_code == 404


def test_only_a_hash_of_a_link_is_kept() -> None:
    link = links.link_for(waiting(), ReviewerFactory())
    token = link.rstrip("/").rpartition("/")[2]
    assert len(token) >= 43
    assert token not in str(list(ReviewLink.objects.values()))
