"""What a signature scheme works on and answers. Plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


class Refused(Exception):
    """The request is not proven to come from the channel's provider. The argument is a reason code for the log, never
    shown.
    """


@dataclass(frozen=True)
class SignedRequest:
    """What a scheme may look at. ``headers`` has lower-case names; ``url`` is the configured public address with its
    query.
    """

    headers: Mapping[str, str]
    body: bytes
    url: str = ""
    content_type: str = ""
    now: float = 0.0


@dataclass(frozen=True)
class Verified:
    """Proof that a request is authentic. ``external_id`` is the provider's message id when the scheme signs or
    carries one.
    """

    scheme: str
    external_id: str = ""
    sent_at: int | None = None
    weak: bool = False


@dataclass(frozen=True)
class Options:
    """The choices of a generic scheme: which header, which encoding, prefix, signed timestamp."""

    header: str = ""
    encoding: str = "hex"
    prefix: str = ""
    timestamp_header: str = ""
    id_header: str = ""
    username: str = ""
    public_keys: Sequence[str] = field(default_factory=tuple)
