"""The promises: nothing lost or done twice; what was approved is what runs; no secret leaks, nothing reaches inside."""

from __future__ import annotations

import os
import signal
import subprocess
from functools import partial
from typing import Any
from uuid import uuid4

import redis

from agency.local import places
from agency.local.demo.play import Play, Seen, expect, line
from agency.local.demo.target import SECRETS

METADATA_SERVICE = "http://169.254.169.254/latest/meta-data/"


@line("api_call", "Created twice with one Idempotency-Key: one task")
def created_twice(play: Play) -> Seen:
    key = str(uuid4())
    wish = {
        "title": "Only once",
        "taskType": "api_call",
        "executionConfig": {"apiEndpoint": play.target.url("/echo"), "apiMethod": "GET"},
    }
    first, second = (play.api.post("tasks/", wish, **{"Idempotency-Key": key}) for _ in range(2))
    expect(first["id"] == second["id"], "both answers name one task", (first["id"], second["id"]))
    return play.seen(play.wait(first, "completed"), "the second answer is the first again")


@line("api_call", "Edited after its approval: waits for a new one")
def edited(play: Play) -> Seen:
    task = play.call("Pay 10", "/ledger/edited", "POST", requiresHumanReview=True, executionType="manual_trigger")
    play.reviewer.post(f"tasks/{task['id']}/approve/", {"notes": "10 is fine"})
    config = {"apiEndpoint": play.target.url("/ledger/edited?amount=1000"), "apiMethod": "POST"}
    play.api.patch(f"tasks/{task['id']}/", {"executionConfig": config})
    refused = play.api.call("POST", f"tasks/{task['id']}/execute/", {})
    expect(refused.status == 409, "running it is refused with 409", refused.status)
    expect(play.target.happened("edited") == 0, "the target heard nothing")
    return play.seen(task, "the approval was for other content: refused")


@line("api_call", "An address inside the network is refused")
def metadata_service(play: Play) -> Seen:
    wish = {"apiEndpoint": METADATA_SERVICE, "apiMethod": "GET"}
    made = play.api.call("POST", "tasks/", {"title": "Peek", "taskType": "api_call", "executionConfig": wish})
    if made.status == 422:
        return Seen("refused", 0, None, "refused when it was created, naming the field")
    return play.seen(play.wait(made.body, "failed"), "refused before anything was sent")


def _arrived(play: Play, path: str) -> bool:
    return play.until(lambda: play.target.seen(path), f"the target sees {path}") is not None


def _kill(play: Play, program: str, how: signal.Signals = signal.SIGKILL) -> None:
    pid = play.stage.supervisor.pid(program)
    expect(pid is not None, f"{program} runs")
    os.kill(pid or 0, how)


@line("api_call", "Its worker is killed: repeatable work runs again", alone=True)
def worker_killed(play: Play) -> Seen:
    task = play.call("Fetch slowly", "/slow/4000")
    _arrived(play, "/slow/4000")
    _kill(play, "worker-io")
    done = play.wait(task, "completed")
    expect(done["errorCount"] == 0, "a crash spends no retry", done["errorCount"])
    return play.seen(done, "kill -9 in the middle; run again, no error spent")


@line("api_call", "Its worker is killed: other work is asked about", alone=True)
def worker_killed_after_effect(play: Play) -> Seen:
    task = play.call("Charge slowly", "/ledger/charge?wait=4000", "POST")
    _arrived(play, "/ledger/charge")
    _kill(play, "worker-io")
    play.wait(task, "waiting_input")
    play.api.post(f"tasks/{task['id']}/input/", {"answer": "happened"})
    done = play.wait(task, "completed")
    expect(play.target.happened("charge") == 1, "it happened once", play.target.happened("charge"))
    return play.seen(done, "a person answered 'it happened'; happened once")


@line("api_call", "Its worker is stopped: it finishes first", alone=True)
def worker_stopped(play: Play) -> Seen:
    play.until(lambda: play.stage.supervisor.pid("worker-io"), "worker-io is back")
    task = play.call("Fetch unhurriedly", "/slow/2500")
    _arrived(play, "/slow/2500")
    _kill(play, "worker-io", signal.SIGTERM)
    done = play.wait(task, "completed")
    expect(len(play.executions(done)) == 1, "one attempt", len(play.executions(done)))
    return play.seen(done, "SIGTERM in the middle; the attempt ended well")


def _each_happened_once(play: Play, name: str, tasks: list[dict[str, Any]]) -> Seen:
    done = [play.wait(task, "completed") for task in tasks]
    expect(play.target.happened(name) == len(tasks), f"{len(tasks)} effects", play.target.happened(name))
    return play.seen(done[-1], f"{len(tasks)} tasks, each done once")


@line("api_call", "The broker forgets everything", alone=True)
def broker_forgets(play: Play) -> Seen:
    tasks = []
    with redis.Redis.from_url(play.stage.valkey.url) as broker:
        for number in range(10):
            tasks.append(play.call(f"Order {number}", "/ledger/forgotten", "POST"))
            broker.flushall()
    return _each_happened_once(play, "forgotten", tasks)


@line("api_call", "PostgreSQL and Valkey are killed", alone=True)
def servers_killed(play: Play) -> Seen:
    tasks = [
        play.call(f"Order {number}", "/ledger/killed", "POST", executionType="manual_trigger") for number in range(5)
    ]
    for server in (play.stage.postgres, play.stage.valkey):
        os.kill(server.pid or 0, signal.SIGKILL)
    for task in tasks:
        play.until(partial(_executed, play, task), "the API answers again")
    return _each_happened_once(play, "killed", tasks)


def _executed(play: Play, task: dict[str, Any]) -> bool:
    """True once the task was started; 409 means that an earlier try, whose answer was lost, started it."""
    try:
        return play.api.call("POST", f"tasks/{task['id']}/execute/", {}).status in (202, 409)
    except OSError:
        return False


@line("all of them", "No secret in the database, its log or any process's log", alone=True)
def canaries(play: Play) -> Seen:
    dump = [str(places.postgres_programs() / "pg_dump"), "--data-only", play.stage.postgres.url()]
    kept = subprocess.run(dump, capture_output=True, text=True, check=True).stdout
    found = [secret for secret in SECRETS if secret in kept]
    expect(not found, "no secret in the database", found)
    logs = [*play.stage.home.glob("*.log"), play.stage.postgres.log, play.stage.valkey.log]
    leaks = [log.name for log in logs if any(secret in log.read_text(errors="replace") for secret in SECRETS)]
    expect(not leaks, "no canary in the logs", leaks)
    return Seen("–", 0, None, f"{len(kept) >> 10} kB of rows and {len(logs)} logs hold none of {len(SECRETS)} secrets")
