"""A small real HTTP server that does what a path says and counts what it was asked."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


class Target(ThreadingHTTPServer):
    """Routes: /ok /echo /status?code= /fail?times=n /slow?s= /gate /cut /retry-after?s= …; `effects` counts keys of writes."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.requests: list[dict[str, Any]] = []
        self.effects: Counter[str] = Counter()
        self.failures: Counter[str] = Counter()
        self.gate = threading.Event()
        self.entered = threading.Event()
        self._thread = threading.Thread(target=self.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def start(self) -> Target:
        self._thread.start()
        return self

    def stop(self) -> None:
        self.gate.set()
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Target

    def log_message(self, format: str, *args: Any) -> None:
        """Silent."""

    def _serve(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        parts = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        key = self.headers.get("Idempotency-Key", "")
        seen = {"method": self.command, "path": parts.path, "headers": dict(self.headers), "body": body, "query": query}
        self.server.requests.append(seen)
        if self.command not in ("GET", "HEAD") and parts.path not in ("/status", "/fail"):
            self.server.effects[key] += 1
        route = getattr(self, "_" + parts.path.strip("/").replace("-", "_"), self._ok)
        route(query, seen)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _serve

    def _answer(self, status: int, value: Any, headers: dict[str, str] | None = None) -> None:
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for name, text in (headers or {}).items():
            self.send_header(name, text)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _ok(self, query: dict[str, str], seen: dict[str, Any]) -> None:
        self._answer(200, {"ok": True})

    def _echo(self, query: dict[str, str], seen: dict[str, Any]) -> None:
        self._answer(200, {"headers": seen["headers"], "body": seen["body"].decode(), "query": query})

    def _status(self, query: dict[str, str], seen: dict[str, Any]) -> None:
        self._answer(int(query["code"]), {"status": query["code"]})

    def _fail(self, query: dict[str, str], seen: dict[str, Any]) -> None:
        name = query.get("name", "")
        self.server.failures[name] += 1
        failed = self.server.failures[name] <= int(query["times"])
        self._answer(500 if failed else 200, {"try": self.server.failures[name]})

    def _slow(self, query: dict[str, str], seen: dict[str, Any]) -> None:
        time.sleep(float(query["s"]))
        self._answer(200, {"slow": True})

    def _gate(self, query: dict[str, str], seen: dict[str, Any]) -> None:
        self.server.entered.set()
        self.server.gate.wait(30)
        self._answer(200, {"through": True})

    def _cut(self, query: dict[str, str], seen: dict[str, Any]) -> None:
        self.close_connection = True
        self.connection.close()

    def _retry_after(self, query: dict[str, str], seen: dict[str, Any]) -> None:
        name = query.get("name", "wait")
        self.server.failures[name] += 1
        if self.server.failures[name] == 1:
            self._answer(429, {"wait": True}, {"Retry-After": query["s"]})
        else:
            self._answer(200, {"ok": True})
