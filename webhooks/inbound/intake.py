"""Taking one request in: proven, stored before anything else happens with it, answered at once.

The order is SECURITY.md §3's. What the message means is found out by a worker (processing.py).
"""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import dataclass, field
from typing import Any

import psycopg
from django.db import DatabaseError, connection
from pydantic import ValidationError

from tasks import drafts
from tasks.errors import Invalid
from tasks.executors import registry
from tasks.inputs import parse_task
from tasks.validation import FieldError, config_errors
from webhooks import doorbell
from webhooks.inbound import bodies
from webhooks.inbound.door import Door
from webhooks.inbound.incoming import Incoming, Kind, RawMessage, Unusable
from webhooks.inbound.providers import parse
from webhooks.inbound.verification import SignedRequest, Verified, verify

logger = logging.getLogger(__name__)

MAX_HOPS = 3
KEPT_HEADERS = ("user-agent", "x-github-event", "x-github-delivery", "agency-hops", "webhook-id", "svix-id")

#: Prepared once per connection: parsing it anew would cost more than running it. Hence every parameter has its type.
_STORE = """
INSERT INTO inbound_messages (webhook_id, external_id, raw, sealed_by, masked, body_sha256, content_type, headers, weak, state,
  state_reason, event_type, sender, subject, text, attachments, understanding, attempts, next_try_at, duplicates,
  conflicts, received_at, processed_at)
VALUES (%(webhook_id)s::bigint, %(external_id)s::text, %(raw)s::bytea, %(sealed_by)s::text,
  %(masked)s::boolean, %(sha)s::text, %(content_type)s::text,
  %(headers)s::jsonb, %(weak)s::boolean, %(state)s::text, %(reason)s::text, %(event_type)s::text, %(sender)s::text,
  '', '', '[]', '{}', 0, clock_timestamp(), 0, 0, clock_timestamp(),
  CASE WHEN %(state)s::text <> 'received' THEN clock_timestamp() END)
ON CONFLICT (webhook_id, external_id) DO UPDATE SET duplicates = inbound_messages.duplicates + 1,
  conflicts = inbound_messages.conflicts + (inbound_messages.body_sha256 <> excluded.body_sha256)::int
RETURNING id, xmax = 0, body_sha256
"""


@dataclass(frozen=True)
class Taken:
    """How a request was taken: a status code, and what the sender is told."""

    code: int
    message_id: int | None = None
    error: str = ""
    errors: list[FieldError] = field(default_factory=list)
    challenge: str = ""
    status: str = ""


def prove(door: Door | None, request: SignedRequest) -> Verified | None:
    """The proof that a request is authentic. An unknown channel costs the same time as a bad signature."""
    if door is None:
        return verify("hmac_sha256", [b"nobody"], request)
    return verify(door.scheme, door.secrets, request, door.options)


def take(door: Door, raw: RawMessage, proof: Verified) -> Taken:
    """Store an authentic message under its id, and say how it was taken. Raises django.db.Error when it cannot."""
    sha = hashlib.sha256(raw.body).hexdigest()
    incoming, state, taken = _read(door, raw)
    if taken.challenge:
        return taken
    kept = bodies.keep(raw.body, door.channel_id, sha, waits=state == "received")
    row = {
        "webhook_id": door.channel_id,
        "external_id": (proof.external_id or _clean(incoming.external_id) or f"sha256:{sha}")[:300],
        "raw": kept.raw,
        "sealed_by": kept.sealed_by,
        "masked": kept.masked,
        "sha": sha,
        "content_type": raw.headers.get("content-type", raw.content_type)[:200],
        "headers": json.dumps({name: raw.headers[name][:500] for name in KEPT_HEADERS if name in raw.headers}),
        "weak": proof.weak,
        "state": state,
        "reason": (taken.error or taken.status)[:500],
        "event_type": _clean(incoming.event_type)[:200],
        "sender": _clean(incoming.sender)[:300],
    }
    message_id, fresh, stored_sha = _store(row)
    if not fresh:
        return _repeated(door, row, message_id, stored_sha == sha)
    if state == "received":
        doorbell.ring_soon(doorbell.INBOX)
    return Taken(taken.code, message_id, taken.error, taken.errors, status=taken.status or "accepted")


def _read(door: Door, raw: RawMessage) -> tuple[Incoming, str, Taken]:
    """Parse strictly; whatever is wrong becomes a state of the stored row and never an exception."""
    try:
        incoming = parse(door.provider, raw)
    except Unusable as error:
        return Incoming(Kind.IGNORED), "unusable", Taken(400, error=str(error))
    except Exception:
        logger.exception("[Webhook] channel %s: the parser broke", door.channel_id)
        return Incoming(Kind.IGNORED), "unusable", Taken(400, error="the message cannot be read")
    if incoming.kind == Kind.CHALLENGE:
        return incoming, "ignored", Taken(200, challenge=incoming.challenge)
    ignored = _why_ignored(door, raw, incoming)
    if ignored:
        return incoming, "ignored", Taken(202, status="ignored: " + ignored)
    if incoming.kind == Kind.TASK:
        problems = task_problems(incoming.document)
        if problems:
            return incoming, "unusable", Taken(400, error=problems[0].message, errors=problems)
    return incoming, "received", Taken(202)


def _why_ignored(door: Door, raw: RawMessage, incoming: Incoming) -> str:
    hops = raw.headers.get("agency-hops", "")
    if hops.isdecimal() and int(hops[:4]) > MAX_HOPS:
        return f"it passed through more than {MAX_HOPS} installations"
    if door.account and incoming.account and incoming.account != door.account:
        return "it belongs to another account"
    if incoming.kind == Kind.IGNORED:
        return f"nothing to do for {_clean(incoming.event_type)[:100] or 'this event'}"
    return ""


def task_problems(document: dict[str, Any]) -> list[FieldError]:
    """What is wrong with a task that came as JSON: the API's own validation, without touching the database."""
    try:
        task_input = parse_task(document)
        executor = drafts.executor_for(task_input.task_type)
        config = executor.Config.model_validate(task_input.execution_config)
    except Invalid as error:
        return error.errors
    except ValidationError as error:
        return config_errors(registry.get(task_input.task_type), error, "/executionConfig")
    return [FieldError(f"#/executionConfig/{path}", "invalid", text) for path, text in executor.check(config)]


def _store(row: dict[str, Any]) -> tuple[int, bool, str]:
    connection.ensure_connection()
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(_STORE, row, prepare=True)
        stored = cursor.fetchone()
    if stored is None:
        raise DatabaseError("the message was not stored")
    message_id, fresh, sha = stored
    return int(message_id), bool(fresh), str(sha)


def _repeated(door: Door, row: dict[str, Any], message_id: int, same_body: bool) -> Taken:
    if not same_body:
        logger.warning(
            "[Webhook] channel %s: id %s came again with another body; the first one stands",
            door.channel_id,
            row["external_id"],
        )
    return Taken(200, message_id, status="duplicate")


def _clean(text: str) -> str:
    return text.replace("\x00", "").encode("utf-8", "replace").decode()
