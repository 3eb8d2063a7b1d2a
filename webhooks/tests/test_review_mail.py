"""Reviews by mail: everybody gets a link of their own, questions reach whoever made the task, nothing is sent twice."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tasks import services
from tasks.actors import Actor
from tasks.drafts import Source
from tasks.models import AgencyTask
from tasks.review import comments, follow_up
from tasks.tests.factories import ReviewerFactory, UserFactory, make_task, task_input
from webhooks.models import InboundMessage, OutboundMessage
from webhooks.tests.factories import sms_channel

pytestmark = pytest.mark.django_db


def overdue(**fields: str) -> AgencyTask:
    task = make_task(requiresHumanReview=True, **fields)
    AgencyTask.objects.filter(pk=task.pk).update(review_due_at=timezone.now())
    return task


def test_each_reviewer_gets_a_link_of_their_own_once() -> None:
    people = [ReviewerFactory(is_staff=True, email=f"r{n}@example.com") for n in range(2)]
    ReviewerFactory(is_staff=True, email="")
    task = overdue(title="Refund A-19")
    follow_up.tick()
    follow_up.tick()
    mails = list(OutboundMessage.objects.filter(task_id=task.pk).order_by("recipient"))
    assert [mail.recipient for mail in mails] == ["r0@example.com", "r1@example.com"]
    links = [next(word for word in mail.text.split() if "/review/link/" in word) for mail in mails]
    assert len(set(links)) == 2
    for person, link, status in ((people[0], links[0], 200), (people[1], links[0], 403)):
        client = Client()
        client.force_login(person, "django.contrib.auth.backends.ModelBackend")
        assert client.get("/review/" + link.partition("/review/")[2]).status_code == status


def test_a_question_reaches_the_maker() -> None:
    maker = UserFactory(email="maker@example.com")
    task = make_task(Actor.user(maker, "api"), requiresHumanReview=True)
    comments.ask(task.pk, Actor.user(ReviewerFactory(username="ana"), "queue"), "Is 120 right?")
    mail = OutboundMessage.objects.get()
    assert mail.recipient == "maker@example.com"
    assert "ana asks about" in mail.text
    assert "Is 120 right?" in mail.text


def test_the_page_of_a_task_shows_what_was_written() -> None:
    person = ReviewerFactory(is_staff=True, email="r@example.com")
    person.groups.add(Group.objects.get(name="viewer"))
    channel = sms_channel()
    message = InboundMessage.objects.create(webhook=channel, external_id="SM1", text="please book a table", raw=b"x")
    task = services.create(
        task_input(requiresHumanReview=True), Actor("x"), Source("webhook_sms", channel.pk, message.pk)
    )
    AgencyTask.objects.filter(pk=task.pk).update(review_due_at=timezone.now())
    follow_up.tick()
    client = Client()
    client.force_login(person, "django.contrib.auth.backends.ModelBackend")
    page = client.get(reverse("admin:task_page", args=[task.pk])).content.decode()
    assert "Conversation" in page
    assert "r@example.com" in page
    assert "please book a table" in page
