"""The memory of elements in the database; what a step found is written only once the step has succeeded."""

from __future__ import annotations

import logging
from typing import Any

from django.db.models import F
from django.utils import timezone
from selenium.webdriver.remote.webdriver import WebDriver

from agency import credentials, db
from tasks.executors.browser.understanding.base import Choice
from tasks.executors.browser.understanding.memory import key_of, place_of
from tasks.models import RememberedElement

logger = logging.getLogger(__name__)


class StoredMemory:
    """One attempt's view: reads at once, keeps what it learns until `commit`."""

    def __init__(self) -> None:
        self._pending: dict[str, dict[str, Any]] = {}
        self._known: set[str] = set()
        self.healed: list[str] = []

    def recall(self, driver: WebDriver, step: int | None, instruction: str) -> dict[str, Any] | None:
        """The fingerprint of last time."""
        if step is None:
            return None
        key = key_of(*place_of(driver), instruction)
        row = RememberedElement.objects.filter(key=key).values_list("fingerprint", flat=True).first()
        db.release()
        if row is not None:
            self._known.add(key)
            self._pending[key] = {}
        return row

    def learn(self, driver: WebDriver, step: int | None, instruction: str, choice: Choice) -> None:
        """Notes a choice. Where one was known, the page has changed: that is told in the record."""
        if step is None:
            return
        site, path = place_of(driver)
        key = key_of(site, path, instruction)
        if key in self._known:
            self.healed.append(instruction)
        learnt = {"site": site, "path": path, "instruction": instruction[:2000], "engine": choice.engine}
        # A page may show what was typed into it.
        self._pending[key] = credentials.redact({**learnt, "fingerprint": choice.fingerprint})

    def commit(self) -> None:
        """The step has succeeded: writes what it learnt, and counts what it used."""
        for key, learnt in self._pending.items():
            if learnt:
                now = {**learnt, "used_at": timezone.now()}
                RememberedElement.objects.update_or_create(key=key, defaults=now, create_defaults=now)
            counts = {"uses": F("uses") + 1, "used_at": timezone.now()}
            if learnt and key in self._known:
                counts["healed"] = F("healed") + 1
            RememberedElement.objects.filter(key=key).update(**counts)
        self._pending.clear()
        self._known.clear()
        db.release()

    def forget(self) -> None:
        """The step has failed: nothing it found is kept."""
        self._pending.clear()
        self._known.clear()
