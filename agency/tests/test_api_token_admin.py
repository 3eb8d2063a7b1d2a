"""API tokens in the admin: made for oneself, shown once, revoked."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse

from agency.models import ApiToken
from tasks.tests.api_client import Api
from tasks.tests.factories import UserFactory

pytestmark = pytest.mark.django_db
LIST, ADD = "admin:agency_apitoken_changelist", "admin:agency_apitoken_add"
FORM = {"name": "Importer", "scopes": ["read", "write"], "share": "50", "days": "30"}


def signed_in(group: str) -> tuple[Client, Any]:
    user = UserFactory(is_staff=True)
    user.groups.set(Group.objects.filter(name=group))
    client = Client()
    client.force_login(user, "django.contrib.auth.backends.ModelBackend")
    return client, user


def test_a_token_is_made_for_oneself_and_its_text_is_shown_once() -> None:
    client, user = signed_in("operator")
    page = client.post(reverse(ADD), {**FORM, "user": UserFactory(is_superuser=True).pk})
    assert page.status_code == 200
    assert "no-store" in page["Cache-Control"]
    text = re.search(r"agy_[a-z0-9]{8}_[A-Za-z0-9_-]{43}", page.content.decode())[0]
    row = ApiToken.objects.get()
    assert (row.user, row.scopes, row.share) == (user, ["read", "write"], 50)
    assert (row.expires_at - row.created_at).days in (29, 30)
    for shown in (client.get(reverse(LIST)), client.get(reverse("admin:agency_apitoken_change", args=[row.pk]))):
        assert shown.status_code == 200
        assert text not in shown.content.decode()
        assert "Importer" in shown.content.decode()
    api = Api.of(Api(user))
    api.token = text
    assert api.get("tasks/").status_code == 200


@pytest.mark.parametrize(
    "wrong", [{"scopes": []}, {"scopes": ["root"]}, {"share": "0"}, {"share": "101"}, {"name": ""}]
)
def test_a_token_that_makes_no_sense_is_not_made(wrong: dict[str, Any]) -> None:
    client, _ = signed_in("operator")
    assert "errorlist" in client.post(reverse(ADD), {**FORM, **wrong}).content.decode()
    assert ApiToken.objects.count() == 0


def test_people_revoke_their_own_and_who_manages_people_everybodys() -> None:
    ana, ben = Api(), Api()
    operator, user = signed_in("operator")
    own = Api(user)
    rows = {api.token.split("_")[1]: api for api in (ana, ben, own)}
    revoke = {"action": "revoke", "_selected_action": list(ApiToken.objects.values_list("pk", flat=True))}
    operator.post(reverse(LIST), revoke)
    live = set(ApiToken.objects.filter(revoked_at__isnull=True).values_list("prefix", flat=True))
    assert live == set(rows) - {own.token.split("_")[1]}
    assert ana.get("tasks/").status_code == 200
    signed_in("manager")[0].post(reverse(LIST), revoke)
    assert ana.get("tasks/").status_code == ben.get("tasks/").status_code == 401


def test_viewers_make_no_tokens_and_nobody_edits_or_deletes_one() -> None:
    assert signed_in("viewer")[0].get(reverse(ADD)).status_code == 403
    client, user = signed_in("manager")
    row = ApiToken.objects.get(prefix=Api(user).token.split("_")[1])
    assert client.post(reverse("admin:agency_apitoken_change", args=[row.pk]), {"name": "x"}).status_code == 403
    assert client.post(reverse("admin:agency_apitoken_delete", args=[row.pk])).status_code == 403
