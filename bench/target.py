"""The outside API of the measurements: answers GET /<ms> after that many milliseconds, as cheaply as Python can.

python -m bench.target        prints its port, then serves until its standard input closes
"""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import Iterator

BODY = b'{"ok":true}'
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: %s\r\n\r\n%s"


class Connection(asyncio.Protocol):
    """One client: requests without a body, one after the other."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: asyncio.WriteTransport = transport  # type: ignore[assignment]
        self.buffer = b""

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while b"\r\n\r\n" in self.buffer:
            head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
            wait_ms = int(head.split(b" ", 2)[1].strip(b"/") or b"0")
            close = b"connection: close" in head.lower()
            if wait_ms:
                asyncio.get_running_loop().call_later(wait_ms / 1000, self.answer, close)
            else:
                self.answer(close)

    def answer(self, close: bool) -> None:
        self.transport.write(ANSWER % (len(BODY), b"close" if close else b"keep-alive", BODY))
        if close:
            self.transport.close()


async def serve() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Connection, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


@contextlib.contextmanager
def running() -> Iterator[str]:
    """The address of a target in a process of its own."""
    command = [sys.executable, "-m", "bench.target"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
    finally:
        process.stdin.close()
        process.wait(10)


if __name__ == "__main__":
    asyncio.run(serve())
