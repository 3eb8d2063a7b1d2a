"""What every provider's message is turned into, and how a request looks before that. Plain data, no database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """What a message is good for."""

    TEXT = "text"
    """Words of a person: understood by rules or a model."""
    TASK = "task"
    """A document with the fields of a task, validated as the API validates it."""
    CHALLENGE = "challenge"
    """A provider checks that the address is ours; answered at once, kept nowhere."""
    RECEIPT = "receipt"
    """A provider reports what became of a message of ours (`document`: providerId, receipt, code)."""
    IGNORED = "ignored"
    """Authentic, but nothing for us: an unknown event, an echo of our own message, an automatic reply."""


class Unusable(ValueError):
    """An authentic message that cannot be read. The text is safe to send back."""


@dataclass(frozen=True)
class RawMessage:
    """A request as it was kept: headers with lower-case names, the body's bytes, its media type without parameters."""

    headers: Mapping[str, str]
    body: bytes
    content_type: str


@dataclass(frozen=True)
class Attachment:
    """A file that came with a message."""

    name: str
    content_type: str
    data: bytes = field(repr=False)


@dataclass(frozen=True)
class Incoming:
    """One message. `sender` is normalised (+E.164, lower-case e-mail, Slack or contact id); `thread` names its talk.

    `authentic_sender` says whether the provider vouches for the sender (a mail's From line proves nothing by itself).
    `reply_to` holds what a transport needs to answer in the same place.
    """

    kind: Kind
    external_id: str = ""
    sender: str = ""
    sender_name: str = ""
    thread: str = ""
    subject: str = ""
    text: str = ""
    document: dict[str, Any] = field(default_factory=dict)
    reply_to: dict[str, str] = field(default_factory=dict)
    references: tuple[str, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    authentic_sender: bool = False
    event_type: str = ""
    challenge: str = ""
    account: str = ""
