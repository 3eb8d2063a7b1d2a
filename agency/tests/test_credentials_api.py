"""credentials/: a secret goes in and never comes out."""

from __future__ import annotations

from typing import Any

import pytest

from agency import credentials
from agency.models import Credential
from tasks.tests.api_client import Api, allow

pytestmark = pytest.mark.django_db
SECRET = "api-secret-canary-77"
BODY = {"name": "CRM", "kind": "bearer", "secret": SECRET, "allowedHosts": ["API.example.com"]}


@pytest.fixture
def alice() -> Api:
    return Api()


def _stored(api: Api, **fields: Any) -> dict[str, Any]:
    answer = api.post("credentials/", {**BODY, **fields})
    assert answer.status_code == 201, answer.content
    made: dict[str, Any] = answer.json()
    return made


def test_a_secret_goes_in_and_a_reference_comes_out(alice: Api) -> None:
    answer = alice.post("credentials/", BODY)
    made = answer.json()
    assert answer.headers["Location"] == f"/api/v1/credentials/{made['id']}/"
    assert made["reference"] == {"credential": made["id"], "hint": "…y-77"}
    assert made["allowedHosts"] == ["api.example.com"]
    assert credentials.resolve(made["reference"], host="api.example.com", used_by="test") == SECRET
    for shown in (answer, alice.get("credentials/"), alice.get(f"credentials/{made['id']}/")):
        assert shown.status_code < 300
        assert SECRET not in shown.content.decode()


def test_the_reference_works_in_a_task_of_its_owner_only(alice: Api) -> None:
    config = {"apiEndpoint": "https://api.example.com/", "authType": "bearer"}
    config["bearerToken"] = _stored(alice)["reference"]
    assert alice.create(executionConfig=config)["executionConfig"] == {**config}
    body = {"title": "x", "taskType": "api_call", "executionConfig": config}
    refused = Api().post("tasks/", body)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == "#/executionConfig/bearerToken"


def test_people_see_and_change_their_own(alice: Api) -> None:
    made = _stored(alice)
    charlie = Api()
    path = f"credentials/{made['id']}/"
    assert charlie.get("credentials/").json()["results"] == []
    assert [charlie.get(path).status_code, charlie.patch(path, {"name": "x"}).status_code,
            charlie.delete(path).status_code] == [404, 404, 404]  # fmt: skip
    auditor = Api(allow(Api().user, "view_credential"))
    assert auditor.get(path).status_code == 200
    assert auditor.delete(path).status_code == 404


def test_a_secret_is_replaced_and_then_revoked(alice: Api) -> None:
    made = _stored(alice)
    path = f"credentials/{made['id']}/"
    changed = alice.patch(path, {"secret": "another-secret-value", "allowedHosts": ["eu.example.com"]})
    assert changed.json()["allowedHosts"] == ["eu.example.com"]
    assert credentials.resolve(made["reference"], host="eu.example.com", used_by="x") == "another-secret-value"
    assert alice.delete(path).status_code == 204
    assert alice.get(path).json()["revokedAt"] is not None
    with pytest.raises(credentials.CredentialError):
        credentials.resolve(made["reference"], host="eu.example.com", used_by="x")


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"allowedHosts": []}, "#/allowedHosts"),
        ({"allowedHosts": ["https://x.example/"]}, "#/allowedHosts"),
        ({"kind": "channel"}, "#/kind"),
        ({"secret": ""}, "#/secret"),
        ({"name": 5}, "#/name"),
        ({"owner": 1}, "#/owner"),
    ],
)
def test_a_wrong_field_is_named_and_the_secret_not_repeated(alice: Api, fields: dict[str, Any], pointer: str) -> None:
    answer = alice.post("credentials/", {**BODY, **fields})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == pointer
    assert SECRET not in answer.content.decode()
    assert not Credential.objects.exists()


@pytest.mark.parametrize(
    "fields", [{"kind": "ghl", "account": "loc1"}, {"allowedHosts": ["api.example.com:22"]}], ids=["location", "port"]
)
def test_what_belongs_to_the_installation_needs_a_permission(alice: Api, fields: dict[str, Any]) -> None:
    assert alice.post("credentials/", {**BODY, **fields}).status_code == 403
    assert Api(allow(Api().user, "add_credential")).post("credentials/", {**BODY, **fields}).status_code == 201


def test_a_token_that_may_only_read_stores_nothing() -> None:
    assert Api(scopes=("read",)).post("credentials/", BODY).status_code == 403
    assert not Credential.objects.exists()
