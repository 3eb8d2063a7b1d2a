"""What is told when tasks end or wait: rows of the outbox, written inside the transaction that ends the task."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.dispatch import receiver

from tasks.lifecycle import task_finished, task_waiting
from tasks.models import AgencyTask
from tasks.review import links
from tasks.states import Status
from webhooks.models import ChannelSender, Conversation, OutboundMessage, Webhook
from webhooks.outbound import outbox
from webhooks.outbound.notes import Note, task_link
from webhooks.query import rows

JSONB = ("waiting_for", "review_reasons", "result")
TELLS_BY_ITSELF = frozenset({"notification", "reminder"})
"""Types whose work is to tell: when it succeeds there is nothing more to say."""

ANNOUNCES = "report.ready"
"""The event of a task that tells its result itself when it is asked to (sendNotification)."""

_COLUMNS = """
SELECT t.id, t.task_uuid, t.title, t.task_type, t.status, t.result_summary, t.last_error, t.review_notes, t.result,
  t.run_generation, t.epoch, t.waiting_for, t.waiting_token, t.review_reasons, t.approved_digest, t.config_digest,
  t.source_webhook_id, t.source_message_id, m.conversation_id, m.external_id, t.completed_at, t.urgency, t.version,
  t.started_at, t.execution_config @> '{"sendNotification": true}' AS announces
FROM agency_tasks t LEFT JOIN inbound_messages m ON m.id = t.source_message_id
WHERE t.id = %(id)s AND t.source_webhook_id IS NOT NULL
"""
_FINISHED = (
    _COLUMNS
    + """
  AND ((t.status = 'completed' AND t.notify_on_complete AND NOT t.task_type = ANY(%(silent)s))
    OR (t.status = 'failed' AND t.notify_on_failure)
    OR (t.status = 'cancelled' AND t.review = 'rejected' AND t.notify_on_failure))
"""
)
_SUBJECTS = {
    Status.COMPLETED: ("task.completed", "Done"),
    Status.FAILED: ("task.failed", "Failed"),
    Status.CANCELLED: ("task.rejected", "Rejected"),
}


@dataclass(frozen=True)
class Told:
    """A task with the channel and the talk it came from."""

    row: dict[str, Any]
    channel: Webhook
    conversation: Conversation | None


@receiver(task_finished, dispatch_uid="webhooks.finished")
def on_finished(*, task_id: int, status: str, channel_id: int | None = 0, **_: Any) -> None:
    """Tell the channel a task came from how it ended. `channel_id` is None where it is known that there is none."""
    if channel_id is None:
        return
    told = _load(_FINISHED, task_id)
    if told is None:
        return
    row = told.row
    event_type, word = _SUBJECTS[Status(status)]
    key = f"task:{row['id']}:{status}:{row['run_generation']}:{row['epoch']}"
    draft = _draft(told, event_type, key, _finished_note(row, word))
    if not _is_told(told, draft):
        outbox.post(draft)


def _is_told(told: Told, draft: outbox.Draft) -> bool:
    """Whether this run has sent its own message to the same person: "done" would only say it again.

    A program is told nevertheless: it waits for the event of the task's end, with the result in it.
    """
    row, channel = told.row, told.channel
    if not row["announces"] or row["status"] != Status.COMPLETED or channel.type == Webhook.Type.CUSTOM:
        return False
    return OutboundMessage.objects.filter(
        task_id=row["id"],
        webhook=channel,
        event_type=ANNOUNCES,
        recipient=outbox.recipient_of(draft),
        created_at__gte=row["started_at"],
    ).exists()


@receiver(task_waiting, dispatch_uid="webhooks.waiting")
def on_waiting(*, task_id: int, kind: str, **_: Any) -> None:
    """Ask in the talk what a task asks; tell the owner what waits for review."""
    told = _load(_COLUMNS, task_id)
    if told is not None:
        _ask(told) if kind == "input" else _ask_for_review(told)


def _load(statement: str, task_id: int) -> Told | None:
    found = rows(
        statement, {"id": task_id, "silent": sorted(TELLS_BY_ITSELF)}, ("waiting_for", "review_reasons", "result")
    )
    if not found:
        return None
    row = found[0]
    channel = Webhook.objects.filter(pk=row["source_webhook_id"], sends_outbound=True).first()
    if channel is None:
        return None
    conversation = Conversation.objects.filter(pk=row["conversation_id"]).first() if row["conversation_id"] else None
    return Told(row, channel, conversation)


def _draft(told: Told, event_type: str, key: str, note: Note, **more: Any) -> outbox.Draft:
    row = told.row
    return outbox.Draft(
        channel=told.channel,
        event_type=event_type,
        dedupe_key=key,
        note=note,
        data=_data(row),
        conversation=told.conversation,
        task_id=row["id"],
        in_reply_to_id=row["source_message_id"] if told.conversation else None,
        pressing=row["urgency"] >= 2,
        **more,
    )


def _data(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "taskId": row["id"],
        "taskUuid": str(row["task_uuid"]),
        "title": row["title"],
        "taskType": row["task_type"],
        "status": row["status"],
        "resultSummary": row["result_summary"],
        "result": row["result"],
        "error": row["last_error"] if row["status"] == Status.FAILED else "",
        "completedAt": row["completed_at"].isoformat() if row["completed_at"] else None,
        "sourceMessageId": row["external_id"],
    }


def _finished_note(row: dict[str, Any], word: str) -> Note:
    detail = {
        Status.COMPLETED: row["result_summary"],
        Status.FAILED: row["last_error"],
        Status.CANCELLED: row["review_notes"],
    }[Status(row["status"])]
    lead = f"{word}: #{row['id']} {row['title']}."
    if detail:
        lead += f" {detail.strip()}"
    return Note(f"{word}: {row['title']}", lead, link=task_link(row["id"]))


def _ask(told: Told) -> None:
    row = told.row
    asked = row["waiting_for"] or {}
    options = [str(option.get("label") or option.get("value")) for option in asked.get("options") or []]
    hint = "Reply with " + _either(options) + "." if options else "Reply with the answer."
    note = Note(
        f"A question about {row['title']}",
        f"#{row['id']} {row['title']} needs an answer: {asked.get('question', '')}",
        link=task_link(row["id"]),
        hint=hint,
    )
    if told.conversation is not None:
        Conversation.objects.filter(pk=told.conversation.pk).update(
            task_id=row["id"], question_token=row["waiting_token"], pending=None, pending_until=None
        )
    outbox.post(_draft(told, "task.waiting_input", f"task:{row['id']}:asks:{row['waiting_token']}", note))


def _either(options: list[str]) -> str:
    numbered = [f"{number} ({option})" for number, option in enumerate(options, 1)]
    return numbered[0] if len(numbered) == 1 else ", ".join(numbered[:-1]) + " or " + numbered[-1]


def _ask_for_review(told: Told) -> None:
    """To the channel's owner; the person who wrote hears it in the reply to their message."""
    row, owner = told.row, told.channel.owner_address
    if not owner or (told.conversation is not None and told.conversation.address == owner):
        return
    reasons = "; ".join(map(str, row["review_reasons"] or []))
    note = Note(
        f"Please review: {row['title']}",
        f"#{row['id']} {row['title']} waits for your review.",
        details=[("Why", reasons)],
        link=_review_link(told.channel, owner, row["id"]),
        hint=f"Reply APPROVE {row['id']} or REJECT {row['id']} and a reason.",
    )
    key = f"task:{row['id']}:review:{row['run_generation']}:{row['version']}"
    outbox.post(_draft(told, "review.requested", key, note, recipient=owner))


def _review_link(channel: Webhook, address: str, task_id: int) -> str:
    """A link of one's own to the review page for a known reviewer, else the task's page."""
    known = ChannelSender.objects.select_related("user").filter(webhook=channel, address=address).first()
    user = known.user if known else None
    if user is None or not (user.is_active and user.is_staff):
        return task_link(task_id)
    return links.link_for(AgencyTask.objects.get(pk=task_id), user)
