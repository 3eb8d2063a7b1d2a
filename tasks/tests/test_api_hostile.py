"""Hostile input: a clear refusal, never a 5xx, nothing stored."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from agency.api import tokens
from agency.models import ApiToken
from tasks.models import AgencyTask
from tasks.tests.api_client import CALL, Api, allow

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin() -> Api:
    return Api(is_staff=True, is_superuser=True)


def body(**fields: Any) -> bytes:
    return json.dumps({**CALL, **fields}).encode()


def config(**fields: Any) -> bytes:
    return body(executionConfig={**CALL["executionConfig"], **fields})  # type: ignore[dict-item]


DEEP = b"[" * 5_000 + b"]" * 5_000
RAW: dict[str, tuple[bytes, int, str]] = {
    "NUL in a value": (body(title="a\x00b"), 400, "NUL"),
    "NUL in a key": (config(apiPayload={"a\x00": 1}), 400, "NUL"),
    "lone surrogate in a value": (body().replace(b"Fetch user data", rb"\ud800"), 400, "surrogate"),
    "lone surrogate in a key": (body(metadata={"k": 1}).replace(b'"k"', rb'"\udfff"'), 400, "surrogate"),
    "5,000 levels": (b'{"metadata": ' + DEEP + b"}", 400, "deeper than 32"),
    "25 levels in a config": (config(apiPayload=json.loads("[" * 25 + "]" * 25)), 422, "20 levels"),
    "brackets in a text are only text": (body(description="[" * 4_000), 201, ""),
    "a key twice": (body()[:-1] + b', "title": "Other"}', 400, "twice"),
    "a key twice inside": (b'{"metadata": {"a": 1, "a": 2}}', 400, "twice"),
    "NaN": (b'{"metadata": {"a": NaN}}', 400, "NaN"),
    "Infinity": (b'{"metadata": {"a": -Infinity}}', 400, "Infinity"),
    "1e400": (b'{"metadata": {"a": 1e400}}', 400, "out of range"),
    "5,000 digits": (b'{"metadata": {"a": ' + b"9" * 5_000 + b"}}", 400, "digits"),
    "half a document": (body()[:-5], 400, "not valid JSON"),
    "two documents": (body() + body(), 400, "not valid JSON"),
    "a byte order mark": (b"\xef\xbb\xbf" + body(), 400, "not valid JSON"),
    "UTF-16 unannounced": (body().decode().encode("utf-16"), 400, ""),
    "bad UTF-8": (b'{"title": "\xff\xfe"}', 400, "UTF-8"),
    "overlong UTF-8": (b'{"title": "\xc0\x80"}', 400, "UTF-8"),
    "a list": (b"[]", 422, "object"),
    "a text": (b'"task"', 422, "object"),
    "null": (b"null", 422, "object"),
    "2 MB": (body(description="x" * (2 << 20)), 413, "at most"),
    "many values": (body(metadata={"a": [0] * 3_000}), 422, "2,000 values".replace(",", "")),
    "very many values": (b'{"metadata": {"a": [' + b"0," * 30_000 + b"0]}}", 400, "20000 values"),
}


@pytest.mark.parametrize("name", RAW)
def test_a_hostile_document_is_refused_with_its_reason(admin: Api, name: str) -> None:
    raw, status, word = RAW[name]
    answer = admin.post("tasks/", raw)
    assert answer.status_code == status, answer.content[:500]
    assert word in answer.json().get("error", "")
    assert AgencyTask.objects.count() == (status == 201)


FIELDS: dict[str, tuple[dict[str, Any], str]] = {
    "unknown field": ({"colour": "red"}, "colour"),
    "snake case": ({"task_type": "api_call"}, "Did you mean 'taskType'?"),
    "status": ({"status": "completed"}, "status is not a field that can be set here"),
    "createdBy": ({"createdBy": 1}, "createdBy"),
    "humanReviewedBy": ({"humanReviewedBy": 1}, "humanReviewedBy"),
    "result": ({"result": {}}, "result"),
    "errorCount": ({"errorCount": -1}, "errorCount"),
    "id": ({"id": 1}, "id"),
    "version": ({"version": 99}, "version"),
    "naive time": ({"scheduledFor": "2026-12-01T10:00:00"}, "timezone"),
    "a date": ({"scheduledFor": "2026-12-01"}, "scheduledFor"),
    "year 1": ({"scheduledFor": "0001-01-01T00:00:00Z"}, "five years"),
    "year 9999": ({"deadline": "9999-12-31T23:59:59Z"}, "five years"),
    "a week": ({"scheduledFor": "2026-W48-1"}, "scheduledFor"),
    "no such offset": ({"scheduledFor": "2026-12-01T10:00:00+99:00"}, "scheduledFor"),
    "a number for a text": ({"title": 123}, "title"),
    "a text for a number": ({"maxRetries": "3"}, "maxRetries"),
    "3.0 for 3": ({"maxRetries": 3.5}, "maxRetries"),
    "fullwidth digits": ({"maxRetries": "３"}, "maxRetries"),
    "true for 1": ({"maxRetries": True}, "maxRetries"),
    "1 for true": ({"assignedToBot": 1}, "assignedToBot"),
    "beyond the range": ({"maxRetries": 11}, "maxRetries"),
    "priority 4": ({"priority": 4}, "priority"),
    "title of spaces": ({"title": "   "}, "title"),
    "long title": ({"title": "x" * 501}, "title"),
    "long tag": ({"tags": ["x" * 101]}, "tags/0"),
    "tag of the wrong type": ({"tags": [{"a": 1}]}, "tags/0"),
    "many tags": ({"tags": ["x"] * 51}, "tags"),
    "unknown type": ({"taskType": "launch_rocket"}, "launch_rocket"),
    "type of the wrong type": ({"taskType": None}, "taskType"),
    "huge id": ({"dependsOn": [2**70]}, "dependsOn/0"),
    "negative id": ({"dependsOn": [-1]}, "dependsOn/0"),
    "unknown id": ({"dependsOn": [987654]}, "987654"),
    "config is a list": ({"executionConfig": []}, "executionConfig"),
    "config is null": ({"executionConfig": None}, "executionConfig"),
}


@pytest.mark.parametrize("name", FIELDS)
def test_a_wrong_field_is_named_with_what_was_expected(admin: Api, name: str) -> None:
    fields, word = FIELDS[name]
    answer = admin.post("tasks/", {**CALL, **fields})
    assert answer.status_code == 422, answer.content
    problem = answer.json()
    assert word in problem["error"] + str(problem["errors"])
    assert all(error["pointer"].startswith("#") and error["message"] for error in problem["errors"])
    assert AgencyTask.objects.count() == 0


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"apiEndpiont": "x"}, "apiEndpiont"),
        ({"api_endpoint": "https://api.example.com"}, "api_endpoint"),
        ({"apiEndpoint": "ftp://api.example.com/"}, "apiEndpoint"),
        ({"apiEndpoint": "http://169.254.169.254/latest/"}, "apiEndpoint"),
        ({"apiEndpoint": "https://a.test\\@127.0.0.1/"}, "apiEndpoint"),
        ({"apiEndpoint": "https://user:pass@api.example.com/"}, "apiEndpoint"),
        ({"apiMethod": "TRACE"}, "apiMethod"),
        ({"authType": "bearer"}, "bearerToken"),
        ({"timeout": 10**12}, "timeout"),
        ({"customHeaders": {"X": 5}}, "customHeaders"),
        ({"customHeaders": {"X": "a\r\nB: c"}}, "X"),
    ],
)
def test_a_wrong_config_is_refused_with_a_pointer_into_it(admin: Api, fields: dict[str, Any], word: str) -> None:
    answer = admin.post("tasks/", {**CALL, "executionConfig": {**CALL["executionConfig"], **fields}})  # type: ignore[dict-item]
    assert answer.status_code == 422, answer.content
    assert word in answer.content.decode()
    assert any(error["pointer"].startswith("#/executionConfig") for error in answer.json()["errors"])
    assert AgencyTask.objects.count() == 0


@pytest.mark.parametrize(
    "kind",
    ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain", "application/xml",
     "application/json; charset=utf-16", "application/json; charset=utf-7", "application/json;charset=unicode_escape"],
)  # fmt: skip
def test_only_json_in_utf8_is_read(admin: Api, kind: str) -> None:
    answer = admin.post("tasks/", body(), Content_Type=kind)
    assert (answer.status_code, answer["Content-Type"]) == (415, "application/problem+json")
    assert AgencyTask.objects.count() == 0


@pytest.mark.parametrize(
    "kind", ["application/json", "application/json; charset=utf-8", 'application/json;charset="UTF-8"']
)
def test_json_in_utf8_is_read_however_it_is_announced(admin: Api, kind: str) -> None:
    assert admin.post("tasks/", body(title="Grüße"), Content_Type=kind).json()["title"] == "Grüße"


@pytest.mark.parametrize(
    "field", ["status", "version", "review", "humanReviewedBy", "createdBy", "taskType", "result", "taskUuid", "epoch"]
)
def test_what_only_the_system_sets_is_refused_in_an_edit(admin: Api, field: str) -> None:
    made = admin.create()
    answer = admin.patch(f"tasks/{made['id']}/", {"title": "New", field: 1})
    assert answer.status_code == 422
    assert admin.get(f"tasks/{made['id']}/").json()["title"] == made["title"]


@pytest.mark.parametrize(
    "path", ["0", "-1", "01", "9223372036854775808", "99999999999999999999999", "1e3", "%00", "١", "a"]
)
def test_an_id_that_is_none_is_no_address(admin: Api, path: str) -> None:
    answer = admin.get(f"tasks/{path}/")
    assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json")


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer x",
        "Basic YTpi",
        "Bearer agy_aaaaaaaa_" + "x" * 43,
        "bearer agy_\x00",
        "Bearer " + "x" * 9_000,
    ],
)
def test_a_wrong_token_is_401_with_the_way_to_sign_in(header: str) -> None:
    headers = {"Authorization": header} if header else {}
    answer = Client().get("/api/v1/tasks/", headers=headers)
    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, 'Bearer realm="api"')
    assert answer["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("how", ["expired", "revoked", "inactive owner", "other secret"])
def test_a_token_that_is_not_live_is_refused(how: str) -> None:
    api = Api()
    assert api.get("tasks/").status_code == 200
    row = ApiToken.objects.get()
    if how == "expired":
        ApiToken.objects.update(expires_at=row.created_at)
    elif how == "revoked":
        tokens.revoke(row)
    elif how == "inactive owner":
        type(api.user).objects.update(is_active=False)
    else:
        api.token = api.token[:-1] + ("a" if api.token[-1] != "a" else "b")
    assert api.get("tasks/").status_code == 401


def test_a_token_does_what_its_scopes_say_and_notes_its_use() -> None:
    user = Api(is_staff=True, is_superuser=True).user
    reader, writer, reviewer = (Api(user, scopes=(scope,)) for scope in ("read", "write", "review"))
    made = writer.create(requiresHumanReview=True)
    path = f"tasks/{made['id']}/"
    assert writer.get(path).status_code == reviewer.get(path).status_code == 403
    assert reader.post("tasks/", CALL).status_code == reader.delete(path).status_code == 403
    assert writer.post(f"{path}approve/").json()["type"] == "urn:agency:problem:scope"
    assert writer.post("tasks/process-pending/").status_code == 403
    assert reader.get(path).status_code == reviewer.post(f"{path}approve/").status_code == 200
    assert ApiToken.objects.filter(last_used_at__isnull=False).count() == 3


def test_a_person_with_a_session_may_do_the_same_with_a_csrf_token() -> None:
    api = Api()
    client = Client(enforce_csrf_checks=True)
    client.force_login(api.user)
    assert client.get("/api/v1/tasks/").status_code == 200
    refused = client.post("/api/v1/tasks/", body(), content_type="application/json")
    assert (refused.status_code, refused["Content-Type"]) == (403, "application/problem+json")
    client.cookies["csrftoken"] = "a" * 32
    headers = {"X-CSRFToken": "a" * 32}
    made = client.post("/api/v1/tasks/", body(), content_type="application/json", headers=headers)
    assert made.status_code == 201


def test_methods_and_answers_that_are_not_offered_are_told(admin: Api) -> None:
    refused = admin.call("PUT", "tasks/", CALL)
    assert (refused.status_code, refused["Allow"]) == (405, "GET, POST, HEAD, OPTIONS")
    assert admin.get("tasks/", Accept="text/html").status_code == 406
    assert admin.get("tasks/", Accept="application/problem+json, */*;q=0.1").status_code == 200


def test_the_trace_of_an_attempt_and_the_original_message_are_for_those_who_may_see_them() -> None:
    from tasks.models import TaskExecution

    owner, staff = Api(), Api(is_staff=True)
    made = owner.create()
    AgencyTask.objects.update(original_message="Call +49 170 1234567")
    TaskExecution.objects.create(
        task_id=made["id"], attempt=1, epoch=1, status="failed", worker="w", error_trace="Traceback",
        completed_at=made["createdAt"],
    )  # fmt: skip
    path = f"tasks/{made['id']}/"
    assert staff.get(path).json()["originalMessage"] is None
    assert owner.get(path).json()["originalMessage"].startswith("Call")
    assert owner.get(path).json()["recentExecutions"][0]["errorTrace"] is None
    allow(staff.user, "view_sensitive")
    seen = staff.get(path).json()
    assert (seen["originalMessage"][:4], seen["recentExecutions"][0]["errorTrace"]) == ("Call", "Traceback")
