"""What can go wrong with an outbound request. Every message is coarse enough to be shown to anybody:
it never names an address, and never tells a closed port from a filtered one (SECURITY: errors, rule 9)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agency.http.response import Response


class OutboundError(Exception):
    """Base of all of them.

    `sent` is False only when certainly no byte of the request left this machine: trying again is then harmless.
    `response` holds what had arrived when the status line was seen before things broke, else None.
    """

    sent: bool = False

    def __init__(self, message: str, *, sent: bool | None = None, response: Response | None = None) -> None:
        super().__init__(message)
        if sent is not None:
            self.sent = sent
        self.response = response


class TargetNotAllowed(OutboundError):
    """The rules refuse this URL, method or header, or an address the name leads to. Never heals by itself."""


class CouldNotConnect(OutboundError):
    """No connection was made: unknown name, refused, unreachable."""


class CertificateRefused(CouldNotConnect):
    """The target's TLS certificate is not valid for its name. Nothing was sent."""


class TimedOut(OutboundError):
    """The wall clock ran out, at whatever stage; `sent` tells which."""


class ConnectionLost(OutboundError):
    """The request was (perhaps partly) sent, and no complete, valid answer came back."""

    sent = True
