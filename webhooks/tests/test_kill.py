"""kill -9 of a worker in the middle of deliveries: nothing is lost, and what comes twice comes under the same id."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings as django_settings
from django.db import connection

from tasks.tests.conftest import wait_for
from webhooks.models import DeliveryAttempt, OutboundMessage
from webhooks.tests.factories import custom_channel
from webhooks.tests.receivers import Got, receiver
from webhooks.tests.test_delivery import post

pytestmark = pytest.mark.django_db(transaction=True)

MESSAGES = 40


def environment() -> dict[str, str]:
    """This test's database, short leases, loopback allowed."""
    url = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}").geturl()
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "agency.settings",
        "DATABASE_URL": url,
        "OUTBOUND_ALLOW_CIDRS": "127.0.0.0/8",
        "OUTBOUND_ALLOW_HOSTS": "127.0.0.1",
        "OUTBOUND_HTTP": "*",
        "DEBUG": "true",
        "POLL_SECONDS": "0.1",
        "DELIVERY_TIMEOUT_SECONDS": "2",
        "DELIVERY_LEASE_MARGIN_SECONDS": "0.5",
        "DELIVERY_PER_SECOND": "1000",
    }


@contextmanager
def worker() -> Iterator[subprocess.Popen[str]]:
    """A worker process that is up; killed at the end whatever happens."""
    process = subprocess.Popen(
        [sys.executable, "-m", "webhooks.tests.delivery_worker"],
        env=environment(),
        cwd=django_settings.BASE_DIR,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "ready"
        yield process
    finally:
        process.kill()
        process.communicate()


def test_killed_workers_lose_nothing_and_repeat_only_under_the_same_id(loopback: None) -> None:
    gate = threading.Event()
    held = threading.Event()

    def answer(got: Got) -> Any:
        if not gate.is_set():
            held.set()  # the message has reached the receiver, the worker waits for the answer
            gate.wait(30)
        return 200, {}, b""

    with receiver(answer) as there:
        channel = custom_channel(url=there.url + "/")
        ids = {post(channel, f"k{number}").message_id for number in range(MESSAGES)}
        for _ in range(3):
            held.clear()
            with worker() as process:
                assert held.wait(20)
                os.kill(process.pid, signal.SIGKILL)
                process.wait()
            assert OutboundMessage.objects.filter(state="sending").exists()
        gate.set()
        with worker():
            wait_for(lambda: not OutboundMessage.objects.exclude(state="delivered").exists(), 60)
    seen = Counter(got.headers["webhook-id"] for got in there.got)
    assert set(seen) == ids
    assert any(count > 1 for count in seen.values())
    bodies = {(got.headers["webhook-id"], got.body) for got in there.got}
    assert len(bodies) == MESSAGES
    outcomes = Counter(DeliveryAttempt.objects.values_list("outcome", flat=True))
    assert outcomes["delivered"] == MESSAGES
    assert outcomes["lost"] >= 3
    assert set(OutboundMessage.objects.values_list("attempts", flat=True)) == {1}  # a crash spends no try
