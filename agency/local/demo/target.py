"""The bundled target site: a real HTTP server on loopback that behaves well, badly or slowly, and remembers all.

Routes (any method unless one is named):
    /echo                  what arrived, as JSON
    /auth/bearer           200 only with the token below
    /auth/basic            200 only for the user and password below
    /auth/api-key          200 only with the key below in X-API-Key
    /status/<code>         that status
    /flaky/<n>/<name>      500 n times, then 200
    /busy/<n>/<name>       429 with Retry-After: 1 n times, then 200
    /slow/<ms>             answers after so many milliseconds
    /hang                  never answers
    /drip/<n>              n bytes, one every 100 ms
    /redirect?to=          302
    /bomb                  a few kB of gzip that unpack to 100 MB
    /ledger/<name>?wait=   counts what happened: once for each Idempotency-Key, as an API that honours it; answers after
                           `wait` ms, when the effect has long happened
    /sites/<path>          static pages of sites/
"""

from __future__ import annotations

import base64
import gzip
import json
import mimetypes
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import parse_qsl, urlsplit

SITES = Path(__file__).parent / "sites"
BOMB_BYTES = 100 << 20
# Written nowhere else: the last line of the demo looks for them in everything the product kept.
TOKEN, USER, PASSWORD, KEY = "canary-bearer-7f3a91", "demo-user", "canary-password-52c8e0", "canary-key-e94b16"
SECRETS = (TOKEN, PASSWORD, KEY)


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]  # names in lower case
    body: bytes

    @property
    def parts(self) -> list[str]:
        return self.path.strip("/").split("/")

    @property
    def idempotency_key(self) -> str:
        return self.headers.get("idempotency-key", "")


@dataclass(frozen=True)
class Answer:
    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    pace_s: float = 0.0  # seconds between two bytes of the body


Handler = Callable[["Target", Request], Answer]
ROUTES: dict[str, Handler] = {}


def route(prefix: str) -> Callable[[Handler], Handler]:
    """Serves every path that begins with `prefix`; the longest one wins."""

    def register(handler: Handler) -> Handler:
        ROUTES[prefix] = handler
        return handler

    return register


def answer_json(value: object, status: int = 200, **headers: str) -> Answer:
    return Answer(status, json.dumps(value).encode(), {"Content-Type": "application/json", **headers})


class Target:
    """Start it, ask `url(path)` for addresses, and afterwards `seen(path)` for what arrived."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.requests: list[Request] = []
        self.tries: Counter[str] = Counter()
        self.effects: dict[str, dict[str, int]] = {}
        self.closing = threading.Event()
        self.server = _Server(self)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server.server_port}"

    def url(self, path: str = "/") -> str:
        return f"http://{self.address}{path}"

    def seen(self, path: str) -> list[Request]:
        with self.lock:
            return [request for request in self.requests if request.path == path]

    def count(self, name: str) -> int:
        """How many times this name was tried, this time included."""
        with self.lock:
            self.tries[name] += 1
            return self.tries[name]

    def happened(self, name: str) -> int:
        """How many different effects a ledger holds: requests with one key count once."""
        with self.lock:
            return len(self.effects.get(name, {}))

    def answer(self, request: Request) -> Answer:
        with self.lock:
            self.requests.append(request)
        prefix = max((known for known in ROUTES if request.path.startswith(known)), key=len, default=None)
        return ROUTES[prefix](self, request) if prefix else answer_json({"error": "no such page"}, 404)

    def __enter__(self) -> Self:
        threading.Thread(target=self.server.serve_forever, name="target", daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.closing.set()
        self.server.shutdown()
        self.server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, target: Target) -> None:
        super().__init__(("127.0.0.1", 0), _Wire)
        self.target = target


class _Wire(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True  # the caller gave up, as some are meant to

    def serve(self) -> None:
        self._send(self.server.target.answer(self._read()))

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = serve

    def _read(self) -> Request:
        split = urlsplit(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        headers = {name.lower(): value for name, value in self.headers.items()}
        return Request(self.command, split.path, dict(parse_qsl(split.query)), headers, self.rfile.read(length))

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if self.command == "HEAD":
            return
        if not answer.pace_s:
            self.wfile.write(answer.body)
        for byte in answer.body if answer.pace_s else b"":
            self.wfile.write(bytes([byte]))
            self.wfile.flush()
            self.server.target.closing.wait(answer.pace_s)

    def log_message(self, format: str, *arguments: object) -> None:
        return  # `requests` keeps it all


@route("/echo")
def echo(target: Target, request: Request) -> Answer:
    body = request.body.decode(errors="replace")
    shown = {"method": request.method, "query": request.query, "headers": request.headers, "body": body}
    return answer_json(shown)


def _allowed(allowed: bool, challenge: str) -> Answer:
    if allowed:
        return answer_json({"ok": True})
    return answer_json({"error": "who are you?"}, 401, **{"WWW-Authenticate": challenge})


@route("/auth/bearer")
def bearer(target: Target, request: Request) -> Answer:
    return _allowed(request.headers.get("authorization") == f"Bearer {TOKEN}", "Bearer")


@route("/auth/basic")
def basic(target: Target, request: Request) -> Answer:
    expected = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    return _allowed(request.headers.get("authorization") == expected, "Basic")


@route("/auth/api-key")
def api_key(target: Target, request: Request) -> Answer:
    return _allowed(request.headers.get("x-api-key") == KEY, "ApiKey")


@route("/status/")
def status(target: Target, request: Request) -> Answer:
    return answer_json({"status": request.parts[1]}, int(request.parts[1]))


@route("/flaky/")
def flaky(target: Target, request: Request) -> Answer:
    tries = target.count(request.path)
    return answer_json({"try": tries}, 500 if tries <= int(request.parts[1]) else 200)


@route("/busy/")
def busy(target: Target, request: Request) -> Answer:
    tries = target.count(request.path)
    if tries <= int(request.parts[1]):
        return answer_json({"error": "slow down"}, 429, **{"Retry-After": "1"})
    return answer_json({"try": tries})


@route("/slow/")
def slow(target: Target, request: Request) -> Answer:
    target.closing.wait(int(request.parts[1]) / 1000)
    return answer_json({"ok": True})


@route("/hang")
def hang(target: Target, request: Request) -> Answer:
    target.closing.wait()
    return Answer(503)


@route("/drip/")
def drip(target: Target, request: Request) -> Answer:
    return Answer(200, b"." * int(request.parts[1]), {"Content-Type": "text/plain"}, pace_s=0.1)


@route("/redirect")
def redirect(target: Target, request: Request) -> Answer:
    return Answer(302, b"", {"Location": request.query.get("to", "/echo")})


@route("/bomb")
def bomb(target: Target, request: Request) -> Answer:
    body = gzip.compress(bytes(BOMB_BYTES), compresslevel=9)
    return Answer(200, body, {"Content-Type": "application/json", "Content-Encoding": "gzip"})


@route("/ledger/")
def ledger(target: Target, request: Request) -> Answer:
    name = request.parts[1]
    if request.method in ("GET", "HEAD"):
        return answer_json({"happened": target.happened(name)})
    with target.lock:
        effects = target.effects.setdefault(name, {})
        key = request.idempotency_key or f"no key {len(effects)}"
        effects[key] = effects.get(key, 0) + 1
        shown = {"id": list(effects).index(key) + 1, "seenBefore": effects[key] > 1}
    target.closing.wait(int(request.query.get("wait", 0)) / 1000)
    return answer_json(shown, 201)


@route("/sites/")
def sites(target: Target, request: Request) -> Answer:
    path = (SITES / request.path.removeprefix("/sites/")).resolve()
    if path.is_dir():
        path /= "index.html"
    if SITES.resolve() not in path.parents or not path.is_file():
        return answer_json({"error": "no such page"}, 404)
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return Answer(200, path.read_bytes(), {"Content-Type": f"{kind}; charset=utf-8"})
