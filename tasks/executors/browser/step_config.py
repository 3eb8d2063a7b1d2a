"""The kinds of steps, each with a typed config of its own. Times on the wire are milliseconds."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

import jsonschema
from pydantic import BaseModel, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from agency.http import OutboundError, check_url
from tasks.executors.base import Config

Milliseconds = Annotated[int, Field(ge=1, le=300_000, strict=True)]
Selector = Annotated[str, Field(min_length=1, max_length=2000)]
Instruction = Annotated[str, Field(min_length=1, max_length=2000)]
Text = Annotated[str, Field(max_length=100_000)]


class SecretReference(BaseModel):
    """A value kept elsewhere: `{"credential": 12}` in the store, or `{"env": "AGENCY_SECRET_X"}` in the environment."""

    model_config: ClassVar = {"extra": "forbid"}

    credential: Annotated[int, Field(ge=1, strict=True)] | None = None
    env: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]{2,99}$")] | None = None
    hint: Annotated[str, Field(max_length=50)] | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> SecretReference:
        if (self.credential is None) == (self.env is None):
            raise PydanticCustomError("secret_reference", "a secret is named by either credential or env")
        return self


class Step(Config):
    """What every step may say. `timeout` covers the whole step; without it the kind's own default holds."""

    default_timeout_s: ClassVar[float] = 10.0
    writes: ClassVar[bool] = False

    type: str
    name: Annotated[str, Field(max_length=200)] | None = None
    screenshot: bool = False
    timeout: Milliseconds | None = None
    continue_on_error: bool = False
    wait_for: Selector | None = None
    frame: Selector | list[Selector] | None = None

    @property
    def timeout_s(self) -> float:
        return self.timeout / 1000 if self.timeout else self.default_timeout_s

    @property
    def frames(self) -> list[str]:
        """The frame selectors to enter, outermost first."""
        return [self.frame] if isinstance(self.frame, str) else list(self.frame or [])

    def says(self) -> str:
        """The step in plain words, without any value that could be secret."""
        return self.name or self._says()

    def _says(self) -> str:
        return self.type


def _quoted(text: str) -> str:
    return f"“{text[:80]}”"


class Targeted(Step):
    """A step on one element, named by a selector or described by an instruction."""

    selector: Selector | None = None
    instruction: Instruction | None = None
    heal: bool = False

    @model_validator(mode="after")
    def _has_target(self) -> Targeted:
        if not (self.selector or self.instruction):
            raise PydanticCustomError("target_missing", "{type} requires selector or instruction", {"type": self.type})
        return self

    @property
    def aims_at(self) -> str:
        return self.instruction or self.selector or ""


def _allowed_url(url: str) -> str:
    try:
        check_url(url)
    except OutboundError as error:
        raise PydanticCustomError("url_not_allowed", "{reason}", {"reason": str(error)}) from error
    return url


class Navigate(Step):
    """Open an address. A page that answers 400 or more fails the step unless `failOnHttpError` is false."""

    default_timeout_s: ClassVar[float] = 30.0

    type: Literal["navigate"]
    url: Annotated[str, Field(min_length=1, max_length=2048)]
    fail_on_http_error: bool = True

    _check_url = field_validator("url")(_allowed_url)

    def _says(self) -> str:
        return f"open {self.url}"


class Click(Targeted):
    """Press one element. A new window is followed; an alert is dismissed unless the next step answers it."""

    writes: ClassVar[bool] = True

    type: Literal["click"]
    double: bool = False
    once: bool | None = Field(None, description="True: never repeat without asking. Left out: decided by the page.")

    def _says(self) -> str:
        return f"click {_quoted(self.aims_at)}"


class Hover(Targeted):
    """Move the pointer onto an element."""

    type: Literal["hover"]

    def _says(self) -> str:
        return f"point at {_quoted(self.aims_at)}"


class Type(Targeted):
    """Fill a field. `value` may be a secret's reference; `submit` presses Enter afterwards."""

    writes: ClassVar[bool] = True

    type: Literal["type"]
    value: Text | SecretReference
    clear: bool = True
    submit: bool = False

    @field_validator("value", mode="before")
    @classmethod
    def _text_or_reference(cls, value: Any) -> Any:
        if isinstance(value, dict):
            return SecretReference.model_validate(value)
        if not isinstance(value, str | SecretReference):
            raise PydanticCustomError("value_type", "value must be a text or a secret's reference")
        return value

    @property
    def secret(self) -> bool:
        return isinstance(self.value, SecretReference)

    def _says(self) -> str:
        return f"type into {_quoted(self.aims_at)}"


class Select(Targeted):
    """Choose an option of a list, or set a checkbox or radio button, by its label or value."""

    writes: ClassVar[bool] = True

    type: Literal["select"]
    value: Annotated[str, Field(max_length=500)] | None = None
    index: Annotated[int, Field(ge=0, le=10_000)] | None = None

    @model_validator(mode="after")
    def _has_choice(self) -> Select:
        if self.value is None and self.index is None:
            raise PydanticCustomError("choice_missing", "select requires value or index")
        return self

    def _says(self) -> str:
        return f"choose {_quoted(str(self.value if self.value is not None else self.index))} in {_quoted(self.aims_at)}"


class Press(Step):
    """Press a key, or a chord such as Control+A, where the focus is or on `selector`."""

    writes: ClassVar[bool] = True

    type: Literal["press"]
    key: Annotated[str, Field(min_length=1, max_length=40)]
    selector: Selector | None = None

    def _says(self) -> str:
        return f"press {self.key}"


class Scroll(Step):
    """Scroll to the top, the bottom, an element, or by so many pixels."""

    type: Literal["scroll"]
    to: Literal["top", "bottom"] | None = None
    by: Annotated[int, Field(ge=-100_000, le=100_000)] | None = None
    selector: Selector | None = None
    instruction: Instruction | None = None

    def _says(self) -> str:
        return f"scroll to {self.to or self.instruction or self.selector or f'{self.by or 600} pixels'}"


class Upload(Targeted):
    """Give a file to a file field: `text`, `base64`, or by its number an `artifact` that the task's creator may see.

    Without `fileName` an artifact keeps its own name.
    """

    default_timeout_s: ClassVar[float] = 20.0
    writes: ClassVar[bool] = True

    type: Literal["upload"]
    file_name: Annotated[str, Field(min_length=1, max_length=150)] | None = None
    text: Text | None = None
    base64: Annotated[str, Field(max_length=14_000_000)] | None = None
    artifact: Annotated[int, Field(ge=1)] | None = None

    @model_validator(mode="after")
    def _one_source(self) -> Upload:
        if sum(source is not None for source in (self.text, self.base64, self.artifact)) != 1:
            raise PydanticCustomError("file_missing", "upload requires exactly one of text, base64 and artifact")
        return self

    def _says(self) -> str:
        kept = f"artifact {self.artifact}" if self.artifact is not None else "a text"
        what = f"{self.file_name} ({kept})" if self.file_name and self.artifact else self.file_name or kept
        return f"give the file {what} to {_quoted(self.aims_at)}"


class Download(Step):
    """Keep the file that a click (or an address) delivers."""

    default_timeout_s: ClassVar[float] = 60.0

    type: Literal["download"]
    selector: Selector | None = None
    instruction: Instruction | None = None
    url: Annotated[str, Field(max_length=2048)] | None = None
    file_name: Annotated[str, Field(max_length=150)] | None = None

    _check_url = field_validator("url")(lambda url: url if url is None else _allowed_url(url))

    @model_validator(mode="after")
    def _has_source(self) -> Download:
        if not (self.selector or self.instruction or self.url):
            raise PydanticCustomError("target_missing", "download requires selector, instruction or url")
        return self

    def _says(self) -> str:
        return f"download {self.url or _quoted(self.instruction or self.selector or '')}"


class Wait(Step):
    """Wait for a time, or until a selector, a text or a part of the address is there (or gone)."""

    default_timeout_s: ClassVar[float] = 30.0

    type: Literal["wait"]
    duration: Annotated[int, Field(ge=0, le=60_000)] | None = None
    selector: Selector | None = None
    text: Annotated[str, Field(min_length=1, max_length=1000)] | None = None
    url: Annotated[str, Field(min_length=1, max_length=2048)] | None = None
    state: Literal["visible", "hidden"] = "visible"

    def _says(self) -> str:
        what = self.selector or self.text or self.url
        return f"wait for {_quoted(what)}" if what else f"wait {self.duration or 1000} ms"


class Assert(Step):
    """Fail the task unless the page shows what is expected."""

    type: Literal["assert"]
    selector: Selector | None = None
    text: Annotated[str, Field(min_length=1, max_length=1000)] | None = None
    url: Annotated[str, Field(min_length=1, max_length=2048)] | None = None
    title: Annotated[str, Field(min_length=1, max_length=500)] | None = None
    count: Annotated[int, Field(ge=0, le=100_000)] | None = None
    absent: bool = False

    @model_validator(mode="after")
    def _has_claim(self) -> Assert:
        if not (self.selector or self.text or self.url or self.title):
            raise PydanticCustomError("claim_missing", "assert requires selector, text, url or title")
        return self

    def _says(self) -> str:
        what = self.text or self.selector or self.url or self.title or ""
        return f"check that {_quoted(what)} is {'not ' if self.absent else ''}there"


def _check_schema(schema: dict[str, Any]) -> None:
    """Refuses what is no JSON Schema, or points outside itself."""
    if "$ref" in str(schema):
        raise PydanticCustomError("schema_reference", "the schema must stand alone, without $ref")
    try:
        jsonschema.Draft202012Validator.check_schema(schema)
    except jsonschema.SchemaError as error:
        raise PydanticCustomError("schema_invalid", "not a JSON Schema: {reason}", {"reason": error.message}) from error


class Extract(Step):
    """Read data out of the page; with `schema` the result must satisfy it, with `maxPages` the list goes on."""

    default_timeout_s: ClassVar[float] = 20.0

    type: Literal["extract"]
    instruction: Instruction = "Extract the main content"
    json_schema: dict[str, Any] | None = Field(None, alias="schema")
    selector: Selector | None = None
    max_pages: Annotated[int, Field(ge=1, le=50)] = 1
    next: Instruction | None = None
    limit: Annotated[int, Field(ge=1, le=10_000)] | None = None

    @field_validator("json_schema")
    @classmethod
    def _valid_schema(cls, schema: dict[str, Any] | None) -> dict[str, Any] | None:
        if schema is not None:
            _check_schema(schema)
        return schema

    def _says(self) -> str:
        return f"extract: {self.instruction}"


class Screenshot(Step):
    """Keep a picture of the window, of the whole page, or of one element."""

    type: Literal["screenshot"]
    full_page: bool = False
    selector: Selector | None = None

    def _says(self) -> str:
        return "take a screenshot"


class Frame(Step):
    """Work inside a frame from here on: named by selector, name or index; "main" leaves all frames."""

    type: Literal["frame"]
    to: Literal["main", "parent"] | None = None
    selector: Selector | None = None
    index: Annotated[int, Field(ge=0, le=500)] | None = None

    @model_validator(mode="after")
    def _has_frame(self) -> Frame:
        if self.to is None and self.selector is None and self.index is None:
            raise PydanticCustomError("frame_missing", "frame requires to, selector or index")
        return self

    def _says(self) -> str:
        return f"go to the frame {self.to or self.selector or self.index}"


class Window(Step):
    """Work in another window: the newest, the first, or one whose title or address contains `to`."""

    type: Literal["window"]
    to: Annotated[str, Field(min_length=1, max_length=500)] = "new"
    close: bool = False

    def _says(self) -> str:
        return "close this window" if self.close else f"go to the window {self.to}"


class Alert(Step):
    """Answer the alert, question or prompt that is open."""

    type: Literal["alert"]
    accept: bool = True
    text: Annotated[str, Field(max_length=1000)] | None = None

    def _says(self) -> str:
        return f"{'accept' if self.accept else 'dismiss'} the page's question"


KINDS: dict[str, type[Step]] = {
    "navigate": Navigate,
    "click": Click,
    "type": Type,
    "extract": Extract,
    "wait": Wait,
    "screenshot": Screenshot,
    "select": Select,
    "press": Press,
    "scroll": Scroll,
    "hover": Hover,
    "upload": Upload,
    "download": Download,
    "assert": Assert,
    "frame": Frame,
    "window": Window,
    "alert": Alert,
}
