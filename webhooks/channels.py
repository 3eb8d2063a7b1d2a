"""What people may do with channels: create, change, switch on and off, know senders. Every door calls these."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import IntegrityError, connection, transaction
from django.db.models import ProtectedError
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from agency import http
from tasks.actors import Actor
from tasks.errors import Conflict, Invalid, NotFound
from tasks.inputs import check_text, errors_of
from tasks.validation import FieldError
from webhooks import doorbell, keys
from webhooks.audit import record
from webhooks.inbound import door
from webhooks.inbound.parsing.entities import normal_address
from webhooks.inbound.providers import PARSERS
from webhooks.models import ChannelKey, ChannelSender, Webhook
from webhooks.models.channel import MAX_BODY, MAX_BODY_LIMIT, check_timezone
from webhooks.outbound.transports import TRANSPORTS
from webhooks.outbound.transports.custom import reserved_headers

Purpose = ChannelKey.Purpose
Policy = Literal["review", "run", "ignore"]
TextPolicy = Literal["policies", "review", "run", "ignore"]
PROVIDERS = {"sms": "twilio", "email": "postmark", "slack": "slack", "ghl": "ghl", "custom_webhook": "custom"}
SCHEMES = {
    "twilio": "twilio",
    "slack": "slack",
    "ghl": "api_key",
    "custom": "standard_webhooks",
    "github": "github",
    "stripe": "stripe",
    "sendgrid": "basic",
    "mailgun": "mailgun",
    "postmark": "basic",
}
"""What a channel of a provider is verified by unless it says otherwise."""

_HEADER = r"^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}$"
_HOLD = """
UPDATE outbound_messages SET state = 'held', held_reason = 'the channel is disabled', next_attempt_at = NULL
WHERE webhook_id = %s AND state = 'pending'
"""
_LET_GO = """
UPDATE outbound_messages SET state = 'pending', held_reason = '', next_attempt_at = clock_timestamp()
WHERE webhook_id = %s AND state = 'held' AND held_reason = 'the channel is disabled'
"""


class VerificationOptions(BaseModel):
    """The choices of the generic schemes."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", strict=True, hide_input_in_errors=True)

    header: Annotated[str, Field(pattern=_HEADER)] | None = None
    encoding: Literal["hex", "base64"] = "hex"
    prefix: Annotated[str, Field(max_length=40)] = ""
    timestamp_header: Annotated[str, Field(pattern=_HEADER)] | None = None
    id_header: Annotated[str, Field(pattern=_HEADER)] | None = None
    username: Annotated[str, Field(max_length=100)] = ""
    public_keys: Annotated[list[Annotated[str, Field(max_length=200)]], Field(max_length=3)] = []


class ChannelInput(BaseModel):
    """A channel as the API takes it. A secret is written once and never shown again."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", strict=True, hide_input_in_errors=True)

    name: Annotated[str, Field(min_length=1, max_length=200)]
    type: Literal["sms", "email", "slack", "ghl", "custom_webhook"]
    is_active: bool = True
    account: Annotated[str, Field(max_length=200)] = ""
    accepts_inbound: bool = True
    provider: (
        Literal["custom", "slack", "twilio", "ghl", "github", "stripe", "sendgrid", "mailgun", "postmark"] | None
    ) = None
    verification: str | None = None
    verification_options: VerificationOptions = VerificationOptions()
    max_body_bytes: Annotated[int, Field(ge=1024, le=MAX_BODY_LIMIT)] = MAX_BODY
    text_policy: TextPolicy = "policies"
    structured_policy: Policy = "run"
    known_senders_only: bool = False
    use_model: bool = False
    timezone: Annotated[str, Field(max_length=64)] = "UTC"
    region: Annotated[str, Field(pattern=r"^[A-Z]{2}$")] = "US"
    sends_outbound: bool = True
    url: Annotated[str, Field(max_length=2048)] = ""
    config: dict[str, Any] = {}
    custom_headers: Annotated[dict[str, str], Field(max_length=20)] = {}
    owner_address: Annotated[str, Field(max_length=300)] = ""
    quiet_start: Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")] | None = None
    quiet_end: Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")] | None = None
    inbound_secret: Annotated[str, Field(max_length=8192)] = ""
    outbound_secret: Annotated[str, Field(max_length=8192)] = ""


@dataclass(frozen=True)
class Made:
    """A new channel and the secrets made for it, by purpose: shown this once."""

    channel: Webhook
    secrets: dict[str, str] = field(default_factory=dict, repr=False)


def parse_channel(raw: Any) -> ChannelInput:
    """A channel from JSON. Raises Invalid."""
    try:
        return ChannelInput.model_validate(raw)
    except ValidationError as error:
        raise Invalid(errors_of(error)) from None


def check(given: ChannelInput) -> None:
    """What is wrong with a channel between its fields. Raises Invalid."""
    _check(Webhook(**_columns(given)))


def create(given: ChannelInput, actor: Actor) -> Made:
    """Make a channel with its keys. Secrets that can be invented are, when none is given. Raises Invalid."""
    channel = Webhook(**_columns(given), owner_id=actor.user_id)
    _check(channel)
    with transaction.atomic():
        channel.save()
        secrets = {
            str(purpose): secret
            for purpose, secret in (
                (Purpose.INBOUND, _first_key(channel, Purpose.INBOUND, given.inbound_secret, actor)),
                (Purpose.OUTBOUND, _first_key(channel, Purpose.OUTBOUND, given.outbound_secret, actor)),
            )
            if secret
        }
        record(channel.pk, "created", actor, {"name": channel.name, "type": channel.type})
    return Made(channel, secrets)


def _first_key(channel: Webhook, purpose: str, secret: str, actor: Actor) -> str:
    """The secret made, empty when the caller gave it or none is needed."""
    wanted = channel.accepts_inbound if purpose == Purpose.INBOUND else channel.type == Webhook.Type.CUSTOM
    if purpose == Purpose.INBOUND and channel.verification == Webhook.Verification.GHL:
        wanted = False
    if purpose == Purpose.OUTBOUND and not channel.sends_outbound:
        wanted = False
    if not secret and not wanted:
        return ""
    _, made = keys.rotate(channel, purpose, actor, secret=secret)
    return "" if secret else made


def change(channel_id: int, changes: dict[str, Any], actor: Actor) -> Webhook:
    """Change what is given (wire names). Raises NotFound, Invalid. Keys are rotated, not changed."""
    with transaction.atomic():
        channel = _locked(channel_id)
        before = as_input(channel)
        refused = [name for name in changes if name in {"type", "inboundSecret", "outboundSecret", "isActive"}]
        if refused:
            raise Invalid([FieldError(f"#/{name}", "read_only", f"{name} cannot be changed here") for name in refused])
        columns = _columns(parse_channel({**before, **changes}))
        for name, value in columns.items():
            setattr(channel, name, value)
        _check(channel)
        channel.save()
        record(channel.pk, "changed", actor, {"fields": sorted(changes)})
        transaction.on_commit(door.forget)
    return channel


def as_input(channel: Webhook) -> dict[str, Any]:
    """A channel in wire form, without its secrets."""
    names = ChannelInput.model_fields.keys() - {"inbound_secret", "outbound_secret", "verification_options"}
    document = {to_camel(name): getattr(channel, name) for name in names}
    for name in ("quietStart", "quietEnd"):
        document[name] = f"{document[name]:%H:%M}" if document[name] else None
    return {**document, "verificationOptions": channel.verification_options}


def disable(channel_id: int, actor: Actor, reason: str) -> Webhook:
    """Switch a channel off: nothing comes in, what waits to go out is held. Raises NotFound, Conflict, Invalid."""
    if not reason.strip():
        raise Invalid([FieldError("#/reason", "missing", "reason is required")])
    with transaction.atomic(), connection.cursor() as cursor:
        channel = _locked(channel_id)
        if not channel.is_active:
            raise Conflict("The channel is switched off already")
        cursor.execute(
            "UPDATE webhooks SET is_active = false, disabled_at = clock_timestamp(), disabled_reason = %s"
            " WHERE id = %s",
            [reason[:300], channel.pk],
        )
        cursor.execute(_HOLD, [channel.pk])
        record(channel.pk, "disabled", actor, {"held": cursor.rowcount}, reason)
        transaction.on_commit(door.forget)
    channel.refresh_from_db()
    return channel


def enable(channel_id: int, actor: Actor) -> Webhook:
    """Switch a channel on again; what was held for it goes out. Raises NotFound, Conflict."""
    with transaction.atomic(), connection.cursor() as cursor:
        channel = _locked(channel_id)
        if channel.is_active:
            raise Conflict("The channel is switched on already")
        cursor.execute(
            "UPDATE webhooks SET is_active = true, disabled_at = NULL, disabled_reason = '', failing_since = NULL,"
            " exhausted_count = 0 WHERE id = %s",
            [channel.pk],
        )
        cursor.execute(_LET_GO, [channel.pk])
        record(channel.pk, "enabled", actor, {"released": cursor.rowcount})
        transaction.on_commit(door.forget)
        doorbell.ring_on_commit(doorbell.OUTBOX)
    channel.refresh_from_db()
    return channel


def delete(channel_id: int, actor: Actor) -> None:
    """Remove a channel nothing was sent through; another one is switched off instead. Raises NotFound, Conflict."""
    with transaction.atomic():
        channel = _locked(channel_id)
        record(channel.pk, "deleted", actor, {"name": channel.name})
        try:
            channel.delete()
        except ProtectedError:
            raise Conflict("Messages were sent through this channel: switch it off instead") from None
    door.forget()


def know_sender(
    channel: Webhook,
    address: str,
    actor: Actor,
    *,
    name: str = "",
    user_id: int | None = None,
    may_command: bool = True,
) -> ChannelSender:
    """Make somebody known on a channel. Raises Invalid, Conflict."""
    spelled = normal_address(channel.type, check_text(address), channel.region)
    if not spelled:
        raise Invalid([FieldError("#/address", "missing", "address is required")])
    if user_id is not None and not get_user_model().objects.filter(pk=user_id).exists():
        raise Invalid([FieldError("#/userId", "unknown", "userId must be the id of a user")])
    try:
        with transaction.atomic():
            sender = ChannelSender.objects.create(
                webhook=channel, address=spelled, name=name, user_id=user_id, may_command=may_command
            )
            record(channel.pk, "sender_added", actor, {"sender": sender.pk, "user": user_id})
    except IntegrityError:
        raise Conflict("This address is known on the channel already") from None
    return sender


def forget_sender(sender: ChannelSender, actor: Actor) -> None:
    """A sender is a stranger again."""
    with transaction.atomic():
        record(sender.webhook_id, "sender_removed", actor, {"sender": sender.pk, "user": sender.user_id})
        sender.delete()


# --- what may be stored ---


def _columns(given: ChannelInput) -> dict[str, Any]:
    columns = given.model_dump(exclude={"inbound_secret", "outbound_secret", "verification_options"})
    columns["provider"] = given.provider or PROVIDERS[given.type]
    columns["verification"] = given.verification or SCHEMES[columns["provider"]]
    columns["verification_options"] = given.verification_options.model_dump(
        by_alias=True, exclude_defaults=True, exclude_none=True
    )
    for name in ("quiet_start", "quiet_end"):
        columns[name] = dt.time.fromisoformat(columns[name]) if columns[name] else None
    return columns


def _check(channel: Webhook) -> None:
    """Rules that hold between fields. Raises Invalid; sets what follows from the rest."""
    problems = [*_inbound_problems(channel), *_outbound_problems(channel)]
    if bool(channel.quiet_start) != bool(channel.quiet_end) or (
        channel.quiet_start and channel.quiet_start == channel.quiet_end
    ):
        problems.append(("/quietStart", "quietStart and quietEnd are given together, and differ"))
    try:
        check_timezone(channel.timezone)
    except DjangoValidationError as error:
        problems.append(("/timezone", error.messages[0]))
    if problems:
        raise Invalid([FieldError(f"#{path}", "invalid", message) for path, message in problems])


def _inbound_problems(channel: Webhook) -> list[tuple[str, str]]:
    problems = []
    if channel.verification not in Webhook.Verification.values:
        known = ", ".join(Webhook.Verification.values)
        problems.append(("/verification", f"verification must be one of {known}"))
    if channel.provider not in PARSERS:
        problems.append(("/provider", f"provider must be one of {', '.join(PARSERS)}"))
    if channel.verification == Webhook.Verification.GHL and not channel.account:
        message = "account (the location id) is required: HighLevel signs for every account with the same key"
        problems.append(("/account", message))
    return problems


def _outbound_problems(channel: Webhook) -> list[tuple[str, str]]:
    if not channel.sends_outbound:
        channel.host = ""
        return []
    transport = TRANSPORTS[channel.type]
    problems = transport.problems(channel.url, channel.config)
    problems += [
        ("/customHeaders", f"{name} is set by the product") for name in reserved_headers(channel.custom_headers)
    ]
    try:
        http.check_headers(channel.custom_headers)
        channel.host = "" if problems else transport.host(channel.url, channel.config)[:300]
    except http.OutboundError as error:
        problems.append(("/customHeaders", str(error)))
    return problems


def _locked(channel_id: int) -> Webhook:
    channel = Webhook.objects.select_for_update(of=("self",), no_key=True).filter(pk=channel_id).first()
    if channel is None:
        raise NotFound("No such channel")
    return channel
