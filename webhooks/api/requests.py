"""What callers may send about channels and messages, besides a channel itself (webhooks/channels.py)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, create_model

from agency.api.bodies import Body
from tasks.api.requests import Id, PageQuery
from tasks.inputs import Text
from webhooks.channels import ChannelInput


class ChannelQuery(PageQuery):
    """The filters of the list of channels."""

    type: Literal["sms", "email", "slack", "ghl", "custom_webhook"] | None = None
    is_active: bool | None = None


#: What PATCH takes: every field of a channel but those that never change, none of them required.
ChannelChanges = create_model(
    "ChannelChanges",
    __base__=Body,
    __doc__="What may be changed of a channel. A field that is absent stays as it is.",
    **{
        name: (info.annotation, info.get_default(call_default_factory=True))
        for name, info in ChannelInput.model_fields.items()
        if name not in {"type", "is_active", "inbound_secret", "outbound_secret"} and not info.is_required()
    },
    name=(str, ""),
)  # type: ignore[call-overload]


class InboundQuery(PageQuery):
    """The filters of the list of received messages."""

    webhook_id: Id | None = None
    task_id: Id | None = None
    state: Literal["received", "processed", "ignored", "unusable", "failed"] | None = None


class OutboundQuery(PageQuery):
    """The filters of the list of messages that go out; `state=dead` are the dead letters."""

    webhook_id: Id | None = None
    task_id: Id | None = None
    state: Literal["pending", "sending", "delivered", "dead", "held", "cancelled"] | None = None


class DisableBody(Body):
    """Why a channel is switched off."""

    reason: Annotated[Text, Field(min_length=1, max_length=300)]


class KeyBody(Body):
    """A new key. Without a secret one is made; the old key stays live for the grace time."""

    purpose: Literal["inbound", "outbound"]
    secret: Annotated[Text, Field(max_length=8192)] = ""
    grace_hours: Annotated[float, Field(ge=0, le=168)] = 24


class SenderBody(Body):
    """Somebody to be known on a channel, and the account their commands are carried out as."""

    address: Annotated[Text, Field(min_length=1, max_length=300)]
    name: Annotated[Text, Field(max_length=200)] = ""
    user_id: Id | None = None
    may_command: bool = True


class ReasonBody(Body):
    """An optional reason."""

    reason: Annotated[Text, Field(max_length=300)] = ""


class ResendBody(Body):
    """Dead messages to begin anew."""

    ids: Annotated[list[Id], Field(min_length=1, max_length=1000)]


class SinceBody(Body):
    """Dead messages since a time, at most 14 days ago."""

    since: Annotated[AwareDatetime, Field(strict=False)]
