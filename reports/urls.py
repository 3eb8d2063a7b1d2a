"""Addresses for machines that watch."""

from __future__ import annotations

from django.urls import path

from reports.metrics.views import metrics

urlpatterns = [path("metrics", metrics, name="metrics")]
