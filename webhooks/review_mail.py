"""Mail about reviews: reminders and escalations with a link of one's own, and questions to whoever made the task."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.dispatch import receiver

from tasks.actors import Actor
from tasks.models import AgencyTask
from tasks.review import comments, follow_up, links
from webhooks.models import InboundMessage
from webhooks.notify import default_channel
from webhooks.outbound import outbox
from webhooks.outbound.notes import Note, task_link

#: A larger audience is no audience.
MOST = 50

_LEADS = {
    "reminder": "waits for a decision",
    "overdue": "should have been decided by now",
    "escalated": "still waits for a decision, and is passed on to you",
}


@receiver(follow_up.review_notice, dispatch_uid="webhooks.review_notice")
def on_notice(*, task_id: int, kind: str, user_ids: list[int], notice: int, **_: Any) -> None:
    """One mail to each of the people named who has an address."""
    task = AgencyTask.objects.get(pk=task_id)
    channel = default_channel()
    people = get_user_model().objects.filter(pk__in=user_ids, is_active=True).exclude(email="").order_by("pk")
    for person in people[:MOST]:
        note = Note(
            f"Please decide: {task.title}",
            f"#{task.pk} {task.title} {_LEADS[kind]}.",
            details=[("Why", "; ".join(map(str, task.review_reasons)))],
            link=links.link_for(task, person) if person.is_staff else task_link(task.pk),
        )
        key = f"task:{task.pk}:{kind}:{notice}:{person.pk}"
        outbox.post(
            outbox.Draft(channel, f"review.{kind}", key, note, task_id=task.pk, recipient=person.email, pressing=True)
        )


@receiver(comments.question_asked, dispatch_uid="webhooks.review_question")
def on_question(*, task_id: int, text: str, actor: Actor, event_id: int, **_: Any) -> None:
    """In the talk the task came from, else by mail to its maker; without either it stands on the task's page."""
    task = AgencyTask.objects.select_related("created_by").get(pk=task_id)
    note = Note(
        f"A question about {task.title}", f"{actor.label} asks about #{task.pk} {task.title}: {text}", link=task_link(task.pk)
    )  # fmt: skip
    key = f"task:{task.pk}:question:{event_id}"
    message = (
        InboundMessage.objects.select_related("conversation", "webhook").filter(pk=task.source_message_id or 0).first()
    )
    if message is not None and message.conversation is not None and message.webhook.sends_outbound:
        outbox.post(
            outbox.Draft(
                message.webhook,
                "review.question",
                key,
                note,
                conversation=message.conversation,
                task_id=task.pk,
                in_reply_to_id=message.pk,
            )
        )
    elif task.created_by is not None and task.created_by.email:
        mail = outbox.Draft(
            default_channel(), "review.question", key, note, task_id=task.pk, recipient=task.created_by.email
        )
        outbox.post(mail)
