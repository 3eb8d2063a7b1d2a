"""What a call will do, in the words of the person who decides. No secret is in it: only references, in words."""

from __future__ import annotations

import json
from typing import Any

from agency import credentials, http
from tasks.executors.api_call.config import ApiCallConfig
from tasks.executors.base import Effect, Preview

_VERBS = {
    "GET": "Read data from",
    "HEAD": "Check",
    "POST": "Send data to",
    "PUT": "Replace data at",
    "PATCH": "Change data at",
    "DELETE": "Delete data at",
}
_SIGN_IN = {"bearer": "Bearer token", "api_key": "API key", "basic": "User name and password", "none": "None"}
MAX_BODY = 20_000


def of(config: ApiCallConfig, effect: Effect) -> Preview:
    """Sentence, details and risks."""
    sentence = f"{_VERBS[config.api_method]} {_host(config)} ({config.api_method} {_shown(config.api_endpoint)})"
    return Preview(sentence, _details(config), _risks(config, effect))


def _host(config: ApiCallConfig) -> str:
    try:
        return http.host_of(config.api_endpoint)
    except http.TargetNotAllowed:
        return "an address that is not allowed"


def _details(config: ApiCallConfig) -> list[tuple[str, str]]:
    details = [("Method", config.api_method), ("Address", _shown(config.api_endpoint)), ("Sign-in", _sign_in(config))]
    details += [(f"Parameter {name}", _in_words(name, value)) for name, value in config.query_params.items()]
    details += [(f"Header {name}", _in_words(name, value)) for name, value in config.custom_headers.items()]
    if config.api_payload is not None:
        body = json.dumps(credentials.mask(config.api_payload), indent=2, ensure_ascii=False)
        details.append(("Body", body if len(body) <= MAX_BODY else f"{body[:MAX_BODY]}…"))
    details.append(("Time-out", f"{config.timeout / 1000:g} s"))
    if config.expected_status:
        details.append(("Expected status", ", ".join(str(status) for status in config.expected_status)))
    return details


def _sign_in(config: ApiCallConfig) -> str:
    kind = _SIGN_IN[config.auth_type]
    if config.auth_type == "bearer":
        return f"{kind}: {_secret(config.bearer_token)}"
    if config.auth_type == "api_key":
        return f"{kind} in header {config.api_key_header}: {_secret(config.api_key)}"
    if config.auth_type == "basic":
        return f"{kind}: {config.username}, {_secret(config.password)}"
    return kind


def _secret(value: Any) -> str:
    return str(credentials.mask(value)) if credentials.is_reference(value) else "***"


def _in_words(name: str, value: Any) -> str:
    if credentials.is_reference(value):
        return _secret(value)
    shown = credentials.mask({name: value})[name]
    return ", ".join(str(item) for item in shown) if isinstance(shown, list) else str(shown)


def _risks(config: ApiCallConfig, effect: Effect) -> list[str]:
    risks = []
    if config.api_method == "DELETE":
        risks.append("It deletes data at the target")
    elif config.writes:
        risks.append("It changes data at the target")
    if effect == Effect.ONCE:
        risks.append("It cannot be repeated safely: without an answer a person is asked")
    if config.api_endpoint.lower().startswith("http:"):
        risks.append("It is not encrypted on its way")
    return risks


def _shown(url: str) -> str:
    return str(credentials.redact(url))
