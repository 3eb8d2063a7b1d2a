"""What a browser task may ask, in both of its spellings.

A step is written `{"type": …, "config": {…}}`, `{"action": …, "config": {…}}` or flat; the list is called
automationSteps or browserActions. All of them mean the same.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, PlainSerializer, PlainValidator, ValidationError, WithJsonSchema, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from tasks.executors.base import Config
from tasks.executors.browser.step_config import KINDS, Step

MAX_STEPS = 100
MISSING = "Browser automation requires browserActions or automationSteps"
#: What may stand beside `config` as well as in it.
_BESIDE = {"name", "screenshot", "timeout", "continueOnError", "waitFor", "frame"}


def parse_step(raw: Any) -> Step:
    """One step of any spelling. Raises ValidationError with the place of each fault as it was written."""
    if isinstance(raw, Step):
        return raw
    if not isinstance(raw, dict):
        raise PydanticCustomError("step_type", "a step is an object with type (or action) and config")
    kind = _kind(raw)
    nested = raw.get("config")
    if nested is None:
        fields = {key: value for key, value in raw.items() if key not in ("action", "config")}
    else:
        fields = _merged(raw, nested)
    try:
        return KINDS[kind].model_validate({**fields, "type": kind})
    except ValidationError as error:
        raise _relocated(error, nested) from None


def _kind(raw: dict[str, Any]) -> str:
    named = [raw[key] for key in ("type", "action") if isinstance(raw.get(key), str)]
    if not named:
        raise PydanticCustomError("step_kind_missing", "a step requires type (or action)")
    if len(set(named)) > 1:
        raise PydanticCustomError("step_kind_twice", "type and action name different steps")
    if named[0] not in KINDS:
        expected = {"kind": named[0][:50], "kinds": ", ".join(KINDS)}
        raise PydanticCustomError("step_kind_unknown", "unknown step {kind}; expected one of {kinds}", expected)
    return str(named[0])


def _merged(raw: dict[str, Any], nested: Any) -> dict[str, Any]:
    if not isinstance(nested, dict):
        raise PydanticCustomError("step_config_type", "config must be an object")
    beside = {key: value for key, value in raw.items() if key not in ("type", "action", "config")}
    strange = sorted(beside.keys() - _BESIDE)
    if strange:
        raise PydanticCustomError("step_extra", "{field} belongs into config", {"field": strange[0]})
    if "type" in nested:
        raise PydanticCustomError("step_extra", "type does not belong into config")
    return {**nested, **beside}


def _relocated(error: ValidationError, nested: Any) -> ValidationError:
    """The same faults, each at the place where its field was (or should have been) written."""
    details: list[InitErrorDetails] = []
    for fault in error.errors(include_url=False, include_context=False):
        inside = isinstance(nested, dict) and (not fault["loc"] or fault["loc"][0] not in _BESIDE)
        loc = ("config", *fault["loc"]) if inside else fault["loc"]
        kind = PydanticCustomError(fault["type"], "{message}", {"message": fault["msg"]})
        details.append(InitErrorDetails(type=kind, loc=loc, input=None))
    return ValidationError.from_exception_data("step", details, hide_input=True)


def _step_schema() -> dict[str, Any]:
    kinds = list(KINDS)
    flat = [_inlined(model.model_json_schema(by_alias=True)) for model in KINDS.values()]
    nested = {
        "title": "Nested spelling",
        "type": "object",
        "required": ["config"],
        "properties": {"type": {"enum": kinds}, "action": {"enum": kinds}, "config": {"type": "object"}},
    }
    action = {
        "title": "Spelling with action",
        "type": "object",
        "required": ["action"],
        "properties": {"action": {"enum": kinds}},
    }
    return {"anyOf": [*flat, nested, action]}


def _inlined(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema without $defs, so that it can stand inside another."""
    definitions = schema.pop("$defs", {})

    def inline(node: Any) -> Any:
        if isinstance(node, dict):
            if "$ref" in node:
                return inline(definitions[node["$ref"].rpartition("/")[2]])
            return {key: inline(value) for key, value in node.items()}
        return [inline(item) for item in node] if isinstance(node, list) else node

    return dict(inline(schema))


AnyStep = Annotated[
    Step,
    PlainValidator(parse_step),
    PlainSerializer(lambda step: step.model_dump(by_alias=True, exclude_none=True)),
    WithJsonSchema(_step_schema()),
]
Steps = Annotated[list[AnyStep], Field(min_length=1, max_length=MAX_STEPS)]


class BrowserConfig(Config):
    """executionConfig of browser_automation. `timeout` (ms) bounds one attempt; `driver` overrides the setting."""

    automation_steps: Steps | None = None
    browser_actions: Steps | None = None
    driver: Literal["local", "grid", "browserbase"] | None = None
    engine: Literal["auto", "deterministic", "llm", "stagehand"] = "auto"
    timeout: Annotated[int, Field(ge=1000, le=300_000, strict=True)] = 120_000

    @model_validator(mode="before")
    @classmethod
    def _one_spelling(cls, raw: Any) -> Any:
        if isinstance(raw, dict):
            spelled = [key for key in ("automationSteps", "browserActions") if raw.get(key) is not None]
            if not spelled:
                raise PydanticCustomError("steps_missing", MISSING)
            if len(spelled) > 1:
                raise PydanticCustomError("steps_twice", "give automationSteps or browserActions, not both")
        return raw

    @property
    def steps(self) -> list[Step]:
        return self.automation_steps or self.browser_actions or []


class ExtractionConfig(BrowserConfig):
    """executionConfig of data_extraction: the same steps, at least one of them an extract."""

    @model_validator(mode="after")
    def _extracts(self) -> ExtractionConfig:
        if not any(step.type == "extract" for step in self.steps):
            raise PydanticCustomError("extract_missing", "data extraction requires an extract step")
        return self
