"""The conversation on a task's page: what came in and what was written back."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _

from tasks.console import panels
from tasks.models import AgencyTask
from webhooks.models import InboundMessage, OutboundMessage

SHOWN = 50
SENSITIVE = "tasks.view_sensitive"


def register() -> None:
    """Adds the part to the page. Called from AppConfig.ready()."""
    panels.add(conversation)


def conversation(request: HttpRequest, task: AgencyTask) -> dict[str, Any] | None:
    """Both directions in order of time; texts for those who may see them."""
    if not request.user.has_perm("webhooks.view_outboundmessage"):
        return None
    source = InboundMessage.objects.filter(pk=task.source_message_id).first() if task.source_message_id else None
    incoming = InboundMessage.objects.filter(pk=task.source_message_id or 0)
    if source is not None and source.conversation_id:
        incoming = InboundMessage.objects.filter(conversation=source.conversation_id)
    came = [("in", row.received_at, row) for row in incoming.order_by("-id")[:SHOWN]]
    written = OutboundMessage.objects.filter(task_id=task.pk).order_by("-id")
    went = [("out", row.created_at, row) for row in written[:SHOWN]]
    rows = sorted([*came, *went], key=lambda entry: entry[1])
    if not rows:
        return None
    shown = request.user.has_perm(SENSITIVE)
    return {"title": _("Conversation"), "template": "webhooks/conversation.html", "rows": rows, "shown": shown}
