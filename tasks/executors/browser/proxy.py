"""The one way out of a local Chromium: a proxy that applies the address rules of agency/http.py to every connection.

Chromium resolves nothing itself. Each CONNECT (https, WebSocket) and each plain http request names its target; the
proxy resolves it once, checks every address, and dials exactly the checked one. Redirects, sub-resources, loopback
and the browser's own calls all come through here.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

from agency import http

logger = logging.getLogger(__name__)

HEAD_BYTES = 64 << 10
CONNECTION_BYTES = 256 << 20
HEAD_TIMEOUT_S = 15.0
CONNECT_TIMEOUT_S = 5.0
IDLE_TIMEOUT_S = 120.0
_HOP_HEADERS = {b"connection", b"keep-alive", b"proxy-connection", b"proxy-authorization", b"te", b"upgrade"}


class Refused(Exception):
    """The request is not forwarded; `status` is what the browser is told."""

    def __init__(self, status: str, reason: str) -> None:
        super().__init__(reason)
        self.status = status


def checked_addresses(scheme: str, host: str, port: int) -> list[str]:
    """The addresses that may be dialled for a target. Raises agency.http.OutboundError."""
    http.check_url(f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}/")
    return http.resolve(host, port)


class FilterProxy:
    """Listens on a free port of 127.0.0.1 in a thread of its own until the process ends or `stop` is called."""

    def __init__(self, addresses: Callable[[str, str, int], list[str]] = checked_addresses) -> None:
        self._addresses = addresses
        self._lookups = ThreadPoolExecutor(16, thread_name_prefix="browser-proxy-dns")
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        #: The newest refused targets, as (host:port, reason): shown with a failed navigation.
        self.refused: deque[tuple[str, str]] = deque(maxlen=200)
        self.port = 0
        self._thread = threading.Thread(target=self._run, daemon=True, name="browser-proxy")
        self._thread.start()
        if not self._ready.wait(10) or not self.port:
            raise RuntimeError("the browser's proxy did not start")

    def stop(self) -> None:
        """Closes the listener and every connection."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            server = self._loop.run_until_complete(
                asyncio.start_server(self._serve, "127.0.0.1", 0, limit=HEAD_BYTES, backlog=256)
            )
            self.port = server.sockets[0].getsockname()[1]
        finally:
            self._ready.set()
        self._loop.run_forever()
        left = asyncio.all_tasks(self._loop)
        for task in left:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        server.close()
        self._lookups.shutdown(wait=False)
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._forward(reader, writer)
        except Refused as refusal:
            await _answer(writer, refusal)
        except (TimeoutError, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            logger.debug("browser connection ended: %s", type(error).__name__)
        finally:
            writer.close()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), HEAD_TIMEOUT_S)
        method, target, version = _request_line(head)
        if method == b"CONNECT":
            up_reader, up_writer = await self._dial("https", *_authority(target))
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            await _pump_both(reader, writer, up_reader, up_writer)
            return
        host, port, path = _plain_target(target)
        up_reader, up_writer = await self._dial("http", host, port)
        up_writer.write(b" ".join((method, path, version)) + b"\r\n" + _closing_headers(head))
        await _pump_response(reader, writer, up_reader, up_writer)

    async def _dial(self, scheme: str, host: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        addresses = await self._checked(scheme, host, port)
        for address in addresses[:4]:
            try:
                return await asyncio.wait_for(
                    asyncio.open_connection(address, port, limit=HEAD_BYTES * 4), CONNECT_TIMEOUT_S
                )
            except (TimeoutError, OSError):
                logger.debug("browser proxy: one address of %s did not answer", host)
        raise Refused("502 Bad Gateway", "could not connect")

    async def _checked(self, scheme: str, host: str, port: int) -> list[str]:
        try:
            return await self._loop.run_in_executor(self._lookups, self._addresses, scheme, host, port)
        except http.TargetNotAllowed as error:
            self.refused.append((f"{host}:{port}", str(error)))
            logger.info("browser proxy refused %s:%s", host, port)
            raise Refused("403 Forbidden", "target not allowed") from error
        except http.OutboundError as error:
            raise Refused("502 Bad Gateway", str(error)) from error


def _request_line(head: bytes) -> tuple[bytes, bytes, bytes]:
    parts = head.split(b"\r\n", 1)[0].split(b" ")
    if len(parts) != 3 or not parts[2].startswith(b"HTTP/1."):
        raise Refused("400 Bad Request", "not a request")
    return parts[0], parts[1], parts[2]


def _authority(target: bytes) -> tuple[str, int]:
    host, _, port = target.decode("ascii", "replace").rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise Refused("400 Bad Request", "not a target")
    return host.strip("[]"), int(port)


def _plain_target(target: bytes) -> tuple[str, int, bytes]:
    """Host, port and path of an absolute http request target."""
    try:
        parts = urlsplit(target.decode("ascii"))
        host, port = parts.hostname or "", parts.port or 80
    except (UnicodeDecodeError, ValueError):
        raise Refused("400 Bad Request", "not a target") from None
    if parts.scheme != "http" or not host or "@" in parts.netloc:
        raise Refused("400 Bad Request", "not a target")
    path = parts.path or "/"
    return host, port, (path + (f"?{parts.query}" if parts.query else "")).encode()


def _closing_headers(head: bytes) -> bytes:
    """The header lines of a message without the hop-by-hop ones, and with Connection: close.

    One connection carries one message: a kept-alive one could carry the next request to a target nobody checked.
    """
    lines = head.rstrip(b"\r\n").split(b"\r\n")[1:]
    kept = [line for line in lines if line.split(b":", 1)[0].strip().lower() not in _HOP_HEADERS]
    return b"\r\n".join([*kept, b"Connection: close", b"", b""])


async def _pump_response(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    up_reader: asyncio.StreamReader,
    up_writer: asyncio.StreamWriter,
) -> None:
    upload = asyncio.create_task(_pump(reader, up_writer))
    try:
        while True:
            head = await asyncio.wait_for(up_reader.readuntil(b"\r\n\r\n"), IDLE_TIMEOUT_S)
            status_line = head.split(b"\r\n", 1)[0]
            writer.write(status_line + b"\r\n" + _closing_headers(head))
            if not status_line.split(b" ", 2)[1].startswith(b"1"):
                break
        await _pump(up_reader, writer)
    finally:
        upload.cancel()
        up_writer.close()


async def _pump_both(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    up_reader: asyncio.StreamReader,
    up_writer: asyncio.StreamWriter,
) -> None:
    upload = asyncio.create_task(_pump(reader, up_writer))
    download = asyncio.create_task(_pump(up_reader, writer))
    try:
        await asyncio.wait({upload, download}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        upload.cancel()
        download.cancel()
        up_writer.close()


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    left = CONNECTION_BYTES
    try:
        while left > 0:
            data = await asyncio.wait_for(source.read(64 << 10), IDLE_TIMEOUT_S)
            if not data:
                return
            left -= len(data)
            sink.write(data)
            await sink.drain()
    except (TimeoutError, OSError) as error:
        logger.debug("browser connection ended: %s", type(error).__name__)


async def _answer(writer: asyncio.StreamWriter, refusal: Refused) -> None:
    body = f"{refusal}\n".encode()
    writer.write(
        f"HTTP/1.1 {refusal.status}\r\nContent-Type: text/plain\r\nX-Agency-Refused: yes\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode()
        + body
    )
    try:
        await writer.drain()
    except OSError as error:
        logger.debug("the browser went away: %s", type(error).__name__)


_proxy: FilterProxy | None = None
_proxy_lock = threading.Lock()


def shared_proxy() -> FilterProxy:
    """This process's proxy, started when first asked for."""
    global _proxy
    with _proxy_lock:
        if _proxy is None:
            _proxy = FilterProxy()
        return _proxy


def _forget() -> None:
    """A forked child has no proxy thread: it starts its own."""
    global _proxy, _proxy_lock
    _proxy, _proxy_lock = None, threading.Lock()


os.register_at_fork(after_in_child=_forget)
