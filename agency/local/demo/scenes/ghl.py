"""GoHighLevel's five actions, against a server that keeps to its published contract."""

from __future__ import annotations

from functools import cache
from typing import Any

from agency.local.demo.play import Play, Seen, expect, line
from agency.local.demo.target import Target
from tasks.tests.fake_ghl import LOCATION, TOKEN, FakeGhl

PERSON = {"firstName": "John", "lastName": "Doe", "email": "john@example.com", "phone": "+15551234567"}


@cache
def crm() -> FakeGhl:
    return FakeGhl()


def environment(target: Target) -> dict[str, str]:
    """The settings that point the product at the bundled GoHighLevel."""
    return {
        "GHL_BASE_URL": crm().base_url,
        "GHL_API_KEY": TOKEN,
        "GHL_LOCATION_ID": LOCATION,
        "OUTBOUND_ALLOW_HOSTS": f"{target.address},{crm().base_url.removeprefix('http://')}",
    }


def _create(play: Play, action: str, **config: Any) -> dict[str, Any]:
    wish = {"ghlAction": action, **config}
    return play.create(title=f"GoHighLevel: {action}", taskType="ghl_action", executionConfig=wish)


def _done(play: Play, action: str, **config: Any) -> dict[str, Any]:
    return play.wait(_create(play, action, **config), "completed")


def _approved(play: Play, action: str, **config: Any) -> dict[str, Any]:
    """What reaches a person or the books is looked at first."""
    task = _create(play, action, **config)
    expect(task["status"] == "pending", f"{action} waits for a review", task["status"])
    play.reviewer.post(f"tasks/{task['id']}/approve/", {"notes": "Fine"})
    return play.wait(task, "completed")


@line("ghl_action", "Add a contact, with tags and custom fields")
def add_contact(play: Play) -> Seen:
    fields = {"company": "Acme Inc", "favourite colour": "blue"}
    done = _done(play, "add_contact", **PERSON, customFields=fields, tags=["new"])
    contact = crm().contacts[done["result"]["contactId"]]
    expect(contact["companyName"] == "Acme Inc" and contact["tags"] == ["new"], "company and tag are there", contact)
    return play.seen(done, "names found as ids, tags by their own call")


@line("ghl_action", "Update a contact found by its e-mail")
def update_contact(play: Play) -> Seen:
    there = crm().add(email="update@example.com", city="Rome", tags=["customer"])
    done = _done(play, "update_contact", email="update@example.com", city="Milan", tags=["vip"])
    expect((there["city"], there["tags"]) == ("Milan", ["customer", "vip"]), "city changed, tags kept", there)
    return play.seen(done, "only what was given changed")


@line("ghl_action", "Add a tag")
def add_tag(play: Play) -> Seen:
    there = crm().add(phone="+15550001111", tags=["customer"])
    done = _done(play, "add_tag", phone="+15550001111", tags=["gold"])
    expect(there["tags"] == ["customer", "gold"], "the old tag stayed", there["tags"])
    return play.seen(done, "added beside the tag there was")


@line("ghl_action", "Send a text message, after a review")
def send_sms(play: Play) -> Seen:
    there = crm().add(phone="+15550002222")
    done = _approved(play, "send_sms", phone="+15550002222", message="See you at 5")
    sent = [one for one in crm().messages if one["contactId"] == there["id"]]
    expect(len(sent) == 1, "one message left", len(sent))
    return play.seen(done, "reviewed, then sent once")


@line("ghl_action", "Create an opportunity, after a review")
def create_opportunity(play: Play) -> Seen:
    crm().add(email="deal@example.com")
    deal = {"email": "deal@example.com", "name": "Roof", "pipelineName": "Sales", "stageName": "New lead"}
    done = _approved(play, "create_opportunity", **deal, monetaryValue=1200)
    expect(done["result"]["opportunityId"] in crm().opportunities, "it is in the pipeline", done["result"])
    return play.seen(done, "pipeline and stage found by name")


@line("ghl_action", "Do not disturb: refused for good")
def do_not_disturb(play: Play) -> Seen:
    there = crm().add(phone="+15550003333", dnd=True)
    task = _create(play, "send_sms", contactId=there["id"], message="Hello?")
    play.reviewer.post(f"tasks/{task['id']}/approve/", {"notes": "Fine"})
    done = play.wait(task, "failed")
    expect(len(play.executions(done)) == 1, "it is not tried again", len(play.executions(done)))
    return play.seen(done, "one attempt; the reason is kept")


@line("ghl_action", "The answer to a text never comes: looked up", alone=True)
def lost_answer(play: Play) -> Seen:
    there = crm().add(phone="+15550004444")
    crm().fail("send_message", "cut")
    done = _approved(play, "send_sms", contactId=there["id"], message="Your code is waiting")
    sent = [one for one in crm().messages if one["contactId"] == there["id"]]
    expect(len(sent) == 1 and done["result"]["foundAfterwards"], "sent once and found", (len(sent), done["result"]))
    return play.seen(done, "found in the conversation, not sent again")


@line("ghl_action", "Thirty at once stay within the limit", alone=True)
def within_the_limit(play: Play) -> Seen:
    there = crm().add(email="busy@example.com")
    tasks = [_create(play, "add_tag", contactId=there["id"], tag=f"t{number}") for number in range(30)]
    done = [play.wait(task, "completed") for task in tasks]
    expect(not any(task["errorCount"] for task in done), "no attempt failed")
    expect(crm().refused_429 == 0, "GoHighLevel never had to say 429", crm().refused_429)
    return play.seen(done[-1], "8 a second over all workers; waiting held no worker")
