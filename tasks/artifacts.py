"""Keeping, reading and pruning the files that attempts leave behind."""

from __future__ import annotations

import datetime as dt
import errno
import hashlib
import logging
import uuid
from collections.abc import Collection, Iterable
from pathlib import PurePosixPath
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db.models import Sum
from django.utils import timezone

from tasks import access
from tasks.errors import NotFound
from tasks.executors.base import TaskSnapshot
from tasks.models import Artifact

logger = logging.getLogger(__name__)

FOLDER = "artifacts"
#: What is deleted in one go, so that no statement runs long.
PRUNE_BATCH = 500


class StorageFull(Exception):
    """The file could not be kept; the message says why and is safe to show."""


def save(task: TaskSnapshot, name: str, content_type: str, data: bytes) -> dict[str, Any]:
    """Keeps a file of a running attempt and answers what its output shows of it. Raises StorageFull.

    The bytes are written before the row: a row never points at nothing. At most ARTIFACT_MAX_MB a file and
    ARTIFACT_MAX_TOTAL_MB an attempt.
    """
    _check_size(task, len(data))
    path = default_storage.get_available_name(_path(task, name), 300)
    try:
        kept = default_storage.save(path, ContentFile(data))
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        raise StorageFull("artifact storage full" if full else "the artifact could not be stored") from error
    row = Artifact.objects.create(
        task_id=task.id, execution_id=task.execution_id, name=name[:150], content_type=content_type[:100],
        size=len(data), sha256=hashlib.sha256(data).hexdigest(), file=kept,
    )  # fmt: skip
    return shown(row)


def shown(row: Artifact) -> dict[str, Any]:
    """An artifact as outputs and step records show it."""
    return {
        "artifact": row.pk,
        "name": row.name,
        "contentType": row.content_type,
        "bytes": row.size,
        "url": f"/api/v1/artifacts/{row.pk}/",
    }


def read_for(artifact_id: int, task: TaskSnapshot) -> tuple[str, bytes]:
    """Name and bytes of an artifact that a task may use: its own, or one its creator may see. Raises NotFound, OSError."""
    row = Artifact.objects.filter(pk=artifact_id).first()
    if row is None or not (row.task_id == task.id or row.pk in _seen_by(task.created_by_id, [row.pk])):
        raise NotFound("No such artifact")
    with row.file.open("rb") as file:
        return row.name, bytes(file.read())


def unseen(ids: Iterable[int], person: Any) -> set[int]:
    """Those of the artifacts that this person may not see, or that are not there."""
    wanted = set(ids)
    return wanted - _seen_by(person.pk, wanted)


def _seen_by(person_id: int | None, ids: Collection[int]) -> set[int]:
    person = get_user_model().objects.filter(pk=person_id, is_active=True).first() if person_id else None
    if person is None:
        return set()
    tasks = access.visible_to(person)
    return set(Artifact.objects.filter(pk__in=ids, task__in=tasks.values("pk")).values_list("pk", flat=True))


def prune(days: int, batch: int = PRUNE_BATCH) -> int:
    """Removes files older than so many days whose task is finished, oldest first, one batch. Returns how many."""
    before = timezone.now() - dt.timedelta(days=days)
    old = Artifact.objects.filter(
        created_at__lt=before, task__status__in=("completed", "failed", "cancelled")
    ).order_by("created_at")[:batch]  # fmt: skip
    rows = list(old)
    Artifact.objects.filter(pk__in=[row.pk for row in rows]).delete()
    for row in rows:
        try:
            row.file.storage.delete(str(row.file.name))
        except OSError as error:
            logger.warning("artifact file %s could not be removed: %s", row.file.name, error)
    return len(rows)


def _check_size(task: TaskSnapshot, size: int) -> None:
    if size > settings.ARTIFACT_MAX_MB << 20:
        raise StorageFull(f"the file has more than {settings.ARTIFACT_MAX_MB} MB")
    before = Artifact.objects.filter(execution_id=task.execution_id).aggregate(total=Sum("size"))["total"] or 0
    if before + size > settings.ARTIFACT_MAX_TOTAL_MB << 20:
        raise StorageFull(f"the attempt's files have more than {settings.ARTIFACT_MAX_TOTAL_MB} MB")


def _path(task: TaskSnapshot, name: str) -> str:
    """A name nobody can guess or steer: only a known ending is taken from the given one."""
    ending = PurePosixPath(name).suffix.lower()
    safe = ending if ending[1:].isalnum() and len(ending) <= 6 else ""
    return f"{FOLDER}/{timezone.now():%Y/%m}/{task.id}/{uuid.uuid4().hex}{safe}"
