"""The scheduler of beat: the one whose entries the admin shows, asking the database less often."""

from __future__ import annotations

import time

from django_celery_beat.schedulers import DatabaseScheduler

#: How often the admin's changes are looked for, in seconds.
LOOK_S = 5.0
#: How often the times of the last rings are written, in seconds. A beat that is killed in between rings ticks anew, which
#: they allow (docs/decisions/0003); /healthz calls beat silent after 30 s.
WRITE_S = 15.0


class Scheduler(DatabaseScheduler):
    """Rings a tick a second without writing it down each second: an idle product leaves its database alone."""

    sync_every = WRITE_S
    _look_at = 0.0

    def schedule_changed(self) -> bool:
        """Whether somebody changed the entries, asked every LOOK_S seconds."""
        now = time.monotonic()
        if now < self._look_at:
            return False
        self._look_at = now + LOOK_S
        return bool(super().schedule_changed())
