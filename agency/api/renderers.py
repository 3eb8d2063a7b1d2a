"""Answers as JSON, written by pydantic's serializer: models, dates and UUIDs in one pass."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic_core import to_json
from rest_framework.renderers import BaseRenderer


class JsonRenderer(BaseRenderer):
    """Renders dicts, lists and pydantic models; no answer at all for None."""

    media_type = "application/json"
    format = "json"
    charset = None

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Mapping[str, Any] | None = None
    ) -> bytes:
        """The bytes of the answer."""
        return b"" if data is None else to_json(data, inf_nan_mode="null")
