"""The one door to the outside: every outbound HTTP request of the product is made here, under SECURITY's rules.

    response = http.request("GET", "https://api.example.com/v1/users", timeout_s=10)

Rules that need no lookup (`check_url`, `check_headers`) are applied when something is written down; all of them at
every request: https only, public addresses only, one lookup pinned through connect, TLS by name, no redirects, no
proxies or credentials from the environment, a wall clock over everything, a cap on what is read.
"""

from __future__ import annotations

from agency.http import policy
from agency.http.client import request
from agency.http.errors import (
    CertificateRefused,
    ConnectionLost,
    CouldNotConnect,
    OutboundError,
    TargetNotAllowed,
    TimedOut,
)
from agency.http.names import resolve
from agency.http.response import Response
from agency.http.url import check_headers, check_method, check_url, host_of

__all__ = [
    "CertificateRefused",
    "ConnectionLost",
    "CouldNotConnect",
    "OutboundError",
    "Response",
    "TargetNotAllowed",
    "TimedOut",
    "check_headers",
    "check_method",
    "check_url",
    "host_of",
    "policy",
    "request",
    "resolve",
]
