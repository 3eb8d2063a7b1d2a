"""Did it happen? What GoHighLevel itself can say about a write whose answer never came."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.utils.dateparse import parse_datetime

from agency import db
from tasks.executors.base import Context, Outcome, Success
from tasks.executors.ghl import lookups
from tasks.executors.ghl.client import Client, is_v3
from tasks.executors.ghl.config import CreateOpportunity, SendSms
from tasks.models import TaskEffect

#: Clocks differ: something made a little 'before' it was asked for counts too.
SKEW = dt.timedelta(minutes=2)
LATEST = 20


def sms(config: SendSms, client: Client, ctx: Context) -> Outcome | None:
    """Success when the contact's conversation holds the text, sent since; else None, which proves nothing."""
    since = _intended_at(ctx, "sms")
    contact_id = lookups.find_contact(client, config.contact_id, config.email, config.phone)
    params = {"locationId": client.location, "contactId": contact_id, "limit": LATEST}
    found = client.get("conversations", "/conversations/search", params).data.get("conversations")
    for conversation in _objects(found):
        for message in _messages(client, str(conversation.get("id"))):
            if _is_the_text(message, config.message, since) and not _claimed("messageId", str(message.get("id"))):
                done = {
                    "contactId": contact_id,
                    "messageId": message.get("id"),
                    "conversationId": conversation.get("id"),
                    "status": message.get("status"),
                    "foundAfterwards": True,
                }
                ctx.confirm("sms", done)
                return Success(done, f"The text message to contact {contact_id} had been sent")
    return None


def opportunity(config: CreateOpportunity, client: Client, ctx: Context) -> Outcome | None:
    """Success when the pipeline holds the contact's opportunity of this name, made since; else None."""
    since = _intended_at(ctx, "opportunity")
    contact_id = lookups.find_contact(client, config.contact_id, config.email, config.phone)
    pipeline_id = str(lookups.pipeline(client, config.pipeline_id, config.pipeline_name)["id"])
    for item in _objects(client.get("opportunities", "/opportunities/search", _search(client, contact_id, pipeline_id))
                         .data.get("opportunities")):  # fmt: skip
        same = item.get("name") == config.name and str(item.get("pipelineId", pipeline_id)) == pipeline_id
        if same and _since(item.get("createdAt"), since) and not _claimed("opportunityId", str(item.get("id"))):
            done = {
                "opportunityId": item.get("id"),
                "contactId": contact_id,
                "existing": False,
                "opportunity": item,
                "foundAfterwards": True,
            }
            ctx.confirm("opportunity", done)
            return Success(done, f"Opportunity {item.get('id')} had been created")
    return None


def _search(client: Client, contact_id: str, pipeline_id: str) -> dict[str, Any]:
    """Parameters in snake case before v3, where camelCase is answered with 422."""
    if is_v3():
        return {"locationId": client.location, "contactId": contact_id, "pipelineId": pipeline_id, "limit": LATEST}
    return {"location_id": client.location, "contact_id": contact_id, "pipeline_id": pipeline_id, "limit": LATEST}


def _messages(client: Client, conversation_id: str) -> list[dict[str, Any]]:
    path = f"/conversations/{conversation_id}/messages"
    found = client.get("conversations", path, {"limit": LATEST}).data.get("messages")
    return _objects(found.get("messages") if isinstance(found, dict) else found)


def _is_the_text(message: dict[str, Any], text: str, since: dt.datetime | None) -> bool:
    same = message.get("body") == text and message.get("direction") == "outbound"
    return same and message.get("status") not in ("failed", "undelivered") and _since(message.get("dateAdded"), since)


def _since(text: Any, since: dt.datetime | None) -> bool:
    """An answer without a usable date is no evidence."""
    try:
        at = parse_datetime(str(text))
    except ValueError:
        return False
    return at is not None and at.tzinfo is not None and since is not None and at >= since - SKEW


def _intended_at(ctx: Context, step: str) -> dt.datetime | None:
    rows = TaskEffect.objects.filter(task_id=ctx.task.id, run_generation=ctx.task.run_generation, step_key=step)
    found = rows.values_list("created_at", flat=True).first()
    db.release()
    return found


def _claimed(key: str, value: str) -> bool:
    """Whether the ledger knows it as the work of another run: a second, equal text is not this one."""
    found = TaskEffect.objects.filter(state="confirmed", **{f"response__{key}": value}).exists()
    db.release()
    return found


def _objects(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
