"""The short way through the server that providers' posts take."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from agency.wsgi import application
from webhooks.models import InboundMessage, Webhook
from webhooks.tests.factories import custom_channel
from webhooks.tests.signing import compact, standard_headers

pytestmark = pytest.mark.django_db(transaction=True)  # the handler closes connections between requests


def call(
    method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
) -> tuple[str, dict[str, str], bytes]:
    """One request as gunicorn makes it."""
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "CONTENT_LENGTH": str(len(body)),
        "CONTENT_TYPE": "application/json",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "HTTP_HOST": "localhost",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(),
        "wsgi.url_scheme": "http",
    }
    environ |= {"HTTP_" + name.upper().replace("-", "_"): value for name, value in (headers or {}).items()}
    told: list[Any] = []
    parts = application(environ, lambda status, found, exc=None: told.extend((status, dict(found))))
    return told[0], told[1], b"".join(parts)


def post(channel: Webhook, headers: dict[str, str]) -> tuple[str, dict[str, str], bytes]:
    return call("POST", f"/webhooks/inbound/{channel.token}/", compact({"text": "hello"}), headers)


def test_a_message_is_taken_with_an_id_and_a_length_and_without_a_session() -> None:
    status, headers, body = post(custom_channel(), standard_headers(compact({"text": "hello"}), "msg_1"))
    assert (status, json.loads(body)["status"]) == ("202 Accepted", "accepted")
    assert {"X-Request-ID", "Content-Length", "X-Content-Type-Options"} <= set(headers)
    assert "Set-Cookie" not in headers
    assert InboundMessage.objects.count() == 1


def test_a_forged_one_is_refused_and_everything_else_takes_the_long_way() -> None:
    assert post(custom_channel(), {})[0] == "401 Unauthorized"
    _, headers, _ = call("GET", "/admin/login/")
    assert {"Content-Security-Policy", "X-Frame-Options"} <= set(headers)
