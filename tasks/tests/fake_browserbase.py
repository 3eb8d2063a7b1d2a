"""A Browserbase of our own: sessions by REST, and a hub that asks for the session's signing key before it passes on to a
local chromedriver. Contract: Browserbase's API as its Python SDK 1.22.0 describes it."""

from __future__ import annotations

import http.client
import json
import secrets
import subprocess
import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

API_KEY = "bb-test-key"


class FakeBrowserbase:
    """Counts sessions; `limit` is how many may run at once; `fail_with` answers every creation with that status."""

    def __init__(self, hub: str) -> None:
        self.hub = hub
        self.sessions: dict[str, dict[str, Any]] = {}
        self.limit = 3
        self.fail_with: int | None = None
        self.hub_keys: list[str | None] = []
        self.api_keys: list[str | None] = []
        handler = type("Handler", (_Handler,), {"fake": self})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True, name="fake-browserbase").start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    @property
    def running(self) -> list[str]:
        return [key for key, session in self.sessions.items() if session["status"] == "RUNNING"]

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def create(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if self.fail_with:
            return self.fail_with, {"statusCode": self.fail_with, "error": "Error", "message": "as asked"}
        unknown = set(body) - {
            "projectId", "extensionId", "keepAlive", "proxies", "proxySettings", "region", "timeout", "userMetadata",
            "browserSettings",
        }  # fmt: skip
        if unknown:
            return 400, {"statusCode": 400, "error": "Bad Request", "message": f"body must NOT have {sorted(unknown)}"}
        if not 60 <= body.get("timeout", 60) <= 21_600:
            return 400, {"statusCode": 400, "error": "Bad Request", "message": "body/timeout must be <= 21600"}
        if len(self.running) >= self.limit:
            message = (
                f"You've exceeded your max concurrent sessions limit (limit {self.limit}, currently {self.limit})."
            )
            return 429, {"statusCode": 429, "error": "Too Many Requests", "message": message}
        key = str(uuid.uuid4())
        self.sessions[key] = {
            "id": key, "status": "RUNNING", "projectId": body.get("projectId", "p"), "keepAlive": body.get("keepAlive", False),
            "seleniumRemoteUrl": f"{self.url}/hub", "connectUrl": "wss://connect.invalid", "signingKey": secrets.token_hex(8),
            "userMetadata": body.get("userMetadata"),
        }  # fmt: skip
        return 201, self.sessions[key]

    def release(self, key: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        session = self.sessions.get(key)
        if session is None:
            return 404, {"statusCode": 404, "error": "Not Found", "message": "session not found"}
        if body.get("status") != "REQUEST_RELEASE":
            return 400, {"statusCode": 400, "error": "Bad Request", "message": "body/status must be REQUEST_RELEASE"}
        session["status"] = "COMPLETED"
        return 200, session


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    fake: FakeBrowserbase

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""

    def do_POST(self) -> None:
        body = self._body()
        if self.path.startswith("/hub/"):
            return self._pass_on("POST", body)
        if not self._allowed():
            return None
        given = json.loads(body or b"{}")
        parts = self.path.strip("/").split("/")
        if parts == ["v1", "sessions"]:
            return self._answer(*self.fake.create(given))
        if len(parts) == 3 and parts[:2] == ["v1", "sessions"]:
            return self._answer(*self.fake.release(parts[2], given))
        return self._answer(404, {"message": "no such route"})

    def do_GET(self) -> None:
        if self.path.startswith("/hub/"):
            return self._pass_on("GET", b"")
        if not self._allowed():
            return None
        parts = self.path.strip("/").split("/")
        if len(parts) == 4 and parts[3] == "debug" and parts[2] in self.fake.sessions:
            return self._answer(200, {"debuggerFullscreenUrl": f"https://debug.invalid/{parts[2]}", "pages": []})
        return self._answer(404, {"message": "no such route"})

    def do_DELETE(self) -> None:
        self._pass_on("DELETE", b"")

    def _allowed(self) -> bool:
        key = self.headers.get("X-BB-API-Key")
        self.fake.api_keys.append(key)
        if key != API_KEY:
            self._answer(401, {"statusCode": 401, "error": "Unauthorized", "message": "Unauthorized"})
            return False
        return True

    def _pass_on(self, method: str, body: bytes) -> None:
        """To the chromedriver, once the signing key is right."""
        key = self.headers.get("x-bb-signing-key")
        self.fake.hub_keys.append(key)
        if key not in {session["signingKey"] for session in self.fake.sessions.values()}:
            return self._answer(401, {"value": {"error": "session not created", "message": "bad signing key"}})
        host, port = self.fake.hub.removeprefix("http://").split(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=60)
        connection.request(method, self.path.removeprefix("/hub"), body or None, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        data = answer.read()
        connection.close()
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.headers.get("Content-Type", "application/json"))
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
        return None

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def start_chromedriver(driver: str) -> tuple[subprocess.Popen[str], str]:
    """A plain chromedriver as hub, in a process group of its own; and its address."""
    process = subprocess.Popen(
        [driver, "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )
    assert process.stdout
    for line in process.stdout:
        if "started successfully on port " in line:
            return process, "http://127.0.0.1:" + line.split("on port ")[1].split(".")[0].strip()
    raise AssertionError("chromedriver did not start")
