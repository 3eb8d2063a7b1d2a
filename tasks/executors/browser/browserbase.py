"""Browserbase: sessions by REST, driven by Selenium with the session's own signing key.

Endpoints and shapes: Browserbase's API as its Python SDK 1.22.0 describes it (`POST /v1/sessions`,
`POST /v1/sessions/{id}` with REQUEST_RELEASE, `GET /v1/sessions/{id}/debug`). The API key goes to the REST API only.
"""

from __future__ import annotations

import json
import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
from django.conf import settings

from agency import http
from tasks.executors.base import Context
from tasks.executors.browser import processes
from tasks.executors.browser.errors import BrowserError, BrowserUnavailable

logger = logging.getLogger(__name__)

RECORD_PREFIX = "browserbase-"
#: Browserbase's own bounds of a session's life, in seconds.
_SHORTEST_S, _LONGEST_S = 60, 21_600
_BUSY_WAIT_S = 30.0


class Limited(BrowserError):
    """Browserbase asks to wait: too many sessions at once, or too many new ones."""

    code = "rate_limited"

    def __init__(self, message: str, wait_s: float) -> None:
        super().__init__(message)
        self.wait_s = wait_s


@dataclass(frozen=True)
class RemoteSession:
    """A session as Browserbase answered it. The signing key is a secret and lives in memory only."""

    id: str
    selenium_url: str
    signing_key: str

    @property
    def recording_url(self) -> str:
        return f"https://browserbase.com/sessions/{self.id}"


def create(ctx: Context) -> RemoteSession:
    """Asks for a session that outlives the attempt by a minute. Raises Limited, BrowserUnavailable."""
    life = int(min(max(ctx.remaining_s() + 60, _SHORTEST_S), _LONGEST_S))
    body: dict[str, Any] = {
        "timeout": life,
        "keepAlive": False,
        "userMetadata": {"task": str(ctx.task.id), "execution": str(ctx.task.execution_id)},
    }
    if settings.BROWSERBASE_PROJECT_ID:
        body["projectId"] = settings.BROWSERBASE_PROJECT_ID
    answer = _call("POST", "/v1/sessions", body)
    try:
        session = RemoteSession(str(answer["id"]), str(answer["seleniumRemoteUrl"]), str(answer["signingKey"]))
    except KeyError as error:
        raise BrowserUnavailable(f"Browserbase answered without {error.args[0]}") from error
    _remember(session.id)
    _check_hub(session.selenium_url)
    return session


def debug_url(session_id: str) -> str:
    """The live view's address; empty when Browserbase does not tell. Whoever has it can drive the browser."""
    try:
        return str(_call("GET", f"/v1/sessions/{session_id}/debug").get("debuggerFullscreenUrl", ""))
    except BrowserError as error:
        logger.info("no live view for Browserbase session %s: %s", session_id, error)
        return ""


def release(session_id: str) -> bool:
    """Gives a session back. What cannot be given back now is tried again by `reap`, and ends by its own time-out."""
    try:
        _call("POST", f"/v1/sessions/{session_id}", {"status": "REQUEST_RELEASE"})
    except BrowserError as error:
        logger.warning("Browserbase session %s was not released: %s", session_id, error)
        return False
    _record_of(session_id).unlink(missing_ok=True)
    return True


def reap() -> int:
    """Releases the sessions of workers on this machine that died. Returns how many."""
    released = 0
    for record in Path(settings.BROWSER_STATE_DIR).glob(f"{RECORD_PREFIX}*.json"):
        try:
            owner = json.loads(record.read_text())
        except (OSError, ValueError):
            continue
        if not processes.is_running(int(owner["pid"]), float(owner["started"])):
            released += release(str(owner["session"]))
    return released


def _call(method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    if not settings.BROWSERBASE_API_KEY:
        raise BrowserUnavailable("BROWSERBASE_API_KEY is not set", heals=False)
    headers = {"X-BB-API-Key": settings.BROWSERBASE_API_KEY}
    try:
        response = http.request(method, settings.BROWSERBASE_URL + path, headers=headers, json=body, timeout_s=30)
    except http.OutboundError as error:
        raise BrowserUnavailable(f"Browserbase: {error}") from error
    if response.status == 429:
        raise Limited(f"Browserbase: {_message(response)}", response.retry_after_s or _BUSY_WAIT_S)
    if response.status >= 400:
        heals = response.status >= 500 or response.status in (408, 409)
        raise BrowserUnavailable(f"Browserbase answered {response.status}: {_message(response)}", heals=heals)
    try:
        answer = response.json()
    except ValueError as error:
        raise BrowserUnavailable("Browserbase answered no JSON") from error
    return answer if isinstance(answer, dict) else {}


def _message(response: http.Response) -> str:
    try:
        return str(response.json().get("message", response.reason))[:300]
    except (ValueError, AttributeError):
        return response.reason


def _check_hub(url: str) -> None:
    """The hub's address is Browserbase's word, not ours: it is held to the same address rules."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise BrowserUnavailable("Browserbase answered with a hub address that is none")
    try:
        http.resolve(parts.hostname, parts.port or (443 if parts.scheme == "https" else 80))
    except http.OutboundError as error:
        raise BrowserUnavailable(f"Browserbase's hub: {error}") from error


def _remember(session_id: str) -> None:
    record = _record_of(session_id)
    record.parent.mkdir(parents=True, exist_ok=True)
    me = psutil.Process(os.getpid())
    record.write_text(json.dumps({"session": session_id, "pid": me.pid, "started": me.create_time()}))


def _record_of(session_id: str) -> Path:
    safe = "".join(c for c in session_id if c.isalnum() or c in "-_")[:100]
    return Path(settings.BROWSER_STATE_DIR) / f"{RECORD_PREFIX}{safe}.json"
