"""Policies: what they match, that they only add, and when decisions are due."""

from __future__ import annotations

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import Group
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tasks import services
from tasks.actors import Actor
from tasks.drafts import Source
from tasks.inputs import parse_changes
from tasks.models import AgencyTask, ReviewPolicy, TaskTemplate
from tasks.review import builtin, content
from tasks.review.clock import Hours
from tasks.tests.factories import UserFactory, make_task, task_input

pytestmark = pytest.mark.django_db

POST = {
    "apiEndpoint": "https://pay.example.com/v1/refunds",
    "apiMethod": "POST",
    "apiPayload": {"amount": "1,250.50", "to": ["Dana@Example.org", "eve@other.example"]},
}


def policy(**fields: Any) -> ReviewPolicy:
    return ReviewPolicy.objects.create(**{"name": "Rule", "reason": "Because of the rule", **fields})


def review_of(**fields: Any) -> str:
    return make_task(**{"executionConfig": POST, **fields}).review


@pytest.mark.parametrize(
    ("match", "other"),
    [
        ({"task_types": ["api_call"]}, {"task_types": ["ghl_action"]}),
        ({"actions": ["post"]}, {"actions": ["PUT"]}),
        ({"sources": ["manual"]}, {"sources": ["api"]}),
        ({"hosts": ["pay.example.com"]}, {"hosts": ["example.com"]}),
        ({"hosts": [".example.com"]}, {"hosts": [".ample.com"]}),
        ({"min_amount": "1250.50"}, {"min_amount": "1250.51"}),
        ({"recipients": ["@example.org"]}, {"recipients": ["@example.com"]}),
        ({"recipients": ["dana@example.org"]}, {"recipients": ["ana@example.org"]}),
        ({"min_recipients": 2}, {"min_recipients": 3}),
        ({}, {"active": False}),
        ({"actions": ["POST"], "hosts": ["pay.example.com"]}, {"actions": ["POST"], "hosts": ["other.example"]}),
    ],
)
def test_a_policy_matches_when_all_its_parts_do(match: dict[str, Any], other: dict[str, Any]) -> None:
    rule = policy(**match)
    assert review_of() == "required"
    rule.delete()
    policy(**other)
    assert review_of() == "none"


def test_templates_creators_channels_and_free_text_match_too() -> None:
    template, user = TaskTemplate.objects.create(name="t"), UserFactory()
    policy(name="template").templates.add(template)
    policy(name="creator").creators.add(user)
    policy(name="channel", channels=[7])
    assert review_of() == "none"
    made = {
        "template": services.create(task_input(), Actor("x"), Source(template_id=template.pk)),
        "creator": make_task(Actor.user(user, "api")),
        "channel": services.create(task_input(), Actor("x"), Source(webhook_id=7)),
    }
    assert {name: task.review_plan["policies"] for name, task in made.items()} == {name: [name] for name in made}
    text = services.create(task_input(), Actor("x"), Source(from_text=True))
    assert text.review_reasons == ["It was understood from free text"]


def test_policies_add_up_to_the_strictest_of_each_demand() -> None:
    one, two = Group.objects.create(name="one"), Group.objects.create(name="two")
    policy(name="a", approvals=2, risk=1, expires_after_hours=10).reviewer_groups.add(one)
    policy(name="b", approvals=1, four_eyes=True, risk=3, expires_after_hours=5, escalate_to=two).reviewer_groups.add(
        two
    )
    task = make_task()
    assert (task.approvals_required, task.four_eyes, task.review_risk) == (2, True, 3)
    assert task.review_plan["groups"] == [[one.pk], [two.pk]]
    assert task.review_plan["escalateTo"] == [two.pk]
    assert dt.timedelta(hours=4.9) < task.review_expires_at - timezone.now() < dt.timedelta(hours=5.1)


def test_no_policy_takes_away_what_the_creator_asks_for() -> None:
    policy(task_types=["ghl_action"])
    assert review_of(requiresHumanReview=True) == "required"


def test_an_edit_is_assessed_anew_and_never_loses_its_review() -> None:
    policy(hosts=["pay.example.com"])
    task = make_task(executionType="manual_trigger")
    assert task.review == "none"
    services.edit(task.pk, parse_changes({"executionConfig": POST}), Actor("x"))
    task.refresh_from_db()
    assert (task.review, task.review_reasons) == ("required", ["Because of the rule"])
    services.edit(task.pk, parse_changes({"executionConfig": {"apiEndpoint": "https://a.example.com"}}), Actor("x"))
    task.refresh_from_db()
    assert task.review == "required"


def test_the_built_in_policies_are_there_and_come_back_only_when_missing() -> None:
    assert set(ReviewPolicy.objects.values_list("key", flat=True)) >= set(builtin.BUILT_IN)
    ReviewPolicy.objects.filter(key="delete").update(active=False)
    ReviewPolicy.objects.filter(key="send_sms").delete()
    builtin.make()
    assert not ReviewPolicy.objects.get(key="delete").active
    assert ReviewPolicy.objects.filter(key="send_sms").exists()


def test_a_deletion_is_of_high_risk_and_waits() -> None:
    task = make_task(executionConfig={"apiEndpoint": "https://a.example.com/1", "apiMethod": "DELETE"})
    assert (task.review, task.review_risk, task.review_reasons) == ("required", 3, ["It deletes something"])


def test_many_tasks_load_the_policies_once() -> None:
    with CaptureQueriesContext(connection) as queries:
        services.create_many([task_input() for _ in range(30)], Actor("x"))
    assert sum("task_review_policies" in query["sql"] for query in queries.captured_queries) == 1


@pytest.mark.parametrize(
    ("column", "value"), [("approvals", 0), ("approvals", 11), ("reason", ""), ("risk", 9), ("closes_at", dt.time(8))]
)
def test_the_database_refuses_impossible_policies(column: str, value: Any) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        policy(**{column: value})


def test_content_is_read_whatever_the_type_and_shape() -> None:
    steps = {"automationSteps": [{"type": "navigate", "config": {"url": "https://User@Shop.Example:8443/x"}}]}
    assert content.of(steps).hosts == {"shop.example"}
    deal = {"ghlAction": "create_opportunity", "monetaryValue": 24000, "value": 9, "price": "NaN", "total": True}
    assert (content.of(deal).action, str(content.of(deal).amount)) == ("create_opportunity", "24000")
    assert content.of({"apiEndpoint": "http://[::1"}).hosts == frozenset()


WEEK = Hours(days=(0, 1, 2, 3, 4), opens=dt.time(9), closes=dt.time(17), zone=ZoneInfo("Europe/Berlin"))


@pytest.mark.parametrize(
    ("start", "minutes", "due"),
    [
        ("2026-06-01T10:00+02:00", 60, "2026-06-01T11:00+02:00"),
        ("2026-06-01T16:30+02:00", 60, "2026-06-02T09:30+02:00"),
        ("2026-06-05T16:30+02:00", 60, "2026-06-08T09:30+02:00"),  # over a weekend
        ("2026-06-06T12:00+02:00", 1, "2026-06-08T09:01+02:00"),
        ("2026-06-01T03:00+02:00", 480, "2026-06-01T17:00+02:00"),
        ("2026-10-23T16:00+02:00", 120, "2026-10-26T10:00+01:00"),  # the clocks go back between
    ],
)
def test_minutes_count_while_the_office_is_open(start: str, minutes: int, due: str) -> None:
    found = WEEK.after(dt.datetime.fromisoformat(start), minutes)
    assert found == dt.datetime.fromisoformat(due)


def test_without_business_days_the_clock_always_runs() -> None:
    start = dt.datetime(2026, 6, 6, 23, 0, tzinfo=dt.UTC)
    assert Hours().after(start, 90) == start + dt.timedelta(minutes=90)


def test_a_decision_is_due_before_the_task_is() -> None:
    policy(sla_minutes=600)
    soon = timezone.now() + dt.timedelta(minutes=30)
    task = make_task(scheduledFor=soon.isoformat(), executionType="scheduled")
    assert AgencyTask.objects.get(pk=task.pk).review_due_at == soon
