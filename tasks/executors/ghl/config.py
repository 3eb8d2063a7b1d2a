"""The executionConfig of each GoHighLevel action."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, RootModel, field_validator, model_validator

from tasks.executors.base import Config

MAX_SMS = 1600  # characters that a text message of ten segments holds; carriers refuse longer ones


def _phone(text: str) -> str:
    digits = re.sub(r"[\s().-]", "", text)
    if not re.fullmatch(r"\+?[0-9]{7,15}", digits):
        raise ValueError("expected a phone number with country code, such as +15551234567")
    return digits


def _email(text: str) -> str:
    if not re.fullmatch(r"[^@\s<>\",;]{1,64}@[^@\s<>\",;]+\.[^@\s<>\",;.]{2,}", text.strip()):
        raise ValueError("expected an e-mail address")
    return text.strip()


Text = Annotated[str, Field(max_length=500)]
Name = Annotated[str, Field(min_length=1, max_length=500)]
Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,100}$")]
Phone = Annotated[str, Field(max_length=40), AfterValidator(_phone)]
Email = Annotated[str, Field(max_length=320), AfterValidator(_email)]
Url = Annotated[str, Field(max_length=2048, pattern=r"^https://")]


def _field_value(value: Any) -> Any:
    lists = isinstance(value, list) and all(isinstance(item, str) for item in value)
    if not (lists or isinstance(value, str | int | float | dict)):
        raise ValueError("expected text, a number, true or false, a list of texts, or an object")
    return value


class CustomField(Config):
    """A custom field by id, key or name; the value under any of the names the API uses."""

    id: Id | None = None
    key: Name | None = None
    name: Name | None = None
    value: Annotated[Any, AfterValidator(_field_value)]

    @model_validator(mode="before")
    @classmethod
    def _one_spelling(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        spellings = [name for name in ("value", "fieldValue", "field_value") if name in given]
        if len(spellings) != 1:
            raise ValueError("expected exactly one of value, fieldValue and field_value")
        rest = {name: value for name, value in given.items() if name != spellings[0]}
        return {**rest, "value": given[spellings[0]]}

    @model_validator(mode="after")
    def _named(self) -> CustomField:
        if not (self.id or self.key or self.name):
            raise ValueError("expected id, key or name")
        return self


def _as_list(given: Any) -> Any:
    """The seed writes custom fields as an object of names and values."""
    if isinstance(given, dict):
        return [{"name": name, "value": value} for name, value in given.items()]
    return given


CustomFields = Annotated[
    list[CustomField],
    Field(max_length=100),
    BeforeValidator(_as_list, json_schema_input_type=list[CustomField] | dict[str, Any]),
]


class Action(Config):
    """What every action has. The location is GHL_LOCATION_ID unless it is named here."""

    location_id: Id | None = None


class ContactFields(Action):
    """What is known about a person."""

    first_name: Text | None = None
    last_name: Text | None = None
    name: Text | None = None
    email: Email | None = None
    phone: Phone | None = None
    address1: Text | None = None
    city: Text | None = None
    state: Text | None = None
    postal_code: Text | None = None
    country: Annotated[str, Field(pattern=r"^[A-Z]{2}$", description="ISO 3166 code of two letters")] | None = None
    website: Text | None = None
    timezone: Text | None = None
    date_of_birth: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")] | None = None
    source: Text | None = None
    assigned_to: Id | None = None
    dnd: bool | None = None
    dnd_settings: dict[str, Any] | None = None
    inbound_dnd_settings: dict[str, Any] | None = None
    tags: Annotated[list[Name], Field(max_length=100)] = []
    custom_fields: CustomFields = []

    def standard_fields(self) -> dict[str, Any]:
        """The fields as the API spells them; never `tags`, which would replace all tags of the contact."""
        extra = {"ghl_action", "location_id", "contact_id", "tags", "custom_fields", "create_new_if_duplicate_allowed"}
        return self.model_dump(by_alias=True, exclude_none=True, exclude=extra)


class AddContact(ContactFields):
    ghl_action: Literal["add_contact"]
    gender: Text | None = None
    company_name: Text | None = None
    create_new_if_duplicate_allowed: bool = False

    @model_validator(mode="after")
    def _somebody(self) -> AddContact:
        if not (self.email or self.phone or self.name or self.first_name or self.last_name):
            raise ValueError("add_contact requires an email, a phone or a name")
        return self


class UpdateContact(ContactFields):
    """The contact is named by contactId; without it, by email, else by phone, which then stay as they are."""

    ghl_action: Literal["update_contact"]
    contact_id: Id | None = None

    @model_validator(mode="after")
    def _whom_and_what(self) -> UpdateContact:
        if not (self.contact_id or self.email or self.phone):
            raise ValueError("update_contact requires contactId, email or phone")
        if not (self.changes() or self.tags or self.custom_fields):
            raise ValueError("update_contact requires something to change")
        return self

    def changes(self) -> dict[str, Any]:
        """The fields to write; what only served to find the contact is left out."""
        fields = self.standard_fields()
        if not self.contact_id:
            fields.pop("email" if self.email else "phone", None)
        return fields


class ToContact(Action):
    """An action on one contact, named by id, e-mail or phone."""

    contact_id: Id | None = None
    email: Email | None = None
    phone: Phone | None = None

    @model_validator(mode="after")
    def _whom(self) -> ToContact:
        if not (self.contact_id or self.email or self.phone):
            raise ValueError(f"{getattr(self, 'ghl_action', 'the action')} requires contactId, email or phone")
        return self


class SendSms(ToContact):
    ghl_action: Literal["send_sms"]
    message: Annotated[str, Field(min_length=1, max_length=MAX_SMS)]
    from_number: Phone | None = None
    to_number: Phone | None = None
    attachments: Annotated[list[Url], Field(max_length=10)] = []

    @field_validator("message")
    @classmethod
    def _says_something(cls, text: str) -> str:
        if not text.strip():
            raise ValueError("expected a text that is not empty")
        return text


class CreateOpportunity(ToContact):
    """Pipeline and stage by id or by name. One contact has at most one opportunity per pipeline."""

    ghl_action: Literal["create_opportunity"]
    name: Name
    pipeline_id: Id | None = None
    pipeline_name: Name | None = None
    pipeline_stage_id: Id | None = None
    stage_name: Name | None = None
    status: Literal["open", "won", "lost", "abandoned"] = "open"
    monetary_value: Annotated[float, Field(ge=0, le=1e12, allow_inf_nan=False)] | None = None
    assigned_to: Id | None = None
    custom_fields: CustomFields = []

    @model_validator(mode="after")
    def _where(self) -> CreateOpportunity:
        if not (self.pipeline_id or self.pipeline_name):
            raise ValueError("create_opportunity requires pipelineId or pipelineName")
        return self


class AddTag(ToContact):
    ghl_action: Literal["add_tag"]
    tags: Annotated[list[Name], Field(max_length=100)] = []
    tag: Name | None = None

    @model_validator(mode="after")
    def _which(self) -> AddTag:
        if not self.all_tags():
            raise ValueError("add_tag requires tags")
        return self

    def all_tags(self) -> list[str]:
        return list(dict.fromkeys([*self.tags, *([self.tag] if self.tag else [])]))


AnyAction = AddContact | UpdateContact | SendSms | CreateOpportunity | AddTag


ACTIONS = ("add_contact", "update_contact", "send_sms", "create_opportunity", "add_tag")


class GhlConfig(RootModel[Annotated[AnyAction, Field(discriminator="ghl_action")]]):
    """One of the five actions, told apart by ghlAction."""

    @model_validator(mode="before")
    @classmethod
    def _which(cls, given: Any) -> Any:
        if isinstance(given, dict) and given.get("ghlAction") not in ACTIONS:
            asked = given.get("ghlAction")
            known = ", ".join(ACTIONS)
            if isinstance(asked, str) and asked:
                raise ValueError(f"ghlAction {asked[:50]!r} is not one of {known}")
            raise ValueError(f"GHL action requires ghlAction ({known})")
        return given
