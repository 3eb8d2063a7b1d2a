"""api_call: one guarded HTTP request to an outside API."""

from __future__ import annotations

import base64
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from agency import credentials, http
from tasks.executors.base import Config, Context, Effect, Executor, Failed, Lost, Outcome, Preview, Success
from tasks.retry import HEALING_STATUS

Secret = str | dict[str, Any]
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD")
#: The target refused before doing anything: repeating changes nothing.
WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})


class ApiCallConfig(Config):
    """The seed's keys, and queryParams, expectedStatus, idempotent, maxResponseBytes."""

    api_endpoint: Annotated[str, Field(max_length=2048)] = ""
    api_method: Literal["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"] = "GET"
    api_payload: Any = None
    auth_type: Literal["bearer", "api_key", "basic", "none"] = "none"
    bearer_token: Secret | None = None
    api_key: Secret | None = None
    api_key_header: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,100}$")] = "X-API-Key"
    username: Annotated[str, Field(max_length=500)] | None = None
    password: Secret | None = None
    custom_headers: Annotated[dict[str, Secret], Field(max_length=50)] = {}
    timeout: Annotated[int, Field(ge=1_000, le=120_000, description="Milliseconds for the whole call.")] = 30_000
    query_params: Annotated[dict[str, str | int | float | bool | list[str]], Field(max_length=100)] = {}
    expected_status: Annotated[list[Annotated[int, Field(ge=100, le=599)]], Field(max_length=50)] = []
    idempotent: Annotated[bool, Field(description="The target honours Idempotency-Key.")] = False
    max_response_bytes: Annotated[int, Field(ge=1, le=10 << 20)] = 1 << 20

    @model_validator(mode="after")
    def _complete(self) -> ApiCallConfig:
        if not self.api_endpoint:
            raise ValueError("API call requires apiEndpoint")
        wanted = {"bearer": ("bearer_token",), "api_key": ("api_key",), "basic": ("username", "password")}
        names = {"bearer_token": "bearerToken", "api_key": "apiKey"}
        for field in wanted.get(self.auth_type, ()):
            if not getattr(self, field):
                raise ValueError(f"API call with authType {self.auth_type} requires {names.get(field, field)}")
        return self


class ApiCall(Executor[ApiCallConfig]):
    """Sends the request once; what follows from the answer is told apart here, when to try again in tasks/retry.py."""

    type = "api_call"
    label = "API call"
    Config = ApiCallConfig
    queue = "io"

    def timeout_s(self, config: ApiCallConfig) -> float:
        """The call's own timeout, and a little for what surrounds it."""
        return config.timeout / 1000 + 5

    def effect(self, config: ApiCallConfig) -> Effect:
        """POST and PATCH happen once unless the target honours the key."""
        if config.api_method in ("GET", "HEAD"):
            return Effect.READ
        if config.idempotent or config.api_method in ("PUT", "DELETE"):
            return Effect.IDEMPOTENT
        return Effect.ONCE

    def target(self, config: ApiCallConfig) -> str:
        """The host called."""
        return urlsplit(config.api_endpoint).netloc

    def hosts(self, config: ApiCallConfig) -> list[str]:
        """Its secrets are for the host called."""
        return [http.host_of(config.api_endpoint)]

    def review_reasons(self, config: ApiCallConfig) -> list[str]:
        """Deletions are looked at first."""
        return ["It deletes something"] if config.api_method == "DELETE" else []

    def check(self, config: ApiCallConfig) -> list[tuple[str, str]]:
        """The address rules that need no lookup."""
        try:
            http.check_url(config.api_endpoint)
        except http.TargetNotAllowed as refused:
            return [("apiEndpoint", f"apiEndpoint: {refused}")]
        return []

    def preview(self, config: ApiCallConfig) -> Preview:
        """The request in plain words, secrets masked."""
        details = [("Method", config.api_method), ("Address", config.api_endpoint)]
        details += [("Sign in", config.auth_type)] if config.auth_type != "none" else []
        details += [(f"Header {name}", _shown(value)) for name, value in config.custom_headers.items()]
        risks = ["It writes to the target"] if config.api_method in WRITES else []
        return Preview(f"{config.api_method} {config.api_endpoint}", details, risks)

    def run(self, config: ApiCallConfig, ctx: Context) -> Outcome:
        """One request. Writes pass the effect ledger."""
        try:
            headers = self._headers(config, ctx)
        except credentials.CredentialError as error:
            return Failed(str(error), code="credentials")
        if config.api_method not in WRITES:
            return self._send(config, ctx, headers)
        prior = ctx.intend("", _request_of(config), config.timeout / 1000)
        if prior.confirmed:
            return Success(prior.response, "It had happened already")
        outcome = self._send(config, ctx, headers)
        _settle(ctx, outcome)
        return outcome

    def _headers(self, config: ApiCallConfig, ctx: Context) -> dict[str, str]:
        host = http.host_of(config.api_endpoint)

        def secret(value: Secret | None) -> str:
            if isinstance(value, dict):
                return credentials.resolve(value, host=host, used_by=f"task {ctx.task.id}")
            return value or ""

        headers = {name: secret(value) for name, value in config.custom_headers.items()}
        if config.auth_type == "bearer":
            headers["Authorization"] = f"Bearer {secret(config.bearer_token)}"
        elif config.auth_type == "api_key":
            headers[config.api_key_header] = secret(config.api_key)
        elif config.auth_type == "basic":
            pair = f"{config.username}:{secret(config.password)}"
            headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        if config.api_method in WRITES:
            headers["Idempotency-Key"] = ctx.idempotency_key()
        return headers

    def _send(self, config: ApiCallConfig, ctx: Context, headers: dict[str, str]) -> Outcome:
        try:
            response = http.request(
                config.api_method,
                config.api_endpoint,
                headers=headers,
                params=config.query_params or None,
                json=config.api_payload,
                timeout_s=min(config.timeout / 1000, max(0.1, ctx.remaining_s())),
                max_bytes=config.max_response_bytes,
            )
        except http.TargetNotAllowed as refused:
            return Failed(str(refused), code="target_not_allowed")
        except http.OutboundError as error:
            return self._no_answer(config, error)
        return self._answered(config, response)

    def _no_answer(self, config: ApiCallConfig, error: http.OutboundError) -> Outcome:
        timed_out = isinstance(error, http.TimedOut)
        if error.sent and self.effect(config) == Effect.ONCE:
            return Lost(f"{error}.")
        return Failed(str(error), heals=True, code="timeout" if timed_out else "connection", timed_out=timed_out)

    def _answered(self, config: ApiCallConfig, response: http.Response) -> Outcome:
        output = {
            "data": _body_of(response),
            "metadata": {
                "status": response.status,
                "statusText": response.reason,
                "headers": response.headers,
                "truncated": response.truncated,
            },
        }
        expected = response.status in config.expected_status if config.expected_status else 200 <= response.status < 300
        if expected:
            return Success(output, f"{config.api_method} answered {response.status} {response.reason}".strip())
        sentence = f"HTTP {response.status} {response.reason}".strip()
        if response.location:
            sentence += f" (a redirect to {response.location} was not followed)"
        heals = response.status in HEALING_STATUS
        asked = response.retry_after_s if response.status in (429, 503) else None
        return Failed(sentence, heals=heals, code=f"http_{response.status}", retry_after_s=asked, output=output)


def _settle(ctx: Context, outcome: Outcome) -> None:
    """What the ledger learns. A 5xx leaves it open: the same key goes out again."""
    if isinstance(outcome, Success):
        ctx.confirm("", outcome.output)
    elif isinstance(outcome, Lost):
        ctx.unknown("")
    elif isinstance(outcome, Failed):
        ctx.reject("", {"error": outcome.error})


def _request_of(config: ApiCallConfig) -> dict[str, Any]:
    return config.model_dump(include={"api_endpoint", "api_method", "api_payload", "query_params"})


def _shown(value: Secret) -> str:
    return f"••••{value.get('hint', '')}" if isinstance(value, dict) else value


def _body_of(response: http.Response) -> Any:
    if "json" in response.content_type:
        try:
            return response.json()
        except ValueError:
            return response.text
    if response.content_type.startswith(("text/", "application/xml", "application/x-www-form")) or not response.body:
        return response.text
    return {"base64": base64.b64encode(response.body[: 64 << 10]).decode(), "bytes": len(response.body)}
