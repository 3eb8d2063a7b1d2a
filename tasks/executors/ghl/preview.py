"""What an action will do, in the words of the person who decides."""

from __future__ import annotations

from typing import Any

from tasks.executors.base import Preview
from tasks.executors.ghl.config import (
    AddContact,
    AddTag,
    AnyAction,
    CreateOpportunity,
    CustomField,
    SendSms,
    UpdateContact,
)

LABELS = {"dnd": "Do not disturb", "dndSettings": "Do-not-disturb settings", "dateOfBirth": "Date of birth"}


def of(config: AnyAction, location: str) -> Preview:
    """Sentence, details and risks of one action."""
    sentence, details, risks = _parts(config)
    return Preview(sentence, [("Location", location or "none set"), *details], risks)


def _parts(config: AnyAction) -> tuple[str, list[tuple[str, str]], list[str]]:
    if isinstance(config, AddContact):
        details = [*_fields(config.standard_fields()), *_custom(config.custom_fields), *_tags(config.tags)]
        risks = ["Makes a second contact even if one like it exists"] if config.create_new_if_duplicate_allowed else []
        return f"Create or update the contact {_who(config)} in GoHighLevel", details, risks
    if isinstance(config, UpdateContact):
        details = [*_fields(config.changes()), *_custom(config.custom_fields), *_tags(config.tags)]
        return f"Change the contact {_whom(config)} in GoHighLevel", details, []
    if isinstance(config, SendSms):
        details = [("Message", config.message)]
        details += [("From", config.from_number)] if config.from_number else []
        details += [("To", config.to_number)] if config.to_number else []
        details += [("Attachment", url) for url in config.attachments]
        return f"Send a text message to {_whom(config)}", details, ["A person gets it at once; it cannot be taken back"]
    if isinstance(config, CreateOpportunity):
        return _opportunity(config)
    return f"Add tags to the contact {_whom(config)} in GoHighLevel", _tags(config.all_tags()), []


def _opportunity(config: CreateOpportunity) -> tuple[str, list[tuple[str, str]], list[str]]:
    details = [("Pipeline", config.pipeline_name or config.pipeline_id or ""), ("Status", config.status)]
    stage = config.stage_name or config.pipeline_stage_id
    details += [("Stage", stage)] if stage else []
    details += [("Value", f"{config.monetary_value:,.2f}")] if config.monetary_value is not None else []
    sentence = f"Create the sales opportunity {config.name!r} for {_whom(config)}"
    return sentence, [*details, *_custom(config.custom_fields)], ["It changes the sales figures"]


def _fields(fields: dict[str, Any]) -> list[tuple[str, str]]:
    return [(LABELS.get(name, _in_words(name)), str(value)) for name, value in fields.items()]


def _custom(fields: list[CustomField]) -> list[tuple[str, str]]:
    return [(str(field.name or field.key or field.id), str(field.value)) for field in fields]


def _tags(tags: list[str]) -> list[tuple[str, str]]:
    return [("Tags added", ", ".join(tags))] if tags else []


def _who(config: AddContact) -> str:
    full = config.name or " ".join(part for part in (config.first_name, config.last_name) if part)
    reach = config.email or config.phone
    return f"{full} ({reach})" if full and reach else full or reach or ""


def _whom(config: UpdateContact | SendSms | CreateOpportunity | AddTag) -> str:
    return str(config.contact_id or config.email or config.phone)


def _in_words(name: str) -> str:
    """firstName → First name."""
    words = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name)
    return words[:1].upper() + words[1:]
