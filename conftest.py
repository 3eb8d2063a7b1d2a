"""What every test of the repository shares."""

from __future__ import annotations

import os
from urllib.parse import urlsplit

import hypothesis
import pytest
from django.conf import settings

# The same examples every time, and no verdict on how fast this machine makes them.
hypothesis.settings.register_profile(
    "suite", derandomize=True, deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("suite")


#: Valkey's databases 0 to 7 are each one test process's; 8 to 15 those of its tests of limits.
NUMBER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 8


def pytest_configure(config: pytest.Config) -> None:
    # Test processes share a server: what one forgets or fills must not be another's.
    url = urlsplit(settings.REDIS_URL)._replace(path=f"/{NUMBER}").geturl()
    os.environ["REDIS_URL"] = settings.REDIS_URL = settings.CELERY_BROKER_URL = url
    settings.CACHES["default"]["LOCATION"] = url
    # A password hash that is slow on purpose is slow in every test that logs in.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    # Counters outlive a test; those of tasks/tests/test_api_limits.py turn the limits on.
    settings.RATE_LIMITS = False
