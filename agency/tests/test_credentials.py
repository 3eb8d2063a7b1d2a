"""Credentials: encrypted at rest, bound to row and host, logged, replaceable, and never readable again."""

from __future__ import annotations

import base64
from io import StringIO

import pytest
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.urls import reverse

from agency import checks, credentials
from agency.credentials import CredentialError
from agency.models import Credential, CredentialEvent

pytestmark = pytest.mark.django_db
SECRET = "sk-live-0123456789-canary"
HOST = "api.example.com"


def _key(name: str, letter: bytes) -> str:
    return f"{name}:{base64.b64encode(letter * 32).decode()}"


@pytest.fixture
def user():
    return get_user_model().objects.create_user("alice", password="x")


@pytest.fixture
def stranger():
    return get_user_model().objects.create_user("charlie", password="x")


@pytest.fixture
def credential(user) -> Credential:
    return credentials.store(SECRET, name="CRM", kind="bearer", allowed_hosts=[HOST], owner=user)


def _resolve(credential: Credential, host: str = HOST) -> str:
    return credentials.resolve(credentials.reference(credential), host=host, used_by="task 7")


def test_a_stored_secret_comes_back_only_through_its_reference(credential) -> None:
    assert credentials.reference(credential) == {"credential": credential.pk, "hint": "…nary"}
    assert _resolve(credential) == SECRET


def test_the_row_does_not_hold_the_secret(credential) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT c::text, encode(ciphertext, 'escape') FROM agency_credential c")
        assert "canary" not in str(cursor.fetchall())


def test_every_use_and_every_refusal_is_logged(credential, user) -> None:
    _resolve(credential)
    with pytest.raises(CredentialError, match=r"may not be sent to evil\.example"):
        _resolve(credential, "evil.example")
    events = CredentialEvent.objects.filter(credential=credential).order_by("id")
    assert list(events.values_list("action", "actor__username", "host", "used_by")) == [
        ("created", "alice", "", ""),
        ("used", None, HOST, "task 7"),
        ("refused", None, "evil.example", "task 7"),
    ]
    credential.refresh_from_db()
    assert credential.last_used_at is not None


@pytest.mark.parametrize(
    ("allowed", "host", "works"),
    [
        ("api.example.com", "api.example.com", True),
        ("api.example.com", "api.example.com:9443", False),
        ("api.example.com:9443", "api.example.com:9443", True),
        ("api.example.com", "evilapi.example.com", False),
        ("api.example.com", "api.example.com.evil.test", False),
        (".example.com", "eu.example.com", True),
        ("*.example.com", "a.b.example.com", True),
        (".example.com", "example.com", False),
        (".example.com", "evilexample.com", False),
    ],
)
def test_a_secret_is_sent_to_its_hosts_only(allowed: str, host: str, works: bool) -> None:
    made = credentials.store(SECRET, name="x", kind="bearer", allowed_hosts=[allowed])
    if works:
        assert _resolve(made, host) == SECRET
    else:
        with pytest.raises(CredentialError):
            _resolve(made, host)


def test_a_ciphertext_copied_to_another_row_does_not_open(credential) -> None:
    other = credentials.store("another", name="y", kind="bearer", allowed_hosts=["evil.example"])
    source = Credential.objects.get(pk=credential.pk)
    Credential.objects.filter(pk=other.pk).update(
        ciphertext=source.ciphertext, nonce=source.nonce, key_id=source.key_id
    )
    with pytest.raises(CredentialError, match="cannot be decrypted"):
        _resolve(other, "evil.example")


def test_a_missing_key_is_an_error_and_never_the_stored_text(credential, settings) -> None:
    settings.CREDENTIAL_KEYS = _key("k9", b"z")
    with pytest.raises(CredentialError, match="not in CREDENTIAL_KEYS"):
        _resolve(credential)


def test_rotation_moves_every_row_to_the_first_key(credential, settings) -> None:
    old = settings.CREDENTIAL_KEYS
    settings.CREDENTIAL_KEYS = f"{_key('k2', b'n')},{old}"
    out = StringIO()
    call_command("rotate_credentials", stdout=out)
    assert "1 credentials" in out.getvalue()
    settings.CREDENTIAL_KEYS = _key("k2", b"n")
    assert _resolve(credential) == SECRET
    assert credential.events.filter(action="rotated").count() == 1
    assert credentials.rotate() == 0


def test_rotation_without_the_old_key_says_so_and_changes_nothing(credential, settings) -> None:
    settings.CREDENTIAL_KEYS = _key("k2", b"n")
    with pytest.raises(CommandError, match="not in CREDENTIAL_KEYS"):
        call_command("rotate_credentials")
    assert Credential.objects.get(pk=credential.pk).key_id == "k1"


def test_a_revoked_credential_is_dead_and_its_secret_overwritten(credential, user) -> None:
    before = bytes(Credential.objects.get(pk=credential.pk).ciphertext)
    credentials.revoke(credential, actor=user)
    with pytest.raises(CredentialError, match="revoked"):
        _resolve(credential)
    assert bytes(Credential.objects.get(pk=credential.pk).ciphertext) != before


@pytest.mark.parametrize("secret", ["", "   ", "a\nb", "x" * 8193])
def test_what_is_no_secret_is_not_stored(secret: str) -> None:
    with pytest.raises(CredentialError):
        credentials.store(secret, name="x", kind="bearer", allowed_hosts=[HOST])


@pytest.mark.parametrize("hosts", [[], [""], ["a b"], ["https://x.example"], ["x.example/path"], ["*"]])
def test_a_credential_names_real_hosts(hosts: list[str]) -> None:
    with pytest.raises(CredentialError):
        credentials.store(SECRET, name="x", kind="bearer", allowed_hosts=hosts)


def test_the_database_refuses_a_credential_for_no_host(credential) -> None:
    with pytest.raises(IntegrityError, match="credential_names_a_host"), transaction.atomic():
        Credential.objects.filter(pk=credential.pk).update(allowed_hosts=[])


def test_the_database_refuses_an_unknown_kind(credential) -> None:
    with pytest.raises(IntegrityError, match="credential_kind_known"), transaction.atomic():
        Credential.objects.filter(pk=credential.pk).update(kind="other thing")


def test_a_location_has_one_live_credential() -> None:
    first = credentials.store(SECRET, name="a", kind="ghl", account="loc1", allowed_hosts=[HOST])
    with pytest.raises(IntegrityError, match="credential_one_per_location"), transaction.atomic():
        credentials.store(SECRET, name="b", kind="ghl", account="loc1", allowed_hosts=[HOST])
    credentials.revoke(first, actor=None)
    second = credentials.store(SECRET, name="b", kind="ghl", account="loc1", allowed_hosts=[HOST])
    assert credentials.for_account("ghl", "loc1") == second


def test_the_log_cannot_be_rewritten_but_people_can_be_deleted(credential, user) -> None:
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        CredentialEvent.objects.update(action="used")
    user.delete()
    assert CredentialEvent.objects.get().actor is None


# --- environment variables


@pytest.mark.parametrize("name", ["SECRET_KEY", "PATH", "AGENCY_SECRET_", "agency_secret_x", "AGENCY_SECRET_X_HOSTS"])
def test_a_task_may_not_name_any_variable_it_likes(name: str, monkeypatch) -> None:
    monkeypatch.setenv(name, "value")
    with pytest.raises(CredentialError, match="environment variables that begin with AGENCY_SECRET_"):
        credentials.resolve({"env": name}, host=HOST, used_by="task 7")


def test_a_variable_with_the_prefix_is_resolved_and_logged(monkeypatch) -> None:
    monkeypatch.setenv("AGENCY_SECRET_CRM", "from-env")
    assert credentials.resolve({"env": "AGENCY_SECRET_CRM"}, host=HOST, used_by="task 7") == "from-env"
    event = CredentialEvent.objects.get()
    assert (event.variable, event.action, event.host) == ("AGENCY_SECRET_CRM", "used", HOST)


def test_a_variable_can_be_bound_to_hosts(monkeypatch) -> None:
    monkeypatch.setenv("AGENCY_SECRET_CRM", "from-env")
    monkeypatch.setenv("AGENCY_SECRET_CRM_HOSTS", "api.example.com, .crm.example")
    assert credentials.resolve({"env": "AGENCY_SECRET_CRM"}, host="eu.crm.example", used_by="x") == "from-env"
    with pytest.raises(CredentialError, match="may not be sent"):
        credentials.resolve({"env": "AGENCY_SECRET_CRM"}, host="evil.example", used_by="x")


def test_a_variable_that_is_not_set_is_an_error() -> None:
    with pytest.raises(CredentialError, match="not set"):
        credentials.resolve({"env": "AGENCY_SECRET_NOWHERE"}, host=HOST, used_by="x")


# --- absorbing inline secrets


def test_inline_secrets_of_a_config_become_references(user) -> None:
    config = {
        "apiEndpoint": "https://api.example.com/v1?page=2&api_key=url-canary",
        "bearerToken": SECRET,
        "customHeaders": {"X-Api-Key": "header-canary", "X-Page": "2"},
        "queryParams": {"access_token": "query-canary", "limit": 5},
        "username": "alice",
    }
    absorbed, made = credentials.absorb(config, user, [HOST])
    assert "canary" not in str(absorbed).replace("…nary", "")
    assert absorbed["apiEndpoint"] == "https://api.example.com/v1?page=2"
    assert absorbed["customHeaders"]["X-Page"] == "2"
    assert absorbed["queryParams"]["limit"] == 5
    assert len(made) == 4
    found = {credentials.resolve(ref, host=HOST, used_by="test") for ref in credentials.references(absorbed)}
    assert found == {SECRET, "header-canary", "query-canary", "url-canary"}
    assert all(row.allowed_hosts == [HOST] and row.inline and row.owner == user for row in made)
    assert config["bearerToken"] == SECRET


def test_absorbing_twice_changes_nothing_more(user) -> None:
    once, made = credentials.absorb({"password": "hunter2", "username": "bob"}, user, [HOST])
    twice, again = credentials.absorb(once, user, [HOST])
    assert (twice, again) == (once, [])
    assert len(made) == 1


def test_a_config_without_secrets_stays_as_it_is(user) -> None:
    config = {"apiEndpoint": "https://api.example.com/?nextPageToken=abc", "apiKeyHeader": "X-Key", "bearerToken": None}
    assert credentials.absorb(config, user, [HOST]) == (config, [])


def test_a_person_cannot_use_the_credential_of_another(credential, stranger, user) -> None:
    config = {"bearerToken": {"credential": credential.pk}}
    with pytest.raises(CredentialError, match="no credential") as error, transaction.atomic():
        credentials.absorb(config, stranger, [HOST])
    assert error.value.field == "bearerToken"
    with pytest.raises(CredentialError), transaction.atomic():
        credentials.absorb(config, None, [HOST])
    assert credentials.absorb(config, user, [HOST])[0] == {"bearerToken": credentials.reference(credential)}


def test_editing_a_task_keeps_the_references_it_had(credential, stranger) -> None:
    before = {"bearerToken": credentials.reference(credential)}
    assert credentials.absorb(before, stranger, [HOST], before=before)[0] == before


def test_a_reference_cannot_be_pointed_at_another_host(credential, user) -> None:
    with pytest.raises(CredentialError, match="may not be sent"):
        credentials.absorb({"bearerToken": {"credential": credential.pk}}, user, ["evil.example"])


def test_an_inline_secret_without_a_host_is_refused(user) -> None:
    with pytest.raises(CredentialError) as error:
        credentials.absorb({"bearerToken": SECRET}, user, [])
    assert error.value.field == "bearerToken"
    assert SECRET not in str(error.value)


def test_masking_puts_references_in_words(credential) -> None:
    shown = credentials.mask(
        {"bearerToken": credentials.reference(credential), "password": "x123", "apiKey": {"env": "AGENCY_SECRET_X"},
         "customHeaders": {"X-Token": "t", "X-A": "b"}, "list": [{"secret": "s"}]}
    )  # fmt: skip
    assert shown == {
        "bearerToken": f"credential {credential.pk} (…nary)",
        "password": "***",
        "apiKey": "environment variable AGENCY_SECRET_X",
        "customHeaders": {"X-Token": "***", "X-A": "b"},
        "list": [{"secret": "***"}],
    }


def test_only_ports_that_people_listed_open_ports(user) -> None:
    by_hand = credentials.store(SECRET, name="a", kind="bearer", allowed_hosts=["api.example.com:9443"], owner=user)
    by_task = credentials.store(
        SECRET, name="b", kind="bearer", allowed_hosts=["api.example.com:22"], owner=user, inline=True
    )
    refs = [credentials.reference(by_hand), credentials.reference(by_task), {"env": "AGENCY_SECRET_X"}, "text"]
    assert credentials.extra_ports(refs) == frozenset({9443})


# --- the admin


@pytest.fixture
def staff(client):
    boss = get_user_model().objects.create_superuser("boss", password="x")
    client.force_login(boss)
    return boss


def test_the_admin_stores_a_secret_and_never_shows_it(client, staff) -> None:
    page = client.post(
        reverse("admin:agency_credential_add"),
        {"name": "CRM", "kind": "bearer", "account": "", "allowed_hosts": HOST, "secret": SECRET},
        follow=True,
    )
    made = Credential.objects.get()
    assert made.owner == staff
    assert _resolve(made) == SECRET
    change = client.get(reverse("admin:agency_credential_change", args=[made.pk]))
    listing = client.get(reverse("admin:agency_credential_changelist"))
    for answer in (page, change, listing):
        assert answer.status_code == 200
        assert SECRET not in answer.content.decode()


def test_the_admin_replaces_the_secret_only_when_one_is_typed(client, staff, credential) -> None:
    url = reverse("admin:agency_credential_change", args=[credential.pk])
    management = {"events-TOTAL_FORMS": "0", "events-INITIAL_FORMS": "0"}
    form = {"name": "Renamed", "account": "", "allowed_hosts": HOST, "secret": "", **management}
    assert client.post(url, form).status_code == 302
    assert _resolve(credential) == SECRET
    assert client.post(url, {**form, "secret": "another-secret-value"}).status_code == 302
    assert _resolve(credential) == "another-secret-value"
    details = credential.events.filter(action="changed", actor=staff).order_by("id").values_list("detail", flat=True)
    assert list(details) == ["name: CRM -> Renamed", "secret"]


def test_the_admin_asks_for_secret_and_hosts(client, staff) -> None:
    answer = client.post(
        reverse("admin:agency_credential_add"), {"name": "CRM", "kind": "bearer", "allowed_hosts": "not a host"}
    )
    text = answer.content.decode()
    assert "needs its secret" in text
    assert "is not a host" in text
    assert not Credential.objects.exists()


def test_the_admin_revokes_and_does_not_delete(client, staff, credential) -> None:
    listing = reverse("admin:agency_credential_changelist")
    client.post(listing, {"action": "revoke", "_selected_action": [credential.pk]})
    credential.refresh_from_db()
    assert credential.revoked_at is not None
    assert client.post(reverse("admin:agency_credential_delete", args=[credential.pk])).status_code == 403


# --- system checks


def test_loosened_rules_are_warned_of_and_refused_in_production(settings) -> None:
    assert checks.outbound_rules_in_production() == []
    settings.OUTBOUND_ALLOW_CIDRS = ["127.0.0.0/8"]
    assert [found.id for found in checks.outbound_rules()] == ["agency.W102"]
    assert [found.id for found in checks.outbound_rules_in_production()] == ["agency.E102"]
    settings.DEBUG = True
    assert checks.outbound_rules() == []


def test_settings_that_mean_nothing_are_named(settings, tmp_path) -> None:
    settings.OUTBOUND_ALLOW_CIDRS = ["not a network"]
    assert [found.id for found in checks.outbound_rules()] == ["agency.E101"]
    settings.OUTBOUND_CA_FILE = str(tmp_path / "missing.pem")
    assert [found.id for found in checks.outbound_certificates()] == ["agency.E103"]
    for keys in ("", "k1:short", "k1", f"{_key('k1', b'a')},{_key('k1', b'b')}"):
        settings.CREDENTIAL_KEYS = keys
        assert [found.id for found in checks.credential_keys()] == ["agency.E104"]


def test_a_secret_variable_without_hosts_is_warned_of(monkeypatch) -> None:
    monkeypatch.setenv("AGENCY_SECRET_CRM", "x")
    assert [found.id for found in checks.environment_secrets()] == ["agency.W105"]
    monkeypatch.setenv("AGENCY_SECRET_CRM_HOSTS", HOST)
    assert checks.environment_secrets() == []
