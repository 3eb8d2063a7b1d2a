"""One message out of the outbox: claimed under a lease, sent, its end recorded under the same lease."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, field, replace
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.urls import reverse
from pydantic import ValidationError

from agency import credentials, db
from webhooks import keys
from webhooks.models import ChannelKey
from webhooks.outbound import breaker, health, sql
from webhooks.outbound.schedule import Decision, Standing, decide
from webhooks.outbound.transports import TRANSPORTS
from webhooks.outbound.transports.base import Delivered, Envelope, Failed, Result
from webhooks.query import rows

logger = logging.getLogger(__name__)

JSONB = ("address", "config", "custom_headers")
MAX_CRASHES = 5
RESCUE_BATCH = 100
NO_ROOM_S = 0.2
"""The wait when a message is due whose channel has no room: short, so that a channel reaches its rate."""


@dataclass(frozen=True)
class Claimed:
    """A message this worker may send until its lease ends. `row` is the message with its channel's settings."""

    row: dict[str, Any]
    owner: str
    secrets: list[str] = field(default_factory=list, repr=False)

    @property
    def id(self) -> int:
        return int(self.row["id"])


@dataclass(frozen=True)
class Claim:
    """What a look into the outbox brought, and how long to wait before the next (None: until the bell rings)."""

    messages: list[Claimed]
    wait_s: float | None


def claim(owner: str, free: int) -> Claim:
    """Take up to `free` due messages: per channel, per host and per second no more than the settings allow."""
    breakers = breaker.standing()
    with transaction.atomic():
        hosts = [row["host"] for row in rows(sql.LOCK_HOSTS, {"blocked": breakers.blocked, "space": sql.LOCK_SPACE})]
        claimed = rows(sql.CLAIM, _claim_params(owner, free, hosts, breakers), JSONB) if hosts else []
    if not claimed:
        return Claim([], _wait(breakers.blocked))
    secrets = keys.live({row["webhook_id"] for row in claimed}, ChannelKey.Purpose.OUTBOUND)
    return Claim([Claimed(row, owner, secrets.get(row["webhook_id"], [])) for row in claimed], 0.0)


def _claim_params(owner: str, free: int, hosts: list[str], breakers: breaker.Breakers) -> dict[str, Any]:
    return {
        "me": owner,
        "free": free,
        "hosts": hosts,
        "blocked": breakers.blocked,
        "probing": breakers.probing,
        "per_channel": settings.DELIVERY_PER_CHANNEL,
        "per_host": settings.DELIVERY_PER_HOST,
        "per_second": settings.DELIVERY_PER_SECOND,
        "lease_s": settings.DELIVERY_TIMEOUT_SECONDS + settings.DELIVERY_LEASE_MARGIN_SECONDS,
    }


def _wait(blocked: list[int]) -> float | None:
    """Seconds until the next message is due."""
    due_in = rows(sql.NEXT_DUE, {"blocked": blocked})[0]
    seconds = next(iter(due_in.values()))
    return None if seconds is None else max(NO_ROOM_S, seconds)


def deliver(claimed: Claimed) -> str:
    """Send one claimed message and record how it ended. Answers its new state, or "" when the lease was lost."""
    db.release()  # no connection is held while the network is waited for
    result = _send(claimed)
    decision = _settle(decide(result, _standing(claimed.row), settings.DELIVERY_STEPS), claimed.row)
    state = _record(claimed, result, decision)
    _after(claimed, result, decision)
    return state


def _send(claimed: Claimed) -> Result:
    transport = TRANSPORTS[claimed.row["type"]]
    try:
        with credentials.run_scope():
            return transport.send(_envelope(claimed), settings.DELIVERY_TIMEOUT_SECONDS)
    except ValidationError as error:
        fields = ", ".join(".".join(map(str, one["loc"])) for one in error.errors())
        return Failed(f"the channel's settings are not valid: {fields}", permanent=True, sent=False)
    except credentials.CredentialError as error:
        return Failed(str(error), permanent=True, sent=False)
    except Exception:
        logger.exception("[Messages] message %s: the transport broke", claimed.id)
        return Failed("internal error in the transport")


def _envelope(claimed: Claimed) -> Envelope:
    row = claimed.row
    return Envelope(
        message_id=row["message_id"],
        event_type=row["event_type"],
        channel_id=row["webhook_id"],
        sent_at=row["sent_at"],
        recipient=row["recipient"],
        address=row["address"],
        subject=row["subject"],
        text=row["text"],
        body=bytes(row["body"] or b""),
        url=row["url"],
        config=row["config"],
        custom_headers=row["custom_headers"],
        callback_url=_callback_url(row),
        account=row["account"],
        secrets=claimed.secrets,
        secret_for=lambda host: _secret_for(row, host),
    )


def _callback_url(row: dict[str, Any]) -> str:
    """Where a provider may report to: the channel's own address, if it takes messages in and can be reached."""
    reachable = row["hears"] and settings.PUBLIC_URL.startswith("https://")
    return settings.PUBLIC_URL + reverse("webhook-inbound", args=[row["token"]]) if reachable else ""


def _secret_for(row: dict[str, Any], host: str) -> str:
    """The channel's token, else that of its HighLevel location; its use is logged. Raises CredentialError."""
    key = ChannelKey.objects.filter(
        webhook_id=row["webhook_id"],
        purpose=ChannelKey.Purpose.OUTBOUND,
        expires_at__isnull=True,
        revoked_at__isnull=True,
    ).first()
    try:
        of_location = key is None and row["type"] == "ghl" and row["account"]
        own = credentials.for_account("ghl", row["account"]) if of_location else None
        credential_id = key.credential_id if key else own.pk if own else None
        if credential_id is None:
            return ""
        used_by = f"channel {row['webhook_id']}"
        return credentials.resolve({"credential": credential_id}, host=host, used_by=used_by)
    finally:
        db.release()


def _standing(row: dict[str, Any]) -> Standing:
    return Standing(row["attempts"], row["refusals"], TRANSPORTS[row["type"]].once)


def _settle(decision: Decision, row: dict[str, Any]) -> Decision:
    """A try that a person asked for schedules nothing when it fails: the message is again what it was."""
    if not row["manual"] or decision.state == "delivered":
        return decision
    before = row["manual_from"]
    return replace(
        decision,
        state=before,
        attempts=row["attempts"],
        refusals=row["refusals"],
        held_reason=row["held_reason"] if before == "held" else "",
        exhausted=False,
    )


def _record(claimed: Claimed, result: Result, decision: Decision) -> str:
    answer = result.answer
    error = credentials.redact(decision.error)[:500]
    params = {
        "id": claimed.id,
        "epoch": claimed.row["epoch"],
        "me": claimed.owner,
        "state": decision.state,
        "wait_s": decision.wait_s or 0.0,
        "resume_at": claimed.row["resume_at"] if claimed.row["manual"] else None,
        "attempts": decision.attempts,
        "refusals": decision.refusals,
        "exhausted": int(decision.exhausted),
        "blameless": decision.blameless,
        "error": error,
        "attempt_error": error,
        "held_reason": decision.held_reason[:300],
        "outcome": decision.outcome,
        "status_code": answer.status,
        "location": credentials.redact(answer.location),
        "headers": json.dumps(credentials.redact(answer.headers)),
        "body": credentials.redact(answer.body),
        "duration_ms": answer.duration_ms,
        "provider_id": result.provider_id if isinstance(result, Delivered) else "",
    }
    if rows(sql.FINISH, params):
        return decision.state
    logger.warning("[Messages] message %s: lease of try %s lost before its end", claimed.id, claimed.row["epoch"])
    if isinstance(result, Delivered):
        with connection.cursor() as cursor:
            cursor.execute(sql.LATE_SUCCESS, params)
    return ""


def _after(claimed: Claimed, result: Result, decision: Decision) -> None:
    """Breaker, health and one log line; none of it decides about the message."""
    channel_id = claimed.row["webhook_id"]
    logger.info(
        "[Messages] message %s to channel %s: %s after try %s%s",
        claimed.row["message_id"],
        channel_id,
        decision.state,
        claimed.row["epoch"],
        f" ({decision.error})" if decision.error else "",
    )
    if decision.blameless:
        return
    if breaker.record(channel_id, failed=not isinstance(result, Delivered)) == "opened":
        logger.warning("[Messages] channel %s fails almost always: left alone for a minute", channel_id)
    if decision.disable:
        health.disable_gone(channel_id)
    elif decision.exhausted:
        health.disable_if_failing(channel_id)


def rescue() -> int:
    """Take messages from workers whose lease ran out; answers how many."""
    once = [name for name, transport in TRANSPORTS.items() if transport.once]
    params = {"once": once, "limit": RESCUE_BATCH, "max_crashes": MAX_CRASHES}
    return int(next(iter(rows(sql.RESCUE, params)[0].values())))
