"""Approving, credentials, channels, tokens, people and work begun again ask once more who it is; what was sent is not lost."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from typing import Any

import pytest
import time_machine
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_otp.oath import TOTP
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from agency.api import tokens
from agency.models import AccountEvent, ApiToken, Credential

pytestmark = pytest.mark.django_db

PASSWORD = "correct horse battery"
SECRET = "sk-very-secret-4711"
LATER = dt.timedelta(minutes=16)


@pytest.fixture
def root() -> Any:
    return get_user_model().objects.create_superuser("root", password=PASSWORD)


@pytest.fixture
def client(root: Any) -> Client:
    """Signed in by the login form, with a password alone."""
    client = Client()
    client.post(reverse("admin:login"), {"username": "root", "password": PASSWORD})
    return client


@pytest.fixture
def later(client: Client) -> Iterator[None]:
    """A quarter of an hour and a minute after signing in."""
    with time_machine.travel(timezone.now() + LATER, tick=True):
        yield


def credential_form(**fields: Any) -> dict[str, Any]:
    return {
        "name": "ERP",
        "kind": "api_key",
        "account": "",
        "allowed_hosts": "erp.example.com",
        "secret": SECRET,
        **fields,
    }


def held_in(page: Any) -> str:
    found = re.search(r'name="_held" value="([^"]+)"', page.content.decode())
    assert found, page.content.decode()[-1500:]
    return found[1]


def kinds() -> list[str]:
    return list(AccountEvent.objects.order_by("id").values_list("kind", flat=True))


def code_of(device: TOTPDevice) -> str:
    totp = TOTP(device.bin_key, device.step, device.t0, device.digits)
    totp.time = timezone.now().timestamp()
    return f"{totp.token():06d}"


# --- forms ---------------------------------------------------------------------------------------------------------


def test_right_after_signing_in_nothing_is_asked(client: Client) -> None:
    assert client.post(reverse("admin:agency_credential_add"), credential_form()).status_code == 302
    assert Credential.objects.get().name == "ERP"


def test_a_form_sent_too_late_is_kept_and_goes_through_after_the_password(client: Client, later: None) -> None:
    address = reverse("admin:agency_credential_add") + "?_changelist_filters=kind%3Dapi_key"
    asked = client.post(address, credential_form())
    assert asked.status_code == 403
    assert asked["Cache-Control"] == "no-store"
    assert b'type="password"' in asked.content
    assert not Credential.objects.exists()
    wrong = client.post(address, {"_held": held_in(asked), "proof": "wrong"})
    assert (wrong.status_code, Credential.objects.count()) == (422, 0)
    done = client.post(address, {"_held": held_in(wrong), "proof": PASSWORD})
    assert done.status_code == 302
    assert Credential.objects.get().name == "ERP"
    assert kinds()[-2:] == ["login_failed", "confirmed"]


def test_what_is_kept_is_readable_to_nobody(client: Client, later: None) -> None:
    asked = client.post(reverse("admin:agency_credential_add"), credential_form())
    assert SECRET not in asked.content.decode()
    assert SECRET not in str(dict(client.session))


def test_a_proof_holds_for_a_quarter_of_an_hour_and_is_not_prolonged_by_being_busy(client: Client) -> None:
    add = reverse("admin:agency_credential_add")
    for minutes, expected in ((10, 302), (14, 302), (16, 403)):
        with time_machine.travel(timezone.now() + dt.timedelta(minutes=minutes), tick=True):
            assert client.post(add, credential_form(name=f"n{minutes}")).status_code == expected


def test_a_form_is_held_for_its_person_and_its_address_only(client: Client, later: None) -> None:
    held = held_in(client.post(reverse("admin:agency_credential_add"), credential_form()))
    other = reverse("admin:auth_group_add")
    assert client.post(other, {"_held": held, "proof": PASSWORD}).status_code == 302
    for forged in ("", "x", "a.b.c", held[:-8] + "AAAAAAA="):
        client.post(reverse("admin:agency_credential_add"), {"_held": forged, "proof": PASSWORD})
    assert not Credential.objects.exists()
    get_user_model().objects.create_superuser("eve", password=PASSWORD)
    eve = Client()
    eve.post(reverse("admin:login"), {"username": "eve", "password": PASSWORD})
    eve.post(reverse("admin:agency_credential_add"), {"_held": held})
    assert not Credential.objects.exists()


@pytest.mark.parametrize(
    ("page", "data"),
    [
        ("agency_apitoken_add", {"name": "x", "scopes": ["read"], "share": 100, "days": 30}),
        ("auth_user_add", {"username": "eve", "password1": PASSWORD, "password2": PASSWORD}),
        ("auth_group_add", {"name": "x"}),
        ("tasks_reviewpolicy_add", {"name": "x"}),
        ("webhooks_webhook_add", {"name": "x", "type": "sms"}),
        ("agency_credential_changelist", {"action": "delete_selected"}),
        ("agency_credential_changelist", {"action": ["revoke", "anything"], "index": "1"}),
        ("axes_accessattempt_changelist", {"action": "delete_selected"}),
        ("tasks_agencytask_changelist", {"action": "approve"}),
        ("tasks_agencytask_changelist", {"action": ["export_csv", "replay"], "index": "1"}),
        ("webhooks_outboundmessage_changelist", {"action": "resend"}),
        ("webhooks_inboundmessage_changelist", {"action": "replay"}),
    ],
)
def test_what_a_stolen_session_must_not_do(client: Client, later: None, page: str, data: dict[str, Any]) -> None:
    answer = client.post(reverse(f"admin:{page}"), data)
    assert (answer.status_code, "_held" in answer.content.decode()) == (403, True)


def test_an_action_in_a_form_is_no_way_round(client: Client, later: None) -> None:
    answer = client.post(reverse("admin:agency_credential_add"), credential_form(action="export_csv"))
    assert answer.status_code == 403


def test_what_only_looks_or_closes_is_not_asked(client: Client, later: None) -> None:
    for page, action in (
        ("tasks_agencytask", "export_csv"),
        ("tasks_agencytask", "cancel"),
        ("agency_apitoken", "revoke"),
    ):
        address = reverse(f"admin:{page}_changelist")
        assert client.post(address, {"action": action, "_selected_action": "1"}).status_code in (200, 302)


def test_somebody_else_is_sent_to_sign_in_as_ever() -> None:
    answer = Client().post(reverse("admin:agency_credential_add"), credential_form())
    assert answer.status_code == 302
    assert answer["Location"].startswith(reverse("admin:login"))


# --- the proof -----------------------------------------------------------------------------------------------------


def test_who_has_a_device_gives_its_code_and_not_the_password(client: Client, root: Any) -> None:
    device = TOTPDevice.objects.create(user=root, confirmed=True, name="authenticator")
    with time_machine.travel(timezone.now() + LATER, tick=True):
        client.post(reverse("admin:two_factor"), {"code": code_of(device)})
    with time_machine.travel(timezone.now() + 2 * LATER, tick=True):
        address = reverse("admin:agency_credential_add")
        asked = client.post(address, credential_form())
        assert b"one-time-code" in asked.content
        held = held_in(asked)
        assert client.post(address, {"_held": held, "proof": PASSWORD}).status_code == 422
        TOTPDevice.objects.update(throttling_failure_count=0, throttling_failure_timestamp=None)
        assert client.post(address, {"_held": held, "proof": code_of(device)}).status_code == 302
    assert Credential.objects.count() == 1
    assert kinds()[-2:] == ["second_factor_failed", "second_factor"]


def test_guessing_the_password_locks_out(client: Client, later: None, settings: Any) -> None:
    for _ in range(settings.AXES_FAILURE_LIMIT):
        client.post(reverse("admin:confirm"), {"proof": "guess"})
    assert client.post(reverse("admin:confirm"), {"proof": PASSWORD}).status_code == 429
    assert client.post(reverse("admin:agency_credential_add"), credential_form()).status_code == 403


def test_a_stolen_session_cannot_give_itself_a_device(client: Client, later: None) -> None:
    page = reverse("admin:two_factor_set_up")
    for answer in (client.get(page), client.post(page, {"code": "000000"})):
        assert answer.status_code == 302
        assert answer["Location"].startswith(reverse("admin:confirm"))
    done = client.post(reverse("admin:confirm"), {"proof": PASSWORD, "next": page})
    assert (done.status_code, done["Location"]) == (302, page)
    assert client.get(page).status_code == 200


def test_the_page_goes_nowhere_else(client: Client, later: None) -> None:
    done = client.post(reverse("admin:confirm"), {"proof": PASSWORD, "next": "https://evil.example/"})
    assert done["Location"] == reverse("admin:index")
    assert Client().get(reverse("admin:confirm")).status_code == 302


def test_scripts_are_told_in_json(client: Client, later: None) -> None:
    headers = {"X-Fragment": "1"}
    wrong = client.post(reverse("admin:confirm"), {"proof": "x"}, headers=headers)
    assert (wrong.status_code, "error" in wrong.json()) == (422, True)
    right = client.post(reverse("admin:confirm"), {"proof": PASSWORD}, headers=headers)
    assert (right.status_code, right.json()) == (200, {"confirmed": True})
    assert client.post(reverse("admin:agency_credential_add"), credential_form()).status_code == 302


# --- the API and the devices ----------------------------------------------------------------------------------------


def test_a_session_changes_nothing_over_the_api_without_a_proof_and_a_token_is_not_asked(
    client: Client, root: Any, later: None
) -> None:
    body = {"name": "ERP", "kind": "api_key", "secret": SECRET, "allowedHosts": ["erp.example.com"]}
    address = "/api/v1/credentials/"
    refused = client.post(address, body, content_type="application/json")
    assert (refused.status_code, refused.json()["confirmAt"]) == (403, reverse("admin:confirm"))
    assert client.get("/api/v1/tasks/").status_code == 200
    _token, text = tokens.create(root, scopes=["admin", "write", "read"], name="x")
    made = Client().post(address, body, content_type="application/json", headers={"Authorization": f"Bearer {text}"})
    assert made.status_code == 201
    assert ApiToken.objects.count() == 1


def test_nobody_reads_the_secret_of_a_second_factor(client: Client, root: Any) -> None:
    device = TOTPDevice.objects.create(user=root, confirmed=True, name="authenticator")
    paper = StaticDevice.objects.create(user=root, name="paper")
    StaticToken.objects.create(device=paper, token="deadbeef")
    client.post(reverse("admin:two_factor"), {"code": code_of(device)})
    for page in ("otp_totp_totpdevice", "otp_static_staticdevice"):
        number = (device if "totp" in page else paper).pk
        for address in (reverse(f"admin:{page}_changelist"), reverse(f"admin:{page}_change", args=[number])):
            shown = client.get(address)
            assert shown.status_code == 200
            assert not any(word in shown.content.decode() for word in (device.key, "deadbeef", "qrcode"))
    assert client.get(f"/admin/otp_totp/totpdevice/{device.pk}/qrcode/").status_code in (302, 404)
