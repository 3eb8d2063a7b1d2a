"""Rate limits: counted in a real Valkey, exact under parallel requests, refusing or letting pass when it is gone."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import pytest
import redis
from django.core.management import call_command
from django.db import connection

from agency.api import limits
from agency.models import ApiToken
from tasks import pressure
from tasks.models import AgencyTask
from tasks.tests.api_client import CALL, Api, allow

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def counted(settings: Any) -> Any:
    """Limits are on in these tests (conftest turns them off for the others), in a database of this test process alone."""
    settings.RATE_LIMITS = True
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 8
    settings.REDIS_URL = urlsplit(settings.REDIS_URL)._replace(path=f"/{8 + number}").geturl()
    limits._script.cache_clear()
    limits._resting_until = 0.0
    client = redis.Redis.from_url(settings.REDIS_URL)
    client.flushdb()
    yield client
    client.flushdb()
    limits._script.cache_clear()
    limits._resting_until = 0.0


def test_the_request_after_the_last_is_refused_with_the_time_to_wait(settings: Any) -> None:
    settings.RATES = {**settings.RATES, "create": 3}
    api = Api()
    answers = [api.post("tasks/", CALL) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [201, 201, 201, 429]
    assert answers[0]["RateLimit-Policy"] == '"create";q=3;w=60'
    assert answers[0]["RateLimit"].startswith('"create";r=2;t=')
    refused = answers[3]
    assert 1 <= int(refused["Retry-After"]) <= 60
    assert (refused.json()["success"], refused.json()["type"]) == (False, "urn:agency:problem:rate-limit")
    assert AgencyTask.objects.count() == 3


def test_kinds_are_counted_apart_and_people_apart(settings: Any) -> None:
    settings.RATES = {**settings.RATES, "create": 1}
    ana, ben = Api(), Api()
    task = ana.create(executionType="manual_trigger")
    assert ana.post("tasks/", CALL).status_code == 429
    assert ben.post("tasks/", CALL).status_code == 201
    assert ana.post(f"tasks/{task['id']}/execute/").status_code == 202
    assert ana.get("tasks/").status_code == 200


def test_tokens_of_one_person_share_the_limit_and_one_may_be_given_less(settings: Any) -> None:
    settings.RATES = {**settings.RATES, "create": 4}
    first = Api()
    small = Api(first.user)
    ApiToken.objects.filter(pk=ApiToken.objects.latest("id").pk).update(share=50)
    assert [small.post("tasks/", CALL).status_code for _ in range(3)] == [201, 201, 429]
    assert [first.post("tasks/", CALL).status_code for _ in range(3)] == [201, 201, 429]


@pytest.mark.django_db(transaction=True)
def test_parallel_requests_get_exactly_the_places_there_are(settings: Any) -> None:
    settings.RATES = {**settings.RATES, "create": 7}
    api = Api()

    def send(number: int) -> int:
        try:
            return int(Api.of(api).post("tasks/", CALL).status_code)
        finally:
            connection.close()

    with ThreadPoolExecutor(20) as pool:
        codes = sorted(pool.map(send, range(20)))
    assert codes == [201] * 7 + [429] * 13


def test_a_window_ends(settings: Any, counted: Any) -> None:
    settings.RATES = {**settings.RATES, "create": 1}
    api = Api()
    assert [api.post("tasks/", CALL).status_code for _ in range(2)] == [201, 429]
    (key,) = counted.scan_iter("agency:limit:create:user:*")
    assert 0 < counted.pttl(key) <= 60_000
    for key in counted.scan_iter("agency:limit:create:*"):
        counted.pexpire(key, 1)
    while counted.exists(key):
        pass
    assert api.post("tasks/", CALL).status_code == 201


def test_without_valkey_work_goes_on_and_decisions_wait(settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:9/0"
    api = Api(is_staff=True)
    allow(api.user, "approve_task")
    task = api.create(requiresHumanReview=True)
    assert api.get("tasks/").status_code == 200
    refused = api.post(f"tasks/{task['id']}/approve/")
    assert (refused.status_code, refused["Retry-After"]) == (503, "5")
    assert AgencyTask.objects.get().review == "required"


def test_limits_can_be_switched_off(settings: Any) -> None:
    settings.RATE_LIMITS, settings.RATES = False, {**settings.RATES, "create": 1}
    assert [Api().post("tasks/", CALL).status_code for _ in range(2)] == [201, 201]
    api = Api()
    assert [api.post("tasks/", CALL).status_code for _ in range(3)] == [201, 201, 201]
    assert "RateLimit" not in api.get("tasks/")


def test_a_full_queue_takes_nothing_new_and_says_when_to_come_back(settings: Any) -> None:
    api = Api(is_staff=True, is_superuser=True)
    first = api.create()
    api.create()
    settings.QUEUE_DEPTH_MAX, settings.RATE_LIMITS = 1, False
    pressure._seen = (-pressure.FRESH_S, 0)
    waiting = {**CALL, "executionType": "manual_trigger"}
    for refused in (
        api.post("tasks/", waiting),
        api.post("tasks/bulk/", {"tasks": [waiting]}),
        api.post(f"tasks/{first['id']}/execute/"),
    ):
        assert (refused.status_code, refused["Retry-After"]) == (503, "10")
        assert refused.json()["type"] == "urn:agency:problem:overloaded"
    assert AgencyTask.objects.count() == 2
    assert api.get(f"tasks/{first['id']}/").status_code == 200
    assert api.post(f"tasks/{first['id']}/cancel/").status_code == 200
    pressure._seen = (-pressure.FRESH_S, 0)
    assert api.post("tasks/", CALL).status_code == 201


def test_the_command_prints_a_token_as_its_last_word(capsys: Any) -> None:
    api = Api()
    call_command("api_token", api.user.username, "--scopes", "read,write", "--days", "30", "--share", "50")
    text = capsys.readouterr().out.split()[-1]
    row = ApiToken.objects.latest("id")
    assert (row.scopes, row.share, row.expires_at is not None) == (["read", "write"], 50, True)
    assert text not in str(ApiToken.objects.values())
    api.token = text
    assert api.get("tasks/").status_code == 200
    assert api.post("tasks/1/approve/").status_code == 403
