"""The executionConfig of api_call: the seed's keys, and queryParams, expectedStatus, idempotent, maxResponseBytes."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field

from agency.credentials import is_reference
from tasks.executors.base import Config

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD")
#: Methods that change something at the target.
WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
MIB = 1 << 20


def _endpoint(text: str) -> str:
    if not text.strip():
        raise ValueError("API call requires apiEndpoint")
    return text


def _reference(value: Any) -> Any:
    if not is_reference(value):
        raise ValueError('expected text, {"credential": 12} or {"env": "AGENCY_SECRET_NAME"}')
    return value


def _upper(value: Any) -> Any:
    return value.upper() if isinstance(value, str) else value


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, int) and not isinstance(value, bool) else value


def _user(text: str) -> str:
    if ":" in text:
        raise ValueError("a user name holds no colon (RFC 7617)")
    return text


def _whole_text(value: Any) -> Any:
    """Texts in, texts out: a number is no token."""
    return value if isinstance(value, str) else _reference(value)


#: A secret as it is written, or what it became: a reference. Inline secrets are moved out before a config is stored.
Secret = Annotated[Any, AfterValidator(_whole_text), Field(json_schema_extra={"type": ["string", "object"]})]
Scalar = str | int | float | bool | Annotated[dict[str, Any], AfterValidator(_reference)] | None


class ApiCallConfig(Config):
    """One HTTP request. Times in milliseconds, sizes in bytes."""

    model_config = ConfigDict(title="API call")

    api_endpoint: Annotated[str, Field(max_length=2048), AfterValidator(_endpoint)]
    api_method: Annotated[Literal["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"], BeforeValidator(_upper)] = "GET"
    api_payload: Annotated[Any, Field(description="Sent as JSON, or as a form if Content-Type says so.")] = None
    auth_type: Literal["bearer", "api_key", "basic", "none"] = "none"
    bearer_token: Secret | None = None
    api_key: Secret | None = None
    api_key_header: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,100}$")] = "X-API-Key"
    username: Annotated[str, Field(max_length=500), AfterValidator(_user)] | None = None
    password: Secret | None = None
    custom_headers: Annotated[dict[str, Secret], Field(max_length=50)] = {}
    timeout: Annotated[int, Field(ge=1_000, le=120_000, description="Milliseconds for the whole call.")] = 30_000
    query_params: Annotated[dict[str, Scalar | list[str | int | float | bool]], Field(max_length=100)] = {}
    expected_status: Annotated[
        list[Annotated[int, Field(ge=100, le=599)]],
        Field(max_length=50, description="Statuses that count as success; every 2xx when empty."),
        BeforeValidator(_listed),
    ] = []
    idempotent: Annotated[bool, Field(description="The target honours Idempotency-Key.")] = False
    max_response_bytes: Annotated[int, Field(ge=1, le=10 * MIB, description="Read at most so much.")] = MIB

    @property
    def writes(self) -> bool:
        return self.api_method in WRITES

    def missing(self) -> list[tuple[str, str]]:
        """What the chosen authType needs and is not there, as (key, sentence)."""
        needed = {
            "bearer": [("bearerToken", self.bearer_token)],
            "api_key": [("apiKey", self.api_key)],
            "basic": [("username", self.username), ("password", self.password)],
        }
        return [
            (key, f"API call with authType {self.auth_type} requires {key}")
            for key, value in needed.get(self.auth_type, [])
            if not value
        ]

    def references(self) -> list[Any]:
        """Everything in it that may be a reference to a secret."""
        return [
            self.bearer_token, self.api_key, self.password, *self.custom_headers.values(), *self.query_params.values()
        ]  # fmt: skip
