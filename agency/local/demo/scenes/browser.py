"""Work in a browser: a form by instruction, data over pages, a page that wants a person, and a way inward that is none."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

from agency.local.demo.play import Play, Seen, expect, line
from agency.local.demo.target import PASSWORD, Answer, Request, Target, route

Step = dict[str, Any]


@route("/form/")
def form(target: Target, request: Request) -> Answer:
    """Takes a form and leads on to its next page."""
    return Answer(303, b"", {"Location": request.query.get("next", "/sites/lamps/thanks.html")})


@route("/inward")
def inward(target: Target, request: Request) -> Answer:
    """Leads to what stands in the query."""
    return Answer(302, b"", {"Location": request.query["to"]})


def _open(play: Play, path: str) -> Step:
    return {"type": "navigate", "config": {"url": play.target.url(path)}}


def _browse(play: Play, title: str, steps: list[Step], kind: str = "browser_automation") -> dict[str, Any]:
    return play.create(title=title, taskType=kind, executionConfig={"automationSteps": steps}, maxRetries=0)


def _sent(play: Play, path: str) -> list[dict[str, str]]:
    return [dict(parse_qsl(request.body.decode())) for request in play.target.seen(path)]


@line("browser_automation", "A form filled and sent by instruction")
def fills_form(play: Play) -> Seen:
    steps = [
        _open(play, "/sites/lamps/quote.html"),
        {"type": "type", "config": {"instruction": "the full name", "value": "Ada Lovelace"}},
        {"type": "type", "config": {"instruction": "the e-mail address", "value": "ada@example.org"}},
        {"type": "select", "config": {"instruction": "the room", "value": "Study"}},
        {"type": "type", "config": {"instruction": "message", "value": "Six lamps, please."}},
        {"type": "click", "config": {"instruction": "agree to the terms"}},
        {"type": "click", "config": {"instruction": "Send the request"}, "screenshot": True},
        {"type": "extract", "config": {"instruction": "Extract the reference"}},
    ]
    done = play.wait(_browse(play, "Ask for a quote", steps), "completed")
    expect(done["result"]["data"] == {"reference": "Q-2217"}, "the reference was read", done["result"].get("data"))
    sent = _sent(play, "/form/quote")
    expect(
        len(sent) == 1 and sent[0]["room"] == "Study" and sent[0]["terms"] == "on",
        "the form arrived once, complete",
        sent,
    )
    expect(len(done["result"]["screenshots"]) == 1, "one screenshot was kept", done["result"].get("screenshots"))
    return play.seen(done, "8 steps; the form arrived once; reference Q-2217")


@line("data_extraction", "Products with prices over three pages")
def reads_products(play: Play) -> Seen:
    steps = [
        _open(play, "/sites/lamps/page1.html"),
        {
            "type": "extract",
            "config": {"instruction": "Extract all product names and prices from the page", "maxPages": 3},
        },
    ]
    done = play.wait(_browse(play, "Prices of lamps", steps, "data_extraction"), "completed")
    data = done["result"]["data"]
    expect(len(data) == 10, "ten products on three pages", len(data))
    expected = {"name": "Comet pendant", "price": 1075, "priceCurrency": "GBP"}
    expect(data[2] == expected, "name, price and currency are typed", data[2])
    expect(done["result"]["csv"]["name"] == "data.csv", "a CSV file was kept", done["result"].get("csv"))
    return play.seen(done, "10 products, typed prices, CSV kept")


@line("browser_automation", "A page wants a code: a person is asked, the same browser goes on")
def asks_for_code(play: Play) -> Seen:
    steps = [
        _open(play, "/sites/lamps/login.html"),
        {"type": "type", "config": {"instruction": "e-mail", "value": "ada@example.org"}},
        {"type": "type", "config": {"instruction": "password", "value": PASSWORD}},
        {"type": "click", "config": {"instruction": "Sign in"}},
        {"type": "extract", "config": {"instruction": "List all orders with their date and total"}},
    ]
    task = _browse(play, "Read the orders", steps)
    expect(PASSWORD not in str(task), "the password is nowhere in the task", task)
    if task["status"] == "pending" and task.get("requiresHumanReview"):
        play.reviewer.post(f"tasks/{task['id']}/approve/", {"notes": "May sign in"})
    waiting = play.wait(task, "waiting_input")
    asked = waiting["waitingFor"]
    expect(
        asked["kind"] == "login_code" and bool(asked["context"]["screenshot"]),
        "a code is asked for, with a picture",
        asked,
    )
    play.api.post(f"tasks/{task['id']}/input/", {"answer": "123456"})
    done = play.wait(task, "completed")
    expect(len(done["result"]["data"]) == 2, "two orders were read", done["result"].get("data"))
    expect(len(_sent(play, "/form/login")) == 1, "it signed in once", len(_sent(play, "/form/login")))
    expect(_sent(play, "/form/code") == [{"code": "123456"}], "the code arrived once", _sent(play, "/form/code"))
    return play.seen(done, "asked with a picture; answered; signed in once")


@line("browser_automation", "A page that leads to an inner address reaches nothing")
def stays_outside(play: Play) -> Seen:
    steps = [_open(play, "/inward?to=http://169.254.169.254/latest/meta-data/")]
    done = play.wait(_browse(play, "Follow a redirect", steps), "failed")
    told = done["lastError"].replace(steps[0]["config"]["url"], "")
    expect("169.254" not in told, "the reason names no address", told)
    return play.seen(done, "refused by the browser's proxy")
