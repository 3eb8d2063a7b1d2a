"""The seed's examples, word for word, as the OpenAPI document shows them and tests post them."""

from __future__ import annotations

from typing import Any

API_CALL: dict[str, Any] = {
    "apiEndpoint": "https://api.example.com/v1/resource",
    "apiMethod": "POST",
    "apiPayload": {"key": "value"},
    "authType": "bearer",
    "bearerToken": "your-token-here",
    "customHeaders": {"X-Custom-Header": "value"},
    "timeout": 30000,
}
#: The configs of the seed, by task type.
CONFIGS: dict[str, dict[str, Any]] = {
    "browser_automation": {
        "automationSteps": [
            {"type": "navigate", "config": {"url": "https://example.com"}},
            {"type": "click", "config": {"selector": "#submit-button"}},
            {"type": "extract", "config": {"instruction": "Extract the page title and main content"}},
        ]
    },
    "api_call": API_CALL,
    "ghl_action": {
        "ghlAction": "add_contact",
        "firstName": "John",
        "lastName": "Doe",
        "email": "john@example.com",
        "phone": "+1234567890",
        "customFields": {"company": "Acme Inc"},
    },
    "notification": {"recipient": "owner"},
    "reminder": {
        "reminderTime": "2024-12-15T10:00:00Z",
        "reminderMessage": "Follow up with client about proposal",
        "recipient": "owner",
    },
    "data_extraction": {
        "automationSteps": [
            {"type": "navigate", "config": {"url": "https://example.com/data"}},
            {
                "type": "extract",
                "config": {"instruction": "Extract all product names and prices from the page"},
            },
        ]
    },
    "report_generation": {
        "reportType": "task_summary",
        "startDate": "2024-11-01T00:00:00Z",
        "endDate": "2024-11-30T23:59:59Z",
        "sendNotification": True,
    },
}
#: "Create and Execute a Task"
CREATE: dict[str, Any] = {
    "title": "Fetch user data from external API",
    "taskType": "api_call",
    "priority": "high",
    "urgency": "urgent",
    "executionType": "automatic",
    "assignedToBot": True,
    "requiresHumanReview": False,
    "executionConfig": {
        "apiEndpoint": "https://api.example.com/users",
        "apiMethod": "GET",
        "authType": "bearer",
        "bearerToken": "your-token-here",
    },
}
TASKS = {
    "Create and execute a task": CREATE,
    **{
        f"A {kind.replace('_', ' ')}": {
            "title": f"A {kind.replace('_', ' ')}",
            "taskType": kind,
            "executionConfig": config,
        }
        for kind, config in CONFIGS.items()
    },
}
CHANGES = {"A later start": {"priority": "critical", "tags": ["crm"]}}
STARTED = {"success": True, "taskId": 123, "message": "Task execution started"}
APPROVE = {"Approve a task": {"notes": "Verified configuration, approved for execution"}}
REJECT = {"Reject a task": {"reason": "Invalid API endpoint configuration"}}
DEFER = {"Until it is released": {"reason": "Waits for the client"}}
INPUT = {"An unknown outcome": {"answer": "run_again"}, "A code": {"answer": "123456"}}
TICK = {"processed": 5, "success": 4, "failed": 1}
BULK = {"Two tasks": {"tasks": [CREATE, {**CREATE, "title": "Fetch it again"}]}}
BULK_ACTIONS = {"Approve three": {"action": "approve", "ids": [1, 2, 3], "notes": "Checked"}}
WORKFLOW = {
    "Fetch, then report": {
        "tasks": [
            {**CREATE, "alias": "fetch"},
            {
                "alias": "report",
                "title": "Report",
                "taskType": "report_generation",
                "executionConfig": CONFIGS["report_generation"],
                "dependsOn": ["fetch"],
            },
        ]
    }
}
TEMPLATE = {
    "With one slot": {
        "name": "Fetch a client",
        "task": {
            "title": "Fetch {{client}}",
            "taskType": "api_call",
            "executionConfig": {
                "apiEndpoint": "https://api.example.com/users",
                "queryParams": {"client": "{{client}}"},
            },
        },
        "parameters": {"properties": {"client": {"type": "string"}}},
    }
}
SCHEDULE = {
    "Every Monday": {
        "name": "Monday's fetch",
        "templateId": 1,
        "parameters": {"client": "Acme Inc"},
        "cron": "0 9 * * 1",
        "timezone": "Europe/Berlin",
    }
}
