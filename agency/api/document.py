"""The OpenAPI document as JSON, made once per process, and the page that shows it without asking any other host."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from drf_spectacular.generators import SchemaGenerator


@cache
def document() -> str:
    """The document. Raises LookupError for an operation that is not described."""
    made: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
    return json.dumps(made, indent=1, ensure_ascii=False, sort_keys=False) + "\n"


@require_safe
def schema(request: HttpRequest) -> HttpResponse:
    """The OpenAPI 3.1 document. Needs no login: it holds no data."""
    text = document()
    tag = f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'
    if request.headers.get("If-None-Match") == tag:
        return HttpResponse(status=304, headers={"ETag": tag})
    return HttpResponse(text, content_type="application/json", headers={"ETag": tag})


@require_safe
def docs(request: HttpRequest) -> HttpResponse:
    """Swagger UI over the document, from files of this installation."""
    return render(request, "agency/api_docs.html")
