"""What a transport is: the code that hands one message to one kind of receiver, and how a try can end."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from agency import http


@dataclass(frozen=True)
class Envelope:
    """One message and everything needed to send it: no database behind it.

    `secrets` are the channel's live outbound keys, the current one first; `secret_for` hands out the transport's token
    for one host and logs its use. `callback_url` is where the provider may report what became of the message.
    """

    message_id: str
    event_type: str
    channel_id: int
    sent_at: int
    recipient: str = ""
    address: dict[str, Any] = field(default_factory=dict)
    subject: str = ""
    text: str = ""
    body: bytes = b""
    url: str = ""
    config: dict[str, Any] = field(default_factory=dict)
    custom_headers: dict[str, str] = field(default_factory=dict)
    secrets: Sequence[str] = field(default=(), repr=False)
    secret_for: Callable[[str], str] = field(default=str, repr=False)
    hops: int = 0
    callback_url: str = ""
    account: str = ""


@dataclass(frozen=True)
class Answer:
    """What came back, already cleaned; for the attempt's row."""

    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""
    location: str = ""
    duration_ms: int = 0


@dataclass(frozen=True)
class Delivered:
    """The receiver has it. `provider_id` is its name for the message."""

    answer: Answer = field(default_factory=Answer)
    provider_id: str = ""


@dataclass(frozen=True)
class Failed:
    """The receiver does not have it. `permanent`: no later try can help. `gone`: the receiver wants no more at all.

    `slow_down`: it is overloaded or was too slow, so the next try comes later than the schedule's first steps.
    """

    error: str
    answer: Answer = field(default_factory=Answer)
    permanent: bool = False
    gone: bool = False
    slow_down: bool = False
    retry_after_s: float | None = None
    sent: bool = True


@dataclass(frozen=True)
class Busy:
    """Nothing was sent: the account's request limit is used up for `wait_s` seconds. Costs no step of the schedule."""

    wait_s: float
    error: str
    answer: Answer = field(default_factory=Answer)


@dataclass(frozen=True)
class Unknown:
    """It was sent and nobody answered: the receiver may have it or not."""

    error: str
    answer: Answer = field(default_factory=Answer)


Result = Delivered | Failed | Unknown | Busy


class TransportConfig(BaseModel):
    """Base of a channel's `config`: camelCase, unknown keys refused."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", strict=True, hide_input_in_errors=True)


class Transport(ABC):
    """Sends messages of one channel type. Stateless; one instance serves all threads."""

    type: ClassVar[str]
    Config: ClassVar[Any]
    #: Sending twice is worse than not knowing: an unknown outcome is held for a person.
    once: ClassVar[bool] = False
    #: Longest text it takes, in characters.
    max_text: ClassVar[int] = 40_000

    @abstractmethod
    def send(self, envelope: Envelope, timeout_s: float) -> Result:
        """Hand the message over once, within `timeout_s` of wall clock. Never raises for what a receiver does."""

    @abstractmethod
    def host(self, url: str, config: dict[str, Any]) -> str:
        """The host it talks to: messages to one host share its concurrency."""

    def problems(self, url: str, config: dict[str, Any]) -> list[tuple[str, str]]:
        """What is wrong with a channel's settings, as (path, message)."""
        try:
            self.Config.model_validate(config)
        except ValidationError as error:
            return [("/config/" + "/".join(map(str, one["loc"])), one["msg"]) for one in error.errors()]
        return []


C = TypeVar("C", bound=TransportConfig)


def typed(model: type[C], envelope: Envelope) -> C:
    """The channel's config. Raises pydantic's ValidationError, which delivery takes for a permanent failure."""
    return model.model_validate(envelope.config)


KEPT_BODY = 16 * 1024
SLOW_DOWN = frozenset({429, 502, 503, 504})


def answer_of(response: http.Response) -> Answer:
    """What of a response is kept with the attempt."""
    return Answer(
        response.status,
        response.headers,
        response.text[:KEPT_BODY],
        (response.location or "")[:1024],
        response.duration_ms,
    )


def failed_by(error: http.OutboundError) -> Failed | Unknown:
    """What an outbound error means for a message."""
    if isinstance(error, http.TargetNotAllowed | http.CertificateRefused):
        return Failed(str(error), permanent=True, sent=False)
    if error.response is not None:
        return Unknown(str(error), answer_of(error.response))
    if error.sent:
        return Unknown(str(error))
    return Failed(str(error), sent=False, slow_down=isinstance(error, http.TimedOut))


def judged(response: http.Response) -> Result:
    """What an HTTP answer means when its status says it all."""
    answer = answer_of(response)
    if response.ok:
        return Delivered(answer)
    reason = f"answered {response.status}"
    if 300 <= response.status < 400:
        reason += " (redirects are not followed)"
    return Failed(
        reason,
        answer,
        permanent=response.status == 410,
        gone=response.status == 410,
        slow_down=response.status in SLOW_DOWN,
        retry_after_s=response.retry_after_s,
    )
