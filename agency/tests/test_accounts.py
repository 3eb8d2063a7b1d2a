"""How people come in: roles, the second factor, lock-out, idle sessions, and an audit that nobody rewrites."""

from __future__ import annotations

import re
from typing import Any

import pytest
import time_machine
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db import DatabaseError, transaction
from django.template.loader import render_to_string
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_otp.oath import TOTP
from django_otp.plugins.otp_static.models import StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from agency.api import tokens
from agency.console import checks
from agency.models import AccountEvent

pytestmark = pytest.mark.django_db

PASSWORD = "correct horse battery"
BACKEND = "django.contrib.auth.backends.ModelBackend"


@pytest.fixture
def ana() -> Any:
    user = get_user_model().objects.create_user("ana", password=PASSWORD, is_staff=True)
    user.groups.add(Group.objects.get(name="reviewer"))
    return user


def sign_in(client: Client, password: str = PASSWORD, name: str = "ana") -> Any:
    return client.post(reverse("admin:login"), {"username": name, "password": password}, REMOTE_ADDR="192.0.2.7")


def kinds() -> list[str]:
    return list(AccountEvent.objects.order_by("id").values_list("kind", flat=True))


def code_of(device: TOTPDevice, ahead: int = 0) -> str:
    totp = TOTP(device.bin_key, device.step, device.t0, device.digits)
    totp.time = timezone.now().timestamp() + ahead * device.step
    return f"{totp.token():06d}"


# --- roles ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("role", "may", "may_not"),
    [
        ("viewer", "tasks.view_agencytask", "tasks.execute_task"),
        ("viewer", "tasks.view_taskexecution", "tasks.view_sensitive"),
        ("operator", "tasks.execute_task", "tasks.approve_task"),
        ("reviewer", "tasks.approve_task", "tasks.change_reviewpolicy"),
        ("manager", "tasks.change_reviewpolicy", "sessions.delete_session"),
    ],
)
def test_each_role_may_what_it_needs(role: str, may: str, may_not: str) -> None:
    user = get_user_model().objects.create_user("someone")
    user.groups.add(Group.objects.get(name=role))
    assert user.has_perm(may)
    assert not user.has_perm(may_not)


# --- audit and lock-out --------------------------------------------------------------------------------------------


def test_every_way_in_and_out_is_kept(ana: Any) -> None:
    client = Client()
    sign_in(client, "wrong")
    sign_in(client)
    client.post(reverse("admin:logout"))
    assert kinds() == ["login_failed", "login", "logout"]
    event = AccountEvent.objects.earliest("id")
    assert (event.username, event.user_id, event.ip) == ("ana", ana.pk, "192.0.2.7")


def test_the_audit_cannot_be_rewritten(ana: Any) -> None:
    sign_in(Client())
    for change in (lambda rows: rows.update(username="eve"), lambda rows: rows.delete()):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            change(AccountEvent.objects.all())


def test_a_name_that_is_no_name_is_kept_as_text() -> None:
    sign_in(Client(), name="x\r\nINFO forged")
    assert AccountEvent.objects.get().username == "x  INFO forged"
    for name in ("nul\x00", "y" * 300, ""):
        assert sign_in(Client(), name=name).status_code == 200


def test_five_wrong_passwords_lock_the_name_out(ana: Any, settings: Any) -> None:
    for _ in range(settings.AXES_FAILURE_LIMIT):
        sign_in(Client(), "wrong")
    client = Client()
    answer = sign_in(client)
    assert answer.status_code == 429
    assert b"locked out for 15 minutes" in answer.content
    assert "_auth_user_id" not in client.session
    assert "locked_out" in kinds()


# --- the second factor ---------------------------------------------------------------------------------------------


def test_without_the_code_a_session_is_worth_nothing(ana: Any, settings: Any) -> None:
    settings.REQUIRE_TWO_FACTOR = True
    client = Client()
    client.force_login(ana, BACKEND)
    for address in ("/review/", reverse("admin:index"), reverse("admin:tasks_agencytask_changelist")):
        assert client.get(address).status_code == 302, address
    assert client.get("/api/v1/tasks/").status_code in (401, 403)
    assert client.post("/review/bulk/", {"verb": "approve"}).status_code == 302


def test_setting_up_gives_paper_codes_and_then_lets_in(ana: Any, settings: Any) -> None:
    settings.REQUIRE_TWO_FACTOR = True
    client = Client()
    sign_in(client)
    asked = client.get(reverse("admin:index"), follow=True)
    assert asked.redirect_chain[-1][0].startswith(reverse("admin:two_factor_set_up"))
    assert b"data:image/svg+xml" in asked.content
    page = reverse("admin:two_factor_set_up")
    assert client.post(page, {"code": "000000"}).status_code == 422
    device = TOTPDevice.objects.get(user=ana)
    TOTPDevice.objects.update(throttling_failure_count=0, throttling_failure_timestamp=None)
    done = client.post(page, {"code": code_of(device)})
    assert len(re.findall(r"<li>([0-9a-f]{8})</li>", done.content.decode())) == 10
    assert client.get(reverse("admin:index")).status_code == 200
    assert "second_factor_set_up" in kinds()


def test_who_has_a_device_is_asked_even_where_the_house_does_not_demand_it(ana: Any) -> None:
    device = TOTPDevice.objects.create(user=ana, confirmed=True)
    client = Client()
    client.force_login(ana, BACKEND)
    page = reverse("admin:two_factor") + "?next=/review/"
    assert client.get("/review/").status_code == 302
    assert client.post(page, {"code": "123"}).status_code == 422
    TOTPDevice.objects.update(throttling_failure_count=0, throttling_failure_timestamp=None)
    answer = client.post(page, {"code": code_of(device)})
    assert (answer.status_code, answer["Location"]) == (302, "/review/")
    assert client.get("/review/").status_code == 200
    assert kinds()[-2:] == ["second_factor_failed", "second_factor"]


def test_a_code_works_once(ana: Any) -> None:
    device = TOTPDevice.objects.create(user=ana, confirmed=True)
    code = code_of(device)
    answers = []
    for _ in range(2):
        client = Client()
        client.force_login(ana, BACKEND)
        answers.append(client.post(reverse("admin:two_factor"), {"code": code}).status_code)
    assert answers == [302, 422]


def test_a_code_on_paper_works_once(ana: Any) -> None:
    TOTPDevice.objects.create(user=ana, confirmed=True)
    paper = ana.staticdevice_set.create(name="paper")
    StaticToken.objects.create(device=paper, token="deadbeef")
    answers = []
    for _ in range(2):
        client = Client()
        client.force_login(ana, BACKEND)
        answers.append(client.post(reverse("admin:two_factor"), {"code": "deadbeef"}).status_code)
    assert answers == [302, 422]


def test_the_way_on_after_signing_in_stays_in_the_house(ana: Any) -> None:
    device = TOTPDevice.objects.create(user=ana, confirmed=True)
    client = Client()
    client.force_login(ana, BACKEND)
    page = reverse("admin:two_factor") + "?next=https://evil.example/"
    assert client.post(page, {"code": code_of(device)})["Location"] == reverse("admin:index")


# --- sessions ------------------------------------------------------------------------------------------------------


def test_an_idle_session_ends_and_polling_does_not_keep_it(ana: Any, settings: Any) -> None:
    settings.SESSION_IDLE_SECONDS = 600
    client = Client()
    with time_machine.travel("2026-06-01T09:00Z", tick=False) as clock:
        client.force_login(ana, BACKEND)
        assert client.get("/review/").status_code == 200
        clock.shift(500)
        assert client.get("/review/").status_code == 200
        clock.shift(500)
        assert client.get("/review/list/", headers={"X-Poll": "1"}).status_code == 200
        clock.shift(500)
        assert client.get("/review/list/", headers={"X-Poll": "1"}).status_code == 302


def test_times_are_in_the_zone_the_browser_names(ana: Any) -> None:
    client = Client()
    client.force_login(ana, BACKEND)
    for cookie in ("Asia%2FTokyo", "No/Where", "../../etc/passwd", "\x7f"):
        client.cookies["timezone"] = cookie
        assert client.get("/review/").status_code == 200
    assert not timezone.get_current_timezone_name().startswith("Asia")


def test_the_policy_allows_no_inline_script_or_style(ana: Any) -> None:
    client = Client()
    client.force_login(ana, BACKEND)
    policy = client.get("/review/")["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "style-src 'self'" in policy
    assert "unsafe" not in policy


def test_managers_see_people_tokens_and_the_audit(ana: Any) -> None:
    ana.groups.add(Group.objects.get(name="manager"))
    client = Client()
    client.force_login(ana, BACKEND)
    for name in ("auth_user", "auth_group", "agency_apitoken", "agency_accountevent"):
        assert client.get(reverse(f"admin:{name}_changelist")).status_code == 200, name
    assert client.post(reverse("admin:agency_accountevent_add")).status_code == 403


def test_a_token_is_revoked_from_the_list(ana: Any) -> None:
    ana.groups.add(Group.objects.get(name="manager"))
    row, text = tokens.create(ana, scopes=("read",))
    client = Client()
    client.force_login(ana, BACKEND)
    headers = {"Authorization": f"Bearer {text}"}
    assert Client().get("/api/v1/tasks/", headers=headers).status_code == 200
    client.post(reverse("admin:agency_apitoken_changelist"), {"action": "revoke", "_selected_action": row.pk})
    assert Client().get("/api/v1/tasks/", headers=headers).status_code == 401


def test_a_deployment_without_second_factor_is_warned_of(settings: Any) -> None:
    settings.REQUIRE_TWO_FACTOR = False
    assert [message.id for message in checks.second_factor()] == ["agency.W107"]
    settings.REQUIRE_TWO_FACTOR = True
    assert checks.second_factor() == []


def test_the_deployment_check_says_when_several_review_without_four_eyes(settings: Any, ana: Any) -> None:
    settings.REVIEW_FOUR_EYES = False
    assert checks.four_eyes() == []
    get_user_model().objects.create_superuser("root", password=PASSWORD)
    assert [message.id for message in checks.four_eyes()] == ["agency.W108"]
    settings.REVIEW_FOUR_EYES = True
    assert checks.four_eyes() == []


@pytest.mark.parametrize(
    ("name", "status"), [("400", 400), ("403", 403), ("403_csrf", 403), ("404", 404), ("500", 500)]
)
def test_error_pages_need_nothing_that_may_be_broken(name: str, status: int) -> None:
    """Drawn without a request: no session, no database, no context processor."""
    html = render_to_string(f"{name}.html")
    assert "<h1>" in html
    assert "style=" not in html


def test_a_missing_page_and_a_forged_form_get_our_pages(ana: Any) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(ana, BACKEND)
    assert b"There is nothing here" in client.get("/review/999999/").content
    answer = client.post("/review/bulk/", {"verb": "approve"})
    assert (answer.status_code, b"This form is too old" in answer.content) == (403, True)
