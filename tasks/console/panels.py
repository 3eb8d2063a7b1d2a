"""Parts of the task page that other apps bring: the conversation a task came from, for one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest

from tasks.models import AgencyTask

#: Answers {"title": str, "template": str, …} for the template named there, or None when there is nothing to show.
Panel = Callable[[HttpRequest, AgencyTask], dict[str, Any] | None]
_panels: list[Panel] = []


def add(panel: Panel) -> None:
    """Adds a part. Called from AppConfig.ready()."""
    _panels.append(panel)


def shown(request: HttpRequest, task: AgencyTask) -> list[dict[str, Any]]:
    """The parts that have something to say about a task."""
    return [part for panel in _panels if (part := panel(request, task)) is not None]
