"""Files that attempts leave behind: who is served them and how, which tasks may use them, and when they go."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.utils import timezone

from reports.jobs import prune
from tasks import artifacts
from tasks.actors import Actor
from tasks.errors import NotFound
from tasks.executors.base import TaskSnapshot
from tasks.models import AgencyTask, Artifact, TaskExecution
from tasks.tests.api_client import Api
from tasks.tests.factories import UserFactory, make_task

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _own_folder(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path


def attempt_of(user: Any) -> TaskSnapshot:
    """A task of this person and its attempt, as the runner would see them."""
    task = make_task(Actor.user(user, "api"), executionType="manual_trigger")
    execution = TaskExecution.objects.create(
        task=task, attempt=1, epoch=1, run_generation=0, status="running", worker="w"
    )
    return TaskSnapshot(
        id=task.pk, uuid=task.task_uuid, title="t", type="browser_automation", config={}, run_generation=0, epoch=1,
        attempt=1, execution_id=execution.pk, created_by_id=user.pk,
    )  # fmt: skip


def kept(attempt: TaskSnapshot, name: str = "page.html", kind: str = "text/html", data: bytes = b"<script>1") -> int:
    return int(artifacts.save(attempt, name, kind, data)["artifact"])


def test_an_artifact_is_served_as_an_attachment_that_can_run_nothing() -> None:
    owner = Api()
    answer = owner.get(f"artifacts/{kept(attempt_of(owner.user))}/")
    assert answer.status_code == 200
    assert b"".join(answer.streaming_content) == b"<script>1"
    assert answer["Content-Disposition"].startswith('attachment; filename="page.html"')
    assert answer["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert "private" in answer["Cache-Control"]


def test_who_may_not_see_the_task_gets_404_for_its_artifacts() -> None:
    number = kept(attempt_of(UserFactory()))
    stranger = Api().get(f"artifacts/{number}/")
    assert stranger.status_code == 404
    nothing = Api().get("artifacts/999999/")
    assert (nothing.status_code, nothing.json()["error"]) == (404, stranger.json()["error"]), "they look the same"
    assert b"".join(Api(is_staff=True).get(f"artifacts/{number}/").streaming_content) == b"<script>1"
    assert Api().client.get(f"/api/v1/artifacts/{number}/").status_code == 401


def test_a_task_uploads_only_artifacts_that_its_creator_may_see() -> None:
    ana, ben = UserFactory(), UserFactory()
    number = kept(attempt_of(ana), data=b"a plan")
    assert artifacts.read_for(number, attempt_of(ana)) == ("page.html", b"a plan")
    assert artifacts.read_for(number, attempt_of(UserFactory(is_staff=True)))[1] == b"a plan", "staff sees every task"
    with pytest.raises(NotFound):
        artifacts.read_for(number, attempt_of(ben))


def test_the_job_prunes_old_files_of_finished_tasks_only(settings: Any) -> None:
    settings.ARTIFACT_RETENTION_DAYS = 30
    done, running, fresh = (attempt_of(UserFactory()) for _ in range(3))
    numbers = [kept(attempt) for attempt in (done, running, fresh)]
    paths = [Artifact.objects.get(pk=number).file.name for number in numbers]
    Artifact.objects.filter(pk__in=numbers[:2]).update(created_at=timezone.now() - dt.timedelta(days=31))
    # Past the lifecycle on purpose: what is pruned depends on the status alone.
    AgencyTask.objects.filter(pk__in=(done.id, fresh.id)).update(status="cancelled", completed_at=timezone.now())
    prune()
    assert list(Artifact.objects.order_by("pk").values_list("pk", flat=True)) == numbers[1:]
    assert [default_storage.exists(path) for path in paths] == [False, True, True]
