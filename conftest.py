"""What every test of the repository shares."""

from __future__ import annotations

import pytest
from django.conf import settings


def pytest_configure(config: pytest.Config) -> None:
    # A password hash that is slow on purpose is slow in every test that logs in.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    # Counters outlive a test; those of tasks/tests/test_api_limits.py turn the limits on.
    settings.RATE_LIMITS = False
