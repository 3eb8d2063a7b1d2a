"""Secrets are taken out by name, by value in every written form, and by shape (SECURITY §5)."""

from __future__ import annotations

import base64
import json
import logging
from urllib.parse import quote, quote_plus

import pytest

from agency import redaction
from agency.redaction import MASK, is_secret_name, redact, redact_line

SECRET = 'p@ss/w"rd+canary 1'


@pytest.mark.parametrize(
    "name",
    ["Authorization", "proxy-authorization", "Cookie", "Set-Cookie", "X-API-Key", "x-auth-token", "clientSecret",
     "webhook-signature", "password", "accessToken", "api_key", "apiKey", "bearerToken", "private-key", "sig", "JWT"],
)  # fmt: skip
def test_a_secret_looking_name_hides_its_value(name: str) -> None:
    assert redact({name: "value", "other": 1}) == {name: MASK, "other": 1}


@pytest.mark.parametrize(
    "name",
    ["apiKeyHeader", "tokenType", "nextPageToken", "page_token", "token_expires_at", "keyboard", "author", "monkey",
     "tokenId", "secret_name", "authType", "max_tokens"],
)  # fmt: skip
def test_a_name_that_only_looks_similar_hides_nothing(name: str) -> None:
    value = 5 if name == "max_tokens" else "value"
    assert redact({name: value}) == {name: value}


def test_references_to_credentials_stay_readable() -> None:
    config = {"bearerToken": {"credential": 12, "hint": "…cdef"}, "password": {"env": "AGENCY_SECRET_X"}}
    assert redact(config) == config


def test_something_that_only_resembles_a_reference_is_hidden() -> None:
    assert redact({"password": {"credential": 12, "extra": "hunter2"}}) == {"password": MASK}


@pytest.mark.parametrize(
    "written",
    [
        SECRET,
        quote(SECRET, safe=""),
        quote(SECRET),
        quote_plus(SECRET),
        json.dumps(SECRET),
        base64.b64encode(SECRET.encode()).decode(),
        base64.urlsafe_b64encode(SECRET.encode()).decode(),
        *(base64.b64encode(f"{user}:{SECRET}".encode()).decode() for user in ("a", "ab", "abc")),
        *(base64.b64encode(f"{SECRET}{tail}".encode()).decode() for tail in ("x", "xy", "xyz")),
    ],
)
def test_a_secret_is_found_in_every_way_it_may_be_written(written: str) -> None:
    hidden = redact({"answer": [f"you sent {written} to us"]}, [SECRET])
    assert MASK in hidden["answer"][0]
    assert "canary" not in hidden["answer"][0]
    assert written not in hidden["answer"][0]
    for offset in range(3):
        core = base64.b64encode(b"\0" * offset + SECRET.encode()).decode()[4:-4]
        assert core not in hidden["answer"][0]


def test_a_short_secret_is_hidden_only_where_it_is_the_whole_value() -> None:
    assert redact(["abc", "abcdef"], ["abc"]) == [MASK, "abcdef"]


def test_within_a_run_the_secrets_it_used_are_known() -> None:
    with redaction.run_scope():
        redaction.note("used-in-this-run")
        assert redact("got used-in-this-run back") == f"got {MASK} back"
        with redaction.run_scope():
            assert redact("got used-in-this-run back") == "got used-in-this-run back"
        assert redact({"k": "used-in-this-run"}) == {"k": MASK}


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("https://eve:hunter2@api.example.com/", f"https://{MASK}@api.example.com/"),
        ("GET /x?a=1&api_key=abc&key=k1&page=2", f"GET /x?a=1&api_key={MASK}&key={MASK}&page=2"),
        ("sent Bearer abc.def-123 there", f"sent Bearer {MASK} there"),
        ("Basic authentication failed", "Basic authentication failed"),
        ("see https://api.example.com/users?page=2", "see https://api.example.com/users?page=2"),
    ],
)
def test_secrets_are_known_by_their_shape_in_text(text: str, hidden: str) -> None:
    assert redact(text) == hidden


def test_what_is_given_is_not_changed_in_place() -> None:
    given = {"password": "x1234", "list": [{"token": "y"}]}
    redact(given)
    assert given == {"password": "x1234", "list": [{"token": "y"}]}


def test_a_log_line_holds_no_secret_and_no_line_break() -> None:
    line = redact_line('failed: password="hunter2" token: abcdef\r\nFAKE line \x1b[31m')
    assert "hunter2" not in line
    assert "abcdef" not in line
    assert not {"\r", "\n", "\x1b"} & set(line)


def _logged(caplog_handler: logging.Handler, *args, **kwargs) -> str:
    record = logging.LogRecord("x", kwargs.pop("level", logging.INFO), __file__, 1, *args, **kwargs)
    for filter_ in caplog_handler.filters:
        filter_.filter(record)
    return logging.Formatter("%(message)s").format(record)


@pytest.fixture
def handler() -> logging.Handler:
    made = logging.StreamHandler()
    made.addFilter(redaction.Redacting())
    return made


def test_the_log_filter_hides_secrets_in_arguments_and_traces(handler: logging.Handler) -> None:
    redaction.note("log-canary-value")
    try:
        raise RuntimeError("sent log-canary-value\nand more")
    except RuntimeError as error:
        info = (type(error), error, error.__traceback__)
    text = _logged(handler, "call with %s failed", ("log-canary-value",), info)
    assert "log-canary-value" not in text
    assert "RuntimeError" in text


def test_the_log_filter_masks_people_at_info_and_not_at_debug(handler: logging.Handler) -> None:
    text = "told john.doe@example.com and +15551234567"
    assert _logged(handler, text, (), None) == "told j***@example.com and +15***67"
    assert _logged(handler, text, (), None, level=logging.DEBUG) == text


def test_secrets_of_the_environment_are_always_known(monkeypatch) -> None:
    monkeypatch.setenv("AGENCY_SECRET_CRM", "environment-canary")
    redaction.forget_standing()
    try:
        assert redact({"echo": "environment-canary"}) == {"echo": MASK}
    finally:
        redaction.forget_standing()


def test_whether_a_name_is_secret_can_be_asked() -> None:
    assert is_secret_name("X-Api-Key")
    assert not is_secret_name("X-Request-Id")


@pytest.mark.parametrize(
    "text", ["a." * 50_000 + "@", "a-" * 50_000, "token" * 20_000, "bearer " * 20_000, "://" * 30_000]
)
def test_hostile_text_is_worked_through_at_once(text: str) -> None:
    """A pattern that goes back and forth over this would take hours, and fail by the time-out of the suite."""
    redact(text)
    redaction.mask_people(redact_line(text))


def test_many_secrets_in_use_are_all_found() -> None:
    with redaction.run_scope():
        redaction.note(*(f"secret-number-{number}-x" for number in range(100)))
        assert redact({"a": ["echo secret-number-57-x", "harmless"]}) == {"a": [f"echo {MASK}", "harmless"]}


def test_the_working_directory_is_no_secret(monkeypatch) -> None:
    monkeypatch.setenv("PWD", "/srv/agency-checkout")
    redaction.forget_standing()
    try:
        assert redact("File /srv/agency-checkout/manage.py") == "File /srv/agency-checkout/manage.py"
    finally:
        redaction.forget_standing()
