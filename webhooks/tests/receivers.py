"""Real local receivers: HTTP servers that keep what they got, and a mail server."""

from __future__ import annotations

import base64
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

from aiosmtpd.controller import Controller


@dataclass
class Got:
    """One request a receiver got."""

    path: str
    headers: dict[str, str]
    body: bytes
    at: float = field(default_factory=time.monotonic)

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def form(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(self.body.decode()).items()}


Answer = tuple[int, dict[str, str], bytes]


class Receiver:
    """An HTTP server on loopback. `answer` decides; the default is 200. It may block, raise or close."""

    def __init__(self, answer: Callable[[Got], Answer] | None = None) -> None:
        self.got: list[Got] = []
        self.answer = answer or (lambda got: (200, {}, b"{}"))
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                length = int(self.headers.get("Content-Length", 0))
                body = self.rfile.read(length)
                if len(body) < length:  # the sender died in the middle: no server takes half a request
                    self.close_connection = True
                    return
                got = Got(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
                receiver.got.append(got)
                status, headers, content = receiver.answer(got)
                if status == 0:  # hang up without an answer
                    self.close_connection = True
                    return
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: Any) -> None:
                """Silent."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def receiver(answer: Callable[[Got], Answer] | None = None) -> Iterator[Receiver]:
    """A running receiver."""
    server = Receiver(answer)
    try:
        yield server
    finally:
        server.stop()


class FakeTwilio(Receiver):
    """Twilio's Messages resource as documented: form in, basic auth, 201 with a sid, 400 with a code."""

    def __init__(self, account: str, token: str) -> None:
        self.sent: list[dict[str, str]] = []
        self._account, self._auth = account, "Basic " + base64.b64encode(f"{account}:{token}".encode()).decode()
        super().__init__(self._answer)

    def _answer(self, got: Got) -> Answer:
        if got.path != f"/2010-04-01/Accounts/{self._account}/Messages.json":
            return self._error(404, 20404, "not found")
        if got.headers.get("authorization") != self._auth:
            return self._error(401, 20003, "Authenticate")
        form = got.form
        if not form.get("Body") or not ("From" in form or "MessagingServiceSid" in form):
            return self._error(400, 21602, "Message body is required.")
        if form["To"] == "+15005550004":
            return self._error(400, 21610, "Attempt to send to unsubscribed recipient")
        self.sent.append(form)
        document = {"sid": f"SM{len(self.sent):032d}", "status": "queued", "to": form["To"]}
        return 201, {"Content-Type": "application/json"}, json.dumps(document).encode()

    @staticmethod
    def _error(status: int, code: int, message: str) -> Answer:
        document = {"code": code, "message": message, "status": status}
        return status, {"Content-Type": "application/json"}, json.dumps(document).encode()


class FakeSlack(Receiver):
    """chat.postMessage as documented: JSON, bearer token, always 200 with `ok`; and one incoming webhook."""

    def __init__(self, token: str) -> None:
        self.posts: list[dict[str, Any]] = []
        self._token = token
        super().__init__(self._answer)

    def _answer(self, got: Got) -> Answer:
        if got.path.startswith("/services/"):
            self.posts.append(got.json)
            return 200, {"Content-Type": "text/html"}, b"ok"
        if got.path != "/api/chat.postMessage":
            return self._say({"ok": False, "error": "unknown_method"})
        if got.headers.get("authorization") != f"Bearer {self._token}":
            return self._say({"ok": False, "error": "invalid_auth"})
        document = got.json
        if document.get("channel") == "C404":
            return self._say({"ok": False, "error": "channel_not_found"})
        self.posts.append(document)
        return self._say({"ok": True, "channel": document["channel"], "ts": f"1700000001.{len(self.posts):06d}"})

    @staticmethod
    def _say(document: dict[str, Any]) -> Answer:
        return 200, {"Content-Type": "application/json; charset=utf-8"}, json.dumps(document).encode()


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class MailServer:
    """A real SMTP server that keeps mails; `refuse` is an answer for RCPT."""

    def __init__(self, refuse: str = "") -> None:
        self.mails: list[Message] = []
        server = self

        class Handler:
            async def handle_RCPT(self, smtp: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
                if refuse:
                    return refuse
                envelope.rcpt_tos.append(address)
                return "250 OK"

            async def handle_DATA(self, smtp: Any, session: Any, envelope: Any) -> str:
                server.mails.append(message_from_bytes(envelope.content, policy=default))
                return "250 OK"

        self.port = free_port()
        self._controller = Controller(Handler(), hostname="127.0.0.1", port=self.port)

    def __enter__(self) -> MailServer:
        self._controller.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._controller.stop()
