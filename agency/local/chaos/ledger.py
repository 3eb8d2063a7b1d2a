"""The drill's target: an outside API that counts every request by Idempotency-Key and behaves well, badly or slowly.

/ok  /slow/<ms>  /fail (500)  /gone (404)  /flaky/<name>/<n> (500 n times)  /busy/<name> (429 once)  /hang  /cut
/once/<name>  takes effect, and answers a little later: the window in which a caller may die
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

#: How long /once takes to answer after it took effect, at most, in seconds.
THINKS_S = 0.4
HANGS_S = 20.0


class Ledger(ThreadingHTTPServer):
    """Counts requests: `keys` by Idempotency-Key of every write, `names` by path."""

    daemon_threads = True
    request_queue_size = 512

    def __init__(self, seed: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.keys: Counter[str] = Counter()
        self.names: Counter[str] = Counter()
        self.random = random.Random(seed)  # noqa: S311 a drill that can be replayed
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def count(self, path: str, key: str) -> int:
        """Notes a request; answers how many came to this path before it."""
        with self.lock:
            if key:
                self.keys[key] += 1
            self.names[path] += 1
            return self.names[path] - 1

    def handle_error(self, request: object, client_address: object) -> None:
        """A caller that was killed is no news."""

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, name="ledger", daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: Ledger

    def log_message(self, format: str, *args: object) -> None:
        """Silent."""

    def _serve(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        kind, *rest = self.path.strip("/").split("/")
        before = self.server.count(self.path, self.headers.get("Idempotency-Key", ""))
        if kind == "slow":
            time.sleep(int(rest[0]) / 1000)
        elif kind == "once":
            time.sleep(self.server.random.random() * THINKS_S)
        elif kind == "hang":
            time.sleep(HANGS_S)
        if kind == "cut":
            self.close_connection = True
            return
        self._answer(_status(kind, rest, before))

    do_GET = do_POST = do_PUT = do_DELETE = _serve

    def _answer(self, status: int) -> None:
        body = b'{"ok": true}'
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if status == 429:
            self.send_header("Retry-After", "1")
        self.end_headers()
        self.wfile.write(body)


def _status(kind: str, rest: list[str], before: int) -> int:
    if kind == "flaky":
        return 500 if before < int(rest[1]) else 200
    if kind == "busy":
        return 429 if before == 0 else 200
    return {"fail": 500, "gone": 404}.get(kind, 200)
