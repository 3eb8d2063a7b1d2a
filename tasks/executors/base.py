"""What an executor is: the code that performs one task type, and the closed vocabulary of how an attempt can end."""

from __future__ import annotations

import datetime as dt
import uuid
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class Effect(StrEnum):
    """What repeating the work would do to the outside world."""

    READ = "read"
    IDEMPOTENT = "idempotent"
    ONCE = "once"


# --- outcomes -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Success:
    """The work is done. `output` must be JSON; `summary` is one plain sentence."""

    output: Any = None
    summary: str = ""


@dataclass(frozen=True)
class Failed:
    """The work was refused or went wrong. `heals` says whether a later try can succeed (tasks/retry.py decides when)."""

    error: str
    heals: bool = False
    code: str = "error"
    retry_after_s: float | None = None
    output: Any = None
    timed_out: bool = False
    trace: str = ""


@dataclass(frozen=True)
class NeedsInput:
    """A person must answer before the work can go on. `options` are the answers offered, empty for free text."""

    question: str
    kind: str = "question"
    options: list[dict[str, Any]] = field(default_factory=list)
    context: dict[str, Any] = field(default_factory=dict)
    output: Any = None


@dataclass(frozen=True)
class Lost:
    """The request was sent and nobody knows whether it took effect."""

    error: str
    output: Any = None


@dataclass(frozen=True)
class HandBack:
    """The task goes back unharmed after `wait_s` seconds: a limit of the target, a stopping worker. Spends no error."""

    reason: str
    wait_s: float = 0.0


Outcome = Success | Failed | NeedsInput | Lost | HandBack


# --- what an attempt is given -------------------------------------------------------------------------------------


class Stopped(Exception):
    """The attempt must end now; the runner records why. Executors let it pass."""


class Cancelled(Stopped):
    """A person cancelled the task."""


class LeaseLost(Stopped):
    """Another worker may hold the task by now."""


class DeadlinePassed(Stopped):
    """The attempt's time is over."""


@dataclass(frozen=True)
class TaskSnapshot:
    """The task as it was claimed. What was approved is in `config`, and nothing else is run."""

    id: int
    uuid: uuid.UUID
    title: str
    type: str
    config: dict[str, Any]
    run_generation: int
    epoch: int
    attempt: int
    execution_id: int
    answer: dict[str, Any] | None = None
    created_by_id: int | None = None
    source_type: str = "manual"
    source_webhook_id: int | None = None
    source_message_id: int | None = None
    template_id: int | None = None
    schedule_id: int | None = None
    scheduled_for: dt.datetime | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    description: str = ""


@dataclass(frozen=True)
class PriorEffect:
    """What the ledger holds for one step of this run: `state` is new, intended, confirmed, rejected or unknown."""

    state: str
    response: Any = None

    @property
    def confirmed(self) -> bool:
        """The outside world said yes in an earlier attempt: do not send again, finish from `response`."""
        return self.state == "confirmed"


class Context(Protocol):
    """What an executor may ask of the attempt it runs in (tasks/attempt.py implements it)."""

    task: TaskSnapshot

    def check(self) -> None:
        """Raises Stopped when the attempt must end. Call it between steps."""

    def remaining_s(self) -> float:
        """Seconds left until the attempt's deadline, never below 0."""

    def sleep(self, seconds: float) -> None:
        """Waits, and raises Stopped at once when the attempt must end."""

    def idempotency_key(self, step: str = "") -> str:
        """uuid5(task uuid, run generation, step): the same over the retries of one run, new after a person's replay."""

    def intend(self, step: str, request: Any, will_take_s: float) -> PriorEffect:
        """Writes 'intended' to the effect ledger, in one statement with the check that the lease outlives the call.

        Raises LeaseLost. Answers what the ledger already held for this run and step.
        """

    def confirm(self, step: str, response: Any) -> None:
        """The outside world did it; `response` (JSON) is what a later attempt finishes from."""

    def reject(self, step: str, response: Any) -> None:
        """The outside world refused: nothing happened."""

    def unknown(self, step: str) -> None:
        """Nobody knows whether it happened."""

    def record_step(
        self,
        index: int,
        total: int,
        name: str,
        status: str,
        *,
        duration_ms: int | None = None,
        detail: dict[str, Any] | None = None,
    ) -> None:
        """Shows progress at once: step `index` (from 0) of `total`; `status` is running, success, failed or skipped."""

    def save_artifact(self, name: str, content_type: str, data: bytes) -> dict[str, Any]:
        """Keeps a file (screenshot, download, report) and answers what the output shows of it.

        Raises tasks.artifacts.StorageFull.
        """

    def record_session(self, *, session_id: str = "", debug_url: str = "", recording_url: str = "") -> None:
        """Keeps the links of a remote browser session on the execution."""


# --- the executor -------------------------------------------------------------------------------------------------


class Config(BaseModel):
    """Base of every executionConfig: camelCase on the wire, unknown keys refused."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", hide_input_in_errors=True)


@dataclass(frozen=True)
class Preview:
    """What a task will do, in plain words, for the person who decides. Secrets are already masked."""

    sentence: str
    details: list[tuple[str, str]] = field(default_factory=list)
    risks: list[str] = field(default_factory=list)


C = TypeVar("C", bound=BaseModel)


class Executor(ABC, Generic[C]):
    """Performs one task type. Stateless; one instance serves all threads of a process."""

    type: ClassVar[str]
    label: ClassVar[str]
    Config: ClassVar[Any]
    queue: ClassVar[str] = "io"
    default_timeout_s: ClassVar[float] = 60.0
    #: True when `lookup` can tell whether an unknown effect took place.
    can_look_up: ClassVar[bool] = False
    #: The Django permission a person needs to have such work done, where its result shows more than their own tasks.
    permission: ClassVar[str] = ""

    @abstractmethod
    def run(self, config: C, ctx: Context) -> Outcome:
        """Performs the work once. Never catches Stopped."""

    @abstractmethod
    def preview(self, config: C) -> Preview:
        """What `run` would do. No I/O."""

    def effect(self, config: C) -> Effect:
        """What repeating the work would do."""
        return Effect.READ

    def target(self, config: C) -> str:
        """The account, host or recipient acted on: part of the digest an approval binds."""
        return ""

    def hosts(self, config: C) -> list[str]:
        """The hosts its inline secrets may be sent to, as agency.http.host_of spells them."""
        return []

    def artifacts(self, config: C) -> list[tuple[str, int]]:
        """The artifacts it uses, each with its place in the config: whoever asks for the work must be allowed to see them."""
        return []

    def timeout_s(self, config: C) -> float:
        """Seconds one attempt may take."""
        return self.default_timeout_s

    def review_reasons(self, config: C) -> list[str]:
        """Why a person should look first, empty when nothing speaks for it. Policies may add, never remove."""
        return []

    def check(self, config: C) -> list[tuple[str, str]]:
        """Rules the config model cannot hold, as (path, message). Called at create, edit and approve, and before an attempt."""
        return []

    def lookup(self, config: C, ctx: Context) -> Outcome | None:
        """Asks the target whether an unknown effect happened.

        Success: it did. Failed with code "not_found": it did not, and may be sent. None: the target cannot tell.
        """
        return None
