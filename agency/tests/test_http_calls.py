"""Guarded requests against real servers on loopback: deadlines, caps, pins, truthful errors (SECURITY §4.3)."""

from __future__ import annotations

import gzip
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from agency import http
from agency.http import names
from agency.tests.wire_server import Handler, WireServer, answer

Serve = Callable[[Handler], WireServer]
DEADLINE_S = 0.6
#: A stopped call returns at its deadline; the bound here only tells "at the deadline" from "when the peer pleases".
PATIENCE_S = 20.0


@pytest.fixture
def serve(settings) -> Iterator[Serve]:
    settings.OUTBOUND_ALLOW_CIDRS = ["127.0.0.0/8"]
    servers: list[WireServer] = []

    def start(handler: Handler) -> WireServer:
        servers.append(WireServer(handler))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def _replying(data: bytes) -> Handler:
    return lambda connection, _request: connection.sendall(data)


def _dripping(server_box: list[WireServer], start: bytes, piece: bytes) -> Handler:
    def drip(connection: socket.socket, _request: bytes) -> None:
        connection.sendall(start)
        while not server_box[0].stopping.wait(0.05):
            connection.sendall(piece)

    return drip


def test_an_answer_comes_back_cleaned_and_whole(serve: Serve) -> None:
    server = serve(
        _replying(answer(b'{"a": "x\\u0000y"}', "Content-Type: application/json; charset=utf-8", "Set-Cookie: s=1",
                         "X-RateLimit-Remaining: 7", "X-Secret-Internal: 1", "ETag: \"\x07v1\""))
    )  # fmt: skip
    response = http.request(
        "get", f"{server.url}/v1/things?a=1#x", params={"b": [2, 3], "c": "ä"}, headers={"X-A": "1"}
    )
    assert (response.status, response.reason, response.truncated, response.location) == (200, "OK", False, None)
    assert response.json() == {"a": "xy"}
    assert response.content_type == "application/json"
    assert response.headers == {
        "content-length": "17",
        "content-type": "application/json; charset=utf-8",
        "x-ratelimit-remaining": "7",
        "etag": '" v1"',
    }
    head = server.requests[0].decode()
    assert head.startswith("GET /v1/things?a=1&b=2&b=3&c=%C3%A4 HTTP/1.1\r\n")
    assert f"Host: 127.0.0.1:{server.port}\r\n" in head
    assert "Accept-Encoding: identity\r\n" in head
    assert "X-A: 1\r\n" in head


def test_json_bodies_and_raw_bodies_arrive_as_they_are(serve: Serve) -> None:
    server = serve(_replying(answer(b"")))
    http.request("POST", server.url, json={"name": "Zoë", "n": 1})
    http.request("PUT", server.url, body=b"\x00\xff", headers={"Content-Type": "application/octet-stream"})
    http.request("POST", server.url)
    posted, put, empty = (request.partition(b"\r\n\r\n") for request in server.requests)
    assert json.loads(posted[2]) == {"name": "Zoë", "n": 1}
    assert b"Content-Type: application/json" in posted[0]
    assert put[2] == b"\x00\xff"
    assert b"Content-Length: 0" in empty[0]


def test_a_redirect_is_recorded_and_not_followed(serve: Serve) -> None:
    inner = serve(_replying(answer(b"inner")))
    outer = serve(_replying(answer(b"", f"Location: {inner.url}/latest/meta-data", status="302 Found")))
    response = http.request("GET", outer.url)
    assert response.status == 302
    assert response.location == f"{inner.url}/latest/meta-data"
    assert inner.connections == 0


@pytest.mark.parametrize(
    ("start", "piece"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", b"x"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        (b"HTTP/1.1 200 OK\r\n", b"X-Slow: 1\r\n"),
        (b"HTTP/1.1 200 OK\r\nX-Slow: ", b"x"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"X-Trailer: 1\r\n"),
        (b"", b""),
    ],
    ids=["body", "chunks", "header lines", "one header", "continue", "trailers", "silence"],
)
def test_a_target_that_drips_or_hangs_is_left_at_the_deadline(serve: Serve, start: bytes, piece: bytes) -> None:
    box: list[WireServer] = []
    server = serve(_dripping(box, start, piece))
    box.append(server)
    began = time.monotonic()
    with pytest.raises((http.TimedOut, http.ConnectionLost)) as stopped:
        http.request("GET", server.url, timeout_s=DEADLINE_S)
    assert stopped.value.sent is True
    assert time.monotonic() - began < PATIENCE_S
    if piece != b"X-Slow: 1\r\n":  # header lines may run into the limit of their number first
        assert isinstance(stopped.value, http.TimedOut)


def test_a_drip_after_the_status_line_tells_what_had_arrived(serve: Serve) -> None:
    box: list[WireServer] = []
    server = serve(_dripping(box, b"HTTP/1.1 201 Created\r\nContent-Length: 1000000\r\n\r\n", b"x"))
    box.append(server)
    with pytest.raises(http.TimedOut) as stopped:
        http.request("POST", server.url, json={}, timeout_s=DEADLINE_S)
    assert stopped.value.response is not None
    assert stopped.value.response.status == 201
    assert stopped.value.response.body.strip(b"x") == b""


def test_a_target_that_does_not_read_is_left_at_the_deadline(settings) -> None:
    settings.OUTBOUND_ALLOW_CIDRS = ["127.0.0.0/8"]
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with pytest.raises(http.TimedOut) as stopped:
            http.request("POST", url, body=b"x" * (64 << 20), timeout_s=DEADLINE_S)
    assert stopped.value.sent is True


def test_waiting_can_be_ended_from_outside(serve: Serve) -> None:
    class Enough(Exception):
        """The caller wants the call to end."""

    def ask() -> None:
        raise Enough

    box: list[WireServer] = []
    server = serve(_dripping(box, b"", b""))
    box.append(server)
    with pytest.raises(Enough):
        http.request("GET", server.url, timeout_s=60, while_waiting=ask)


def test_a_gzip_bomb_is_read_up_to_the_cap(serve: Serve) -> None:
    bomb = gzip.compress(b"\0" * (200 << 20), compresslevel=1)
    server = serve(_replying(answer(bomb, "Content-Encoding: gzip")))
    response = http.request("GET", server.url, max_bytes=100_000)
    assert response.truncated is True
    assert len(response.body) == 100_000


def test_an_answer_longer_than_the_cap_is_cut_and_marked(serve: Serve) -> None:
    server = serve(_replying(answer(b"x" * 5000)))
    assert http.request("GET", server.url, max_bytes=5000).truncated is False
    cut = http.request("GET", server.url, max_bytes=4999)
    assert (cut.truncated, len(cut.body)) == (True, 4999)


def test_compressed_answers_are_understood_though_none_were_asked_for(serve: Serve) -> None:
    server = serve(_replying(answer(gzip.compress(b'{"ok": true}'), "Content-Encoding: gzip")))
    assert http.request("GET", server.url).json() == {"ok": True}


def test_a_damaged_compression_is_an_error_after_sending(serve: Serve) -> None:
    server = serve(_replying(answer(b"this is not gzip", "Content-Encoding: gzip")))
    with pytest.raises(http.ConnectionLost) as lost:
        http.request("GET", server.url)
    assert lost.value.sent is True
    assert lost.value.response is not None


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nshort",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
    ids=["length too long", "chunk cut", "chunk size is no number"],
)
def test_an_answer_cut_in_the_middle_is_lost_but_its_status_is_known(serve: Serve, data: bytes) -> None:
    server = serve(_replying(data))
    with pytest.raises(http.ConnectionLost) as lost:
        http.request("POST", server.url, json={})
    assert lost.value.sent is True
    assert lost.value.response is not None
    assert lost.value.response.status == 200


@pytest.mark.parametrize(
    "data",
    [b"", b"SSH-2.0-OpenSSH_9\r\n", b"HTTP/1.1 abc\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n",
     b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000 + b"\r\n\r\n"],
    ids=["nothing", "another protocol", "no status", "too many headers", "header too long"],
)  # fmt: skip
def test_an_answer_that_is_not_http_is_lost_after_sending(serve: Serve, data: bytes) -> None:
    server = serve(_replying(data))
    with pytest.raises(http.ConnectionLost) as lost:
        http.request("GET", server.url)
    assert lost.value.sent is True
    assert lost.value.response is None


def test_a_reset_is_lost_after_sending(serve: Serve) -> None:
    def reset(connection: socket.socket, _request: bytes) -> None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")

    server = serve(reset)
    with pytest.raises(http.ConnectionLost) as lost:
        http.request("POST", server.url, json={})
    assert lost.value.sent is True


def test_a_closed_port_is_not_told_from_any_other_failure_to_connect(settings) -> None:
    settings.OUTBOUND_ALLOW_CIDRS = ["127.0.0.0/8"]
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(http.CouldNotConnect) as refused:
        http.request("GET", f"http://127.0.0.1:{port}/")
    assert refused.value.sent is False
    assert str(refused.value) == "could not connect"


def test_bad_text_becomes_text_that_can_be_stored(serve: Serve) -> None:
    server = serve(_replying(answer(b"a\x00b\xff\xc3\xa4", "Content-Type: text/plain", status="200 \x00Odd\x1b")))
    response = http.request("GET", server.url)
    assert response.text == "ab\ufffdä"
    assert response.reason == "Odd"


def test_text_is_read_in_the_charset_it_declares_if_that_is_a_plain_one(serve: Serve) -> None:
    latin = serve(_replying(answer(b"caf\xe9", "Content-Type: text/plain; charset=ISO-8859-1")))
    odd = serve(_replying(answer("café".encode(), "Content-Type: text/plain; charset=utf-7")))
    assert http.request("GET", latin.url).text == "café"
    assert http.request("GET", odd.url).text == "café"


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[" * 5000 + b"]" * 5000, b"[" * 100 + b"]" * 100, b'{"a": NaN}', b"[1e999]", b"\xff", b"<html>"],
)
def test_a_body_that_is_no_storable_json_is_a_value_error(serve: Serve, body: bytes) -> None:
    server = serve(_replying(answer(body)))
    with pytest.raises(ValueError):
        http.request("GET", server.url).json()


def test_lone_surrogates_in_json_are_dropped(serve: Serve) -> None:
    server = serve(_replying(answer(b'{"a\\ud800": ["\\udfffx", {"b": "\\u0000"}], "ok": "\\ud83d\\ude00"}')))
    assert http.request("GET", server.url).json() == {"a": ["x", {"b": ""}], "ok": "😀"}


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("120", 120.0), ("0", 1.0), ("999999", 3600.0), ("-5", None), ("soon", None), ("", None), ("1.5", None),
     ("Wed, 21 Oct 2015 07:28:00 GMT", 1.0), ("Fri, 31 Dec 2100 23:59:59 GMT", 3600.0), ("٣", None)],
)  # fmt: skip
def test_retry_after_is_read_as_seconds_or_date_and_clamped(serve: Serve, value: str, seconds: float | None) -> None:
    server = serve(_replying(answer(b"", f"Retry-After: {value}", status="503 Busy")))
    assert http.request("GET", server.url).retry_after_s == seconds


def test_a_name_is_looked_up_once_and_the_checked_address_is_dialled(serve: Serve, settings, monkeypatch) -> None:
    server = serve(_replying(answer(b"pinned")))
    settings.OUTBOUND_HTTP = ["*"]
    answers = iter([["127.0.0.1"], ["169.254.169.254"]])
    asked: list[str] = []

    def changing(host: str, port: int) -> list[str]:
        asked.append(host)
        return next(answers)

    monkeypatch.setattr(names, "lookup", changing)
    url = f"http://rebind.example.com:{server.port}/"
    response = http.request("GET", url)
    assert response.body == b"pinned"
    assert asked == ["rebind.example.com"]
    assert f"Host: rebind.example.com:{server.port}\r\n".encode() in server.requests[0]
    with pytest.raises(http.TargetNotAllowed) as refused:
        http.request("GET", url)
    assert str(refused.value) == "target not allowed"
    assert server.connections == 1


def test_one_inner_address_among_the_answers_refuses_the_name(settings, monkeypatch) -> None:
    monkeypatch.setattr(names, "lookup", lambda host, port: ["93.184.216.34", "10.0.0.7"])
    with pytest.raises(http.TargetNotAllowed) as refused:
        http.request("GET", "https://mixed.example.com/")
    assert refused.value.sent is False
    with pytest.raises(http.TargetNotAllowed):
        http.resolve("mixed.example.com", 443)


def test_the_next_address_is_tried_when_one_does_not_answer(serve: Serve, settings, monkeypatch) -> None:
    server = serve(_replying(answer(b"second")))
    settings.OUTBOUND_HTTP = ["*"]
    monkeypatch.setattr(names, "lookup", lambda host, port: ["127.0.0.9", "127.0.0.1"])
    assert http.request("GET", f"http://two.example.com:{server.port}/").body == b"second"


def test_a_lookup_that_hangs_ends_at_the_deadline(settings, monkeypatch) -> None:
    forever = threading.Event()

    def hanging(host: str, port: int) -> list[str]:
        forever.wait(PATIENCE_S)
        return []

    monkeypatch.setattr(names, "lookup", hanging)
    began = time.monotonic()
    with pytest.raises(http.TimedOut) as stopped:
        http.request("GET", "https://slow.example.com/", timeout_s=DEADLINE_S)
    forever.set()
    assert stopped.value.sent is False
    assert time.monotonic() - began < PATIENCE_S


def test_a_name_nobody_knows_could_not_be_connected_to(monkeypatch) -> None:
    def unknown(host: str, port: int) -> list[str]:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(names, "lookup", unknown)
    with pytest.raises(http.CouldNotConnect) as error:
        http.request("GET", "https://nobody.example.com/")
    assert (error.value.sent, str(error.value)) == (False, "could not connect")


def test_netrc_and_proxy_variables_of_the_environment_change_nothing(serve: Serve, monkeypatch, tmp_path) -> None:
    proxy = serve(_replying(answer(b"proxy")))
    server = serve(_replying(answer(b"target")))
    netrc = tmp_path / ".netrc"
    netrc.write_text("machine 127.0.0.1 login eve password canary-netrc\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, proxy.url)
    monkeypatch.delenv("no_proxy", raising=False)
    assert http.request("GET", server.url).body == b"target"
    assert proxy.connections == 0
    assert b"authorization" not in server.requests[0].lower()


def test_cookies_of_one_call_never_reach_the_next(serve: Serve) -> None:
    server = serve(_replying(answer(b"", "Set-Cookie: session=canary")))
    http.request("GET", server.url)
    http.request("GET", server.url)
    assert b"canary" not in server.requests[1]


def test_a_refusal_sent_before_the_body_was_read_is_still_an_answer(settings) -> None:
    settings.OUTBOUND_ALLOW_CIDRS = ["127.0.0.0/8"]
    listener = socket.create_server(("127.0.0.1", 0))

    def refuse() -> None:
        connection, _ = listener.accept()
        connection.recv(1024)
        connection.sendall(answer(b"too large", status="413 Content Too Large"))
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(1 << 20):
            continue
        connection.close()

    threading.Thread(target=refuse, daemon=True).start()
    with listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        assert http.request("POST", url, body=b"x" * (4 << 20)).status == 413
