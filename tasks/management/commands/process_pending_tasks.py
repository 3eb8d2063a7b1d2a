"""One tick of the pending-task processor, for cron and for people."""

from __future__ import annotations

import json

from django.core.management.base import BaseCommand

from tasks import dispatch


class Command(BaseCommand):
    """Prints {"processed": 5, "success": 4, "failed": 1}."""

    help = "Queues every task that is due and rings the workers; prints what it did as JSON."

    def handle(self, *args: object, **options: object) -> None:
        """Runs the tick."""
        self.stdout.write(json.dumps(dispatch.process_pending_tasks().as_dict()))
