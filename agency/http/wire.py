"""The socket side: dial exactly the checked addresses, speak TLS to the name, and never outlive the deadline.

Every single operation on the socket gets the time that is left of the whole call as its time-out, so a peer that
drips one byte a second, in the headers or in the body, ends when the wall clock says so and without a timer thread.
"""

from __future__ import annotations

import io
import socket
import ssl
from collections.abc import Callable
from functools import lru_cache
from time import monotonic
from typing import Any

import certifi
from django.conf import settings
from urllib3.connection import HTTPConnection

from agency.http.errors import CertificateRefused, CouldNotConnect, TimedOut
from agency.http.url import Target

MAX_TRIES = 4
LISTEN_SECONDS = 1.0  # how often a waiting call asks `while_waiting`
_SEND_CHUNK = 65_536


class Clock:
    """The wall clock of one call: what is left of `timeout_s`, and a question to ask now and then while it waits."""

    def __init__(self, timeout_s: float, while_waiting: Callable[[], None] | None = None) -> None:
        self._end = monotonic() + timeout_s
        self.while_waiting = while_waiting

    @property
    def left(self) -> float:
        return self._end - monotonic()

    def slice(self) -> float:
        """Seconds the next wait may take. Raises TimeoutError when none are left."""
        left = self.left
        if left <= 0:
            raise TimeoutError("deadline passed")
        return left if self.while_waiting is None else min(left, LISTEN_SECONDS)


class DeadlineSocket:
    """As much of a socket as `http.client` uses, bound to a clock. `sent` is True once a byte may have left."""

    def __init__(self, sock: socket.socket, clock: Clock) -> None:
        self._sock = sock
        self._clock = clock
        self.sent = False

    def sendall(self, data: bytes | memoryview) -> None:
        view = memoryview(data)
        while view:
            self.sent = True
            count = self.wait(lambda chunk=view[:_SEND_CHUNK]: self._sock.send(chunk))  # type: ignore[misc]
            view = view[count:]

    def makefile(self, mode: str, *_: Any, **__: Any) -> io.BufferedReader:
        return io.BufferedReader(_Incoming(self), 16_384)

    def receive(self, buffer: Any) -> int:
        return self.wait(lambda: self._sock.recv_into(buffer))

    def wait(self, operation: Callable[[], int]) -> int:
        """Run one blocking operation, asking `while_waiting` each second. Raises TimeoutError at the deadline."""
        while True:
            self._sock.settimeout(self._clock.slice())
            try:
                return operation()
            except TimeoutError:
                if self._clock.while_waiting is None or self._clock.left <= 0:
                    raise
            self._clock.while_waiting()

    def settimeout(self, _seconds: float | None) -> None:
        """The clock decides, not the library."""

    def shutdown(self, how: int) -> None:
        self._sock.shutdown(how)

    def close(self) -> None:
        """The library closes early, while the body is still to be read; `really_close` is ours."""

    def really_close(self) -> None:
        self._sock.close()


class _Incoming(io.RawIOBase):
    def __init__(self, sock: DeadlineSocket) -> None:
        super().__init__()
        self._socket = sock

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._socket.receive(buffer)


class PinnedConnection(HTTPConnection):
    """One connection for one request, to addresses that were checked before."""

    def __init__(self, target: Target, addresses: list[str], clock: Clock, connect_timeout_s: float) -> None:
        super().__init__(target.host, target.port)
        self._target = target
        self._addresses = addresses
        self._clock = clock
        self._connect_timeout_s = connect_timeout_s
        self.guarded: DeadlineSocket | None = None

    def connect(self) -> None:
        """Raises CouldNotConnect, CertificateRefused or TimedOut; nothing of the request was sent then."""
        sock = self._dial()
        try:
            if self._target.scheme == "https":
                sock = self._secure(sock)
        except BaseException:
            sock.close()
            raise
        self.guarded = DeadlineSocket(sock, self._clock)
        self.sock = self.guarded

    def _dial(self) -> socket.socket:
        late = False
        for address in self._addresses[:MAX_TRIES]:
            try:
                return self._dial_one(address)
            except TimeoutError:
                late = True
            except OSError:
                late = False
        if late:
            raise TimedOut("timed out", sent=False)
        raise CouldNotConnect("could not connect")

    def _dial_one(self, address: str) -> socket.socket:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.settimeout(min(self._connect_timeout_s, self._clock.slice()))
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.connect((address, self._target.port))
        except BaseException:
            sock.close()
            raise
        return sock

    def _secure(self, sock: socket.socket) -> ssl.SSLSocket:
        """TLS, with the certificate verified against the name, never the address (RFC 9525)."""
        try:
            sock.settimeout(min(self._connect_timeout_s, self._clock.slice()))
            return tls_context(settings.OUTBOUND_CA_FILE).wrap_socket(sock, server_hostname=self._target.host)
        except TimeoutError as error:
            raise TimedOut("timed out", sent=False) from error
        except ssl.SSLCertVerificationError as error:
            raise CertificateRefused("could not connect: the certificate is not valid for this name") from error
        except OSError as error:
            raise CouldNotConnect("could not connect") from error

    def really_close(self) -> None:
        if self.guarded is not None:
            self.guarded.really_close()
        self.close()


@lru_cache(maxsize=8)
def tls_context(ca_file: str) -> ssl.SSLContext:
    """One context for the whole process: reading the root certificates costs some 20 ms each time."""
    context = ssl.create_default_context(cafile=ca_file or certifi.where())
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context
