"""Addresses below /api/ that belong to no app."""

from __future__ import annotations

from django.urls import URLPattern

app_name = "agency-api"
urlpatterns: list[URLPattern] = []
