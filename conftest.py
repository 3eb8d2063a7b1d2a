"""What every test of the repository shares."""

from __future__ import annotations

import hypothesis
import pytest
from django.conf import settings

# The same examples every time, and no verdict on how fast this machine makes them.
hypothesis.settings.register_profile(
    "suite", derandomize=True, deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("suite")


def pytest_configure(config: pytest.Config) -> None:
    # A password hash that is slow on purpose is slow in every test that logs in.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    # Counters outlive a test; those of tasks/tests/test_api_limits.py turn the limits on.
    settings.RATE_LIMITS = False
