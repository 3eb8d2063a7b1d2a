"""The vocabulary of understanding: what a text asks for, and how sure that is. Plain data."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from webhooks.inbound.parsing.entities import Entities

ASK_BELOW = 0.5
"""A reading less sure than this is asked back instead of acted on."""


class Intent(StrEnum):
    """What a person wants."""

    CREATE = "create"
    REMIND = "remind"
    STATUS = "status"
    CANCEL = "cancel"
    APPROVE = "approve"
    REJECT = "reject"
    RETRY = "retry"
    SNOOZE = "snooze"
    ACKNOWLEDGE = "acknowledge"
    ANSWER = "answer"
    HELP = "help"
    STOP = "stop"
    START = "start"
    UNCLEAR = "unclear"


CHANGING = frozenset({Intent.CANCEL, Intent.APPROVE, Intent.REJECT, Intent.RETRY})
"""Commands that change a task: only from verified senders."""


class Missing(StrEnum):
    """The one thing a reading lacks; it decides what is asked back."""

    NOTHING = ""
    WHAT = "what"
    WHEN = "when"
    PAGE = "page"
    TASK = "task"
    ONCE = "once"
    CONTACT = "contact"


@dataclass(frozen=True)
class Setting:
    """What surrounds a text: the sender's clock and country, and what is open in the conversation."""

    now: dt.datetime
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    region: str = "US"
    open_question: bool = False
    open_task_id: int | None = None


@dataclass(frozen=True)
class Understanding:
    """How a text was read. `task` is a document as the API takes it; `words` is a reason, note or answer."""

    intent: Intent
    confidence: float
    task_ids: tuple[int, ...] = ()
    words: str = ""
    until: dt.datetime | None = None
    task: dict[str, Any] = field(default_factory=dict)
    missing: Missing = Missing.NOTHING
    assumed: tuple[str, ...] = ()
    entities: Entities = field(default_factory=Entities)
    read_by: str = "rules"

    @property
    def needs_question(self) -> bool:
        """Whether to ask back instead of acting."""
        return self.missing != Missing.NOTHING or self.confidence < ASK_BELOW

    def as_json(self) -> dict[str, Any]:
        """What is kept with the message: enough to see why it was read so."""
        return {
            "intent": self.intent.value,
            "confidence": round(self.confidence, 2),
            "missing": self.missing.value,
            "assumed": list(self.assumed),
            "taskIds": list(self.task_ids),
            "readBy": self.read_by,
            "entities": self.entities.as_json(),
        }
