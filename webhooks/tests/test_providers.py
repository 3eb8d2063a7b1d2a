"""Each provider's documented payload becomes the message it stands for, and hostile ones a clear refusal."""

from __future__ import annotations

import base64
import contextlib
import json
from email.message import EmailMessage
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agency.strict_json import StrictJsonError, loads
from webhooks.inbound.incoming import Incoming, Kind, RawMessage, Unusable
from webhooks.inbound.mail import text_of_html, without_quotes
from webhooks.inbound.providers import PARSERS, accepts, parse
from webhooks.tests.signing import compact, form

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"


def read(provider: str, body: bytes | dict[str, Any], content_type: str = JSON, **headers: str) -> Incoming:
    data = compact(body) if isinstance(body, dict) else body
    media = content_type.partition(";")[0]
    return parse(provider, RawMessage({"content-type": content_type, **headers}, data, media))


def multipart(fields: dict[str, bytes], files: dict[str, tuple[str, str, bytes]]) -> tuple[bytes, str]:
    lines: list[bytes] = []
    for name, value in fields.items():
        lines += [b"--BOUND", f'Content-Disposition: form-data; name="{name}"'.encode(), b"", value]
    for name, (filename, media, data) in files.items():
        head = f'Content-Disposition: form-data; name="{name}"; filename="{filename}"'
        lines += [b"--BOUND", head.encode(), f"Content-Type: {media}".encode(), b"", data]
    return b"\r\n".join([*lines, b"--BOUND--", b""]), "multipart/form-data; boundary=BOUND"


# --- custom JSON ---


def test_a_task_may_come_bare_in_an_envelope_or_under_task() -> None:
    task = {"taskType": "reminder", "title": "Call"}
    for document in (
        task,
        {"type": "task.create", "data": task},
        {"type": "x", "data": {"task": task}},
        {"task": task},
    ):
        message = read("custom", document)
        assert (message.kind, message.document) == (Kind.TASK, task)
    assert read("custom", {**task, "id": "m1", "from": "+1"}).document == task


def test_a_text_is_read_from_text_or_message_with_its_sender() -> None:
    message = read("custom", {"message": "status 12", "from": "ann@example.com", "id": "m1"})
    assert (message.kind, message.text, message.sender, message.external_id) == (
        Kind.TEXT,
        "status 12",
        "ann@example.com",
        "m1",
    )


def test_our_own_events_and_unknown_events_are_ignored_and_an_empty_object_is_unusable() -> None:
    assert (
        read("custom", {"type": "task.completed", "data": {"taskType": "reminder", "text": "x"}}).kind == Kind.IGNORED
    )
    assert read("custom", {"type": "invoice.paid", "data": {"amount": 3}}).kind == Kind.IGNORED
    for body in (b"{}", b"[]", b"3", b"", b"not json", b'{"a":1,"a":2}', b"\xef\xbb\xbf{}", b"\xff\xfe{\x00}\x00"):
        with pytest.raises(Unusable):
            read("custom", body)


# --- strict JSON ---


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b'{"a":"\\u0000"}', "NUL"),
        (b'{"\\u0000":1}', "NUL"),
        (b'{"a":"\\ud800"}', "surrogate"),
        (b"[" * 5000 + b"]" * 5000, "nested"),
        (b'{"a":' * 40 + b"1" + b"}" * 40, "nested"),
        (b'{"a":NaN}', "NaN"),
        (b'{"a":1e400}', "out of range"),
        (b'{"a":' + b"9" * 5000 + b"}", "digits"),
        (b'{"a":{"b":1,"b":2}}', "twice"),
        (b"[" + b"1," * 30_000 + b"1]", "values"),
        ('{"a":1}'.encode("utf-16"), "UTF-8"),
        (b"\xef\xbb\xbf{}", "JSON"),
    ],
)
def test_json_that_would_crash_or_could_not_be_stored_is_refused_with_its_reason(raw: bytes, reason: str) -> None:
    with pytest.raises(StrictJsonError, match=reason):
        loads(raw)


def test_brackets_inside_texts_are_not_nesting() -> None:
    assert loads(compact({"a": "[" * 100, "b": '\\"{' * 100})) == {"a": "[" * 100, "b": '\\"{' * 100}


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(10**20), 10**20)
        | st.text(st.characters(codec="utf-8", exclude_characters="\x00")),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(st.text(st.characters(codec="utf-8", exclude_characters="\x00")), inner, max_size=4)
        ),
        max_leaves=20,
    ).filter(lambda value: len(json.dumps(value)) < 2000)
)
def test_ordinary_documents_come_through_unchanged(value: Any) -> None:
    assert loads(json.dumps(value).encode()) == value


# --- Slack ---

SLACK_EVENT = {
    "type": "event_callback",
    "team_id": "T1",
    "event_id": "Ev1",
    "event": {
        "type": "app_mention",
        "user": "U9",
        "channel": "C1",
        "ts": "1700000000.000100",
        "text": "<@U0BOT> remind me &amp; <mailto:ann@example.com|ann@example.com> tomorrow <https://example.com|site>",
    },
}


def test_a_slack_mention_becomes_plain_words_in_its_thread() -> None:
    message = read("slack", SLACK_EVENT)
    assert message.text == "remind me & ann@example.com tomorrow https://example.com"
    assert (message.sender, message.thread, message.authentic_sender) == ("U9", "C1:1700000000.000100", True)
    assert message.reply_to == {"channel": "C1", "threadTs": "1700000000.000100"}


def test_the_same_slack_post_has_one_id_as_message_and_as_mention() -> None:
    as_message = {**SLACK_EVENT, "event_id": "Ev2", "event": {**SLACK_EVENT["event"], "type": "message"}}
    assert read("slack", SLACK_EVENT).external_id == read("slack", as_message).external_id == "T1:C1:1700000000.000100"


def test_bots_edits_and_other_slack_events_are_ignored() -> None:
    for change in ({"bot_id": "B1"}, {"subtype": "message_changed"}, {"type": "reaction_added"}, {"user": None}):
        assert read("slack", {**SLACK_EVENT, "event": {**SLACK_EVENT["event"], **change}}).kind == Kind.IGNORED


def test_slack_asks_for_its_challenge() -> None:
    message = read("slack", {"type": "url_verification", "token": "x", "challenge": "abc"})
    assert (message.kind, message.challenge) == (Kind.CHALLENGE, "abc")


def test_a_slash_command_and_a_pressed_button_are_texts() -> None:
    command = form(
        {
            "command": "/agency",
            "text": "status 12",
            "user_id": "U9",
            "channel_id": "C1",
            "trigger_id": "t1",
            "team_id": "T1",
        }
    )
    message = read("slack", command, FORM)
    assert (message.kind, message.text, message.external_id, message.sender) == (Kind.TEXT, "status 12", "t1", "U9")
    payload = {
        "type": "block_actions",
        "trigger_id": "t2",
        "user": {"id": "U9"},
        "team": {"id": "T1"},
        "container": {"channel_id": "C1", "message_ts": "17.1"},
        "actions": [{"value": "approve 12"}],
    }
    pressed = read("slack", form({"payload": json.dumps(payload)}), FORM)
    assert (pressed.text, pressed.thread, pressed.external_id) == ("approve 12", "C1:17.1", "t2")


# --- Twilio, HighLevel ---


def test_an_sms_has_its_sender_as_thread_and_its_media_as_links() -> None:
    body = form(
        {
            "MessageSid": "SM1",
            "From": "+15551230000",
            "To": "+15559990000",
            "Body": "Hi",
            "NumMedia": "1",
            "MediaUrl0": "https://api.twilio.com/m/1",
        }
    )
    message = read("twilio", body, FORM)
    assert (message.kind, message.external_id, message.sender, message.thread) == (
        Kind.TEXT,
        "SM1",
        "+15551230000",
        "+15551230000",
    )
    assert message.text == "Hi\nhttps://api.twilio.com/m/1"
    assert message.reply_to == {"to": "+15551230000", "from": "+15559990000"}


def test_a_delivery_report_has_an_id_of_its_own_and_one_that_tells_nothing_new_is_ignored() -> None:
    message = read("twilio", form({"MessageSid": "SM1", "MessageStatus": "failed", "ErrorCode": "30008"}), FORM)
    assert (message.kind, message.external_id) == (Kind.RECEIPT, "SM1:failed")
    assert message.document == {"providerId": "SM1", "receipt": "failed", "code": "30008"}
    for status in ("queued", "sending", "no-such-word"):
        assert read("twilio", form({"MessageSid": "SM1", "MessageStatus": status}), FORM).kind == Kind.IGNORED
    with pytest.raises(Unusable, match="MessageSid"):
        read("twilio", form({"Body": "x"}), FORM)


def test_highlevel_messages_of_contacts_are_texts_and_our_own_are_ignored() -> None:
    event = {
        "type": "InboundMessage",
        "locationId": "L1",
        "contactId": "c1",
        "conversationId": "v1",
        "body": "help",
        "messageType": "SMS",
        "direction": "inbound",
        "webhookId": "w1",
    }
    message = read("ghl", event)
    assert (message.kind, message.text, message.external_id, message.account) == (Kind.TEXT, "help", "w1", "L1")
    assert message.reply_to == {"contactId": "c1", "type": "SMS"}
    assert read("ghl", {**event, "direction": "outbound"}).kind == Kind.IGNORED
    assert read("ghl", {"type": "ContactCreate", "webhookId": "w2", "contactId": "c1"}).kind == Kind.IGNORED


def test_a_highlevel_workflow_can_send_a_task() -> None:
    task = {"taskType": "reminder", "title": "Call"}
    message = read("ghl", {"contact_id": "c1", "full_name": "Ann", "location": {"id": "L1"}, "customData": task})
    assert (message.kind, message.document, message.account) == (Kind.TASK, task, "L1")


def test_github_and_stripe_events_are_kept_under_their_names() -> None:
    assert read("github", {"sender": {"login": "octo"}}, **{"x-github-event": "issues"}).event_type == "issues"
    assert read("stripe", {"id": "evt_1", "type": "charge.failed"}).external_id == "evt_1"


# --- e-mail ---

MIME = EmailMessage()
MIME["From"] = "Ann Müller <Ann@Example.com>"
MIME["To"] = "tasks@agency.test"
MIME["Subject"] = "Grüße: weekly report"
MIME["Message-ID"] = "<a1@example.com>"
MIME["In-Reply-To"] = "<msg_1@agency.test>"
MIME["References"] = "<msg_0@agency.test> <msg_1@agency.test>"
MIME.set_content("Please send the report — today.\n\nOn Mon, 1 Jan 2024, Agency wrote:\n> old\n")
MIME.add_alternative("<p>Please send</p>", subtype="html")
MIME.add_attachment(b"\x00\x01\xff\r\nbinary\r", maintype="application", subtype="pdf", filename="../../été.pdf")


def check_mail(message: Incoming) -> None:
    assert (message.kind, message.sender, message.sender_name) == (Kind.TEXT, "ann@example.com", "Ann Müller")
    assert message.subject == "Grüße: weekly report"
    assert message.text == "Please send the report — today."
    assert message.external_id == "<a1@example.com>"
    assert [(file.name, file.content_type, file.data) for file in message.attachments] == [
        ("été.pdf", "application/pdf", b"\x00\x01\xff\r\nbinary\r")
    ]
    assert message.authentic_sender


def test_sendgrid_raw_mime_is_read_with_its_attachment() -> None:
    body, media = multipart({"email": MIME.as_bytes(), "dkim": b"{@example.com : pass}"}, {})
    message = read("sendgrid", body, media)
    check_mail(message)
    assert message.thread == "<msg_0@agency.test>"
    assert message.references == ("<msg_0@agency.test>", "<msg_1@agency.test>")


def test_sendgrid_fields_are_read_in_the_charsets_it_names() -> None:
    fields = {
        "from": "Ann Müller <ann@example.com>".encode(),
        "subject": "Grüße: weekly report".encode("latin-1"),
        "text": "Please send the report — today.".encode("cp1252"),
        "headers": b"Message-ID: <a1@example.com>\nFrom: x\n",
        "charsets": b'{"subject":"iso-8859-1","text":"windows-1252"}',
        "dkim": b"{@example.com : pass}",
    }
    body, media = multipart(fields, {"attachment1": ("été.pdf", "application/pdf", b"\x00\x01\xff\r\nbinary\r")})
    check_mail(read("sendgrid", body, media))


def test_mailgun_fields_and_mime_are_read() -> None:
    head = json.dumps([["Message-Id", "<a1@example.com>"], ["X-Mailgun-Dkim-Check-Result", "Pass"]])
    fields = {
        "from": "Ann Müller <ann@example.com>".encode(),
        "subject": "Grüße: weekly report".encode(),
        "stripped-text": "Please send the report — today.".encode(),
        "message-headers": head.encode(),
    }
    body, media = multipart(fields, {"attachment-1": ("été.pdf", "application/pdf", b"\x00\x01\xff\r\nbinary\r")})
    check_mail(read("mailgun", body, media))
    body, media = multipart(
        {"body-mime": MIME.as_bytes(), "from": b"ann@example.com", "message-headers": head.encode()}, {}
    )
    check_mail(read("mailgun", body, media))


def test_postmark_json_is_read() -> None:
    document = {
        "FromName": "Ann Müller",
        "From": "ann@example.com",
        "MessageID": "73e6d360-66eb-11e1-8e72-a8904824019b",
        "Subject": "Grüße: weekly report",
        "TextBody": "Please send the report — today.\n-- \nAnn",
        "Headers": [
            {"Name": "Message-ID", "Value": "<a1@example.com>"},
            {"Name": "Authentication-Results", "Value": "mx.test; spf=pass; dkim=pass header.d=example.com"},
        ],
        "Attachments": [
            {
                "Name": "été.pdf",
                "ContentType": "application/pdf",
                "Content": base64.b64encode(b"\x00\x01\xff\r\nbinary\r").decode(),
            }
        ],
    }
    check_mail(read("postmark", document))
    with pytest.raises(Unusable, match="base64"):
        read("postmark", {**document, "Attachments": [{"Content": "###"}]})


def test_a_from_line_without_a_passed_signature_of_its_domain_proves_nothing() -> None:
    for dkim in (b"", b"{@other.com : pass}", b"{@example.com : fail}"):
        body, media = multipart({"email": MIME.as_bytes(), "dkim": dkim}, {})
        assert not read("sendgrid", body, media).authentic_sender


@pytest.mark.parametrize("line", [("Auto-Submitted", "auto-replied"), ("Precedence", "bulk"), ("Return-Path", "<>")])
def test_automatic_mail_is_ignored(line: tuple[str, str]) -> None:
    mail = EmailMessage()
    mail["From"] = "ann@example.com"
    mail[line[0]] = line[1]
    mail.set_content("I am away")
    body, media = multipart({"email": mail.as_bytes()}, {})
    assert read("sendgrid", body, media).kind == Kind.IGNORED


def test_two_senders_or_none_are_refused() -> None:
    for sender in (b"a@example.com, b@example.com", b"", b"nobody"):
        body, media = multipart({"from": sender, "text": b"x"}, {})
        with pytest.raises(Unusable, match="one sender"):
            read("sendgrid", body, media)


def test_an_html_mail_becomes_words_without_script_and_quotes() -> None:
    assert (
        text_of_html("<style>x{}</style><p>Hello <b>you</b></p><script>evil()</script><blockquote>old</blockquote>")
        == "Hello you"
    )
    assert text_of_html(" ") == ""
    assert without_quotes("Yes\n> old\n\n-- \nAnn") == "Yes"


# --- every provider ---


def test_each_provider_takes_its_own_media_types_only() -> None:
    assert accepts("twilio", FORM)
    assert not accepts("twilio", JSON)
    assert accepts("custom", JSON)
    assert not accepts("custom", "text/plain")


@settings(max_examples=60)
@pytest.mark.parametrize("provider", sorted(PARSERS))
@given(
    st.binary(max_size=200)
    | st.dictionaries(
        st.sampled_from(["type", "event", "data", "from", "Headers", "Attachments", "contactId", "payload"]),
        st.none()
        | st.text(max_size=5)
        | st.lists(st.integers(), max_size=2)
        | st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
    ).map(compact),
    st.sampled_from([JSON, FORM, "multipart/form-data; boundary=x", "multipart/form-data"]),
)
def test_no_body_makes_a_parser_raise_anything_but_unusable(provider: str, body: bytes, media: str) -> None:
    with contextlib.suppress(Unusable):
        assert isinstance(read(provider, body, media), Incoming)
