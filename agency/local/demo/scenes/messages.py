"""Messages in, messages out: each provider's own signature on the way in, real local receivers on the way out."""

from __future__ import annotations

import base64
import http.client
import json
import secrets
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from email import message_from_bytes
from email.message import Message
from email.policy import default
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from aiosmtpd.controller import Controller
from standardwebhooks import Webhook as PublicWebhook

from agency.local.demo.play import Play, Seen, expect, line
from agency.local.demo.target import Answer, Request, Target, answer_json, route
from webhooks.tests.signing import compact, form, slack_headers, standard_headers, twilio_signature

ACCOUNT = "AC" + "0" * 32
TWILIO_TOKEN = secrets.token_hex(16)
SLACK_SIGNING, SLACK_BOT = secrets.token_hex(16), "xoxb-" + secrets.token_hex(16)
MAIL_TOKEN = secrets.token_hex(16)
OURS = "+15559990000"


class Mailbox:
    """A real SMTP server that keeps what it is given."""

    def __init__(self) -> None:
        self.mails: list[Message] = []
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port)
        self._controller.start()

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        """Takes a mail."""
        self.mails.append(message_from_bytes(envelope.content, policy=default))
        return "250 OK"

    def to(self, address: str) -> list[Message]:
        """The mails to one address."""
        return [mail for mail in self.mails if address in str(mail["To"])]


@cache
def mailbox() -> Mailbox:
    return Mailbox()


def environment(target: Target) -> dict[str, str]:
    """Twilio and Slack are played by the target site, the mail server by aiosmtpd."""
    return {
        "TWILIO_BASE_URL": target.url("/twilio"),
        "SLACK_BASE_URL": target.url("/slack"),
        "EMAIL_URL": f"smtp://127.0.0.1:{mailbox().port}",
        "DELIVERY_TIMEOUT_SECONDS": "3",
        "DELIVERY_LEASE_MARGIN_SECONDS": "3",
    }


@route("/hook/")
def hook(target: Target, request: Request) -> Answer:
    return answer_json({"ok": True})


@route("/twilio/")
def twilio(target: Target, request: Request) -> Answer:
    given = request.headers.get("authorization", "")
    expected = "Basic " + base64.b64encode(f"{ACCOUNT}:{TWILIO_TOKEN}".encode()).decode()
    if given != expected:
        return answer_json({"code": 20003, "message": "Authenticate"}, 401)
    return answer_json({"sid": "SM" + secrets.token_hex(16), "status": "queued"}, 201)


@route("/slack/")
def slack(target: Target, request: Request) -> Answer:
    if request.headers.get("authorization") != f"Bearer {SLACK_BOT}":
        return answer_json({"ok": False, "error": "invalid_auth"})
    return answer_json({"ok": True, "ts": f"{time.time():.6f}"})


# --- speaking to the product as a provider does ---


def _channel(play: Play, **given: Any) -> dict[str, Any]:
    made: dict[str, Any] = play.api.post("webhooks/", {"textPolicy": "run", **given})
    return made


def _post(play: Play, channel: dict[str, Any], body: bytes, headers: dict[str, str], kind: str) -> int:
    path = urlsplit(channel["inboundUrl"]).path
    connection = http.client.HTTPConnection("127.0.0.1", play.stage.port, timeout=30)
    try:
        connection.request("POST", path, body, {"Host": "localhost", "Content-Type": kind, **headers})
        return connection.getresponse().status
    finally:
        connection.close()


def _json(play: Play, channel: dict[str, Any], document: Any, headers: dict[str, str]) -> int:
    return _post(play, channel, compact(document), headers, "application/json")


def _task_of(play: Play, channel: dict[str, Any]) -> dict[str, Any]:
    def made() -> Any:
        found = play.api.get("inbound-messages/", webhookId=channel["id"])["results"]
        return next((message["taskId"] for message in found if message["taskId"]), None)

    task_id = play.until(made, "the message becomes a task")
    play.progress(f"task {task_id}")
    return {"id": task_id}


def _sms(play: Play, channel: dict[str, Any], text: str, sender: str) -> int:
    sid = "SM" + secrets.token_hex(16)
    params = {"MessageSid": sid, "AccountSid": ACCOUNT, "From": sender, "To": OURS, "Body": text, "NumMedia": "0"}
    headers = {"X-Twilio-Signature": twilio_signature(channel["inboundUrl"], params, TWILIO_TOKEN)}
    return _post(play, channel, form(params), headers, "application/x-www-form-urlencoded")


def _sms_channel(play: Play, **given: Any) -> dict[str, Any]:
    return _channel(
        play,
        name="Text messages",
        type="sms",
        account=ACCOUNT,
        config={"accountSid": ACCOUNT, "fromNumber": OURS},
        inboundSecret=TWILIO_TOKEN,
        outboundSecret=TWILIO_TOKEN,
        **given,
    )


def _texts_to(play: Play, number: str) -> list[str]:
    """The text messages the bundled Twilio was asked to send to a number."""
    posts = play.target.seen(f"/twilio/2010-04-01/Accounts/{ACCOUNT}/Messages.json")
    forms = [dict(parse_qsl(request.body.decode())) for request in posts]
    return [sent["Body"] for sent in forms if sent.get("To") == number]


# --- the lines ---


@line("messages", "A signed webhook becomes a task; its end comes back signed")
def signed_webhook(play: Play) -> Seen:
    channel = _channel(play, name="Program", type="custom_webhook", url=play.target.url("/hook/program"))
    inbound, outbound = channel["secrets"]["inbound"], channel["secrets"]["outbound"]
    config = {"apiEndpoint": play.target.url("/echo"), "apiMethod": "GET"}
    event = {
        "type": "task.create",
        "data": {"taskType": "api_call", "title": "From outside", "executionConfig": config},
    }
    headers = standard_headers(compact(event), "msg_demo_1", inbound)
    expect(_json(play, channel, event, {**headers, "webhook-timestamp": "1"}) == 401, "an old one is refused")
    codes = sorted(_twenty_at_once(play, channel, event, headers))
    expect(codes == [200] * 19 + [202], "20 deliveries at once: one accepted, 19 known", codes)
    done = play.wait(_task_of(play, channel), "completed")
    (got,) = play.until(lambda: play.target.seen("/hook/program"), "the receiver is told")
    told = PublicWebhook(outbound).verify(got.body, got.headers)  # raises when the signature is not right
    expect(told["data"]["taskId"] == done["id"], "it tells of that task", told["data"]["taskId"])
    expect(told["data"]["sourceMessageId"] == "msg_demo_1", "it names the message it answers")
    return play.seen(done, "20 deliveries, one task; verified by standardwebhooks")


def _twenty_at_once(play: Play, channel: dict[str, Any], event: Any, headers: dict[str, str]) -> list[int]:
    with ThreadPoolExecutor(20) as pool:
        return list(pool.map(lambda _: _json(play, channel, event, headers), range(20)))


@line("messages", "An SMS waits for review, runs, and is answered by SMS")
def signed_sms(play: Play) -> Seen:
    sender = "+14155552671"
    channel = _sms_channel(play, textPolicy="review")
    expect(_sms(play, channel, f"GET {play.target.url('/echo')}", sender) == 202, "the SMS is taken")
    task = _task_of(play, channel)
    expect(play.task(task)["review"] == "required", "free text waits for a person")
    play.reviewer.post(f"tasks/{task['id']}/approve/", {"notes": "Fine"})
    done = play.wait(task, "completed")
    texts = play.until(lambda: len(_texts_to(play, sender)) == 2 and _texts_to(play, sender), "two texts came back")
    expect(any("waits for review" in text for text in texts), "the first said that it waits", texts)
    expect(any(text.startswith(f"Done: #{task['id']}") for text in texts), "the second said that it is done", texts)
    return play.seen(done, "Twilio's signature in, Twilio's REST out")


@line("messages", "What is missing is asked back, and the reply continues")
def dialogue(play: Play) -> Seen:
    sender = "+14155552672"
    channel = _sms_channel(play)
    _sms(play, channel, "remind me to call John", sender)
    play.until(lambda: any(text.startswith("When?") for text in _texts_to(play, sender)), "it asks when")
    _sms(play, channel, "tomorrow at 9", sender)
    done = play.wait(_task_of(play, channel), "completed")
    expect(done["executionConfig"]["reminderMessage"] == "call John", "the answer completed the first message")
    play.until(lambda: any("call John" in text for text in _texts_to(play, sender)), "it confirms the time")
    return play.seen(done, "“When?” – “tomorrow at 9”")


@line("messages", "A Slack post becomes a task and is answered in its thread")
def slack_event(play: Play) -> Seen:
    channel = _channel(
        play, name="Slack", type="slack", account="T1", inboundSecret=SLACK_SIGNING, outboundSecret=SLACK_BOT
    )
    challenge = {"type": "url_verification", "challenge": "abc"}
    expect(
        _json(play, channel, challenge, slack_headers(compact(challenge), SLACK_SIGNING)) == 200, "challenge answered"
    )
    stamp = f"{time.time():.6f}"
    text = f"<@U0BOT> GET <{play.target.url('/echo')}>"
    event = {"type": "app_mention", "user": "U9", "channel": "C1", "ts": stamp, "text": text}
    document = {"type": "event_callback", "team_id": "T1", "event_id": "Ev1", "event": event}
    expect(_json(play, channel, document, slack_headers(compact(document), SLACK_SIGNING)) == 202, "the event is taken")
    done = play.wait(_task_of(play, channel), "completed")

    def posts() -> list[dict[str, Any]]:
        sent = [json.loads(request.body) for request in play.target.seen("/slack/chat.postMessage")]
        return [post for post in sent if post.get("thread_ts") == stamp]

    play.until(lambda: any(post["text"].startswith("Done:") for post in posts()), "the thread is told")
    return play.seen(done, "Slack's signature in, chat.postMessage out")


@line("messages", "A mail with an attachment becomes a task and is answered by mail")
def mail(play: Play) -> Seen:
    channel = _channel(
        play,
        name="Mailbox",
        type="email",
        verification="bearer",
        inboundSecret=MAIL_TOKEN,
        config={"fromAddress": "tasks@agency.example"},
    )
    head = [
        {"Name": "Message-ID", "Value": "<demo-1@example.com>"},
        {"Name": "Authentication-Results", "Value": "mx; dkim=pass header.d=example.com"},
    ]
    document = {
        "From": "ann@example.com",
        "FromName": "Ann",
        "MessageID": "demo-1",
        "Subject": "Check the page",
        "TextBody": f"GET {play.target.url('/echo')}\n\n-- \nAnn",
        "Headers": head,
        "Attachments": [{"Name": "a.txt", "ContentType": "text/plain", "Content": "aGk="}],
    }
    expect(_json(play, channel, document, {"Authorization": f"Bearer {MAIL_TOKEN}"}) == 202, "the mail is taken")
    done = play.wait(_task_of(play, channel), "completed")
    expect(done["title"] == "Check the page", "its subject is the title", done["title"])

    def answer() -> Message | None:
        return next((one for one in mailbox().to("ann@example.com") if str(one["Subject"]).startswith("Done:")), None)

    reply = play.until(answer, "the answer comes by SMTP")
    expect(reply["In-Reply-To"] == "<demo-1@example.com>", "it answers that mail", reply["In-Reply-To"])
    expect(reply["Auto-Submitted"] == "auto-generated", "it says that a machine wrote it")
    return play.seen(done, "Postmark's post in, SMTP out")


@line("notification", "A notification to the owner arrives as a mail")
def notification(play: Play) -> Seen:
    task = play.create(title="Tell the owner", taskType="notification", executionConfig={"recipient": "owner"})
    done = play.wait(task, "completed")
    mails = mailbox()
    play.until(lambda: any("Tell the owner" in str(one["Subject"]) for one in mails.to("customer@")), "the mail comes")
    return play.seen(done, "queued with the task, delivered by SMTP")


@line("reminder", "A reminder is delivered at its time")
def reminder(play: Play) -> Seen:
    at = time.time() + 3
    when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))
    config = {"reminderTime": when, "reminderMessage": "Follow up with the client", "recipient": "owner"}
    done = play.wait(play.create(title="Remind me", taskType="reminder", executionConfig=config), "completed")

    def come() -> Message | None:
        return next((one for one in mailbox().to("customer@") if "Follow up" in str(one["Subject"])), None)

    expect(come() is None or time.time() >= int(at), "not before its time")
    play.until(come, "the mail comes")
    expect(time.time() >= int(at), "not before its time")
    return play.seen(done, f"due {max(0.0, time.time() - int(at)):.1f} s ago when it was seen")


@line("messages", "A dead receiver does not slow a healthy one")
def dead_receiver(play: Play) -> Seen:
    dead = _channel(play, name="Dead", type="custom_webhook", url=play.target.url("/hang"))
    well = _channel(play, name="Well", type="custom_webhook", url=play.target.url("/hook/well"))
    for channel in (dead, well):
        for number in range(12):
            config = {"recipient": "owner", "message": f"{number}", "webhookId": channel["id"]}
            play.create(title=f"Message {number}", taskType="notification", executionConfig=config)
    began = time.monotonic()
    play.until(lambda: len(play.target.seen("/hook/well")) == 12, "the healthy one has all twelve", within=20)
    took = time.monotonic() - began
    states = {message["state"] for message in play.api.get("outbound-messages/", webhookId=dead["id"])["results"]}
    expect(states <= {"pending", "sending"}, "the dead one's messages wait", states)
    return Seen("delivered", 12, round(took * 1000), "12 delivered while the other one hung")
