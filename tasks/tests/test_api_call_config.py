"""api_call: which configs are accepted, what is said about the others, and what a reviewer reads."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from tasks.executors.api_call import ApiCall, ApiCallConfig
from tasks.executors.base import Effect
from tasks.validation import config_errors, first_sentence

CALL = ApiCall()
URL = "https://api.example.com/v1/resource"
SEED = {
    "apiEndpoint": URL,
    "apiMethod": "POST",
    "apiPayload": {"key": "value"},
    "authType": "bearer",
    "bearerToken": "your-token-here",
    "customHeaders": {"X-Custom-Header": "value"},
    "timeout": 30000,
}


def _config(**fields: Any) -> ApiCallConfig:
    return ApiCallConfig.model_validate({"apiEndpoint": URL, **fields})


def _problems(config: ApiCallConfig) -> dict[str, str]:
    return dict(CALL.check(config))


def test_the_example_of_the_seed_is_accepted() -> None:
    config = ApiCallConfig.model_validate(SEED)
    assert CALL.check(config) == []
    assert CALL.timeout_s(config) == 35


@pytest.mark.parametrize("config", [{}, {"apiMethod": "GET"}, {"apiEndpoint": ""}, {"apiEndpoint": "  "}])
def test_a_call_without_an_address_is_refused_in_the_words_of_the_seed(config: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as error:
        ApiCallConfig.model_validate(config)
    errors = config_errors(CALL, error.value)
    assert first_sentence(errors) == "API call requires apiEndpoint"
    assert errors[0].pointer == "#/executionConfig/apiEndpoint"


@pytest.mark.parametrize(
    ("fields", "key"),
    [
        ({"apiMethod": "TRACE"}, "apiMethod"),
        ({"timeout": 999}, "timeout"),
        ({"timeout": 120_001}, "timeout"),
        ({"expectedStatus": [42]}, "expectedStatus/0"),
        ({"bearerToken": 12345}, "bearerToken"),
        ({"bearerToken": {"credential": "12"}}, "bearerToken"),
        ({"password": {"env": "X", "more": 1}}, "password"),
        ({"customHeaders": {"X-A": 5}}, "customHeaders/X-A"),
        ({"apiKeyHeader": "X A"}, "apiKeyHeader"),
        ({"username": "a:b"}, "username"),
        ({"maxResponseBytes": 0}, "maxResponseBytes"),
        ({"url": "https://api.example.com"}, "url"),
        ({"api_endpoint": "https://api.example.com"}, "api_endpoint"),
    ],
)
def test_a_wrong_value_is_refused_by_its_key_and_not_repeated(fields: dict[str, Any], key: str) -> None:
    with pytest.raises(ValidationError) as error:
        _config(**fields)
    errors = config_errors(CALL, error.value)
    assert errors[0].pointer == f"#/executionConfig/{key}"
    assert "12345" not in str(errors)


@pytest.mark.parametrize(
    ("fields", "key"),
    [
        ({"authType": "bearer"}, "bearerToken"),
        ({"authType": "api_key"}, "apiKey"),
        ({"authType": "basic", "username": "a"}, "password"),
        ({"authType": "basic", "password": "a"}, "username"),
    ],
)
def test_a_sign_in_that_is_not_complete_names_what_is_missing(fields: dict[str, Any], key: str) -> None:
    assert _problems(_config(**fields)) == {key: f"API call with authType {fields['authType']} requires {key}"}


@pytest.mark.parametrize(
    "url",
    ["http://api.example.com/", "https://localhost/", "https://169.254.169.254/latest/", "https://10.0.0.1/",
     "https://user:pass@api.example.com/", "https://api.example.com:22/"],
)  # fmt: skip
def test_an_address_inside_is_refused_when_the_task_is_written(url: str) -> None:
    problems = _problems(_config(apiEndpoint=url))
    assert problems["apiEndpoint"].startswith("apiEndpoint: target not allowed")


@pytest.mark.parametrize("name", ["Host", "Content-Length", "transfer-encoding", "Cookie", "Proxy-Authorization"])
def test_a_header_that_would_smuggle_is_refused_when_the_task_is_written(name: str) -> None:
    assert name in _problems(_config(customHeaders={name: "x"}))["customHeaders"]


def test_a_read_has_no_body() -> None:
    assert "queryParams" in _problems(_config(apiPayload={"a": 1}))["apiPayload"]
    assert _problems(_config(apiMethod="DELETE", apiPayload={"a": 1})) == {}


@pytest.mark.parametrize(
    ("fields", "effect"),
    [
        ({}, Effect.READ),
        ({"apiMethod": "HEAD"}, Effect.READ),
        ({"apiMethod": "put"}, Effect.IDEMPOTENT),
        ({"apiMethod": "DELETE"}, Effect.IDEMPOTENT),
        ({"apiMethod": "POST"}, Effect.ONCE),
        ({"apiMethod": "PATCH"}, Effect.ONCE),
        ({"apiMethod": "POST", "idempotent": True}, Effect.IDEMPOTENT),
    ],
)
def test_what_repeating_a_call_would_do(fields: dict[str, Any], effect: Effect) -> None:
    assert CALL.effect(_config(**fields)) == effect


def test_a_reviewer_reads_plain_words_and_no_secret() -> None:
    config = _config(
        apiMethod="POST",
        apiEndpoint=f"{URL}?api_key=url-canary",
        apiPayload={"amount": 12, "password": "body-canary"},
        authType="basic",
        username="alice",
        password={"credential": 12, "hint": "…cdef"},
        customHeaders={"X-Custom-Header": "value", "X-Token": {"env": "AGENCY_SECRET_X"}, "X-Secret": "head-canary"},
        queryParams={"page": 2, "tag": ["a", "b"], "token": "query-canary"},
        expectedStatus=201,
    )
    shown = CALL.preview(config)
    details = dict(shown.details)
    assert "canary" not in str(shown)
    assert shown.sentence.startswith("Send data to api.example.com (POST https://api.example.com/v1/resource")
    assert details["Sign-in"] == "User name and password: alice, credential 12 (…cdef)"
    assert details["Header X-Token"] == "environment variable AGENCY_SECRET_X"
    assert details["Header X-Custom-Header"] == "value"
    assert details["Parameter tag"] == "a, b"
    assert '"amount": 12' in details["Body"]
    assert details["Expected status"] == "201"
    assert shown.risks == [
        "It changes data at the target",
        "It cannot be repeated safely: without an answer a person is asked",
    ]


def test_the_target_is_the_host_that_an_approval_binds() -> None:
    assert CALL.target(_config()) == "api.example.com"
