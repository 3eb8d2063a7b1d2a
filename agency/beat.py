"""The scheduler of beat: the one whose entries the admin shows, asking the database less often."""

from __future__ import annotations

import logging
import time

from django.db import DatabaseError, InterfaceError
from django_celery_beat.models import PeriodicTask
from django_celery_beat.schedulers import DatabaseScheduler

from agency import db

logger = logging.getLogger(__name__)

#: How often the admin's changes are looked for, in seconds.
LOOK_S = 10.0
#: How often the times of the last rings are written, in seconds. A beat that is killed in between rings ticks anew, which
#: they allow (docs/decisions/0003); /healthz calls beat silent after 30 s.
WRITE_S = 15.0


class Scheduler(DatabaseScheduler):
    """Rings a tick a second without writing it down each second: an idle product leaves its database alone."""

    sync_every = WRITE_S
    _dirty: set[str]
    _look_at = 0.0

    def schedule_changed(self) -> bool:
        """Whether somebody changed the entries, asked every LOOK_S seconds."""
        now = time.monotonic()
        if now < self._look_at:
            return False
        self._look_at = now + LOOK_S
        return bool(super().schedule_changed())

    def sync(self) -> None:
        """Writes the last rings of all entries in one statement; what cannot be written is tried again with the next."""
        names, self._dirty = self._dirty, set()
        rung = [self._schedule[name].model for name in names if name in self._schedule]
        try:
            PeriodicTask.objects.bulk_update(rung, ["last_run_at", "total_run_count"])
        except (DatabaseError, InterfaceError) as error:
            self._dirty |= names
            logger.warning("beat cannot write down its last rings: %s", type(error).__name__)
        finally:
            db.release()
