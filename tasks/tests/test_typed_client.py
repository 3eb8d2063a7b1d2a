"""A typed client, generated from the committed document, creates a task and follows it to its end."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from agency.local.checkout import CHECKOUT
from tasks.runner import Runner
from tasks.tests.api_client import Api
from tasks.tests.conftest import wait_for
from tasks.tests.target import Target

PACKAGE = "agency_client"


@pytest.fixture(scope="module")
def generated(tmp_path_factory: Any) -> Any:
    """Imports modules of the generated package."""
    home: Path = tmp_path_factory.mktemp("client")
    (home / "config.yaml").write_text("post_hooks: []\n")
    command = ["generate", "--path", CHECKOUT / "docs" / "openapi.json", "--config", "config.yaml"]
    program = Path(sys.executable).parent / "openapi-python-client"
    subprocess.run(
        [program, *command, "--meta", "none", "--output-path", home / PACKAGE],
        cwd=home, check=True, capture_output=True, timeout=100,
    )  # fmt: skip
    sys.path.insert(0, str(home))
    yield lambda name: importlib.import_module(f"{PACKAGE}.{name}")
    sys.path.remove(str(home))


@pytest.mark.django_db(transaction=True)
def test_a_generated_client_creates_a_task_and_follows_it(
    generated: Any, live_server: Any, runner: Runner, target: Target
) -> None:
    models = generated("models")
    api = Api()
    with generated("client").AuthenticatedClient(base_url=live_server.url, token=api.token) as client:
        config = models.TaskInputExecutionConfig.from_dict({"apiEndpoint": f"{target.url}/ok", "apiMethod": "GET"})
        new = models.TaskInput(title="From a typed client", task_type="api_call", execution_config=config)
        made = generated("api.tasks.post_tasks").sync(client=client, body=new)
        assert isinstance(made, models.TaskOut)

        def done() -> Any:
            task = generated("api.tasks.get_tasks_by_task_id").sync(made.id, client=client)
            return task if task.status == models.TaskDetailStatus.COMPLETED else None

        task = wait_for(done)
        assert task.result["data"] == {"ok": True}
        assert [attempt.status.value for attempt in task.recent_executions] == ["success"]
        events = generated("api.tasks.get_tasks_by_task_id_events").sync(made.id, client=client, after=0)
        assert [event.to_status for event in events] == ["pending", "queued", "in_progress", "completed"]
        refused = generated("api.tasks.post_tasks_by_task_id_execute").sync(
            made.id, client=client, body=models.Action()
        )
        assert isinstance(refused, models.ProblemOut)
        assert (refused.status, refused.success) == (409, False)
