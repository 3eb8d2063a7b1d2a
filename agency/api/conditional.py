"""ETag, 304 and If-Match (RFC 9110 §13) from the version column that the database keeps."""

from __future__ import annotations

import re

from rest_framework.request import Request
from rest_framework.response import Response

from agency.api.problems import Problem

_TAG = re.compile(r'(?:W/)?"v(\d{1,18})(?:\.[^"]*)?"')


def etag(version: int, more: object = "") -> str:
    """`"v7"`, or `"v7.more"` where the answer holds more than the row itself."""
    return f'"v{version}.{more}"' if more else f'"v{version}"'


def not_modified(request: Request, tag: str) -> Response | None:
    """304 when the caller has this representation already (weak comparison)."""
    wanted = [part.strip().removeprefix("W/") for part in request.headers.get("If-None-Match", "").split(",")]
    if tag.removeprefix("W/") in wanted or "*" in wanted:
        return tagged(Response(status=304), tag)
    return None


def tagged(response: Response, tag: str) -> Response:
    """Puts the tag on an answer; shared caches must keep out."""
    response["ETag"] = tag
    response["Cache-Control"] = "private, no-cache"
    return response


def expected_version(request: Request) -> int | None:
    """The version that If-Match names; None without the header or for `*`. Raises Problem 400 for another form."""
    given = request.headers.get("If-Match")
    if given is None or given.strip() == "*":
        return None
    form = _TAG.fullmatch(given.strip())
    if form is None:
        raise Problem(400, 'If-Match must be the ETag of the object, such as "v7"', kind="if-match")
    return int(form[1])
