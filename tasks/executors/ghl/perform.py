"""What each action does, step by step. Writes pass the effect ledger: intended, sent, then confirmed or open."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tasks.executors.base import Context, Outcome, Success
from tasks.executors.ghl import lookups
from tasks.executors.ghl.client import CALL_SECONDS, Answer, Client, Family
from tasks.executors.ghl.config import AddContact, AddTag, CreateOpportunity, SendSms, ToContact, UpdateContact
from tasks.executors.ghl.errors import Refused, Unavailable

Reader = Callable[[Answer], dict[str, Any]]
#: What a refusal means after all, or None when it is one.
Rescue = Callable[[Refused], dict[str, Any] | None]


def add_contact(config: AddContact, client: Client, ctx: Context) -> Outcome:
    """Upsert, then the tags by their own call: in an upsert they would replace those the contact has."""
    custom, standard = lookups.custom_fields(client, "contact", config.custom_fields)
    body = {**standard, **config.standard_fields(), "locationId": client.location}
    if config.create_new_if_duplicate_allowed:
        body["createNewIfDuplicateAllowed"] = True
    if custom:
        body["customFields"] = custom
    done = _write(client, ctx, "upsert", "POST", "contacts", "/contacts/upsert", body, _contact, rescue=_existing)
    done["tags"] = _tag(client, ctx, done["contactId"], config.tags) if config.tags else done.pop("tags", [])
    verb = "Created" if done["new"] else "Found and updated"
    return Success(done, f"{verb} contact {_who(done) or done['contactId']}")


def update_contact(config: UpdateContact, client: Client, ctx: Context) -> Outcome:
    """Only what is given changes. The location is not part of the body: the API refuses it (422)."""
    contact_id = lookups.find_contact(client, config.contact_id, config.email, config.phone)
    custom, _ = lookups.custom_fields(client, "contact", config.custom_fields)
    body = config.changes()
    if custom:
        body["customFields"] = custom
    done: dict[str, Any] = {"contactId": contact_id}
    if body:
        path = f"/contacts/{contact_id}"
        done |= _write(
            client, ctx, "update", "PUT", "contacts", path, body, lambda answer: _updated(answer, contact_id)
        )
    if config.tags:
        done["tags"] = _tag(client, ctx, contact_id, config.tags)
    return Success(done, f"Updated contact {_who(done) or contact_id}")


def add_tag(config: AddTag, client: Client, ctx: Context) -> Outcome:
    contact_id = _contact_of(config, client)
    tags = _tag(client, ctx, contact_id, config.all_tags())
    added = ", ".join(config.all_tags())
    return Success({"contactId": contact_id, "tags": tags}, f"Tagged contact {contact_id} with {added}")


def send_sms(config: SendSms, client: Client, ctx: Context) -> Outcome:
    """The minimal body: the published `required` list names fields that no caller sends."""
    contact_id = _contact_of(config, client)
    body: dict[str, Any] = {"type": "SMS", "contactId": contact_id, "message": config.message}
    optional = {"fromNumber": config.from_number, "toNumber": config.to_number, "attachments": config.attachments}
    body |= {name: value for name, value in optional.items() if value}

    def read(answer: Answer) -> dict[str, Any]:
        kept = {name: answer.data.get(name) for name in ("messageId", "conversationId", "status", "msg")}
        return {"contactId": contact_id, **{name: value for name, value in kept.items() if value}}

    done = _write(client, ctx, "sms", "POST", "conversations", "/conversations/messages", body, read)
    return Success(done, f"Sent a text message to contact {contact_id}")


def create_opportunity(config: CreateOpportunity, client: Client, ctx: Context) -> Outcome:
    """A second opportunity of one contact in one pipeline is refused by the API: the first one is the answer then."""
    contact_id = _contact_of(config, client)
    pipeline_id = str(lookups.pipeline(client, config.pipeline_id, config.pipeline_name)["id"])
    custom, _ = lookups.custom_fields(client, "opportunity", config.custom_fields)
    stage_id = config.pipeline_stage_id
    if stage_id is None and config.stage_name:
        stage_id = lookups.stage(client, pipeline_id, config.stage_name)
    body: dict[str, Any] = {
        "locationId": client.location,
        "pipelineId": pipeline_id,
        "name": config.name,
        "status": config.status,
        "contactId": contact_id,
    }
    optional = {"pipelineStageId": stage_id, "assignedTo": config.assigned_to, "customFields": custom}
    body |= {name: value for name, value in optional.items() if value}
    if config.monetary_value is not None:
        body["monetaryValue"] = config.monetary_value

    def read(answer: Answer) -> dict[str, Any]:
        made = answer.data.get("opportunity")
        made = made if isinstance(made, dict) else {}
        return {"opportunityId": made.get("id"), "contactId": contact_id, "existing": False, "opportunity": made}

    done = _write(
        client, ctx, "opportunity", "POST", "opportunities", "/opportunities/", body, read,
        rescue=lambda refused: _existing_opportunity(refused, contact_id),
    )  # fmt: skip
    verb = "Found the existing opportunity" if done["existing"] else "Created opportunity"
    return Success(done, f"{verb} {done['opportunityId']} for contact {contact_id}")


def _contact_of(config: ToContact, client: Client) -> str:
    return lookups.find_contact(client, config.contact_id, config.email, config.phone)


def _tag(client: Client, ctx: Context, contact_id: str, tags: list[str]) -> list[str]:
    """Adds tags and keeps those there are; answers all of them. The location must not be in the body (422)."""
    path = f"/contacts/{contact_id}/tags"
    done = _write(client, ctx, "tags", "POST", "contacts", path, {"tags": tags}, lambda answer: answer.data)
    found = done.get("tags")
    return [str(tag) for tag in found] if isinstance(found, list) else tags


def _write(
    client: Client,
    ctx: Context,
    step: str,
    method: str,
    family: Family,
    path: str,
    body: dict[str, Any],
    read: Reader,
    rescue: Rescue | None = None,
) -> dict[str, Any]:
    """One outside write of this run, at most once when it was confirmed before.

    The ticket is taken first: a task that must wait leaves nothing behind that looks as if it had been sent.
    """
    client.ready()
    prior = ctx.intend(step, {"method": method, "path": path, "body": body}, CALL_SECONDS)
    if prior.confirmed and isinstance(prior.response, dict):
        return dict(prior.response)
    try:
        done = read(client.send(method, family, path, json=body))
    except Refused as refused:
        rescued = rescue(refused) if rescue else None
        if rescued is None:
            ctx.reject(step, {"status": refused.status, "message": str(refused), "traceId": refused.trace_id})
            raise
        done = rescued
    except Unavailable as error:
        _leave_open(ctx, step, error)
        raise
    ctx.confirm(step, done)
    return done


def _leave_open(ctx: Context, step: str, error: Unavailable) -> None:
    if error.sent:
        ctx.unknown(step)
    else:
        ctx.reject(step, {"message": str(error)})


def _contact(answer: Answer) -> dict[str, Any]:
    contact = answer.data.get("contact")
    contact = contact if isinstance(contact, dict) else {}
    is_new = bool(answer.data.get("new", answer.status == 201))
    return {"contactId": str(contact.get("id", "")), "new": is_new, "contact": contact, "traceId": answer.trace_id}


def _updated(answer: Answer, contact_id: str) -> dict[str, Any]:
    """`succeded` before v3, `succeeded` since."""
    contact = answer.data.get("contact")
    contact = contact if isinstance(contact, dict) else {}
    return {"contactId": str(contact.get("id") or contact_id), "contact": contact, "traceId": answer.trace_id}


def _existing(refused: Refused) -> dict[str, Any] | None:
    """400 'This location does not allow duplicated contacts.' names the contact there is: that one was wanted."""
    contact_id = refused.meta.get("contactId")
    if refused.status != 400 or not contact_id:
        return None
    contact = {"id": str(contact_id), "name": str(refused.meta.get("contactName", ""))}
    return {"contactId": str(contact_id), "new": False, "contact": contact, "traceId": refused.trace_id}


def _existing_opportunity(refused: Refused, contact_id: str) -> dict[str, Any] | None:
    existing = refused.meta.get("existingId")
    if refused.status != 400 or not existing:
        return None
    return {"opportunityId": str(existing), "contactId": contact_id, "existing": True, "opportunity": {}}


def _who(done: dict[str, Any]) -> str:
    contact = done.get("contact") or {}
    full = " ".join(str(contact.get(part) or "") for part in ("firstName", "lastName")).strip()
    return full or str(contact.get("name") or contact.get("email") or "")
