"""Calls to the outside: secrets by reference, and targets that would hold a worker for ever."""

from __future__ import annotations

from agency.local.demo.play import Play, Seen, expect, line
from agency.local.demo.target import TOKEN, Target

VARIABLE = "AGENCY_SECRET_DEMO"
TIMEOUT_MS = 2000
SLACK_MS = 1000  # a stopped call ends at its timeout plus at most this


def environment(target: Target) -> dict[str, str]:
    """A secret of the environment, bound to the target site."""
    return {VARIABLE: TOKEN, f"{VARIABLE}_HOSTS": target.address}


@line("api_call", "A secret of the environment, by its name")
def variable(play: Play) -> Seen:
    config = {"authType": "bearer", "bearerToken": {"env": VARIABLE}}
    done = play.wait(play.call("Call with a variable", "/auth/bearer", config=config), "completed")
    expect(TOKEN not in str(done), "the secret is nowhere in the task")
    return play.seen(done, "named in the task, resolved at the call")


@line("api_call", "A stored credential, by its number")
def stored(play: Play) -> Seen:
    body = {"name": "Target site", "kind": "bearer", "secret": TOKEN, "allowedHosts": [play.target.address]}
    made = play.api.post("credentials/", body)
    expect(TOKEN not in str(made), "the answer does not show the secret", made)
    config = {"authType": "bearer", "bearerToken": made["reference"]}
    done = play.wait(play.call("Call with a credential", "/auth/bearer", config=config), "completed")
    elsewhere = {"apiEndpoint": "https://elsewhere.example.com/", **config}
    wish = {"title": "Send it elsewhere", "taskType": "api_call", "executionConfig": elsewhere}
    refused = play.api.call("POST", "tasks/", wish)
    expect(refused.status == 422, "it may not be sent to another host", refused.status)
    return play.seen(done, "sent to its host; refused for any other")


@line("api_call", "A target that drips a byte now and then is left")
def drip(play: Play) -> Seen:
    return _left(play, "/drip/600")


@line("api_call", "A target that never answers is left")
def hang(play: Play) -> Seen:
    return _left(play, "/hang")


def _left(play: Play, path: str) -> Seen:
    task = play.call(f"Wait for {path}", path, maxRetries=0, config={"timeout": TIMEOUT_MS})
    done = play.wait(task, "failed")
    took = play.executions(done)[0]["duration"]
    expect(TIMEOUT_MS <= took <= TIMEOUT_MS + SLACK_MS, f"left after {TIMEOUT_MS} ms", took)
    return play.seen(done, "left at its timeout of 2 s; the worker is free")
