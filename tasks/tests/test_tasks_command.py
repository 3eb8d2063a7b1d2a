"""`manage.py tasks …`, as a person and as a script use it."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from tasks.models import AgencyTask, Approval
from tasks.runner import Runner
from tasks.tests.api_client import CALL, Api, allow
from tasks.tests.factories import UserFactory, make_task
from tasks.tests.target import Target

pytestmark = pytest.mark.django_db


def tasks(*words: str) -> str:
    out = io.StringIO()
    call_command("tasks", *words, stdout=out)
    return out.getvalue()


def in_json(*words: str) -> list[Any]:
    return [json.loads(line) for line in tasks(*words, "--json").splitlines()]


def test_a_task_is_created_from_text_from_a_file_and_from_standard_input(monkeypatch: Any, tmp_path: Path) -> None:
    assert "is queued" in tasks("create", json.dumps(CALL))
    (tmp_path / "task.json").write_text(json.dumps({**CALL, "title": "From a file"}))
    assert in_json("create", f"@{tmp_path / 'task.json'}")[0]["title"] == "From a file"
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps({**CALL, "title": "Piped"})))
    assert in_json("create", "-")[0]["title"] == "Piped"
    assert AgencyTask.objects.count() == 3


def test_tasks_are_listed_by_the_filters_of_the_api_and_shown() -> None:
    first, second = make_task(title="Invoice 7", priority="high"), make_task(title="Other")
    assert [task["id"] for task in in_json("list")[0]] == [second.pk, first.pk]
    assert "Invoice 7" in tasks("list", "search=invoice", "priority=high,critical")
    assert "Other" not in tasks("list", "search=invoice")
    shown = in_json("show", str(first.pk))[0]
    assert (shown["title"], shown["recentExecutions"]) == ("Invoice 7", [])
    assert "Invoice 7" in tasks("show", str(first.pk))


def test_deciding_needs_a_person_with_the_permission() -> None:
    task = make_task(requiresHumanReview=True)
    with pytest.raises(CommandError, match="person"):
        tasks("approve", str(task.pk))
    reviewer = UserFactory(is_staff=True)
    with pytest.raises(CommandError, match="approve_task"):
        tasks("--as", reviewer.username, "approve", str(task.pk))
    allow(reviewer, "approve_task")
    assert "approved" in tasks("--as", reviewer.username, "approve", str(task.pk), "--notes", "Fine")
    assert Approval.objects.get().door == "command"
    second = make_task(requiresHumanReview=True)
    assert "rejected" in tasks("--as", reviewer.username, "reject", str(second.pk), "Wrong address")


def test_a_person_sees_only_what_the_api_would_show_them() -> None:
    api = Api()
    task = make_task()
    with pytest.raises(CommandError, match="No such task"):
        tasks("--as", api.user.username, "show", str(task.pk))
    assert in_json("--as", api.user.username, "list") == [[]]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["create", "{"], "not valid JSON"),
        (["create", "@/nowhere.json"], "cannot be read"),
        (["create", json.dumps({**CALL, "executionConfig": {}})], "API call requires apiEndpoint"),
        (["list", "colour"], "name=value"),
        (["list", "colour=red"], "colour"),
        (["list", "limit=1000"], "limit"),
        (["show", "987654"], "No such task"),
        (["--as", "nobody", "list"], "nobody"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(words: list[str], sentence: str) -> None:
    with pytest.raises(CommandError, match=sentence):
        tasks(*words)


def test_a_refusal_is_json_for_scripts(capsys: Any) -> None:
    out = io.StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("tasks", "create", json.dumps({**CALL, "executionConfig": {}}), "--json", stdout=out)
    assert ended.value.code == 1
    refused = json.loads(out.getvalue())
    assert (refused["success"], refused["error"]) == (False, "API call requires apiEndpoint")


@pytest.mark.django_db(transaction=True)
def test_following_a_task_tells_its_whole_way_and_how_it_ended(runner: Runner, target: Target) -> None:
    good = {**CALL, "executionConfig": {"apiEndpoint": f"{target.url}/ok"}}
    told = in_json("create", json.dumps(good), "--follow", "--seconds", "30")
    assert [event["toStatus"] for event in told[1:]] == ["pending", "queued", "in_progress", "completed"]
    manual = make_task(executionType="manual_trigger", executionConfig={"apiEndpoint": f"{target.url}/ok"})
    assert "completed" in tasks("run", str(manual.pk), "--follow", "--seconds", "30")
    bad = make_task(executionConfig={"apiEndpoint": f"{target.url}/status?code=404"})
    with pytest.raises(SystemExit) as ended:
        tasks("follow", str(bad.pk), "--seconds", "30")
    assert ended.value.code == 1
    waiting = make_task(executionType="manual_trigger")
    with pytest.raises(CommandError, match="still pending") as late:
        tasks("follow", str(waiting.pk), "--seconds", "0.1")
    assert late.value.returncode == 2
