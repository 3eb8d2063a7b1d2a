"""What GoHighLevel can answer besides what was asked for."""

from __future__ import annotations

from typing import Any


class GhlError(Exception):
    """Base: something to be turned into an outcome by the executor. The message is fit to be shown."""


class Refused(GhlError):
    """A 4xx answer: nothing happened, and nothing will when it is asked again."""

    def __init__(self, status: int, message: str, body: dict[str, Any], trace_id: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.body = body
        self.trace_id = trace_id

    @property
    def meta(self) -> dict[str, Any]:
        found = self.body.get("meta")
        return found if isinstance(found, dict) else {}


class NotFound(GhlError):
    """What the config names does not exist in the location: a contact, a pipeline, a custom field."""


class NoToken(GhlError):
    """There is no token for the location."""


class Unavailable(GhlError):
    """A 5xx answer or none. `sent` is False when certainly nothing reached GoHighLevel."""

    def __init__(
        self, message: str, *, sent: bool, timed_out: bool = False, retry_after_s: float | None = None
    ) -> None:
        super().__init__(message)
        self.sent = sent
        self.timed_out = timed_out
        self.retry_after_s = retry_after_s


class Busy(GhlError):
    """The location's limit is reached: nothing was sent, or it was refused with 429. Try again in `wait_s` seconds."""

    def __init__(self, wait_s: float) -> None:
        super().__init__("GoHighLevel's request limit for this location is reached")
        self.wait_s = wait_s
