"""The runner inside a Celery worker: started and drained with it."""

from __future__ import annotations

import gc
import logging
from typing import Any

from celery import bootsteps
from django.conf import settings

from agency import logs
from agency.celery import app
from tasks import doorbell
from tasks.runner import Runner

logger = logging.getLogger(__name__)

_runners: dict[str, Runner] = {}


def ring(queue: str) -> None:
    """Wakes this process's runner of a queue, if it has one."""
    runner = _runners.get(queue)
    if runner is not None:
        doorbell.heard(queue)
        runner.ring()


class RunnerStep(bootsteps.StartStopStep):
    """Starts one runner for each work queue that the Celery worker consumes."""

    requires = ("celery.worker.components:Pool",)

    def __init__(self, parent: Any, **options: Any) -> None:
        super().__init__(parent, **options)
        self.enabled = bool(options.get("enabled", True))

    def start(self, parent: Any) -> None:
        """Begins to claim when the worker is up."""
        logs.write_in_background()
        gc.freeze()  # what the start loaded stays: walking it again and again was an eighth of a busy worker's time
        for queue in parent.app.amqp.queues.consume_from:
            if queue in settings.SLOTS:
                _runners[queue] = Runner(queue, settings.SLOTS[queue])
                _runners[queue].start()

    def stop(self, parent: Any) -> None:
        """Warm stop: running attempts finish within the grace or are handed back."""
        self._drain()

    def terminate(self, parent: Any) -> None:
        """Cold stop: the same, Celery's own jobs are short."""
        self._drain()

    @staticmethod
    def _drain() -> None:
        for runner in _runners.values():
            runner.drain(settings.SHUTDOWN_GRACE_SECONDS)


app.steps["worker"].add(RunnerStep)
