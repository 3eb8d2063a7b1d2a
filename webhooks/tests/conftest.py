"""What the tests of messages share: nothing is remembered from one test to the next."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from webhooks import valkey
from webhooks.inbound import door


@pytest.fixture(autouse=True)
def _fresh_memory() -> Iterator[None]:
    door.forget()
    valkey.forget_all()
    yield
    door.forget()
