"""The life of one task: created, run, approved, rejected, retried, scheduled."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from agency.local.demo.play import Play, Seen, expect, line
from agency.local.demo.target import KEY, PASSWORD, TOKEN, USER


@line("api_call", "A call runs as soon as it is created")
def plain_call(play: Play) -> Seen:
    task = play.call("Fetch a resource", "/echo", config={"queryParams": {"page": "1"}})
    done = play.wait(task, "completed")
    expect(done["result"]["data"]["query"] == {"page": "1"}, "the target saw page=1", done["result"])
    return play.seen(done, "created by API, ran at once, answer kept")


def _authenticated(play: Play, path: str, config: dict[str, str]) -> Seen:
    done = play.wait(play.call(f"Call {path}", path, config=config), "completed")
    shown = str(done)
    secret = {"bearerToken": TOKEN, "apiKey": KEY, "password": PASSWORD}[list(config)[-1]]
    expect(secret not in shown, "the secret is nowhere in the task", shown)
    return play.seen(done, "let in; the secret shows nowhere")


@line("api_call", "Bearer token")
def bearer(play: Play) -> Seen:
    return _authenticated(play, "/auth/bearer", {"authType": "bearer", "bearerToken": TOKEN})


@line("api_call", "API key in a header")
def api_key(play: Play) -> Seen:
    config = {"authType": "api_key", "apiKeyHeader": "X-API-Key", "apiKey": KEY}
    return _authenticated(play, "/auth/api-key", config)


@line("api_call", "Basic authentication")
def basic(play: Play) -> Seen:
    return _authenticated(play, "/auth/basic", {"authType": "basic", "username": USER, "password": PASSWORD})


@line("api_call", "Waits for review, is approved, then runs")
def approved(play: Play) -> Seen:
    task = play.call("Charge a client", "/ledger/approved", "POST", requiresHumanReview=True)
    expect(play.target.happened("approved") == 0, "nothing happens before the approval")
    play.reviewer.post(f"tasks/{task['id']}/approve/", {"notes": "Verified configuration, approved for execution"})
    done = play.wait(task, "completed")
    expect(play.target.happened("approved") == 1, "the effect happened once", play.target.happened("approved"))
    return play.seen(done, "nothing before the approval, once after it")


@line("api_call", "Waits for review, is rejected, never runs")
def rejected(play: Play) -> Seen:
    task = play.call("Delete everything", "/ledger/rejected", "POST", requiresHumanReview=True)
    play.reviewer.post(f"tasks/{task['id']}/reject/", {"reason": "Invalid API endpoint configuration"})
    done = play.wait(task, "cancelled")
    expect(play.target.happened("rejected") == 0, "the target heard nothing")
    return play.seen(done, "rejected with a reason; the target heard nothing")


@line("api_call", "Fails twice, is retried, succeeds")
def flaky(play: Play) -> Seen:
    done = play.wait(play.call("Fetch from a shaky API", "/flaky/2/first"), "completed")
    expect(done["errorCount"] == 2, "two errors counted", done["errorCount"])
    return play.seen(done, "500 twice, backoff, then 200")


@line("api_call", "Fails for good once its retries are used up")
def hopeless(play: Play) -> Seen:
    done = play.wait(play.call("Fetch from a broken API", "/flaky/99/first", maxRetries=1), "failed")
    expect(len(play.executions(done)) == 2, "maxRetries 1 means two attempts", len(play.executions(done)))
    expect("500" in done["lastError"], "the last error names the status", done["lastError"])
    return play.seen(done, "two attempts, then failed with the reason")


@line("api_call", "A call that cannot heal fails at once")
def not_found(play: Play) -> Seen:
    done = play.wait(play.call("Fetch what is not there", "/status/404"), "failed")
    expect(len(play.executions(done)) == 1, "404 is not retried", len(play.executions(done)))
    return play.seen(done, "404: one attempt, no retry")


@line("api_call", "Scheduled three seconds ahead, runs then")
def scheduled(play: Play) -> Seen:
    due = datetime.now(UTC) + timedelta(seconds=3)
    task = play.call("Fetch later", "/echo", executionType="scheduled", scheduledFor=due.isoformat())
    done = play.wait(task, "completed")
    started = datetime.fromisoformat(done["startedAt"])
    expect(started >= due, "it did not start early", started.isoformat())
    late = (started - due).total_seconds()
    return play.seen(done, f"started {late:.1f} s after its time, not before")


@line("api_call", "Started by hand only")
def manual(play: Play) -> Seen:
    task = play.call("Fetch when told to", "/ledger/manual", "POST", executionType="manual_trigger")
    expect(play.target.happened("manual") == 0, "it waits to be told")
    said = play.api.post(f"tasks/{task['id']}/execute/")
    expect(
        said == {"success": True, "taskId": task["id"], "message": "Task execution started"}, "the seed's answer", said
    )
    return play.seen(play.wait(task, "completed"), "waited to be told, then ran")


@line("api_call", "A redirect into the network is not followed")
def inside(play: Play) -> Seen:
    task = play.call("Follow me", f"/redirect?to=http://127.0.0.1:{play.stage.port}/livez", maxRetries=0)
    done = play.wait(task, "failed")
    return play.seen(done, "refused: the redirect was not followed")


@line("api_call", "A decompression bomb is cut off")
def bomb(play: Play) -> Seen:
    done = play.until(lambda: _ended(play, task), "the call ends") if (task := play.call("Unpack me", "/bomb")) else {}
    expect(len(str(done["result"])) < 3 << 20, "no more than the cap is kept", len(str(done["result"])))
    return play.seen(done, "100 MB in a 100 kB answer: cut at the cap")


def _ended(play: Play, task: dict[str, object]) -> dict[str, object] | None:
    now = play.task(task)
    return now if now["status"] in ("completed", "failed") else None
