"""Pictures for the documentation: `pytest -m screens --screens docs/images`; without a folder only a look that pages draw."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tasks.tests.pages import scene
from tasks.tests.pages.conftest import Page

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser]


def test_pages_are_drawn(page: Page) -> None:
    here = scene.build()
    folder = os.environ.get("SCREENSHOTS")
    page.sign_in(here.ana)
    places = {"dashboard": "/admin/", "queue": f"/review/{here.edited.pk}/", "task": f"/admin/tasks/{here.running.pk}/",
        "tasks": "/admin/tasks/agencytask/", "question": f"/admin/tasks/{here.asking.pk}/", "facts": f"/admin/tasks/agencytask/{here.failed.pk}/change/"}
    for name, address in places.items():
        for kind, width, height, dark in (("light", 1280, 900, False), ("dark", 1280, 900, True), ("phone", 390, 844, False)):
            page.size(width, height).dark(dark).open(address)
            if folder:
                page.shot(Path(folder) / f"{name}-{kind}.png")
            print(name, kind, page.scrolls_sideways(), page.complaints())
        for v in page.violations(): print(name, v)
