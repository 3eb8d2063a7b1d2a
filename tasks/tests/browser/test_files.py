"""Files into pages and out of them: from whom to whom, by which step, and by no other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tasks.executors.base import Failed, Success
from tasks.executors.browser import pool
from tasks.models import AgencyTask
from tasks.tests.api_client import Api
from tasks.tests.browser.site import Site
from tasks.tests.conftest import wait_status

pytestmark = pytest.mark.browser


def go(site: Site, path: str) -> dict[str, Any]:
    return {"type": "navigate", "config": {"url": site.url(path)}}


def done(api: Api, steps: list[dict[str, Any]]) -> dict[str, Any]:
    """The result of a task made over the API, once a worker has done it."""
    made = api.create(title="Files", taskType="browser_automation", executionConfig={"automationSteps": steps})
    task = wait_status(AgencyTask.objects.get(pk=made["id"]), "completed", "failed", "waiting_input")
    assert task.status == "completed", task.last_error
    return dict(api.get(f"tasks/{made['id']}/").json()["result"])


@pytest.mark.django_db(transaction=True)
def test_what_one_task_downloads_another_uploads(
    browser_worker: Any, site: Site, settings: Any, tmp_path: Path
) -> None:
    settings.MEDIA_ROOT = tmp_path
    ana = Api()
    kept = done(
        ana,
        [{"type": "download", "config": {"url": site.url("file/2000000")}}, go(site, "shop/"), {"type": "screenshot"}],
    )
    file, picture = kept["artifacts"]
    assert (file["name"], file["bytes"]) == ("evil.csv", 2_000_000)

    def sending(artifact: int, **more: Any) -> list[dict[str, Any]]:
        fill = {"type": "upload", "config": {"selector": "#f", "artifact": artifact, **more}}
        return [go(site, "pages/takes-files"), fill, {"type": "click", "config": {"instruction": "Send"}}]

    result = done(ana, sending(file["artifact"]))
    assert site.files == [("evil.csv", (b"a,b\n" * 500_000))], "the site received the very bytes"
    assert result["steps"][1]["file"] == "evil.csv"
    done(ana, sending(picture["artifact"], fileName="../proof.jpg"))
    name, sent = site.files[1]
    assert (name, sent) == ("proof.jpg", b"".join(ana.get(f"artifacts/{picture['artifact']}/").streaming_content))

    body = {"title": "Theft", "taskType": "browser_automation"}
    for caller, number in ((Api(), file["artifact"]), (ana, 999_999)):
        refused = caller.post("tasks/", {**body, "executionConfig": {"automationSteps": sending(number)}})
        assert refused.status_code == 422
        error = refused.json()["errors"][0]
        assert (error["pointer"], error["code"]) == ("#/executionConfig/automationSteps/1", "unknown_artifact")
        assert error["message"] == f"artifact {number} does not exist", "a stranger learns no more than that"


def test_a_file_that_is_no_longer_there_is_a_plain_failure(play: Any, site: Site) -> None:
    outcome, _ = play(
        [go(site, "pages/takes-files"), {"type": "upload", "config": {"selector": "#f", "artifact": 999_999}}]
    )
    assert isinstance(outcome, Failed)
    assert outcome.error.endswith("artifact 999999 is not there for this task")
    assert not outcome.heals


def test_no_step_but_upload_gives_a_file_and_only_its_own(play: Any, site: Site) -> None:
    """WebDriver takes a text typed into a field for files as paths of the browser's machine."""
    typed = {"type": "type", "config": {"selector": "#f", "value": "/etc/passwd", "timeout": 2000}}
    outcome, _ = play([go(site, "pages/takes-files"), typed])
    assert isinstance(outcome, Failed)
    assert "a file field takes no text" in outcome.error
    outcome, _ = play([go(site, "pages/takes-files"), {"type": "upload", "config": {"selector": "#t", "text": "x"}}])
    assert isinstance(outcome, Failed)
    assert "the element is no field for files" in outcome.error
    # The page turns the field into one for files again and again, also while it is typed into.
    for text in ("/etc/passwd", "x\n/etc/passwd"):
        steps = [{**typed, "config": {**typed["config"], "value": text}, "continueOnError": True}] * 5
        play([go(site, "pages/turns-into-files"), *steps])
    assert site.posts == []


def test_one_download_is_allowed_and_what_comes_besides_is_not_kept(play: Any, site: Site) -> None:
    outcome, ctx = play([go(site, "pages/two-files"), {"type": "download", "config": {"selector": "#a"}}])
    assert isinstance(outcome, Success), outcome
    assert [name for name, _, _ in ctx.artifacts] == ["evil.csv"]
    for browser in pool.shared_pool()._idle:
        assert list((browser.group.folder / "downloads").iterdir()) == []


def test_a_browser_of_another_account_cannot_touch_what_the_worker_writes(session: Any) -> None:
    folder = session.folder
    me = folder.stat().st_uid
    for place in (folder, folder / "record.json", folder / "uploads"):
        assert place.stat().st_uid == me
        assert not place.stat().st_mode & 0o022
    browser = session.lease.browser.group.process.pid
    if Path(f"/proc/{browser}").stat().st_uid != me:
        assert folder.stat().st_mode & 0o777 == 0o711
