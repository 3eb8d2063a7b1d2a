"""The third promise: secrets are planted everywhere a person may write one, work is done with them, and then everything
that is kept or shown is searched: the database, Valkey, logs, API answers, admin pages and exports."""

from __future__ import annotations

import base64
import io
import json
import logging
import os
import subprocess
import zipfile
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote

import pytest
import redis
from django.apps import apps
from django.conf import settings as django_settings
from django.contrib import admin
from django.db import connection
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from agency import credentials
from agency.local import places
from agency.models import Credential
from agency.tests.wire_server import WireServer, answer
from tasks import services
from tasks.actors import Actor
from tasks.inputs import TaskChanges
from tasks.models import AgencyTask, ReviewPolicy
from tasks.runner import Runner
from tasks.tests.conftest import runner, wait_status  # noqa: F401  the fixture
from tasks.tests.factories import UserFactory, make_task
from tasks.tests.fake_ghl import LOCATION, FakeGhl
from webhooks.inbound import processing
from webhooks.models import InboundMessage
from webhooks.tests.factories import custom_channel
from webhooks.tests.signing import compact, standard_headers

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

CANARIES = {
    name: f"canary-{name}-4f9a71c2"
    for name in ("bearer", "apikey", "password", "header", "query", "url", "variable", "stored", "edited", "reviewed",
                 "failing", "ghl", "location", "admin", "template", "rejected", "message", "unusable", "channel")
}  # fmt: skip
JSON = "Content-Type: application/json"


def _forms(secret: str) -> set[str]:
    encoded = base64.b64encode(secret.encode()).decode().rstrip("=")[:-1]
    pair = base64.b64encode(f"alice:{secret}".encode()).decode().rstrip("=")
    return {secret, quote(secret, safe=""), encoded, pair, secret.encode().hex()}


def _found(where: str, text: str) -> list[str]:
    return [f"{name} in {where}" for name, secret in CANARIES.items() if any(f in text for f in _forms(secret))]


@pytest.fixture
def echo(transactional_db: None, settings: Any) -> Iterator[WireServer]:
    """Repeats every request it gets, in its body and in its headers; /fail with status 400."""
    ReviewPolicy.objects.update(active=False)
    settings.OUTBOUND_ALLOW_CIDRS = ["127.0.0.0/8"]

    def repeat(connection_: Any, request: bytes) -> None:
        text = request.decode("latin-1")
        line = text.split("\r\n")[0]
        body = json.dumps({"message": f"you sent {text}", "seen": {"raw": text, "Authorization": text}}).encode()
        status = "400 Bad Request" if "/fail" in line else "200 OK"
        headers = [JSON, f"X-Request-Id: {line}", f"Location: https://example.com/{line.split(' ')[1]}"]
        connection_.sendall(answer(body, *headers, status=status))

    server = WireServer(repeat)
    yield server
    server.close()


@pytest.fixture
def ghl(settings: Any) -> Iterator[FakeGhl]:
    server = FakeGhl()
    server.tokens = {CANARIES["ghl"]: {LOCATION}, CANARIES["location"]: {"branch"}}
    settings.GHL_BASE_URL, settings.GHL_LOCATION_ID = server.base_url, LOCATION
    settings.GHL_API_KEY = CANARIES["ghl"]
    yield server
    server.close()


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What the configured handler writes, DEBUG included."""
    handler = next(one for one in logging.getLogger().handlers if type(one) is logging.StreamHandler)
    before, level, text = handler.stream, logging.getLogger().level, io.StringIO()
    handler.setStream(text)
    logging.getLogger().setLevel(logging.DEBUG)
    yield text
    logging.getLogger().setLevel(level)
    handler.setStream(before)


@pytest.fixture
def boss(client: Client) -> Client:
    person = UserFactory(is_staff=True, is_superuser=True)
    client.force_login(person)
    client.person = person
    return client


def test_no_secret_is_kept_or_shown_anywhere(
    runner: Runner,  # noqa: F811
    echo: WireServer,
    ghl: FakeGhl,
    log: io.StringIO,
    boss: Client,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AGENCY_SECRET_CANARY", CANARIES["variable"])
    _work(echo, ghl, boss)
    sent = b"".join(echo.requests).decode("latin-1")
    for name in (
        "bearer",
        "apikey",
        "header",
        "query",
        "url",
        "variable",
        "stored",
        "edited",
        "reviewed",
        "failing",
        "message",
    ):
        assert CANARIES[name] in sent, f"{name} was planted but never used: the search below would prove nothing"
    leaks = [
        *_found("the database", _dump()),
        *_found("Valkey", _valkey()),
        *_found("the log", log.getvalue()),
        *(leak for where, text in _pages(boss) for leak in _found(where, text)),
    ]
    assert leaks == []
    assert Credential.objects.count() >= 10


def _work(echo: WireServer, ghl: FakeGhl, boss: Client) -> None:
    """Plants every canary through the doors people use, and has work done with it."""
    for config in _calls(echo):
        task = make_task(executionConfig={"apiEndpoint": f"{echo.url}/v1", **config})
        wait_status(task, "completed")
    _plant_by_hand(echo, boss)
    failing = {"apiEndpoint": f"{echo.url}/fail", "authType": "bearer", "bearerToken": CANARIES["failing"]}
    wait_status(make_task(executionConfig={**failing, "apiMethod": "POST"}), "failed")
    wait_status(make_task(executionConfig=failing), "failed")
    _edit_and_review(echo, boss)
    _messages(echo, boss)
    host = ghl.base_url.removeprefix("http://")
    credentials.store(CANARIES["location"], name="Branch", kind="ghl", account="branch", allowed_hosts=[host])
    for location in (None, "branch", "nowhere"):
        config = {"ghlAction": "add_contact", "email": "a@example.com", "locationId": location}
        task = make_task(taskType="ghl_action", executionConfig=config)
        wait_status(task, "failed" if location == "nowhere" else "completed")


def _calls(echo: WireServer) -> list[dict[str, Any]]:
    return [
        {"authType": "bearer", "bearerToken": CANARIES["bearer"]},
        {"authType": "api_key", "apiKey": CANARIES["apikey"], "apiMethod": "POST", "apiPayload": {"a": 1}},
        {"authType": "basic", "username": "alice", "password": CANARIES["password"]},
        {"customHeaders": {"X-Auth-Token": CANARIES["header"]}},
        {"queryParams": {"access_token": CANARIES["query"]}},
        {"apiEndpoint": f"{echo.url}/v1?page=2&api_key={CANARIES['url']}"},
        {"customHeaders": {"X-Api-Key": {"env": "AGENCY_SECRET_CANARY"}}},
    ]


def _plant_by_hand(echo: WireServer, boss: Client) -> None:
    host = echo.url.removeprefix("http://")
    stored = credentials.store(CANARIES["stored"], name="CRM", kind="bearer", allowed_hosts=[host], owner=boss.person)
    config = {"apiEndpoint": echo.url, "authType": "bearer", "bearerToken": credentials.reference(stored)}
    wait_status(make_task(Actor.user(boss.person, "api"), executionConfig=config), "completed")
    form = {"name": "By hand", "kind": "bearer", "allowed_hosts": host, "secret": CANARIES["admin"], "account": ""}
    assert boss.post(reverse("admin:agency_credential_add"), form).status_code == 302
    template = {"title": "T", "taskType": "api_call", "executionConfig": {
        "apiEndpoint": f"{echo.url}/v1", "authType": "bearer", "bearerToken": CANARIES["template"]}}  # fmt: skip
    answered = boss.post("/api/v1/templates/", {"name": "With a secret", "task": template}, "application/json")
    assert answered.status_code in (201, 404), answered.content
    wrong = {"taskType": "api_call", "title": "x", "executionConfig": {
        "bearerToken": CANARIES["rejected"], "bogus": 1, "timeout": CANARIES["rejected"]}}  # fmt: skip
    refused = boss.post("/api/v1/tasks/", wrong, "application/json")
    assert refused.status_code == 422
    assert _found("an error", refused.content.decode()) == []


def _messages(echo: WireServer, boss: Client) -> None:
    """Tasks that come in as messages, one good and one not, and the answer that goes out."""
    channel = custom_channel(url=f"{echo.url}/hook", outboundSecret=CANARIES["channel"])
    good = {"apiEndpoint": f"{echo.url}/v1", "authType": "bearer", "bearerToken": CANARIES["message"]}
    for number, config in enumerate([good, {**good, "bearerToken": CANARIES["unusable"], "bogus": 1}]):
        task = {"title": "By message", "taskType": "api_call", "executionConfig": config}
        body = compact({"type": "task.create", "data": task})
        headers = standard_headers(body, f"msg_{number}")
        taken = boss.post(f"/webhooks/inbound/{channel.token}/", body, content_type="application/json", headers=headers)
        assert taken.status_code == (400 if number else 202), taken.content
        if not number:
            assert processing.process(InboundMessage.objects.latest("pk").pk) == "processed"
    wait_status(AgencyTask.objects.latest("pk"), "completed")


def _edit_and_review(echo: WireServer, boss: Client) -> None:
    reviewer = Actor.user(UserFactory(is_superuser=True), "api")
    config = {"apiEndpoint": f"{echo.url}/v1", "authType": "bearer", "bearerToken": CANARIES["reviewed"]}
    task = make_task(Actor.user(boss.person, "api"), executionConfig=config, requiresHumanReview=True)
    services.approve(task.pk, reviewer, notes="Fine")
    wait_status(task, "completed")
    task = make_task(Actor.user(boss.person, "api"), executionConfig=config, requiresHumanReview=True)
    changed = {"executionConfig": {**task.execution_config, "bearerToken": CANARIES["edited"]}}
    services.edit(task.pk, TaskChanges.model_validate(changed), Actor.user(boss.person, "api"))
    services.approve(task.pk, reviewer, notes="Fine")
    wait_status(task, "completed")


def _dump() -> str:
    connection.ensure_connection()
    info = connection.connection.info
    program = str(places.postgres_programs() / "pg_dump")
    command = [program, "-h", info.host, "-p", str(info.port), "-U", info.user, info.dbname]
    environment = {**os.environ, "PGPASSWORD": info.password}
    text = subprocess.run(command, env=environment, capture_output=True, check=True).stdout.decode("utf-8", "replace")
    assert "agency_credential" in text
    return text + "\n".join(_unhexed(text))


def _unhexed(text: str) -> Iterator[str]:
    """bytea columns are dumped as hex: what they hold is searched too."""
    for word in text.split():
        if word.startswith("\\\\x"):
            yield bytes.fromhex(word[3:]).decode("utf-8", "replace")


def _valkey() -> str:
    valkey = redis.Redis.from_url(django_settings.REDIS_URL)
    kept = []
    for key in valkey.scan_iter():
        kind = valkey.type(key).decode()
        read = {"string": valkey.get, "list": lambda k: valkey.lrange(k, 0, -1), "hash": valkey.hgetall,
                "set": valkey.smembers, "zset": lambda k: valkey.zrange(k, 0, -1)}[kind]  # fmt: skip
        kept.append(f"{key!r} {read(key)!r}")
    return "\n".join(kept)


def _pages(boss: Client) -> Iterator[tuple[str, str]]:
    """(address, what it shows) of everything a superuser can open without changing anything."""
    shown = 0
    for address in dict.fromkeys([*_addresses(), *_admin_addresses()]):
        response = boss.get(address)
        assert response.status_code < 500, address
        shown += response.status_code == 200
        content = b"".join(response.streaming_content) if response.streaming else response.content
        yield address, _text(content)
    assert shown > 40


def _text(content: bytes) -> str:
    if content[:2] != b"PK":
        return content.decode("utf-8", "replace")
    with zipfile.ZipFile(io.BytesIO(content)) as book:  # an XLSX is a zip of XML
        return "\n".join(book.read(name).decode("utf-8", "replace") for name in book.namelist())


def _addresses() -> Iterator[str]:
    for prefix, pattern in _patterns(get_resolver().url_patterns, ""):
        route = prefix + str(pattern.pattern)
        if not route.startswith(("api/v1/", "review/", "reports/")):
            continue
        for filled in _filled(route):
            yield "/" + filled
            if "<" not in route and ("report" in route or "tasks" in route):
                yield from (f"/{filled}?format={kind}" for kind in ("csv", "xlsx"))


def _patterns(patterns: Iterable[Any], prefix: str) -> Iterator[tuple[str, URLPattern]]:
    for one in patterns:
        if isinstance(one, URLResolver):
            yield from _patterns(one.url_patterns, prefix + str(one.pattern))
        else:
            yield prefix, one


def _filled(route: str) -> list[str]:
    """The address with each number it may take; addresses with other parts are of no use here."""
    if "<" not in route:
        return [route]
    start, _, rest = route.partition("<")
    part, _, end = rest.partition(">")
    if part.partition(":")[0] not in ("id", "int") or "<" in end:
        return []
    ids = AgencyTask.objects.values_list("pk", flat=True) if "task" in part else range(1, 6)
    return [f"{start}{pk}{end}" for pk in ids]


def _admin_addresses() -> Iterator[str]:
    yield reverse("admin:index")
    for model in apps.get_models():
        if not admin.site.is_registered(model):
            continue
        names = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        yield reverse(f"{names}_changelist")
        for pk in model._default_manager.values_list("pk", flat=True)[:30]:
            yield reverse(f"{names}_change", args=[pk])
            yield reverse(f"{names}_history", args=[pk])
