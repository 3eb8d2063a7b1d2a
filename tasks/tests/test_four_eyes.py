"""Four eyes: nobody says yes to what they made, changed last, or wrote in a template, a schedule or a message."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import DatabaseError, transaction
from django.utils import timezone

from tasks import schedules, services, templates
from tasks.actors import SYSTEM, Actor
from tasks.drafts import Source
from tasks.errors import Forbidden
from tasks.inputs import parse_changes
from tasks.models import AgencyTask, Approval, ReviewPolicy, TaskSchedule, TaskTemplate
from tasks.review import decisions, follow_up
from tasks.review.queue import Filters
from tasks.tests.factories import ReviewerFactory, make_task

pytestmark = pytest.mark.django_db

TASK = {
    "title": "Ping",
    "taskType": "api_call",
    "requiresHumanReview": True,
    "executionConfig": {"apiEndpoint": "https://api.example.com/{{who}}", "apiMethod": "GET"},
}
PARAMETERS = {"properties": {"who": {"type": "string"}}, "required": ["who"]}


@pytest.fixture(autouse=True)
def four_eyes(settings: Any) -> None:
    settings.REVIEW_FOUR_EYES = True


def person() -> Any:
    return ReviewerFactory(is_staff=True)


def by(user: Any) -> Actor:
    return Actor.user(user, "api")


def template_of(writer: Any, editor: Any) -> TaskTemplate:
    row = TaskTemplate(name="ping", task=TASK, parameters=PARAMETERS, created_by=writer)
    templates.save(row, by(writer))
    return templates.save(row, by(editor))


def scheduled_by(author: Any, template: TaskTemplate) -> AgencyTask:
    schedule = TaskSchedule(
        name="hourly", template=template, parameters={"who": "acme"}, cron="0 * * * *", created_by=author
    )
    schedules.save(schedule, by(author))
    TaskSchedule.objects.update(next_run_at=timezone.now().replace(minute=0, second=0, microsecond=0))
    schedules.start_due()
    return AgencyTask.objects.get(schedule=schedule)


def mine(user: Any) -> list[int]:
    return list(Filters(view="mine").rows(user).values_list("pk", flat=True))


def test_who_wrote_a_template_or_a_schedule_does_not_approve_what_comes_of_it() -> None:
    writer, editor, planner, other = (person() for _ in range(4))
    task = scheduled_by(planner, template_of(writer, editor))
    assert task.created_by is None
    for author in (writer, editor, planner):
        assert "wrote what it does" in decisions.may_decide(task, by(author))
        assert mine(author) == []
        with pytest.raises(Forbidden):
            services.approve(task.pk, by(author))
    assert set(follow_up.audience(task)) & {writer.pk, editor.pk, planner.pk} == set()
    assert other.pk in follow_up.audience(task)
    assert mine(other) == [task.pk]
    services.approve(task.pk, by(other))


def test_it_holds_after_an_edit_and_in_the_database() -> None:
    writer, other = person(), person()
    task = templates.create_task(template_of(writer, writer), {"who": "acme"}, by(other))
    services.edit(task.pk, parse_changes({"title": "Another"}), SYSTEM)
    with pytest.raises(Forbidden):
        services.approve(task.pk, by(writer))
    with pytest.raises(DatabaseError, match="four eyes"), transaction.atomic():
        Approval.objects.create(task=task, digest=task.config_digest, decision="approved", user=writer)


def test_the_sender_of_a_message_does_not_approve_it() -> None:
    sender = person()
    task = make_task(source=Source(type="webhook_sms", authors=(sender.pk, None)), requiresHumanReview=True)
    with pytest.raises(Forbidden):
        services.approve(task.pk, by(sender))


def test_where_four_eyes_are_not_asked_for_nobody_is_kept_out(settings: Any) -> None:
    settings.REVIEW_FOUR_EYES = False
    writer = person()
    task = templates.create_task(template_of(writer, writer), {"who": "acme"}, by(writer))
    assert mine(writer) == [task.pk]
    services.approve(task.pk, by(writer))


def test_what_i_may_decide_leaves_out_other_groups_and_what_i_said_yes_to() -> None:
    ana, ben = person(), person()
    policy = ReviewPolicy.objects.create(name="money", hosts=["api.example.com"], reason="Money", approvals=2)
    open_to_all = make_task()
    policy.reviewer_groups.add(ana.groups.get())
    closed_group = make_task()
    policy.reviewer_groups.set([])
    ana.groups.clear()
    for user, expected in ((ana, [open_to_all.pk]), (ben, [open_to_all.pk, closed_group.pk])):
        assert sorted(mine(user)) == sorted(expected)
    services.approve(open_to_all.pk, by(ben))
    assert mine(ben) == [closed_group.pk]


def test_a_copy_is_no_way_round() -> None:
    maker, copier = person(), person()
    text = make_task(by(maker), source=Source(from_text=True))
    copy = services.duplicate(text.pk, by(copier))
    assert set(text.review_reasons) <= set(copy.review_reasons)
    for who in (maker, copier):
        with pytest.raises(Forbidden):
            services.approve(copy.pk, by(who))
