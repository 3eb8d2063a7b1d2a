"""The OpenAPI document with its page, and credentials."""

from __future__ import annotations

from django.urls import path

from agency.api import credentials, document, ids

__all__ = ["app_name", "ids", "urlpatterns"]  # ids is imported for what it registers

app_name = "agency-api"
urlpatterns = [
    path("schema/", document.schema, name="schema"),
    path("docs/", document.docs, name="docs"),
    path("v1/credentials/", credentials.CredentialList.as_view(), name="credentials"),
    path("v1/credentials/<id:credential_id>/", credentials.CredentialItem.as_view(), name="credential"),
]
