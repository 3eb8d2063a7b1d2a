"""The fake GoHighLevel against the published OpenAPI files, less the defects their README lists."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tasks.tests.fake_ghl import ANY, ENUMS, ROUTES, VERSIONS, Route

FOLDER = Path(__file__).parent / "contracts" / "ghl"
FILES = {
    "contacts": ("apps/contacts.json", "apps/v3/contacts-v3.json"),
    "conversations": ("apps/conversations.json", "apps/v3/conversations-v3.json"),
    "opportunities": ("apps/opportunities.json", "apps/v3/opportunities-v3.json"),
}
#: SendMessageBodyDto calls subType and status required; callers in use send neither.
WRONGLY_REQUIRED = {"send_message": {"subType", "status"}}
#: v3 adds these to what the fake, which serves all versions, would take.
ONLY_IN_V3 = {
    "create_opportunity": {"forecastExpectedCloseDate", "forecastProbability"},
    "send_message": {"customSubtypeId", "forward", "usesNativeSchedulingAi", "optimizationPeriod"},
}
DESCRIBED = [route for route in ROUTES if route.path.split("/")[1] in FILES]


@cache
def _document(name: str) -> dict[str, Any]:
    return json.loads((FOLDER / name).read_text())


def _operations(route: Route) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """(document, operation) before v3 and in v3."""
    documents = [_document(name) for name in FILES[route.path.split("/")[1]]]
    return [(document, document["paths"][route.path][route.method.lower()]) for document in documents]


def _body_schema(document: dict[str, Any], operation: dict[str, Any]) -> dict[str, Any]:
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    name = schema["$ref"].rsplit("/", 1)[1]
    return document["components"]["schemas"][name]


def _id(route: Route) -> str:
    return route.name


@pytest.mark.parametrize("route", DESCRIBED, ids=_id)
def test_each_route_answers_with_a_described_status(route: Route) -> None:
    for _, operation in _operations(route):
        assert str(route.success) in operation["responses"]


@pytest.mark.parametrize("route", DESCRIBED, ids=_id)
def test_each_route_demands_a_version_the_files_name(route: Route) -> None:
    for _, operation in _operations(route):
        version = next(one for one in operation["parameters"] if one["name"] == "Version")
        assert version["required"] is True
        assert set(version["schema"]["enum"]) <= set(VERSIONS)


@pytest.mark.parametrize("route", [one for one in DESCRIBED if one.body], ids=_id)
def test_bodies_hold_the_described_fields_and_types(route: Route) -> None:
    described: dict[str, set[str]] = {}
    required: set[str] = set()
    for document, operation in _operations(route):
        schema = _body_schema(document, operation)
        required = set(schema.get("required", [])) - WRONGLY_REQUIRED.get(route.name, set())
        for name, prop in schema["properties"].items():
            described.setdefault(name, set()).add(prop.get("type", "object"))
    assert set(route.required) == required
    assert set(route.body) == set(described) - ONLY_IN_V3.get(route.name, set())
    for name, kind in route.body.items():
        assert kind == ANY or kind in described[name], name


@pytest.mark.parametrize("route", [one for one in DESCRIBED if one.query], ids=_id)
def test_query_parameters_are_the_required_ones(route: Route) -> None:
    for _, operation in _operations(route):
        needed = {one["name"] for one in operation["parameters"] if one["in"] == "query" and one["required"]}
        assert set(route.query) == needed


@pytest.mark.parametrize(("key", "values"), ENUMS.items(), ids=str)
def test_words_are_the_described_ones(key: tuple[str, str], values: tuple[str, ...]) -> None:
    route = next(one for one in ROUTES if one.name == key[0])
    for document, operation in _operations(route):
        assert _body_schema(document, operation)["properties"][key[1]]["enum"] == list(values)


def test_error_bodies_have_the_described_fields() -> None:
    schemas = _document("apps/common/common-schemas.json")["components"]["schemas"]
    assert set(schemas["UnprocessableDTO"]["properties"]) == {"statusCode", "message", "error"}
    assert schemas["UnprocessableDTO"]["properties"]["message"]["type"] == "array"
    assert set(schemas["UnauthorizedDTO"]["properties"]) == {"statusCode", "message", "error"}


def test_the_files_are_the_ones_that_were_published() -> None:
    """sha256 of each file, from the README beside them."""
    import hashlib

    lines = (FOLDER / "README.md").read_text().split("sha256:")[1].split("\n")
    listed = dict(reversed(line.split()) for line in lines if line.strip())
    assert len(listed) == 8
    for name, digest in listed.items():
        assert hashlib.sha256((FOLDER / name).read_bytes()).hexdigest() == digest
