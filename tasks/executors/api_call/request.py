"""From a config to what goes over the wire; secrets are resolved here, at the moment of the call."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from agency import credentials, http
from tasks.executors.api_call.config import ApiCallConfig
from tasks.executors.base import Context


@dataclass(frozen=True)
class Prepared:
    """The parts of one request."""

    headers: dict[str, str]
    params: list[tuple[str, str]]
    json: Any
    body: bytes | None
    ports: frozenset[int]


def prepare(config: ApiCallConfig, ctx: Context) -> Prepared:
    """Raises CredentialError."""
    host = http.host_of(config.api_endpoint)

    def secret(value: Any) -> str:
        if credentials.is_reference(value):
            return credentials.resolve(value, host=host, used_by=f"task {ctx.task.id}")
        return str(value)

    headers = _headers(config, secret)
    if config.writes:
        _put(headers, "Idempotency-Key", ctx.idempotency_key(), keep=True)
    json, body = _payload(config, headers)
    return Prepared(headers, _params(config, secret), json, body, ports_of(config))


def ports_of(config: ApiCallConfig) -> frozenset[int]:
    """The ports that its credentials open besides those of the web. Asked only when the address names another port."""
    unusual = ":" in http.host_of(config.api_endpoint).rpartition("]")[2]
    return credentials.extra_ports(config.references()) if unusual else frozenset()


def _headers(config: ApiCallConfig, secret: Callable[[Any], str]) -> dict[str, str]:
    headers = {name: secret(value) for name, value in config.custom_headers.items()}
    if config.auth_type == "bearer":
        _put(headers, "Authorization", f"Bearer {secret(config.bearer_token)}")
    elif config.auth_type == "api_key":
        _put(headers, config.api_key_header, secret(config.api_key))
    elif config.auth_type == "basic":
        pair = f"{config.username}:{secret(config.password)}"
        _put(headers, "Authorization", "Basic " + base64.b64encode(pair.encode()).decode())
    return headers


def _put(headers: dict[str, str], name: str, value: str, *, keep: bool = False) -> None:
    """Set a header whatever its capitals; with `keep`, one that is there stays."""
    there = [one for one in headers if one.lower() == name.lower()]
    if there and keep:
        return
    for one in there:
        del headers[one]
    headers[name] = value


def _params(config: ApiCallConfig, secret: Callable[[Any], str]) -> list[tuple[str, str]]:
    return [
        (name, _text(item, secret))
        for name, value in config.query_params.items()
        for item in (value if isinstance(value, list) else [value])
        if item is not None
    ]


def _text(item: Any, secret: Callable[[Any], str]) -> str:
    if isinstance(item, bool):
        return "true" if item else "false"
    return secret(item)


def _payload(config: ApiCallConfig, headers: dict[str, str]) -> tuple[Any, bytes | None]:
    """(JSON value, raw body): at most one of them."""
    payload = config.api_payload
    if payload is None or not config.writes:
        return None, None
    declared = next((value for name, value in headers.items() if name.lower() == "content-type"), "").lower()
    if isinstance(payload, dict) and declared.startswith("application/x-www-form-urlencoded"):
        return None, urlencode(payload, doseq=True).encode()
    if isinstance(payload, str) and declared and "json" not in declared:
        return None, payload.encode()
    return payload, None
