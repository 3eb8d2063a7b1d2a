"""The house everything lives in: settings, outbound HTTP, credentials, local servers."""

from __future__ import annotations

from agency.celery import app as celery_app

__version__ = "1.0.0"

__all__ = ["__version__", "celery_app"]
