"""A light HTTP load: ready-made requests over keep-alive connections, one thread each, every answer timed."""

from __future__ import annotations

import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field


@dataclass
class Measured:
    """What came of one round."""

    seconds: float = 0.0
    codes: Counter[int] = field(default_factory=Counter)
    times_ms: list[float] = field(default_factory=list)

    @property
    def per_second(self) -> float:
        return len(self.times_ms) / self.seconds

    def percentile(self, share: float) -> float:
        """Milliseconds that this share of the answers kept within."""
        ordered = sorted(self.times_ms)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def post(path: str, body: bytes, headers: dict[str, str]) -> bytes:
    """One request, ready to be written."""
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}"]
    lines += ["Content-Type: application/json", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def fire(port: int, requests: Sequence[bytes], connections: int, per_second: float | None = None) -> Measured:
    """Sends all requests over so many connections: as fast as they are answered, or at a steady rate."""
    measured, lock = Measured(), threading.Lock()
    began = time.perf_counter()

    def due(index: int) -> float:
        return began + index / per_second if per_second else 0.0

    def work(first: int) -> None:
        codes, times = _one_connection(port, requests[first::connections], lambda n: due(first + n * connections))
        with lock:
            measured.codes.update(codes)
            measured.times_ms.extend(times)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    measured.seconds = time.perf_counter() - began
    return measured


def _one_connection(port: int, requests: Sequence[bytes], due: Callable[[int], float]) -> tuple[list[int], list[float]]:
    codes, times = [], []
    connection = socket.create_connection(("127.0.0.1", port), 30)
    for number, request in enumerate(requests):
        at = due(number)
        time.sleep(max(0.0, at - time.perf_counter()))
        began = max(at, 0.0) or time.perf_counter()  # at a steady rate a late start counts as waiting
        connection.sendall(request)
        code, closes = _answer(connection)
        times.append((time.perf_counter() - began) * 1000)
        codes.append(code)
        if closes:
            connection.close()
            connection = socket.create_connection(("127.0.0.1", port), 30)
    connection.close()
    return codes, times


def _answer(connection: socket.socket) -> tuple[int, bool]:
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    lower = head.lower()
    length = int(lower.split(b"content-length:")[1].split(b"\r\n")[0])
    while len(body) < length:
        body += connection.recv(65536)
    return int(head.split(b" ", 2)[1]), b"connection: close" in lower
