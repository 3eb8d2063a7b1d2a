"""Every example of the founding document, over REST, word for word. Hosts of the examples need not exist."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tasks.api import examples
from tasks.executors import registry
from tasks.models import AgencyTask, TaskExecution
from tasks.runner import Runner
from tasks.tests.api_client import Api
from tasks.tests.conftest import wait_status
from tasks.tests.target import Target

#: "Create and Execute a Task", with process.env.API_TOKEN as its author's environment would have it.
CREATE = """
{
  "title": "Fetch user data from external API",
  "taskType": "api_call",
  "priority": "high",
  "urgency": "urgent",
  "executionType": "automatic",
  "assignedToBot": true,
  "requiresHumanReview": false,
  "executionConfig": {
    "apiEndpoint": "https://api.example.com/users",
    "apiMethod": "GET",
    "authType": "bearer",
    "bearerToken": "your-token-here"
  }
}
"""
CONFIGS = {
    "browser_automation": """{
  "automationSteps": [
    {
      "type": "navigate",
      "config": { "url": "https://example.com" }
    },
    {
      "type": "click",
      "config": { "selector": "#submit-button" }
    },
    {
      "type": "extract",
      "config": { "instruction": "Extract the page title and main content" }
    }
  ]
}""",
    "api_call": """{
  "apiEndpoint": "https://api.example.com/v1/resource",
  "apiMethod": "POST",
  "apiPayload": {
    "key": "value"
  },
  "authType": "bearer",
  "bearerToken": "your-token-here",
  "customHeaders": {
    "X-Custom-Header": "value"
  },
  "timeout": 30000
}""",
    "ghl_action": """{
  "ghlAction": "add_contact",
  "firstName": "John",
  "lastName": "Doe",
  "email": "john@example.com",
  "phone": "+1234567890",
  "customFields": {
    "company": "Acme Inc"
  }
}""",
    "notification": """{
  "recipient": "owner"
}""",
    "reminder": """{
  "reminderTime": "2024-12-15T10:00:00Z",
  "reminderMessage": "Follow up with client about proposal",
  "recipient": "owner"
}""",
    "data_extraction": """{
  "automationSteps": [
    {
      "type": "navigate",
      "config": { "url": "https://example.com/data" }
    },
    {
      "type": "extract",
      "config": {
        "instruction": "Extract all product names and prices from the page"
      }
    }
  ]
}""",
    "report_generation": """{
  "reportType": "task_summary",
  "startDate": "2024-11-01T00:00:00Z",
  "endDate": "2024-11-30T23:59:59Z",
  "sendNotification": true
}""",
}


@pytest.fixture
def admin(db: None) -> Api:
    return Api(is_staff=True, is_superuser=True)


def test_the_documents_examples_are_those_of_the_openapi_document() -> None:
    assert json.loads(CREATE) == examples.CREATE
    assert {kind: json.loads(text) for kind, text in CONFIGS.items()} == examples.CONFIGS


def test_there_is_an_executor_for_every_type_of_the_document() -> None:
    assert set(CONFIGS) <= set(registry.known())


@pytest.mark.parametrize("kind", CONFIGS)
def test_every_config_is_accepted_as_it_stands(admin: Api, kind: str) -> None:
    made = admin.create(title="As in the document", taskType=kind, executionConfig=json.loads(CONFIGS[kind]))
    assert made["taskType"] == kind
    shown = admin.get(f"tasks/{made['id']}/").json()["executionConfig"]
    same = {key: value for key, value in json.loads(CONFIGS[kind]).items() if key != "bearerToken"}
    assert {key: shown[key] for key in same} == same
    assert "your-token-here" not in json.dumps(shown)


def test_the_first_example_is_created_and_starts_by_itself(admin: Api) -> None:
    answer = admin.post("tasks/", CREATE.encode())
    assert answer.status_code == 201
    assert (answer.json()["status"], answer.json()["priority"], answer.json()["urgency"]) == (
        "queued",
        "high",
        "urgent",
    )


def test_execute_approve_and_reject_as_in_the_document(admin: Api) -> None:
    manual = admin.create(executionType="manual_trigger")["id"]
    assert admin.post(f"tasks/{manual}/execute/", {"id": manual}).json() == {
        "success": True,
        "taskId": manual,
        "message": "Task execution started",
    }
    first, second = (admin.create(requiresHumanReview=True)["id"] for _ in range(2))
    approved = admin.post(
        f"tasks/{first}/approve/", {"id": first, "notes": "Verified configuration, approved for execution"}
    )
    assert (approved.status_code, approved.json()["status"]) == (200, "queued")
    assert approved.json()["reviewNotes"] == "Verified configuration, approved for execution"
    rejected = admin.post(f"tasks/{second}/reject/", {"id": second, "reason": "Invalid API endpoint configuration"})
    assert (rejected.status_code, rejected.json()["status"]) == (200, "cancelled")
    assert admin.post(f"tasks/{first}/approve/", {"id": second}).status_code == 422


def test_a_validation_error_is_answered_as_in_the_document(admin: Api) -> None:
    answer = admin.post("tasks/", {"title": "No endpoint", "taskType": "api_call", "executionConfig": {}})
    assert answer.status_code == 422
    assert {"success": False, "error": "API call requires apiEndpoint"}.items() <= answer.json().items()


@pytest.mark.django_db(transaction=True)
def test_the_history_of_executions_and_the_log_lines_are_those_of_the_document(
    runner: Runner, target: Target, caplog: Any
) -> None:
    api = Api()
    caplog.set_level("INFO")
    made = api.create(title="Call external API", executionType="manual_trigger",
                      executionConfig={"apiEndpoint": f"{target.url}/ok"})  # fmt: skip
    api.post(f"tasks/{made['id']}/execute/")
    wait_status(AgencyTask.objects.get(), "completed")
    executions = api.get(f"tasks/{made['id']}/executions/?limit=10").json()
    assert len(executions) == 1
    assert executions[0]["status"] == "success"
    assert executions[0]["output"]["data"] == {"ok": True}
    assert isinstance(executions[0]["duration"], int)
    assert {"error", "screenshots", "browserSessionId", "stepResults"} <= set(executions[0])
    number = made["id"]
    lines = [record.getMessage() for record in caplog.records if "[TaskExecution]" in record.getMessage()]
    wanted = [
        rf"\[TaskExecution\] Starting execution for task {number}, triggered by: manual",
        rf"\[TaskExecution\] Task {number} \(api_call\): Call external API",
        rf"\[TaskExecution\] Executing task {number} of type: api_call",
        rf"\[TaskExecution\] Task {number} execution completed in \d+ms\. Success: true",
    ]
    for pattern in wanted:
        assert any(re.fullmatch(pattern, line) for line in lines), (pattern, lines)
    assert TaskExecution.objects.get().triggered_by == "manual"


def test_process_pending_tasks_answers_in_the_documents_shape(admin: Api) -> None:
    assert set(admin.post("tasks/process-pending/").json()) == {"processed", "success", "failed"}
