"""The browser's own DevTools socket: fresh contexts and downloads, which WebDriver does not offer.

Protocol: https://chromedevtools.github.io/devtools-protocol/. The socket is opened without an Origin header, so the
browser needs no --remote-allow-origins and pages on the machine cannot drive it.
"""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections import deque
from pathlib import Path
from typing import Any

import websocket


class DevToolsError(Exception):
    """The browser refused a command, or no longer answers."""


class DevTools:
    """One command at a time; events that arrive meanwhile are kept (the newest thousand)."""

    def __init__(self, socket: websocket.WebSocket) -> None:
        self._socket = socket
        self._ids = itertools.count(1)
        self._lock = threading.Lock()
        self.events: deque[dict[str, Any]] = deque(maxlen=1000)

    @classmethod
    def connect(cls, profile: Path) -> DevTools:
        """Connects to the browser that runs on `profile`; it leaves its port and path there. Raises DevToolsError."""
        try:
            port, path = (profile / "DevToolsActivePort").read_text().split()
            return cls(
                websocket.create_connection(
                    f"ws://127.0.0.1:{int(port)}{path}", timeout=5, suppress_origin=True, http_no_proxy=["*"]
                )
            )
        except (OSError, ValueError, websocket.WebSocketException) as error:
            raise DevToolsError("the browser's DevTools socket did not answer") from error

    def call(self, method: str, params: dict[str, Any] | None = None, timeout_s: float = 10.0) -> dict[str, Any]:
        """Sends one command and returns its result. Raises DevToolsError."""
        with self._lock:
            ident = next(self._ids)
            try:
                self._socket.send(json.dumps({"id": ident, "method": method, "params": params or {}}))
                return self._answer(ident, time.monotonic() + timeout_s)
            except (OSError, ValueError, websocket.WebSocketException) as error:
                raise DevToolsError(f"{method}: the browser did not answer") from error

    def poll(self) -> None:
        """Reads the events that have arrived, without waiting for more. Raises DevToolsError."""
        self.call("Browser.getVersion", timeout_s=5)

    def close(self) -> None:
        """Closes the socket without waiting for the browser's goodbye."""
        self._socket.shutdown()

    def _answer(self, ident: int, until: float) -> dict[str, Any]:
        while True:
            self._socket.settimeout(max(0.01, until - time.monotonic()))
            message = json.loads(self._socket.recv())
            if message.get("id") == ident:
                if "error" in message:
                    raise DevToolsError(str(message["error"].get("message", "refused")))
                return dict(message.get("result", {}))
            if "method" in message:
                self.events.append(message)
