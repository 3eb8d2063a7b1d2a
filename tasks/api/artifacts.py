"""Serving an artifact to those who may see its task."""

from __future__ import annotations

from typing import Any

from django.http import FileResponse, HttpResponseBase
from rest_framework.request import Request

from agency.api.documented import documented
from tasks import access
from tasks.api.base import TaskView
from tasks.errors import NotFound
from tasks.models import Artifact


class ArtifactFile(TaskView):
    """artifacts/{id}/"""

    @documented(files=("*/*",))
    def get(self, request: Request, artifact_id: int) -> Any:
        """The file, as an attachment that can run nothing."""
        tasks = access.visible_to(request.user)
        row = Artifact.objects.filter(pk=artifact_id, task__in=tasks.values("pk")).first()
        if row is None:
            raise NotFound("No such artifact")
        return _sandboxed(row)


def _sandboxed(row: Artifact) -> HttpResponseBase:
    try:
        file = row.file.open("rb")
    except OSError:
        raise NotFound("The file of this artifact is gone") from None
    response = FileResponse(file, as_attachment=True, filename=row.name, content_type=row.content_type)
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response["Cross-Origin-Resource-Policy"] = "same-origin"
    response["Cache-Control"] = "private, max-age=3600"
    return response
