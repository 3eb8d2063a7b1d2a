"""What leaves the process for Sentry and for a trace collector: sent to real local servers, and looked at.

Needs requirements-obs.txt; without it the parts that send are skipped.
"""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import threading
import zlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from agency import logs, observability
from agency.local.checkout import CHECKOUT

SECRET = "canary-5f1c-observability"


class Sink(ThreadingHTTPServer):
    """Takes every POST, unpacked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.got: list[tuple[str, bytes]] = []

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Sink

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        coding = self.headers.get("Content-Encoding", "")
        body = {"gzip": gzip.decompress, "deflate": zlib.decompress}.get(coding, bytes)(body)
        self.server.got.append((self.path, body))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Silent."""


@pytest.fixture
def sink() -> Iterator[Sink]:
    server = Sink()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


def in_a_process(code: str, **settings: str) -> None:
    """Runs code in a process that starts as every process of the product does."""
    environment = {**os.environ, **settings, "DJANGO_SETTINGS_MODULE": "agency.settings"}
    done = subprocess.run(
        [sys.executable, "-c", f"import django; django.setup()\n{code}"],
        env=environment,
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr


def test_without_settings_nothing_is_sent_and_a_span_is_nothing() -> None:
    in_a_process("import sys; assert 'sentry_sdk' not in sys.modules")
    with observability.span("anything", key="value") as made:
        assert made is None
    assert observability.trace_headers() == {}


def test_an_event_keeps_its_trace_and_loses_everything_of_the_request() -> None:
    event = {
        "request": {"method": "POST", "url": f"https://x/webhooks/inbound/{SECRET}/", "headers": {"Cookie": SECRET}},
        "user": {"email": "a@b.example"},
        "tags": {"level": "error"},
        "extra": {"password": SECRET, "note": "fine"},
        "exception": {"values": [{"type": "ValueError", "value": "wrong"}]},
    }
    with logs.bound(request_id="r-1", task_id=7):
        sent = observability.clean_event(event, {})
    assert sent["request"] == {"method": "POST"}
    assert sent["tags"] == {"level": "error", "request_id": "r-1", "task_id": 7}
    assert SECRET not in json.dumps(sent)
    assert "user" not in sent
    assert sent["exception"]["values"][0]["value"] == "wrong"
    assert sent["extra"]["note"] == "fine"


def test_queries_and_requests_leave_no_crumb() -> None:
    assert observability.clean_breadcrumb({"category": "query", "message": "SELECT 1"}, {}) is None
    assert observability.clean_breadcrumb({"category": "agency", "message": "fine"}, {})["message"] == "fine"


def test_errors_reach_sentry_without_values(sink: Sink) -> None:
    pytest.importorskip("sentry_sdk")
    code = f"""
import logging, sentry_sdk
from agency import logs
def broken():
    password = "{SECRET}"
    raise RuntimeError("it broke")
with logs.bound(task_id=7):
    try:
        broken()
    except RuntimeError:
        logging.getLogger("agency").exception("[TaskExecution] Task 7 raised")
sentry_sdk.flush(10)
"""
    in_a_process(code, SENTRY_DSN=f"http://key@{sink.address}/1")
    sent = b"".join(body for _, body in sink.got).decode()
    assert "it broke" in sent
    assert '"task_id"' in sent
    assert SECRET not in sent.replace("\\n", "\n").split('"context_line"')[0]
    assert '"vars"' not in sent


def test_traces_reach_the_collector_and_go_on_to_the_target(sink: Sink) -> None:
    pytest.importorskip("opentelemetry.sdk")
    code = f"""
from agency import http, logs, observability
logs.within({{"task_id": 7, "request_id": "r-1"}}, http.request, "POST", "http://{sink.address}/target")
observability._tracer.span_processor.force_flush()
"""
    allow = {"OUTBOUND_ALLOW_HOSTS": "127.0.0.1", "OUTBOUND_ALLOW_CIDRS": "127.0.0.0/8", "OUTBOUND_HTTP": "*"}
    endpoint = f"http://{sink.address}"
    in_a_process(code, OTEL_EXPORTER_OTLP_ENDPOINT=endpoint, TRACES_SHARE="1", **allow)
    paths = [path for path, _ in sink.got]
    assert paths == ["/target", "/v1/traces"]
    spans = sink.got[1][1]
    for word in (b"attempt", b"HTTP POST", b"task_id", b"server.address"):
        assert word in spans
