"""A worker process for tests: runs the outbox loop and the rescuer until it is killed."""

from __future__ import annotations

import sys
import threading

import django

django.setup()

from webhooks import doorbell, upkeep, worker  # noqa: E402  after the setup

if __name__ == "__main__":
    loop = worker.make_loops()[doorbell.OUTBOX]
    loop.start()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    pause = threading.Event()
    while True:
        upkeep.sweep()
        loop.ring()
        pause.wait(0.1)
