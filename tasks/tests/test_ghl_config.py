"""ghl_action: which configs are accepted, what is said about the others, and what a reviewer reads."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from tasks.executors.base import Effect
from tasks.executors.ghl.action import GhlAction
from tasks.executors.ghl.config import GhlConfig
from tasks.validation import config_errors, first_sentence

ACTION = GhlAction()
SEED = {
    "ghlAction": "add_contact",
    "firstName": "John",
    "lastName": "Doe",
    "email": "john@example.com",
    "phone": "+1234567890",
    "customFields": {"company": "Acme Inc"},
}


def _config(**fields: Any) -> GhlConfig:
    return GhlConfig.model_validate(fields)


def test_the_example_of_the_seed_is_accepted() -> None:
    config = _config(**SEED)
    assert config.root.standard_fields()["firstName"] == "John"
    assert [(field.name, field.value) for field in config.root.custom_fields] == [("company", "Acme Inc")]


@pytest.mark.parametrize(
    ("fields", "pointer", "sentence"),
    [
        ({}, "", "GHL action requires ghlAction"),
        ({"ghlAction": "delete_all"}, "", "'delete_all' is not one of add_contact"),
        ({"ghlAction": "add_contact"}, "", "add_contact requires an email, a phone or a name"),
        ({"ghlAction": "add_contact", "email": "nonsense"}, "email", "email: expected an e-mail address"),
        ({"ghlAction": "add_contact", "email": "a@b.example", "foo": 1}, "foo", "foo: Extra inputs"),
        ({"ghlAction": "add_contact", "email": "a@b.example", "country": "Germany"}, "country", "country"),
        ({"ghlAction": "send_sms", "phone": "+15551234567"}, "message", "GHL action requires message"),
        ({"ghlAction": "send_sms", "message": "Hi"}, "", "send_sms requires contactId, email or phone"),
        ({"ghlAction": "send_sms", "message": "  ", "contactId": "c"}, "message", "message: expected a text"),
        ({"ghlAction": "send_sms", "message": "x" * 1601, "contactId": "c"}, "message", "message"),
        ({"ghlAction": "send_sms", "message": "Hi", "phone": "12"}, "phone", "expected a phone number"),
        ({"ghlAction": "add_tag", "contactId": "c"}, "", "add_tag requires tags"),
        ({"ghlAction": "add_tag", "contactId": "../x", "tag": "vip"}, "contactId", "contactId"),
        ({"ghlAction": "update_contact", "contactId": "c"}, "", "requires something to change"),
        ({"ghlAction": "update_contact", "email": "a@b.example"}, "", "requires something to change"),
        ({"ghlAction": "update_contact", "firstName": "A"}, "", "requires contactId, email or phone"),
        ({"ghlAction": "update_contact", "contactId": "c", "companyName": "A"}, "companyName", "companyName"),
        ({"ghlAction": "create_opportunity", "contactId": "c", "name": "A"}, "", "pipelineId or pipelineName"),
        ({"ghlAction": "create_opportunity", "contactId": "c", "name": "A", "pipelineId": "p", "status": "all"},
         "status", "status"),
        ({"ghlAction": "create_opportunity", "contactId": "c", "name": "A", "pipelineId": "p", "monetaryValue": -1},
         "monetaryValue", "monetaryValue"),
        ({"ghlAction": "add_contact", "email": "a@b.example", "customFields": [{"id": "x"}]}, "customFields/0",
         "exactly one of value"),
        ({"ghlAction": "add_contact", "email": "a@b.example", "customFields": [{"value": "x"}]}, "customFields/0",
         "expected id, key or name"),
        ({"ghlAction": "add_contact", "email": "a@b.example", "customFields": {"x": None}}, "customFields/0/value",
         "expected text, a number"),
    ],
)  # fmt: skip
def test_a_wrong_config_is_refused_by_field_and_in_words(fields: dict[str, Any], pointer: str, sentence: str) -> None:
    with pytest.raises(ValidationError) as error:
        _config(**fields)
    errors = config_errors(ACTION, error.value)
    assert errors[0].pointer == f"#/executionConfig/{pointer}".rstrip("/")
    assert sentence in first_sentence(errors)


@pytest.mark.parametrize(
    "field",
    [{"id": "f1", "value": 5}, {"key": "budget", "fieldValue": 5}, {"id": "f1", "key": "budget", "field_value": 5}],
)
def test_a_custom_field_is_accepted_in_each_spelling_of_the_api(field: dict[str, Any]) -> None:
    config = _config(ghlAction="add_contact", email="a@b.example", customFields=[field])
    assert config.root.custom_fields[0].value == 5


@pytest.mark.parametrize(
    ("fields", "effect"),
    [
        (SEED, Effect.IDEMPOTENT),
        ({**SEED, "createNewIfDuplicateAllowed": True}, Effect.ONCE),
        ({"ghlAction": "update_contact", "contactId": "c", "city": "Rome"}, Effect.IDEMPOTENT),
        ({"ghlAction": "add_tag", "contactId": "c", "tag": "vip"}, Effect.IDEMPOTENT),
        ({"ghlAction": "send_sms", "contactId": "c", "message": "Hi"}, Effect.ONCE),
        ({"ghlAction": "create_opportunity", "contactId": "c", "name": "A", "pipelineId": "p"}, Effect.ONCE),
    ],
)
def test_what_repeating_an_action_would_do(fields: dict[str, Any], effect: Effect) -> None:
    assert ACTION.effect(_config(**fields)) == effect


def test_the_location_is_the_target_that_an_approval_binds(settings: Any) -> None:
    settings.GHL_LOCATION_ID = "main"
    assert ACTION.target(_config(**SEED)) == "ghl:main"
    assert ACTION.target(_config(**SEED, locationId="branch")) == "ghl:branch"


def test_a_reviewer_reads_plain_words(settings: Any) -> None:
    settings.GHL_LOCATION_ID = "main"
    shown = ACTION.preview(_config(**SEED, tags=["vip", "new"]))
    assert shown.sentence == "Create or update the contact John Doe (john@example.com) in GoHighLevel"
    assert shown.details == [
        ("Location", "main"),
        ("First name", "John"),
        ("Last name", "Doe"),
        ("Email", "john@example.com"),
        ("Phone", "+1234567890"),
        ("company", "Acme Inc"),
        ("Tags added", "vip, new"),
    ]
    sms = ACTION.preview(_config(ghlAction="send_sms", phone="+15551234567", message="See you at 5"))
    assert sms.sentence == "Send a text message to +15551234567"
    assert ("Message", "See you at 5") in sms.details
    assert sms.risks == ["A person gets it at once; it cannot be taken back"]
    deal = {"ghlAction": "create_opportunity", "contactId": "c", "name": "Roof", "pipelineName": "Sales",
            "stageName": "New lead", "monetaryValue": 12500}  # fmt: skip
    shown = ACTION.preview(_config(**deal))
    assert shown.sentence == "Create the sales opportunity 'Roof' for c"
    assert ("Value", "12,500.00") in shown.details
    assert shown.risks


def test_the_schema_tells_the_actions_apart() -> None:
    schema = GhlConfig.model_json_schema()
    assert set(schema["discriminator"]["mapping"]) == {
        "add_contact", "update_contact", "send_sms", "create_opportunity", "add_tag"
    }  # fmt: skip
    custom = schema["$defs"]["AddContact"]["properties"]["customFields"]
    assert {"object", "array"} == {one["type"] for one in custom["anyOf"]}
