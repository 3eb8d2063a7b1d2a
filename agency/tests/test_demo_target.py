"""The demo's target site keeps what its module says, and the demo's table says what was seen."""

from __future__ import annotations

import base64
import gzip
import http.client
import json

import pytest

from agency.local.demo import target as site
from agency.local.demo.play import Line, Seen, Unexpected, expect
from agency.local.demo.show import Row, table


@pytest.fixture
def target():
    with site.Target() as target:
        yield target


def ask(target, path, method="GET", **headers):
    connection = http.client.HTTPConnection(target.address, timeout=10)
    try:
        connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return answer.status, answer.read(), answer.headers
    finally:
        connection.close()


def test_each_kind_of_authentication_lets_in_only_the_right_secret(target):
    basic = base64.b64encode(f"{site.USER}:{site.PASSWORD}".encode()).decode()
    for path, good in {
        "/auth/bearer": {"Authorization": f"Bearer {site.TOKEN}"},
        "/auth/basic": {"Authorization": f"Basic {basic}"},
        "/auth/api-key": {"X_API_Key": site.KEY},
    }.items():
        assert ask(target, path, **good)[0] == 200
        assert ask(target, path)[0] == 401


def test_flaky_fails_as_often_as_asked_for_each_name(target):
    assert [ask(target, "/flaky/2/a")[0] for _ in range(3)] == [500, 500, 200]
    assert ask(target, "/flaky/2/b")[0] == 500


def test_busy_says_when_to_come_back(target):
    status, _, headers = ask(target, "/busy/1/a")
    assert (status, headers["Retry-After"]) == (429, "1")
    assert ask(target, "/busy/1/a")[0] == 200


def test_the_ledger_counts_each_idempotency_key_once(target):
    for key in ("one", "one", "two"):
        assert ask(target, "/ledger/x", "POST", Idempotency_Key=key)[0] == 201
    assert target.happened("x") == 2
    assert json.loads(ask(target, "/ledger/x")[1]) == {"happened": 2}


def test_the_ledger_counts_every_request_without_a_key(target):
    for _ in range(2):
        ask(target, "/ledger/x", "POST")
    assert target.happened("x") == 2


def test_the_bomb_is_small_on_the_wire_and_large_unpacked(target):
    _, body, headers = ask(target, "/bomb")
    assert headers["Content-Encoding"] == "gzip"
    assert len(body) < 200_000
    assert len(gzip.decompress(body)) == site.BOMB_BYTES


def test_sites_serve_files_and_nothing_outside_their_folder(target):
    assert ask(target, "/sites/../target.py")[0] == 404
    assert ask(target, "/sites/nothing.html")[0] == 404


def test_it_remembers_what_arrived(target):
    ask(target, "/echo?page=1", X_Custom="yes")
    (seen,) = target.seen("/echo")
    assert (seen.method, seen.query, seen.headers["x-custom"]) == ("GET", {"page": "1"}, "yes")


def test_a_promise_that_was_not_kept_names_itself_and_what_was_found():
    with pytest.raises(Unexpected, match="expected: one effect; found: 2"):
        expect(2 == 1, "one effect", 2)


def test_the_table_shows_what_was_seen_and_what_went_wrong():
    seen = Seen("completed", 3, 12, "retried twice")
    good = Row(Line("api_call", "A good line", lambda play: seen), "good", seen=seen)
    bad = Row(Line("reminder", "A bad line", lambda play: seen), "bad", note="expected: a message")
    shown = table([good, bad]).splitlines()
    assert shown[2].split() == ["✓", "A", "good", "line", "api_call", "completed", "3", "12", "retried", "twice"]
    assert shown[3].startswith("✗ A bad line")
    assert shown[3].endswith("expected: a message")
