"""docs/reference/ says what the code says."""

from __future__ import annotations

import io

import pytest
from django.core.management import call_command

from reports.reference import pages

pytestmark = pytest.mark.django_db


def test_every_page_of_the_reference_is_current() -> None:
    stale = [path.name for path, text in pages.written().items() if not path.is_file() or path.read_text() != text]
    assert not stale, 'run: make run CMD="python manage.py reference"'


def test_the_reference_leaves_nothing_out() -> None:
    found = {path.name: text for path, text in pages.written().items()}
    for name in ("DATABASE_URL", "TASK_RETENTION_DAYS", "METRICS_TOKEN"):
        assert f"| `{name}` |" in found["settings.md"]
    assert "in_progress --> completed" in found["states.md"]
    assert "| `apiEndpoint` | string (at most 2048 characters) | required |" in found["task-types.md"]
    assert "### extract" in found["task-types.md"]
    assert "| `POST /api/v1/tasks/` |" in found["api.md"]
    assert "| `agency_attempts_total` | counter | `task_type`, `outcome` |" in found["metrics.md"]
    assert "## manage.py doctor" in found["commands.md"]


def test_check_writes_nothing_and_names_the_page(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.setattr(pages, "FOLDER", tmp_path)
    out = io.StringIO()
    with pytest.raises(SystemExit):
        call_command("reference", "--check", stdout=out)
    assert "not current" in out.getvalue()
    assert list(tmp_path.iterdir()) == []  # type: ignore[attr-defined]
    call_command("reference", stdout=out)
    call_command("reference", "--check", stdout=out)
