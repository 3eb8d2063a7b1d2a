"""api_call in a real runner, against a real server that notes every byte it gets."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qsl

import pytest

from agency import credentials
from agency.models import Credential
from agency.tests.wire_server import Handler, WireServer, answer
from tasks import services
from tasks.actors import Actor
from tasks.errors import Invalid
from tasks.models import AgencyTask, ReviewPolicy, TaskEffect
from tasks.runner import Runner
from tasks.tests.conftest import wait_for, wait_status
from tasks.tests.factories import UserFactory, make_task

pytestmark = pytest.mark.django_db(transaction=True)
Serve = Callable[..., WireServer]
JSON = "Content-Type: application/json"
OK = answer(b'{"ok":true}', JSON)


@pytest.fixture
def serve(transactional_db: None, settings: Any) -> Iterator[Serve]:
    ReviewPolicy.objects.update(active=False)  # review is not what these tests are about
    settings.OUTBOUND_ALLOW_CIDRS = ["127.0.0.0/8"]
    servers: list[WireServer] = []

    def start(reply: bytes | Handler = OK) -> WireServer:
        handler = reply if callable(reply) else lambda connection, _request: connection.sendall(reply)
        servers.append(WireServer(handler))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def _task(server: WireServer, path: str = "/v1", **fields: Any) -> AgencyTask:
    options = {name: fields.pop(name) for name in ("maxRetries", "onUnknownOutcome") if name in fields}
    return make_task(executionConfig={"apiEndpoint": server.url + path, **fields}, **options)


def _head(request: bytes) -> dict[str, str]:
    lines = request.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")[1:]
    return {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}


def _body(request: bytes) -> bytes:
    return request.partition(b"\r\n\r\n")[2]


# --- what is sent


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"])
def test_every_method_is_sent_as_such(runner: Runner, serve: Serve, method: str) -> None:
    server = serve(answer(b"", JSON))
    payload = {"apiPayload": {"key": "value"}} if method not in ("GET", "HEAD") else {}
    task = wait_status(_task(server, apiMethod=method, **payload), "completed")
    assert server.requests[0].startswith(f"{method} /v1 HTTP/1.1\r\n".encode())
    assert ("idempotency-key" in _head(server.requests[0])) is (method not in ("GET", "HEAD"))
    if payload:
        assert json.loads(_body(server.requests[0])) == {"key": "value"}
    assert task.result["metadata"]["status"] == 200


@pytest.mark.parametrize(
    ("fields", "header", "value"),
    [
        ({"authType": "bearer", "bearerToken": "tok-canary"}, "authorization", "Bearer tok-canary"),
        ({"authType": "api_key", "apiKey": "key-canary"}, "x-api-key", "key-canary"),
        ({"authType": "api_key", "apiKey": "key-canary", "apiKeyHeader": "X-Auth"}, "x-auth", "key-canary"),
        ({"authType": "basic", "username": "alice", "password": "pass-canary"}, "authorization",
         "Basic " + base64.b64encode(b"alice:pass-canary").decode()),
        ({"customHeaders": {"X-Auth-Token": "head-canary"}}, "x-auth-token", "head-canary"),
        ({"customHeaders": {"authorization": "Custom abc"}}, "authorization", "Custom abc"),
    ],
)  # fmt: skip
def test_every_sign_in_arrives_and_is_stored_as_a_reference(
    runner: Runner, serve: Serve, fields: dict[str, Any], header: str, value: str
) -> None:
    server = serve()
    task = wait_status(_task(server, **fields), "completed")
    assert _head(server.requests[0])[header] == value
    assert "canary" not in json.dumps(task.execution_config).replace("…nary", "")
    made = Credential.objects.get()
    assert made.allowed_hosts == [server.url.removeprefix("http://")]
    assert made.events.filter(action="used", used_by=f"task {task.pk}").count() == 1


def test_a_stored_credential_and_a_variable_are_used_by_reference(
    runner: Runner, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGENCY_SECRET_CRM", "from-the-environment")
    server = serve()
    owner = UserFactory()
    host = server.url.removeprefix("http://")
    stored = credentials.store("a-stored-secret", name="CRM", kind="bearer", allowed_hosts=[host], owner=owner)
    task = make_task(
        Actor.user(owner, "api"),
        executionConfig={
            "apiEndpoint": server.url,
            "authType": "bearer",
            "bearerToken": {"credential": stored.pk},
            "customHeaders": {"X-Other-Key": {"env": "AGENCY_SECRET_CRM"}},
            "queryParams": {"access_token": {"credential": stored.pk}, "page": 2, "all": True},
        },
    )
    wait_status(task, "completed")
    head = _head(server.requests[0])
    assert head["authorization"] == "Bearer a-stored-secret"
    assert head["x-other-key"] == "from-the-environment"
    query = server.requests[0].split(b" ")[1].decode()
    assert dict(parse_qsl(query.removeprefix("/?"))) == {"access_token": "a-stored-secret", "page": "2", "all": "true"}


def test_the_credential_of_another_person_or_for_another_host_is_refused_at_once(serve: Serve) -> None:
    owner, stranger = UserFactory(), UserFactory()
    stored = credentials.store("s3cret-value", name="x", kind="bearer", allowed_hosts=["api.example.com"], owner=owner)
    config = {"authType": "bearer", "bearerToken": {"credential": stored.pk}}
    with pytest.raises(Invalid) as foreign:
        make_task(Actor.user(stranger, "api"), executionConfig={"apiEndpoint": "https://api.example.com/", **config})
    with pytest.raises(Invalid) as elsewhere:
        make_task(Actor.user(owner, "api"), executionConfig={"apiEndpoint": "https://evil.example.com/", **config})
    for refused in (foreign, elsewhere):
        assert refused.value.errors[0].pointer == "#/executionConfig/bearerToken"


def test_a_revoked_credential_fails_at_the_attempt_and_nothing_is_sent(runner: Runner, serve: Serve) -> None:
    server = serve()
    config = {"apiEndpoint": server.url, "authType": "bearer", "bearerToken": "tok-canary"}
    task = make_task(executionConfig=config, executionType="manual_trigger")
    credentials.revoke(Credential.objects.get(), actor=None)
    services.execute(task.pk, Actor("test"))
    wait_status(task, "failed")
    assert "revoked" in task.last_error
    assert server.requests == []


def test_forms_and_plain_text_are_sent_as_declared(runner: Runner, serve: Serve) -> None:
    server = serve()
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    wait_status(
        _task(server, apiMethod="POST", apiPayload={"a": "1 2", "b": ["x", "y"]}, customHeaders=form), "completed"
    )
    text = {"Content-Type": "text/plain"}
    wait_status(_task(server, apiMethod="POST", apiPayload="just text", customHeaders=text), "completed")
    assert _body(server.requests[0]) == b"a=1+2&b=x&b=y"
    assert _body(server.requests[1]) == b"just text"


# --- what comes back


@pytest.mark.parametrize(
    ("reply", "data"),
    [
        (answer(b'{"a": [1, 2]}', JSON), {"a": [1, 2]}),
        (answer(b'{"a": 1}'), {"a": 1}),
        (answer(b"plain words", "Content-Type: text/plain"), "plain words"),
        (answer(b"<p>page</p>", "Content-Type: text/html; charset=utf-8"), "<p>page</p>"),
        (answer(b"{broken", JSON), "{broken"),
        (answer(b"\x00\x01\xff", "Content-Type: image/png"),
         {"base64": "AAH/", "bytes": 3, "contentType": "image/png"}),
        (answer(b""), None),
        (answer(b'{"a": "x\\u0000y"}', JSON), {"a": "xy"}),
    ],
)  # fmt: skip
def test_json_text_and_binary_answers_are_kept(runner: Runner, serve: Serve, reply: bytes, data: Any) -> None:
    task = wait_status(_task(serve(reply)), "completed")
    assert task.result["data"] == data
    assert task.result["metadata"]["truncated"] is False


def test_the_result_holds_status_and_headers_as_the_seed_has_them(runner: Runner, serve: Serve) -> None:
    server = serve(answer(b"{}", JSON, "X-Request-Id: r1", "Set-Cookie: s=1", status="201 Created"))
    metadata = wait_status(_task(server), "completed").result["metadata"]
    assert (metadata["status"], metadata["statusText"]) == (201, "Created")
    assert metadata["headers"] == {"content-length": "2", "content-type": "application/json", "x-request-id": "r1"}


def test_a_long_answer_is_cut_at_max_response_bytes(runner: Runner, serve: Serve) -> None:
    server = serve(answer(b"x" * 5000, "Content-Type: text/plain"))
    result = wait_status(_task(server, maxResponseBytes=100), "completed").result
    assert (len(result["data"]), result["metadata"]["truncated"]) == (100, True)


@pytest.mark.parametrize(
    ("expected", "status", "ends"),
    [
        ([], 204, "completed"),
        ([], 302, "failed"),
        ([404], 404, "completed"),
        ([201], 200, "failed"),
        (302, 302, "completed"),
    ],
)
def test_expected_status_decides_what_is_success(
    runner: Runner, serve: Serve, expected: Any, status: int, ends: str
) -> None:
    server = serve(answer(b"", f"Location: {'http://10.0.0.1/'}", status=f"{status} Whatever"))
    task = wait_status(_task(server, expectedStatus=expected), ends)
    assert task.executions.count() == 1
    if status == 302 and ends == "failed":
        assert "redirect to http://10.0.0.1/ was not followed" in task.last_error


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 422])
def test_a_refusal_fails_at_once_and_says_why(runner: Runner, serve: Serve, status: int) -> None:
    server = serve(answer(b'{"message": "name is\\n missing"}', JSON, status=f"{status} No"))
    task = wait_status(_task(server, apiMethod="POST"), "failed")
    assert task.last_error == f"HTTP {status} No: name is missing"
    assert len(server.requests) == 1
    assert TaskEffect.objects.get(task=task).state == "rejected"


# --- once, and not twice


def test_a_server_error_of_a_post_is_retried_with_the_same_key(runner: Runner, serve: Serve) -> None:
    replies = iter([answer(b"", status="500 Oops"), answer(b"", status="503 Busy"), answer(b'{"id": 7}', JSON)])
    server = serve(lambda connection, _request: connection.sendall(next(replies)))
    task = wait_status(_task(server, apiMethod="POST", apiPayload={}), "completed")
    keys = {_head(request)["idempotency-key"] for request in server.requests}
    assert (len(server.requests), len(keys)) == (3, 1)
    assert task.result["data"] == {"id": 7}


def test_a_key_of_the_caller_is_not_replaced(runner: Runner, serve: Serve) -> None:
    server = serve()
    wait_status(_task(server, apiMethod="POST", customHeaders={"idempotency-key": "mine"}), "completed")
    assert _head(server.requests[0])["idempotency-key"] == "mine"


def test_a_post_without_an_answer_is_asked_about_and_not_repeated(runner: Runner, serve: Serve) -> None:
    server = serve(b"")
    task = wait_status(_task(server, apiMethod="POST"), "waiting_input")
    assert task.waiting_for["kind"] == "outcome_unknown"
    assert len(server.requests) == 1


@pytest.mark.parametrize("fields", [{"apiMethod": "POST", "idempotent": True}, {"apiMethod": "PUT"}, {}])
def test_work_that_may_be_repeated_is_repeated_with_the_same_key(
    runner: Runner, serve: Serve, fields: dict[str, Any]
) -> None:
    replies = iter([b"", answer(b"{}", JSON)])
    server = serve(lambda connection, _request: connection.sendall(next(replies)))
    wait_status(_task(server, **fields), "completed")
    assert len({_head(request).get("idempotency-key") for request in server.requests}) == 1
    assert len(server.requests) == 2


def test_a_post_whose_answer_breaks_off_after_its_status_has_happened(runner: Runner, serve: Serve) -> None:
    server = serve(b"HTTP/1.1 201 Created\r\nContent-Length: 100\r\nContent-Type: text/plain\r\n\r\nhalf")
    task = wait_status(_task(server, apiMethod="POST"), "completed")
    assert task.result["metadata"]["incomplete"] is True
    assert task.result["data"] == "half"


def test_a_post_that_never_reached_anybody_is_tried_again(runner: Runner, serve: Serve) -> None:
    server = serve()
    closed = serve()
    closed.close()
    task = _task(closed, apiMethod="POST", maxRetries=1)
    wait_status(task, "failed")
    assert task.last_error == "could not connect"
    assert server.requests == []


# --- stopped in time


def test_a_target_that_drips_is_left_at_the_timeout_and_the_slot_is_free(runner: Runner, serve: Serve) -> None:
    box: list[WireServer] = []

    def drip(connection: Any, _request: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while not box[0].stopping.wait(0.05):
            connection.sendall(b"x")

    server = serve(drip)
    box.append(server)
    task = wait_status(_task(server, timeout=1000, maxRetries=0), "failed")
    execution = task.executions.get()
    assert execution.status == "timeout" or execution.error_code == "timeout"
    assert execution.duration_ms >= 1000
    wait_for(lambda: runner.busy == 0)


def test_cancelling_reaches_a_call_that_waits(runner: Runner, serve: Serve) -> None:
    box: list[WireServer] = []
    server = serve(lambda connection, _request: box[0].stopping.wait(60))
    box.append(server)
    task = _task(server, timeout=60_000)
    wait_for(lambda: server.requests)
    services.cancel(task.pk, Actor("test"))
    wait_status(task, "cancelled")
    wait_for(lambda: runner.busy == 0)


def test_an_inner_address_behind_a_name_is_refused_at_the_attempt(
    runner: Runner, transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from agency.http import names

    monkeypatch.setattr(names, "lookup", lambda host, port: ["10.0.0.1"])
    task = wait_status(make_task(executionConfig={"apiEndpoint": "https://api.example.com/"}), "failed")
    assert task.last_error == "target not allowed"
    assert task.executions.count() == 1


# --- nothing leaks into what is kept


def test_what_the_target_echoes_is_kept_without_the_secrets(runner: Runner, serve: Serve) -> None:
    def echo(connection: Any, request: bytes) -> None:
        connection.sendall(answer(json.dumps({"you sent": request.decode("latin-1"), "token": "abc"}).encode(), JSON))

    task = _task(serve(echo), authType="basic", username="alice", password="pass-canary-1")
    wait_status(task, "completed")
    kept = json.dumps([task.result, list(task.executions.values())], default=str)
    assert "pass-canary-1" not in kept
    assert base64.b64encode(b"alice:pass-canary-1").decode() not in kept
    assert task.result["data"]["token"] == "***"


def test_an_error_that_repeats_a_secret_is_kept_without_it(runner: Runner, serve: Serve) -> None:
    server = serve(answer(b'{"error": "bad token tok-canary-2"}', JSON, status="401 Unauthorized"))
    task = wait_status(_task(server, authType="bearer", bearerToken="tok-canary-2", apiMethod="POST"), "failed")
    assert task.last_error == "HTTP 401 Unauthorized: bad token ***"
    assert "tok-canary-2" not in str(TaskEffect.objects.get(task=task).response)


def test_an_approval_applies_the_address_rules_of_today(serve: Serve, settings: Any) -> None:
    reviewer = UserFactory(is_superuser=True)
    config = {"apiEndpoint": f"{serve().url}/v1"}
    task = make_task(Actor.user(UserFactory(), "api"), executionConfig=config, requiresHumanReview=True)
    settings.OUTBOUND_ALLOW_CIDRS = []
    with pytest.raises(Invalid, match="target not allowed"):
        services.approve(task.pk, Actor.user(reviewer, "api"))
    task.refresh_from_db()
    assert (task.status, task.review) == ("pending", "required")
