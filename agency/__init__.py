"""The house everything lives in: settings, outbound HTTP, credentials, local servers."""

from __future__ import annotations

from agency.celery import app as celery_app

__all__ = ["celery_app"]
