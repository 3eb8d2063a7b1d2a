"""Reports: each kind, exact, kept as a file, sent as a message, read again over the API."""

from __future__ import annotations

import csv
import http.client
import io
from datetime import UTC, datetime, timedelta
from typing import Any

from agency.local.demo.play import Play, Seen, expect, line


def _period() -> dict[str, str]:
    """From the first of last month until in an hour: everything this demo does lies in it."""
    now = datetime.now(UTC).replace(microsecond=0)
    start = (now.replace(day=1) - timedelta(days=1)).replace(day=1, hour=0, minute=0, second=0)
    return {"startDate": start.isoformat(), "endDate": (now + timedelta(hours=1)).isoformat()}


def _made(play: Play, kind: str, **config: Any) -> dict[str, Any]:
    wish = {"reportType": kind, **_period(), **config}
    task = play.create(title=f"Report {kind}", taskType="report_generation", executionConfig=wish)
    return play.wait(task, "completed")


def _file(play: Play, artifact: dict[str, Any]) -> bytes:
    """The kept file, over the API."""
    connection = http.client.HTTPConnection(play.api.host, play.api.port, timeout=30)
    try:
        connection.request(
            "GET", artifact["url"], headers={"Authorization": f"Bearer {play.api.token}", "Host": "localhost"}
        )
        answer = connection.getresponse()
        expect(answer.status == 200, "the file can be fetched", answer.status)
        return answer.read()
    finally:
        connection.close()


@line("report_generation", "task_summary, exact over all tasks")
def task_summary(play: Play) -> Seen:
    before = _made(play, "task_summary", taskTypes=["ghl_action"])["result"]["summary"]["created"]
    done = _made(play, "task_summary")
    result = done["result"]
    expect(result["summary"]["created"] >= 2, "it counts itself and the one before", result["summary"])
    by_status = sum(row["count"] for row in result["byStatus"])
    expect(by_status == result["summary"]["created"], "statuses add up to the total", by_status)
    expect(before <= result["summary"]["created"], "a filter never counts more", before)
    return play.seen(done, f"{result['summary']['created']} tasks, by status and type")


@line("report_generation", "execution_stats, kept as a spreadsheet")
def execution_stats(play: Play) -> Seen:
    play.wait(play.call("Fail once more", "/status/404", maxRetries=0), "failed")
    done = _made(play, "execution_stats", format="xlsx")
    summary = done["result"]["summary"]
    expect(summary["attempts"] >= summary["succeeded"] + summary["failed"], "outcomes add up", summary)
    expect(summary["failed"] >= 1, "the failure is counted", summary)
    causes = sum(row["count"] for row in done["result"]["failuresByCause"])
    expect(causes == summary["failed"], "every failure has a cause", causes)
    expect(_file(play, done["result"]["artifact"]).startswith(b"PK"), "the XLSX is kept and can be fetched")
    return play.seen(done, f"{summary['attempts']} attempts, {summary['failed']} failed, each with its cause")


@line("report_generation", "webhook_activity, kept as CSV and sent to the owner")
def webhook_activity(play: Play) -> Seen:
    done = _made(play, "webhook_activity", format="csv", sendNotification=True)
    told = done["result"]["notification"]
    message = play.api.get(f"outbound-messages/{told['messageId']}/")
    expect("Channel activity" in message["text"], "the message holds the figures", message["text"][:80])
    rows = list(csv.reader(io.StringIO(_file(play, done["result"]["artifact"]).decode("utf-8-sig"))))
    expect(rows[0][0] == "Channel activity", "the CSV is kept and can be fetched", rows[:1])
    return play.seen(done, f"kept as CSV, sent through {told['channel']}")


@line("report_generation", "The same figures over the API; a wrong period refused")
def over_the_api(play: Play) -> Seen:
    done = _made(play, "execution_stats", taskTypes=["api_call"])
    again = play.api.get("reports/execution_stats/", taskTypes="api_call", **_period())
    expect(
        again["summary"]["attempts"] >= done["result"]["summary"]["attempts"],
        "the API counts the same",
        again["summary"],
    )
    backwards = {"reportType": "task_summary", "startDate": "2024-12-01T00:00:00Z", "endDate": "2024-11-01T00:00:00Z"}
    wish = {"title": "Backwards", "taskType": "report_generation", "executionConfig": backwards}
    refused = play.api.call("POST", "tasks/", wish)
    expect(refused.status == 422 and "endDate must be after startDate" in str(refused.body), "refused", refused.body)
    return play.seen(done, "the API agrees; a period that ends before it begins is refused")
