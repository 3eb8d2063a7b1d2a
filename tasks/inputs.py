"""What a caller may say about a task: one typed shape for the API, bulk, templates, messages and the command line."""

from __future__ import annotations

import datetime as dt
import json
from typing import Annotated, Any, Literal

from django.conf import settings
from django.utils import timezone
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from pydantic.alias_generators import to_camel

from tasks.errors import Invalid
from tasks.validation import FieldError, pointer_of

#: Times further away than this are mistakes.
EARLIEST, LATEST = dt.timedelta(days=1), dt.timedelta(days=5 * 366)
MAX_DEPTH, MAX_NODES = 20, 2_000


def check_text(text: str) -> str:
    """Refuses what PostgreSQL cannot store or a terminal would act on."""
    if "\x00" in text:
        raise ValueError("must not contain the NUL character")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("must not contain lone surrogates") from None
    return text


def check_json(value: Any) -> Any:
    """Refuses JSON that cannot be stored or is absurdly deep or large: at most 20 levels and 2,000 values."""
    count = 0
    pending = [(value, 0)]
    while pending:
        item, depth = pending.pop()
        count += 1
        if depth > MAX_DEPTH:
            raise ValueError(f"must not be nested deeper than {MAX_DEPTH} levels")
        if count > MAX_NODES:
            raise ValueError(f"must not hold more than {MAX_NODES} values")
        if isinstance(item, str):
            check_text(item)
        elif isinstance(item, dict):
            for key in item:
                check_text(key)
            pending.extend((inner, depth + 1) for inner in item.values())
        elif isinstance(item, list):
            pending.extend((inner, depth + 1) for inner in item)
        elif isinstance(item, int) and abs(item) > 10**100:
            raise ValueError("must not hold numbers of more than 100 digits")
    return value


def check_time(value: dt.datetime) -> dt.datetime:
    """Refuses times before yesterday and after five years."""
    now = timezone.now()
    if not now - EARLIEST <= value <= now + LATEST:
        raise ValueError("must lie between one day ago and five years ahead")
    return value


Text = Annotated[str, AfterValidator(check_text)]
Title = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500), AfterValidator(check_text)
]
Json = Annotated[dict[str, Any], AfterValidator(check_json)]
Time = Annotated[AwareDatetime, AfterValidator(check_time)]
Tag = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100), AfterValidator(check_text)]
Level = Literal["low", "medium", "high", "critical"]
Hurry = Literal["normal", "soon", "urgent", "immediate"]


class TaskInput(BaseModel):
    """A new task, as POST tasks/ takes it."""

    model_config = ConfigDict(
        alias_generator=to_camel, extra="forbid", strict=True, hide_input_in_errors=True, ser_json_inf_nan="null"
    )

    title: Title
    description: Annotated[Text, Field(max_length=5000)] = ""
    category: Annotated[Text, Field(min_length=1, max_length=100)] = "general"
    tags: Annotated[list[Tag], Field(max_length=50)] = []
    metadata: Json = {}
    task_type: Annotated[str, Field(max_length=100)]
    priority: Level = "medium"
    urgency: Hurry = "normal"
    assigned_to_bot: bool = True
    requires_human_review: bool = False
    execution_type: Literal["automatic", "manual_trigger", "scheduled"] = "automatic"
    execution_config: Json = {}
    scheduled_for: Annotated[Time | None, Field(strict=False)] = None
    deadline: Annotated[Time | None, Field(strict=False)] = None
    depends_on: Annotated[list[Annotated[int, Field(gt=0, lt=2**63)]], Field(max_length=100)] = []
    on_dependency_failure: Literal["block", "cancel", "run"] = "block"
    max_retries: Annotated[int, Field(ge=0, le=10)] = 3
    on_unknown_outcome: Literal["ask", "retry", "fail"] = "ask"
    notify_on_complete: bool = True
    notify_on_failure: bool = True
    source_webhook_id: Annotated[int | None, Field(gt=0, lt=2**63)] = None


class TaskChanges(BaseModel):
    """What PATCH tasks/{id}/ may change. A field that is absent stays as it is."""

    model_config = TaskInput.model_config

    title: Title | None = None
    description: Annotated[Text, Field(max_length=5000)] | None = None
    category: Annotated[Text, Field(min_length=1, max_length=100)] | None = None
    tags: Annotated[list[Tag], Field(max_length=50)] | None = None
    metadata: Json | None = None
    priority: Level | None = None
    urgency: Hurry | None = None
    assigned_to_bot: bool | None = None
    requires_human_review: bool | None = None
    execution_type: Literal["automatic", "manual_trigger", "scheduled"] | None = None
    execution_config: Json | None = None
    scheduled_for: Annotated[Time | None, Field(strict=False)] = None
    deadline: Annotated[Time | None, Field(strict=False)] = None
    depends_on: Annotated[list[Annotated[int, Field(gt=0, lt=2**63)]], Field(max_length=100)] | None = None
    on_dependency_failure: Literal["block", "cancel", "run"] | None = None
    max_retries: Annotated[int, Field(ge=0, le=10)] | None = None
    on_unknown_outcome: Literal["ask", "retry", "fail"] | None = None
    notify_on_complete: bool | None = None
    notify_on_failure: bool | None = None


def errors_of(error: ValidationError, root: str = "") -> list[FieldError]:
    """A model's errors with pointers from the request's root."""
    return [
        FieldError(
            pointer_of(tuple(item["loc"]), root),
            item["type"],
            _message(item["type"], item["msg"], item["loc"]),
        )
        for item in error.errors(include_url=False, include_context=False, include_input=False)
    ]


def _message(code: str, text: str, path: tuple[Any, ...]) -> str:
    name = str(path[-1]) if path else "body"
    if code == "extra_forbidden":
        return f"{name} is not a field that can be set here{_did_you_mean(name)}"
    if code == "missing":
        return f"{name} is required"
    if code == "model_type":
        return "must be a JSON object" if path else "The body must be a JSON object"
    return text.removeprefix("Value error, ")


def _did_you_mean(name: str) -> str:
    camel = to_camel(name)
    known = {field.alias for field in TaskInput.model_fields.values()}
    return f". Did you mean {camel!r}?" if camel != name and camel in known else ""


def parse_task(raw: Any, root: str = "") -> TaskInput:
    """A new task from JSON. Raises Invalid."""
    try:
        return TaskInput.model_validate(raw)
    except ValidationError as error:
        raise Invalid(errors_of(error, root)) from None


def parse_changes(raw: Any) -> TaskChanges:
    """An edit from JSON. Raises Invalid."""
    try:
        return TaskChanges.model_validate(raw)
    except ValidationError as error:
        raise Invalid(errors_of(error)) from None


def config_size(config: dict[str, Any]) -> int:
    """Bytes of a config as JSON."""
    return len(json.dumps(config, ensure_ascii=False).encode())


def check_config_size(config: dict[str, Any], root: str = "") -> None:
    """Raises Invalid for a config of more than MAX_CONFIG_BYTES."""
    if config_size(config) > settings.MAX_CONFIG_BYTES:
        message = f"must be at most {settings.MAX_CONFIG_BYTES} bytes as JSON"
        raise Invalid([FieldError(f"#{root}/executionConfig", "too_long", message)])
