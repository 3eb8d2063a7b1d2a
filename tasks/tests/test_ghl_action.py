"""ghl_action in a real runner, against a GoHighLevel that keeps to its contract."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import redis
from django.conf import settings as django_settings

from agency import credentials
from tasks import services
from tasks.actors import Actor
from tasks.executors.ghl import limits, lookups
from tasks.models import AgencyTask, ReviewPolicy, TaskEffect
from tasks.runner import Runner
from tasks.tests.conftest import wait_for, wait_status
from tasks.tests.factories import make_task
from tasks.tests.fake_ghl import LOCATION, TOKEN, FakeGhl

pytestmark = pytest.mark.django_db(transaction=True)
PHONE = "+15551234567"


@pytest.fixture
def ghl(transactional_db: None, settings: Any) -> Iterator[FakeGhl]:
    ReviewPolicy.objects.update(active=False)  # review is not what these tests are about
    server = FakeGhl()
    settings.OUTBOUND_ALLOW_CIDRS = ["127.0.0.0/8"]
    settings.GHL_BASE_URL = server.base_url
    settings.GHL_API_KEY, settings.GHL_LOCATION_ID, settings.GHL_API_VERSION = TOKEN, LOCATION, "v3"
    settings.GHL_REQUESTS_PER_SECOND = 100
    valkey = redis.Redis.from_url(django_settings.REDIS_URL)
    for key in valkey.scan_iter("agency:ghl:*"):
        valkey.delete(key)
    lookups.forget()
    yield server
    server.close()


def _task(action: str, **fields: Any) -> AgencyTask:
    options = {name: fields.pop(name) for name in ("maxRetries", "onUnknownOutcome") if name in fields}
    return make_task(taskType="ghl_action", executionConfig={"ghlAction": action, **fields}, **options)


def _done(action: str, **fields: Any) -> dict[str, Any]:
    return wait_status(_task(action, **fields), "completed").result


def _failed(action: str, **fields: Any) -> AgencyTask:
    return wait_status(_task(action, **fields), "failed")


# --- the five actions


def test_add_contact_creates_and_tags_by_a_call_of_its_own(runner: Runner, ghl: FakeGhl) -> None:
    result = _done("add_contact", firstName="John", lastName="Doe", email="john@example.com", phone="+1 (555) 123-4567",
                   customFields={"company": "Acme Inc", "favourite colour": "blue"}, tags=["new"])  # fmt: skip
    contact = ghl.contacts[result["contactId"]]
    assert (result["new"], result["tags"]) == (True, ["new"])
    assert (contact["firstName"], contact["phone"], contact["companyName"]) == ("John", PHONE, "Acme Inc")
    assert contact["customFields"] == [{"id": "field1", "fieldValue": "blue"}]
    assert "tags" not in ghl.seen("upsert")[0]
    assert ghl.effects == {"upsert": 1, "add_tags": 1}


def test_add_contact_finds_the_one_there_is_and_keeps_its_tags(runner: Runner, ghl: FakeGhl) -> None:
    there = ghl.add(email="john@example.com", tags=["customer"])
    result = _done("add_contact", email="john@example.com", city="Rome", tags=["vip"])
    assert (result["contactId"], result["new"], result["tags"]) == (there["id"], False, ["customer", "vip"])
    assert there["city"] == "Rome"


def test_a_duplicate_that_is_refused_is_success_on_the_existing_contact(runner: Runner, ghl: FakeGhl) -> None:
    there = ghl.add(email="john@example.com", name="John")
    ghl.allow_duplicates = False
    ghl.do_upsert = ghl.do_create_contact  # the answer that some locations give to an upsert as well
    result = _done("add_contact", email="john@example.com")
    assert (result["contactId"], result["new"]) == (there["id"], False)


def test_update_contact_changes_only_what_is_given_and_sends_no_location(runner: Runner, ghl: FakeGhl) -> None:
    there = ghl.add(email="john@example.com", city="Rome", tags=["customer"])
    result = _done("update_contact", email="john@example.com", firstName="Johnny", tags=["vip"],
                   customFields=[{"key": "favourite_colour", "value": "red"}])  # fmt: skip
    assert result["contactId"] == there["id"]
    assert (there["firstName"], there["city"], there["tags"]) == ("Johnny", "Rome", ["customer", "vip"])
    assert ghl.seen("update_contact") == [
        {"firstName": "Johnny", "customFields": [{"key": "favourite_colour", "fieldValue": "red"}]}
    ]


def test_send_sms_finds_the_person_by_phone_and_sends_the_minimal_body(runner: Runner, ghl: FakeGhl) -> None:
    there = ghl.add(phone=PHONE)
    result = _done("send_sms", phone=PHONE, message="See you at 5")
    assert ghl.seen("send_message") == [{"type": "SMS", "contactId": there["id"], "message": "See you at 5"}]
    assert result["messageId"] == ghl.messages[0]["id"]


def test_create_opportunity_finds_pipeline_and_stage_by_name(runner: Runner, ghl: FakeGhl) -> None:
    there = ghl.add(email="john@example.com")
    result = _done("create_opportunity", email="john@example.com", name="Roof", pipelineName="sales",
                   stageName="New Lead", monetaryValue=1200.5, customFields={"budget": 2000})  # fmt: skip
    made = ghl.opportunities[result["opportunityId"]]
    assert (made["pipelineId"], made["pipelineStageId"], made["status"]) == ("pipe1", "stage1", "open")
    assert (made["contactId"], made["monetaryValue"]) == (there["id"], 1200.5)
    assert made["customFields"] == [{"id": "field2", "fieldValue": 2000}]


def test_a_second_opportunity_of_a_contact_is_the_first_one(runner: Runner, ghl: FakeGhl) -> None:
    there = ghl.add(email="john@example.com")
    first = _done("create_opportunity", contactId=there["id"], name="Roof", pipelineId="pipe1")
    second = _done("create_opportunity", contactId=there["id"], name="Cellar", pipelineId="pipe1")
    assert (second["opportunityId"], second["existing"]) == (first["opportunityId"], True)
    assert len(ghl.opportunities) == 1


def test_add_tag_adds_and_keeps(runner: Runner, ghl: FakeGhl) -> None:
    there = ghl.add(email="john@example.com", tags=["customer"])
    result = _done("add_tag", contactId=there["id"], tags=["vip"], tag="gold")
    assert result["tags"] == ["customer", "vip", "gold"]


@pytest.mark.parametrize(
    ("version", "contacts", "conversations", "value"),
    [
        ("v3", "v3", "v3", "fieldValue"),
        ("2023-02-21", "2023-02-21", "2023-02-21", "field_value"),
        ("2021-07-28", "2021-07-28", "2021-04-15", "field_value"),
    ],
)
def test_the_version_is_a_setting_and_its_spellings_follow(
    runner: Runner, ghl: FakeGhl, settings: Any, version: str, contacts: str, conversations: str, value: str
) -> None:
    settings.GHL_API_VERSION = version
    _done("add_contact", phone=PHONE, customFields={"Favourite Colour": "blue"})
    _done("update_contact", phone=PHONE, city="Rome")
    _done("send_sms", phone=PHONE, message="Hi")
    assert ghl.seen("upsert")[0]["customFields"] == [{"id": "field1", value: "blue"}]
    seen = {name: headers["Version"] for (name, _), headers in zip(ghl.requests, ghl.headers_seen, strict=True)}
    assert (seen["upsert"], seen["update_contact"], seen["send_message"]) == (contacts, contacts, conversations)


# --- tokens and locations


def test_a_location_uses_its_own_credential(runner: Runner, ghl: FakeGhl) -> None:
    ghl.tokens["pit-branch"] = {"branch"}
    host = ghl.base_url.removeprefix("http://")
    own = credentials.store("pit-branch", name="Branch", kind="ghl", account="branch", allowed_hosts=[host])
    result = _done("add_contact", email="john@example.com", locationId="branch")
    assert ghl.contacts[result["contactId"]]["locationId"] == "branch"
    assert ghl.headers_seen[0]["Authorization"] == "Bearer pit-branch"
    assert own.events.filter(action="used", host=host).exists()


def test_without_a_token_or_a_location_nothing_is_sent(runner: Runner, ghl: FakeGhl, settings: Any) -> None:
    settings.GHL_API_KEY = ""
    task = _failed("add_contact", email="john@example.com")
    assert "set GHL_API_KEY" in task.last_error
    settings.GHL_LOCATION_ID = ""
    task = _failed("add_contact", email="jane@example.com")
    assert "requires locationId" in task.last_error
    assert ghl.requests == []
    assert task.executions.count() == 1


def test_the_token_never_goes_to_another_host(runner: Runner, ghl: FakeGhl) -> None:
    credentials.store("pit-branch", name="Branch", kind="ghl", account="branch", allowed_hosts=["other.example.com"])
    task = _failed("add_contact", email="john@example.com", locationId="branch")
    assert "may not be sent" in task.last_error
    assert ghl.requests == []


# --- refusals that cannot heal


@pytest.mark.parametrize(
    ("contact", "words", "code"),
    [
        ({"phone": PHONE, "dnd": True}, "DND is active", "ghl_dnd"),
        ({"phone": PHONE, "unsubscribed": True}, "has unsubscribed", "ghl_dnd"),
        ({"email": "john@example.com"}, "Missing phone number", "ghl_missing_phone"),
    ],
)
def test_who_cannot_be_reached_is_not_tried_again(
    runner: Runner, ghl: FakeGhl, contact: dict[str, Any], words: str, code: str
) -> None:
    there = ghl.add(**contact)
    task = _failed("send_sms", contactId=there["id"], message="Hi")
    execution = task.executions.get()
    assert words in task.last_error
    assert execution.error_code == code
    assert TaskEffect.objects.get(task=task).state == "rejected"


def test_a_wrong_token_a_foreign_location_and_a_missing_contact_fail_at_once(
    runner: Runner, ghl: FakeGhl, settings: Any
) -> None:
    missing = _failed("update_contact", contactId="nobody", city="Rome")
    foreign = _failed("add_contact", email="a@example.com", locationId="elsewhere")
    settings.GHL_API_KEY = "pit-wrong"
    unauthorized = _failed("add_contact", email="a@example.com")
    for task, status in ((missing, 404), (foreign, 403), (unauthorized, 401)):
        assert f"answered {status}" in task.last_error
        assert task.executions.get().error_code == f"http_{status}"
    assert "pit-wrong" not in unauthorized.last_error


def test_an_invented_version_fails_at_once(runner: Runner, ghl: FakeGhl, settings: Any) -> None:
    settings.GHL_API_VERSION = "2031-01-01"
    assert "version header is invalid" in _failed("add_contact", email="a@example.com").last_error


def test_a_body_that_is_refused_says_every_reason(runner: Runner, ghl: FakeGhl) -> None:
    there = ghl.add(email="john@example.com")
    ghl.do_update_contact = _refuse_all
    task = _failed("update_contact", contactId=there["id"], city="Rome")
    assert "property a should not exist; property b should not exist" in task.last_error


def _refuse_all(call: Any) -> dict[str, Any]:
    from tasks.tests.fake_ghl import Answer

    raise Answer(422, ["property a should not exist", "property b should not exist"])


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"email": "nobody@example.com", "message": "Hi"}, "no contact with nobody@example.com"),
        ({"phone": "+15550000000", "message": "Hi"}, r"no contact with +15550000000"),
    ],
)
def test_a_person_who_is_not_there_is_named(runner: Runner, ghl: FakeGhl, fields: dict[str, Any], words: str) -> None:
    assert words in _failed("send_sms", **fields).last_error
    assert ghl.effects == {}


def test_an_unknown_field_pipeline_or_stage_is_named_with_those_there_are(runner: Runner, ghl: FakeGhl) -> None:
    there = ghl.add(email="john@example.com")
    field = _failed("update_contact", contactId=there["id"], customFields={"shoe size": 44})
    assert "no custom field 'shoe size' here; it has Favourite colour" in field.last_error
    pipeline = _failed("create_opportunity", contactId=there["id"], name="A", pipelineName="Marketing")
    assert "no pipeline 'Marketing' in this location; it has Sales" in pipeline.last_error
    stage = _failed("create_opportunity", contactId=there["id"], name="A", pipelineName="Sales", stageName="Lost")
    assert "no stage 'Lost' in this location; it has New lead, Won" in stage.last_error
    assert ghl.effects == {}


# --- trouble that heals, and trouble that must not be repeated


@pytest.mark.parametrize("fault", [500, 503, "cut", "cut before"])
def test_repeatable_work_is_tried_again(runner: Runner, ghl: FakeGhl, fault: Any) -> None:
    ghl.fail("upsert", fault)
    task = wait_status(_task("add_contact", email="john@example.com"), "completed")
    assert task.error_count == 1
    assert len(ghl.contacts) == 1


def test_a_tag_that_failed_is_tried_again_without_a_second_upsert(runner: Runner, ghl: FakeGhl) -> None:
    ghl.fail("add_tags", 500)
    task = wait_status(_task("add_contact", email="john@example.com", tags=["vip"]), "completed")
    assert ghl.effects == {"upsert": 1, "add_tags": 1}
    assert task.result["tags"] == ["vip"]


def test_a_text_without_an_answer_is_looked_up_and_never_sent_twice(runner: Runner, ghl: FakeGhl) -> None:
    there = ghl.add(phone=PHONE)
    ghl.fail("send_message", "cut")
    task = wait_status(_task("send_sms", contactId=there["id"], message="Hi"), "completed")
    assert task.result["foundAfterwards"] is True
    assert task.result["messageId"] == ghl.messages[0]["id"]
    assert len(ghl.messages) == 1


@pytest.mark.parametrize("fault", ["cut before", 500, 502])
def test_a_text_that_cannot_be_found_is_asked_about(runner: Runner, ghl: FakeGhl, fault: Any) -> None:
    there = ghl.add(phone=PHONE)
    ghl.fail("send_message", fault)
    task = wait_status(_task("send_sms", contactId=there["id"], message="Hi"), "waiting_input")
    assert task.waiting_for["kind"] == "outcome_unknown"
    assert ghl.messages == []
    services.answer(task.pk, Actor("test"), {"answer": "run_again"})
    wait_status(task, "completed")
    assert len(ghl.messages) == 1


def test_an_equal_text_of_another_task_is_no_evidence(runner: Runner, ghl: FakeGhl) -> None:
    there = ghl.add(phone=PHONE)
    _done("send_sms", contactId=there["id"], message="Hi")
    ghl.fail("send_message", "cut before")
    wait_status(_task("send_sms", contactId=there["id"], message="Hi"), "waiting_input")
    assert len(ghl.messages) == 1


@pytest.mark.parametrize("version", ["v3", "2021-07-28"])
def test_an_opportunity_without_an_answer_is_looked_up(
    runner: Runner, ghl: FakeGhl, settings: Any, version: str
) -> None:
    settings.GHL_API_VERSION = version
    there = ghl.add(email="john@example.com")
    ghl.fail("create_opportunity", "cut")
    task = wait_status(_task("create_opportunity", contactId=there["id"], name="Roof", pipelineId="pipe1"), "completed")
    assert task.result["opportunityId"] in ghl.opportunities
    assert ghl.effects["create_opportunity"] == 1


def test_a_server_that_is_away_is_waited_for_even_by_work_that_may_happen_once(
    runner: Runner, ghl: FakeGhl, settings: Any
) -> None:
    there = ghl.add(phone=PHONE)
    settings.GHL_BASE_URL = "http://127.0.0.1:9"
    task = _task("send_sms", contactId=there["id"], message="Hi", maxRetries=10)
    wait_for(lambda: task.executions.filter(status="failed").exists())
    settings.GHL_BASE_URL = ghl.base_url
    wait_status(task, "completed")
    assert len(ghl.messages) == 1


# --- limits


def test_the_limit_of_a_location_is_kept_over_all_tasks_without_errors(
    runner: Runner, ghl: FakeGhl, settings: Any
) -> None:
    settings.GHL_REQUESTS_PER_SECOND = 4
    tasks = [_task("add_contact", email=f"p{n}@example.com") for n in range(12)]
    for task in tasks:
        wait_status(task, "completed", seconds=30)
        assert task.error_count == 0
    assert ghl.refused_429 == 0
    assert sum(task.handback_count for task in tasks) > 0


def test_a_429_hands_the_task_back_and_costs_no_error(runner: Runner, ghl: FakeGhl) -> None:
    ghl.limit, ghl.window_s = 1, 0.5
    tasks = [_task("add_contact", email=f"p{n}@example.com") for n in range(3)]
    for task in tasks:
        wait_status(task, "completed", seconds=30)
        assert task.error_count == 0
    assert len(ghl.contacts) == 3


def test_a_used_up_day_pauses_the_location(runner: Runner, ghl: FakeGhl) -> None:
    ghl.daily_remaining = 0
    _done("add_contact", email="a@example.com")
    task = wait_status(_task("add_contact", email="b@example.com"), "deferred")
    assert task.error_count == 0
    assert "limit" in task.status_reason
    assert limits.take(LOCATION) > 3000
    assert limits.take("another-location") == 0
