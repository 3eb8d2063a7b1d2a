"""Request bodies: JSON in UTF-8, read strictly, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http.request import RawPostDataException
from rest_framework.exceptions import ParseError, UnsupportedMediaType
from rest_framework.parsers import BaseParser

from agency import strict_json
from agency.api.problems import Problem


class StrictJsonParser(BaseParser):
    """Parses `application/json`; a charset other than UTF-8 is refused, not guessed."""

    media_type = "application/json"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """The document. Raises ParseError (400), UnsupportedMediaType (415) and Problem (413)."""
        request = (parser_context or {})["request"]
        check_charset(request.content_type or "")
        raw = read_body(request)
        if not raw.strip():
            return {}
        nodes = getattr((parser_context or {}).get("view"), "max_json_values", strict_json.MAX_NODES)
        try:
            return strict_json.loads(raw, max_nodes=nodes)
        except strict_json.StrictJsonError as error:
            raise ParseError(str(error)) from None


def check_charset(content_type: str) -> None:
    """Refuses a named charset that is not UTF-8: utf-16 and utf-7 would smuggle other text past every check."""
    for parameter in content_type.lower().split(";")[1:]:
        name, _, value = parameter.strip().partition("=")
        if name == "charset" and value.strip("\"' ") not in ("utf-8", "utf8"):
            raise UnsupportedMediaType(content_type[:100], detail="The body must be JSON in UTF-8")


def read_body(request: Any) -> bytes:
    """The raw body. Raises Problem 413 for one larger than MAX_BODY_BYTES."""
    try:
        return bytes(request.body)
    except RequestDataTooBig:
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        raise Problem(413, f"The body must be at most {limit} bytes") from None
    except RawPostDataException:
        raise ParseError("The body could not be read") from None
