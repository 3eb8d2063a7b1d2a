"""What people write and what it is taken for. Wednesday, 6 March 2024, 10:00 in New York; clocks change on Sunday."""

from __future__ import annotations

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhooks.inbound.parsing.entities import Amount, find_entities, normal_address
from webhooks.inbound.parsing.rules import understand
from webhooks.inbound.parsing.understanding import Intent, Missing, Setting, Understanding
from webhooks.inbound.parsing.when import cut, find_moments, is_recurring

NEW_YORK = ZoneInfo("America/New_York")
NOW = dt.datetime(2024, 3, 6, 15, 0, tzinfo=dt.UTC)
HERE = Setting(NOW, NEW_YORK)


def moments(text: str) -> list[str]:
    return [moment.at.isoformat() for moment in find_moments(text, NOW, NEW_YORK)]


# --- when ---


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("tomorrow at 9", "2024-03-07T09:00:00-05:00"),
        ("at 5pm", "2024-03-06T17:00:00-05:00"),
        ("at 9", "2024-03-07T09:00:00-05:00"),
        ("at 3", "2024-03-06T15:00:00-05:00"),
        ("in 2 hours", "2024-03-06T12:00:00-05:00"),
        ("in half an hour", "2024-03-06T10:30:00-05:00"),
        ("in a week", "2024-03-13T10:00:00-04:00"),
        ("two days from now", "2024-03-08T10:00:00-05:00"),
        ("Friday afternoon", "2024-03-08T14:00:00-05:00"),
        ("next Friday at 14:30 UTC", "2024-03-15T14:30:00+00:00"),
        ("wednesday", "2024-03-13T09:00:00-04:00"),
        ("at 9 in the evening", "2024-03-06T21:00:00-05:00"),
        ("tonight at 8", "2024-03-06T20:00:00-05:00"),
        ("12/25 at noon", "2024-12-25T12:00:00-05:00"),
        ("on the 3rd of May 2024 at 3:15 pm", "2024-05-03T15:15:00-04:00"),
        ("2024-12-15T10:00:00Z", "2024-12-15T10:00:00+00:00"),
        ("2024-12-15", "2024-12-15T09:00:00-05:00"),
        ("tomorrow 9am Europe/Berlin", "2024-03-07T09:00:00+01:00"),
        ("next month", "2024-04-01T09:00:00-04:00"),
        ("end of the month", "2024-03-31T17:00:00-04:00"),
    ],
)
def test_a_phrase_is_one_moment_in_the_senders_zone(text: str, expected: str) -> None:
    assert moments(f"please do it {text}") == [expected]


def test_a_time_that_the_change_of_clocks_skips_moves_forward() -> None:
    assert moments("Sunday at 2:30am") == ["2024-03-10T03:30:00-04:00"]


def test_by_makes_a_deadline_at_the_close_of_the_day_and_says_so() -> None:
    (moment,) = find_moments("finish it by Friday", NOW, NEW_YORK)
    assert (moment.at.isoformat(), moment.is_deadline) == ("2024-03-08T17:00:00-05:00", True)
    assert moment.assumed == "no time given, 17:00 is taken"
    assert cut("finish it by Friday", [moment]) == "finish it"


@pytest.mark.parametrize(
    "text",
    [
        "May I ask you a second thing",
        "march on",
        "version 2.10.1 at 99",
        "call +1 415 555 2671",
        "a@3.com",
        "",
        "room 101",
    ],
)
def test_words_and_numbers_that_are_no_times_are_left_alone(text: str) -> None:
    assert moments(text) == []


def test_two_moments_stay_two() -> None:
    assert moments("start tomorrow at 9, finish by Friday") == [
        "2024-03-07T09:00:00-05:00",
        "2024-03-08T17:00:00-05:00",
    ]


def test_repeated_work_is_noticed() -> None:
    assert is_recurring("every Monday at 9")
    assert is_recurring("send it weekly")
    assert not is_recurring("everything on Monday")


@given(st.text(max_size=200))
def test_no_text_makes_the_clock_reader_raise(text: str) -> None:
    for moment in find_moments(text, NOW, NEW_YORK):
        assert moment.at.tzinfo is not None


# --- entities ---


def test_everything_recognisable_is_recognised_once() -> None:
    text = (
        "Call +1 (415) 555-2671 or ann@Example.com about task #12 and task 13: see https://a.example.com/x?y=1. "
        "It costs $1,200.50 or 1.000,50 EUR. Urgent! Again ann@example.com, example.org/path"
    )
    found = find_entities(text)
    assert found.phones == ("+14155552671",)
    assert found.emails == ("ann@example.com",)
    assert found.urls == ("https://a.example.com/x?y=1", "https://example.org/path")
    assert found.amounts == (Amount("1200.50", "USD"), Amount("1000.50", "EUR"))
    assert found.task_ids == (12, 13)
    assert (found.urgency, found.priority) == ("urgent", "high")


def test_not_urgent_is_not_urgent_and_national_numbers_need_a_country() -> None:
    assert find_entities("not urgent").urgency == "normal"
    assert find_entities("030 901820", "DE").phones == ("+4930901820",)
    assert find_entities("030 901820", "US").phones == ()


def test_one_spelling_per_sender() -> None:
    assert normal_address("sms", "(415) 555-2671") == "+14155552671"
    assert normal_address("sms", "whatsapp:+14155552671") == "whatsapp:+14155552671"
    assert normal_address("sms", "AGENCY") == "AGENCY"
    assert normal_address("email", " Ann@Example.COM ") == "ann@example.com"


# --- commands ---


@pytest.mark.parametrize(
    ("text", "intent", "ids", "words"),
    [
        ("help", Intent.HELP, (), ""),
        ("?", Intent.HELP, (), ""),
        ("STOP", Intent.STOP, (), ""),
        ("start", Intent.START, (), ""),
        ("status", Intent.STATUS, (), ""),
        ("Status 12", Intent.STATUS, (12,), ""),
        ("what's the status of task #12?", Intent.STATUS, (12,), ""),
        ("is 12 done?", Intent.STATUS, (12,), ""),
        ("Please cancel task 12", Intent.CANCEL, (12,), ""),
        ("stop 12", Intent.CANCEL, (12,), ""),
        ("approve 12, 13 and #14: looks good", Intent.APPROVE, (12, 13, 14), "looks good"),
        ("Reject 12 because the price is wrong", Intent.REJECT, (12,), "because the price is wrong"),
        ("retry 12", Intent.RETRY, (12,), ""),
        ("answer 12: 493021", Intent.ANSWER, (12,), "493021"),
        ("done", Intent.ACKNOWLEDGE, (), ""),
        ("ack 12", Intent.ACKNOWLEDGE, (12,), ""),
    ],
)
def test_commands_are_read_with_their_tasks_and_words(
    text: str, intent: Intent, ids: tuple[int, ...], words: str
) -> None:
    reading = understand(text, HERE)
    assert (reading.intent, reading.task_ids, reading.words, reading.needs_question) == (intent, ids, words, False)


def test_a_command_without_a_number_means_the_task_the_conversation_is_about_or_asks_which() -> None:
    assert understand("approve", HERE).missing == Missing.TASK
    assert understand("approve", Setting(NOW, NEW_YORK, open_task_id=12)).task_ids == (12,)
    rejected = understand("reject: too expensive", Setting(NOW, NEW_YORK, open_task_id=12))
    assert (rejected.intent, rejected.task_ids, rejected.words) == (Intent.REJECT, (12,), "too expensive")


@pytest.mark.parametrize(
    ("text", "until"),
    [
        ("snooze 12 1h", "2024-03-06T11:00:00-05:00"),
        ("snooze until tomorrow 9am", "2024-03-07T09:00:00-05:00"),
        ("later", None),
        ("snooze for 30 minutes", "2024-03-06T10:30:00-05:00"),
    ],
)
def test_a_snooze_carries_its_time(text: str, until: str | None) -> None:
    reading = understand(text, HERE)
    assert reading.intent == Intent.SNOOZE
    assert (reading.until.isoformat() if reading.until else None) == until


def test_in_an_open_question_anything_but_a_command_is_the_answer() -> None:
    asked = Setting(NOW, NEW_YORK, open_question=True, open_task_id=12)
    for text in ("493021", "ok", "the blue one, please", "extract it from https://example.com"):
        reading = understand(text, asked)
        assert (reading.intent, reading.words) == (Intent.ANSWER, text)
    assert understand("cancel 12", asked).intent == Intent.CANCEL


@pytest.mark.parametrize(
    "text",
    [
        "do not approve 12",
        "I would never cancel 12",
        "he said approve 12",
        "approve 12abc",
        "approve all",
        "approve of the design",
    ],
)
def test_a_sentence_about_a_command_is_no_command(text: str) -> None:
    assert understand(text, HERE).intent not in {Intent.CANCEL, Intent.APPROVE, Intent.REJECT}


# --- requests ---


def made(text: str, subject: str = "") -> Understanding:
    return understand(text, HERE, subject)


def test_a_reminder_has_its_time_and_its_words() -> None:
    for text in (
        "Please remind me tomorrow at 9 to call John",
        "remind me to call John tomorrow at 9",
        "Set a reminder for tomorrow at 9: call John",
    ):
        reading = made(text)
        assert (reading.intent, reading.missing) == (Intent.REMIND, Missing.NOTHING)
        assert reading.task["executionConfig"] == {
            "recipient": "sender",
            "reminderMessage": "call John",
            "reminderTime": "2024-03-07T09:00:00-05:00",
        }


def test_a_reminder_without_time_or_words_asks_for_what_is_missing() -> None:
    assert made("remind me to call John").missing == Missing.WHEN
    assert made("Remind me at 5pm").missing == Missing.WHAT
    assert made("remind me to call John on 2020-01-01").missing == Missing.WHEN


def config(text: str) -> tuple[str, dict[str, Any]]:
    reading = made(text)
    assert not reading.needs_question, reading
    return reading.task["taskType"], reading.task["executionConfig"]


def test_pages_are_read_and_driven() -> None:
    assert config("Extract all product names and prices from https://example.com/data") == (
        "data_extraction",
        {
            "automationSteps": [
                {"type": "navigate", "config": {"url": "https://example.com/data"}},
                {"type": "extract", "config": {"instruction": "Extract all product names and prices"}},
            ]
        },
    )
    kind, steps = config('Go to https://example.com, click Login, type "bob" into the name field and take a screenshot')
    assert kind == "browser_automation"
    assert steps["automationSteps"][1:] == [
        {"type": "click", "config": {"instruction": "click Login"}},
        {"type": "type", "config": {"instruction": "name field", "value": "bob"}},
        {"type": "screenshot", "config": {}},
    ]
    assert made("scrape the website").missing == Missing.PAGE


def test_calls_reports_and_contacts_are_understood() -> None:
    assert config("GET https://api.example.com/users") == (
        "api_call",
        {"apiEndpoint": "https://api.example.com/users", "apiMethod": "GET"},
    )
    assert config("task report for last month") == (
        "report_generation",
        {
            "reportType": "task_summary",
            "startDate": "2024-02-01T00:00:00-05:00",
            "endDate": "2024-03-01T00:00:00-05:00",
            "sendNotification": True,
        },
    )
    assert config("add contact John Doe john@example.com +1 415 555 2671") == (
        "ghl_action",
        {
            "ghlAction": "add_contact",
            "firstName": "John",
            "lastName": "Doe",
            "email": "john@example.com",
            "phone": "+14155552671",
        },
    )
    assert made("add contact Bob").missing == Missing.CONTACT
    assert config("tag contact abc123 with vip and hot-lead")[1]["tags"] == ["vip", "hot-lead"]


def test_a_time_inside_a_message_to_somebody_is_no_time_of_the_task() -> None:
    reading = made("text contact abc123: see you tomorrow at 5")
    assert reading.task["executionConfig"]["message"] == "see you tomorrow at 5"
    assert "scheduledFor" not in reading.task


def test_only_a_get_is_ever_read_from_words() -> None:
    for text in ("POST https://api.example.com/users", "DELETE https://api.example.com/users/1"):
        assert made(text).task.get("taskType") != "api_call"


def test_other_work_becomes_a_task_for_a_person_with_deadline_and_urgency() -> None:
    reading = made("update the homepage headline for Acme by Friday, urgent")
    assert (reading.task["assignedToBot"], reading.task["deadline"], reading.task["priority"]) == (
        False,
        "2024-03-08T17:00:00-05:00",
        "high",
    )
    assert reading.task["title"] == "Update the homepage headline for Acme, urgent"


@pytest.mark.parametrize("text", ["hey", "asdf", "what?", "ok then", "who are you", "12"])
def test_what_asks_for_nothing_is_asked_back(text: str) -> None:
    assert made(text).needs_question


def test_repeated_work_is_asked_back_because_a_message_makes_one_task() -> None:
    assert made("send me the weekly report every monday").missing == Missing.ONCE


def test_a_mail_may_say_what_it_wants_in_its_subject() -> None:
    reading = made("Thanks!\nAnn", "Extract prices from https://example.com")
    assert reading.intent == Intent.ACKNOWLEDGE or reading.task["taskType"] == "data_extraction"
    reading = made("Best, Ann", "Extract prices from https://example.com")
    assert (reading.task["taskType"], reading.task["title"]) == (
        "data_extraction",
        "Extract prices from https://example.com",
    )


@given(st.text(max_size=300), st.booleans())
def test_every_text_gets_a_reading(text: str, asked: bool) -> None:
    reading = understand(text, Setting(NOW, NEW_YORK, open_question=asked))
    assert 0 <= reading.confidence <= 1
    assert reading.as_json()["intent"] == reading.intent
