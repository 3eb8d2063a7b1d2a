"""One guarded request, from the rules to the cleaned answer."""

from __future__ import annotations

import json as jsonlib
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from http.client import HTTPException
from time import monotonic
from typing import Any
from urllib.parse import urlencode

from urllib3.exceptions import DecodeError, HTTPError
from urllib3.response import HTTPResponse

from agency import db, logs, observability
from agency.http.errors import ConnectionLost, OutboundError, TargetNotAllowed, TimedOut
from agency.http.names import resolve
from agency.http.response import Response, clean_line, keep_headers
from agency.http.url import Target, check_headers, check_method, parse
from agency.http.wire import Clock, PinnedConnection

USER_AGENT = "Agency/1.0"
_READ_SIZE = 16_384
_BODY_METHODS = frozenset({"POST", "PUT", "PATCH"})

Params = Mapping[str, Any] | Sequence[tuple[str, Any]]


def request(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    params: Params | None = None,
    json: Any = None,
    body: bytes | None = None,
    timeout_s: float = 30.0,
    max_bytes: int = 1 << 20,
    connect_timeout_s: float = 5.0,
    ports: Iterable[int] = (),
    while_waiting: Callable[[], None] | None = None,
) -> Response:
    """Send one request and read one answer. Redirects are recorded, never followed; nothing is retried.

    `timeout_s` is the wall clock over everything, name look-up included; `connect_timeout_s` bounds each address tried.
    At most `max_bytes` of the decompressed body are read. `json` is serialised as the body; `body` is sent as it is.
    `ports` are allowed besides those of the web (a credential's own). `while_waiting` is called about every second
    while the target keeps us waiting; what it raises ends the call.

    Raises TargetNotAllowed, CouldNotConnect, TimedOut, ConnectionLost: see `agency.http.errors`.
    """
    started = monotonic()
    method = check_method(method)
    check_headers(headers or {})
    target = parse(_with_params(url, params), ports=ports)
    payload, lines = _payload_and_headers(target, method, headers or {}, json, body)
    db.release()  # a thread that waits for the network holds no database connection
    clock = Clock(timeout_s, while_waiting)
    with observability.span(f"HTTP {method}", **{"server.address": target.host}):
        addresses = resolve(target.host, target.port, timeout_s=clock.left, exempt=target.exempt)
        connection = PinnedConnection(target, addresses, clock, connect_timeout_s)
        try:
            answer = _exchange(connection, method, target, payload, observability.trace_headers() | lines)
            return _read(answer, started, max_bytes, clock)
        finally:
            connection.really_close()


def _with_params(url: str, params: Params | None) -> str:
    if not params:
        return url
    base, hash_mark, fragment = url.partition("#")
    joiner = "&" if "?" in base else "?"
    return f"{base}{joiner}{urlencode(params, doseq=True)}{hash_mark}{fragment}"


def _payload_and_headers(
    target: Target, method: str, headers: Mapping[str, str], json: Any, body: bytes | None
) -> tuple[bytes | None, dict[str, str]]:
    given = {name.lower() for name in headers}
    lines = {"Host": target.netloc, "Accept-Encoding": "identity", "Connection": "close"}
    if "user-agent" not in given:
        lines["User-Agent"] = USER_AGENT
    if "accept" not in given:
        lines["Accept"] = "*/*"
    if "x-request-id" not in given and logs.request_id():
        lines["X-Request-ID"] = logs.request_id()
    if json is not None:
        body = jsonlib.dumps(json, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
        if "content-type" not in given:
            lines["Content-Type"] = "application/json"
    if body is None and method in _BODY_METHODS:
        body = b""
    lines.update(headers)
    if body is not None:
        lines["Content-Length"] = str(len(body))
    return body, lines


def _exchange(
    connection: PinnedConnection, method: str, target: Target, payload: bytes | None, lines: dict[str, str]
) -> HTTPResponse:
    """Send and wait for the status line and headers."""
    try:
        connection.connect()
        try:
            connection.request(method, target.path, body=payload or None, headers=lines, preload_content=False)
        except (BrokenPipeError, ConnectionResetError):
            # A target may answer (413, 401) and close before it has read everything: that answer still counts.
            return connection.getresponse()
        return connection.getresponse()
    except OutboundError:
        raise
    except TimeoutError as error:
        raise TimedOut("timed out", sent=_sent(connection)) from error
    except UnicodeEncodeError as error:
        raise TargetNotAllowed("the request holds characters that cannot be sent") from error
    except (OSError, HTTPException, HTTPError, ValueError) as error:
        # Bad status lines, endless headers, resets: all of them after something was sent.
        raise ConnectionLost("connection lost before an answer came", sent=_sent(connection)) from error


def _sent(connection: PinnedConnection) -> bool:
    return connection.guarded is not None and connection.guarded.sent


def _read(answer: HTTPResponse, started: float, max_bytes: int, clock: Clock) -> Response:
    pieces: list[bytes] = []
    broken: Exception | None = None
    try:
        _collect(answer, pieces, max_bytes + 1)
    except (OSError, HTTPException, HTTPError, zlib.error) as error:
        broken = error
    body = b"".join(pieces)
    response = Response(
        status=answer.status,
        reason=clean_line(answer.reason or "", 100),
        headers=keep_headers(answer.headers.items()),
        body=body[:max_bytes],
        truncated=len(body) > max_bytes,
        duration_ms=round((monotonic() - started) * 1000),
    )
    if broken is None or response.truncated:
        return response
    if clock.left <= 0:
        raise TimedOut("timed out", sent=True, response=response) from broken
    if isinstance(broken, DecodeError):
        raise ConnectionLost("the answer's compression is damaged", response=response) from broken
    raise ConnectionLost("connection lost in the middle of the answer", response=response) from broken


def _collect(answer: HTTPResponse, pieces: list[bytes], limit: int) -> None:
    """Read decompressed bytes until the end, or until `limit` of them are there."""
    count = 0
    while count < limit:
        piece = answer.read1(min(_READ_SIZE, limit - count), decode_content=True)
        if not piece:
            return
        pieces.append(piece)
        count += len(piece)
