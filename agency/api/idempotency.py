"""Idempotency-Key on every POST: the same key and body give the same answer, also when sent side by side.

The key's row is inserted before the work, in the same transaction. A second request with the key waits on the unique
index until the first commits, then reads its answer; when the first fails, its row is gone with everything else and
the second does the work. Only answers below 400 are kept. Format: draft-ietf-httpapi-idempotency-key-header-07.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Callable

from django.db import connection
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from agency.api.parsers import read_body
from agency.api.problems import Problem
from agency.api.renderers import JsonRenderer
from agency.models import IdempotencyKey

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
KEPT_FOR = dt.timedelta(hours=24)
#: How long a request waits for another one with the same key, in milliseconds.
WAIT_MS = 10_000
_FORM = re.compile(r"[\x21-\x7e]{1,255}")
_KEPT_HEADERS = ("Location", "ETag")

_INSERT = """
INSERT INTO api_idempotency_keys (user_id, key, fingerprint, status, headers, body, created_at)
VALUES (%s, %s, %s, 0, '{}', '', clock_timestamp()) ON CONFLICT (user_id, key) DO NOTHING RETURNING id
"""


def key_of(request: Request) -> str | None:
    """The key of a POST. Raises Problem 400 for one that cannot be kept."""
    key = request.headers.get(HEADER) if request.method == "POST" else None
    if key is not None and not _FORM.fullmatch(key):
        raise Problem(400, f"{HEADER} must be 1 to 255 visible ASCII characters", kind="idempotency-key")
    return key


def once(request: Request, key: str, work: Callable[[], Response]) -> Response:
    """Does the work, or repeats the answer it got. Inside the transaction of the work."""
    row_id = _claim(request, key)
    if row_id is None:
        return _replay(request, key)
    response = work()
    _keep(row_id, response)
    return response


def forget_old() -> int:
    """Deletes keys older than KEPT_FOR; answers how many."""
    deleted, _ = IdempotencyKey.objects.filter(created_at__lt=timezone.now() - KEPT_FOR).delete()
    return deleted


def _claim(request: Request, key: str) -> int | None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", [f"{WAIT_MS}ms"])
        cursor.execute(_INSERT, [request.user.pk, key, _fingerprint(request)])
        row = cursor.fetchone()
    return int(row[0]) if row else None


def _fingerprint(request: Request) -> str:
    seen = f"{request.method} {request.get_full_path()}\n".encode() + read_body(request)
    return hashlib.sha256(seen).hexdigest()


def _replay(request: Request, key: str) -> Response:
    row = IdempotencyKey.objects.filter(user_id=request.user.pk or 0, key=key).first()
    if row is None:
        raise Problem(409, "A request with this Idempotency-Key has just ended; send it again", kind="idempotency-key")
    if row.fingerprint != _fingerprint(request):
        raise Problem(422, "This Idempotency-Key was used for another request", kind="idempotency-key")
    return _Again(row)


def _keep(row_id: int, response: Response) -> None:
    kept = {name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers}
    body = JsonRenderer().render(response.data)
    IdempotencyKey.objects.filter(pk=row_id).update(status=response.status_code, headers=kept, body=body)


class _Again(Response):
    """A kept answer, byte for byte."""

    def __init__(self, row: IdempotencyKey) -> None:
        super().__init__(None, status=row.status, headers={**row.headers, REPLAYED: "true"})
        self._kept = bytes(row.body)

    @property
    def rendered_content(self) -> bytes:  # type: ignore[override]
        """The bytes of the first answer."""
        self["Content-Type"] = JsonRenderer.media_type
        return self._kept
