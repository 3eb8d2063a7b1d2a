"""A small client of the REST API, as a customer's program would use it."""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode


@dataclass(frozen=True)
class Reply:
    status: int
    body: Any  # decoded JSON, or None
    headers: dict[str, str]


@dataclass(frozen=True)
class Client:
    host: str
    port: int
    token: str

    def call(self, method: str, path: str, body: object = None, /, **headers: str) -> Reply:
        """One call of `/api/v1/` + path, with a connection of its own."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=30)
        sent = {"Authorization": f"Bearer {self.token}", "Host": "localhost", **headers}
        payload = None
        if body is not None:
            payload, sent["Content-Type"] = json.dumps(body), "application/json"
        try:
            connection.request(method, f"/api/v1/{path}", payload, sent)
            answer = connection.getresponse()
            text = answer.read().decode()
            return Reply(answer.status, _decoded(text, answer.headers.get("Content-Type", "")), dict(answer.headers))
        finally:
            connection.close()

    def get(self, path: str, **query: object) -> Any:
        return self._good(self.call("GET", f"{path}?{urlencode(query)}" if query else path), "GET", path)

    def post(self, path: str, body: object = None, **headers: str) -> Any:
        return self._good(self.call("POST", path, {} if body is None else body, **headers), "POST", path)

    def patch(self, path: str, body: object) -> Any:
        return self._good(self.call("PATCH", path, body), "PATCH", path)

    @staticmethod
    def _good(reply: Reply, method: str, path: str) -> Any:
        if reply.status >= 400:
            raise AssertionError(f"{method} {path} answered {reply.status}: {json.dumps(reply.body)[:300]}")
        return reply.body


def _decoded(text: str, kind: str) -> Any:
    return json.loads(text) if text and "json" in kind else None
