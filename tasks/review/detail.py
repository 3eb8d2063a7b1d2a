"""Everything a person needs to decide about one task, gathered for the page."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from agency import credentials
from tasks.actors import Actor
from tasks.models import AgencyTask, Approval, ReviewClaim, TaskEvent
from tasks.review import comments, decisions, diff
from tasks.states import EDITABLE, TERMINAL, Review, Status

#: Rows of history and of earlier tasks that the page shows, and how far back it looks for the latter.
HISTORY, EARLIER, LOOKED_THROUGH = 30, 5, 1000
#: Off hours, in the reader's zone: a yes given at night is given tired.
NIGHT_ENDS, NIGHT_BEGINS = 6, 22
#: Words in a message that try to talk to a machine or a reviewer instead of asking for work.
SUSPICIOUS = (
    "ignore previous",
    "ignore all previous",
    "disregard the",
    "system prompt",
    "approve this",
    "do not review",
)


def context(task: AgencyTask, user: Any) -> dict[str, Any]:
    """The page of one task as this person sees it."""
    actor = Actor.user(user, "queue")
    preview = decisions.preview_of(task)
    events = list(TaskEvent.objects.filter(task_id=task.pk).order_by("-id")[:HISTORY])
    return {
        "task": task,
        "preview": preview,
        "risks": [*preview.risks, *_more_risks(task, user)],
        "config": pretty(task.execution_config),
        "difference": difference(task, events),
        "events": events,
        "last_event": events[0].pk if events else 0,
        "talk": [event for event in reversed(events) if event.kind in (comments.ASKED, comments.COMMENT)],
        "approvals": _approvals(task),
        "given": decisions.approvals_of(task),
        "earlier": earlier(task),
        "claim": _claim(task),
        "open": task.review == Review.REQUIRED and task.status in decisions.UNDECIDED,
        "refusal": decisions.may_decide(task, actor),
        "editable": task.status in EDITABLE and user.has_perm("tasks.change_agencytask"),
        "may_decide": user.has_perm(decisions.PERMISSION),
        "message": task.original_message if user.has_perm("tasks.view_sensitive") else "",
        "message_hidden": bool(task.original_message) and not user.has_perm("tasks.view_sensitive"),
        "starts": starts(task),
        "confirm": task.review_risk >= 3,
    }


def pretty(value: Any) -> str:
    """JSON for reading, secrets masked."""
    return json.dumps(credentials.redact(value), indent=2, ensure_ascii=False, default=str)[:20_000]


def starts(task: AgencyTask) -> str:
    """When it would run after a yes."""
    if task.execution_type == "manual_trigger":
        return _("Runs when somebody starts it by hand.")
    if not task.assigned_to_bot:
        return _("Is done by a person, not by a bot.")
    if task.unmet_dependencies:
        return _("Runs when the %(count)s tasks it waits for are done.") % {"count": task.unmet_dependencies}
    if task.run_at > timezone.now():
        return _("Runs at %(time)s when approved.") % {
            "time": timezone.localtime(task.run_at).strftime("%a %d %b %H:%M %Z")
        }
    return _("Runs at once when approved.")


def _more_risks(task: AgencyTask, user: Any) -> list[str]:
    found = []
    text = f"{task.original_message} {task.title} {task.description}".lower()
    if any(words in text for words in SUSPICIOUS):
        found.append(_("Its text tries to give orders to whoever reads it"))
    if '"credential"' in json.dumps(task.execution_config):
        found.append(_("It uses a stored secret"))
    if task.created_by_id == user.pk:
        found.append(_("You made it yourself"))
    elif task.last_edited_by_id == user.pk:
        found.append(_("You changed it last"))
    if not NIGHT_ENDS <= timezone.localtime().hour < NIGHT_BEGINS:
        found.append(_("It is outside working hours"))
    return found


def difference(task: AgencyTask, events: list[TaskEvent]) -> dict[str, Any] | None:
    """What differs from what was first written, if it was edited; else from the last one that ran under this name."""
    edits = [event for event in events if event.kind == "edited" and "config_before" in event.data]
    if edits:
        rows = _masked_changes(edits[-1].data["config_before"], task.execution_config)
        return {"against": _("how it was first written"), "rows": rows} if rows else None
    last = _last_like(task)
    if last is None:
        return None
    rows = _masked_changes(last.execution_config, task.execution_config)
    return {"against": _("task #%(id)s, the last one like it") % {"id": last.pk}, "rows": rows, "task": last}


def _masked_changes(before: Any, now: Any) -> list[diff.Change]:
    return diff.changes(credentials.redact(before), credentials.redact(now))


def _recent(task: AgencyTask) -> QuerySet[AgencyTask]:
    """The newest tasks of the same type: a bounded walk along an index, however many there are."""
    newest = AgencyTask.objects.filter(task_type=task.task_type).exclude(pk=task.pk).order_by("-id")
    return AgencyTask.objects.filter(pk__in=newest.values("pk")[:LOOKED_THROUGH], status__in=sorted(TERMINAL))


def _last_like(task: AgencyTask) -> AgencyTask | None:
    same = {"template_id": task.template_id} if task.template_id else {"title": task.title}
    rows = _recent(task).filter(**same, status=Status.COMPLETED).only("pk", "title", "execution_config")
    return rows.order_by("-id").first()


def earlier(task: AgencyTask) -> list[AgencyTask]:
    """How the last tasks of this kind on this account ended."""
    rows = _recent(task).filter(target=task.target).order_by("-id")
    wanted = "pk", "title", "status", "completed_at", "last_error", "result_summary", "human_reviewed_by__username"
    return list(rows.select_related("human_reviewed_by").only(*wanted)[:EARLIER])


def _approvals(task: AgencyTask) -> list[Approval]:
    return list(task.approvals.filter(voided_at__isnull=True).select_related("user").order_by("pk"))


def _claim(task: AgencyTask) -> ReviewClaim | None:
    return ReviewClaim.objects.filter(task=task, until__gt=timezone.now()).select_related("user").first()


def since(task: AgencyTask, event_id: int) -> dict[str, Any]:
    """What happened to a task after the event a person saw last: for the answer to a decision that came too late."""
    events = list(TaskEvent.objects.filter(task_id=task.pk, pk__gt=event_id).order_by("pk")[:HISTORY])
    edits = [event for event in events if event.kind == "edited" and "config_before" in event.data]
    rows = _masked_changes(edits[0].data["config_before"], task.execution_config) if edits else []
    fields = [
        diff.Change(name, str(before), str(now))
        for event in edits
        for name, (before, now) in event.data.get("changed", {}).items()
        if name != "config_digest"
    ]
    return {"events": events, "rows": [*rows, *fields]}


def defer_choices() -> list[tuple[str, str]]:
    """Handy times to put a task off to, as (ISO time, words), in the reader's zone."""
    now = timezone.localtime()
    morning = now.replace(hour=9, minute=0, second=0, microsecond=0)
    tomorrow = morning + dt.timedelta(days=1)
    monday = morning + dt.timedelta(days=7 - now.weekday())
    return [
        ((now + dt.timedelta(hours=1)).isoformat(timespec="minutes"), _("In an hour")),
        ((now + dt.timedelta(hours=4)).isoformat(timespec="minutes"), _("In four hours")),
        (tomorrow.isoformat(timespec="minutes"), _("Tomorrow, 9:00")),
        (monday.isoformat(timespec="minutes"), _("Monday, 9:00")),
    ]


def people(events: list[TaskEvent]) -> dict[int, str]:
    """The names behind the user ids of a history."""
    ids = {event.actor_user_id for event in events if event.actor_user_id}
    return dict(get_user_model().objects.filter(pk__in=ids).values_list("pk", "username")) if ids else {}
