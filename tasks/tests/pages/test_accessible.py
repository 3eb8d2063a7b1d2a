"""Every page: nothing for axe to find, nothing the policy blocks, no sideways scrolling on a phone, in both colours.

With SCREENSHOTS=docs/images the pictures of the documentation are taken on the way.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from django.urls import reverse
from selenium.webdriver.common.keys import Keys

from tasks.models import Approval, ReviewPolicy, TaskEvent
from tasks.tests.factories import UserFactory
from tasks.tests.pages import scene
from tasks.tests.pages.conftest import Page

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser]

PICTURES = os.environ.get("SCREENSHOTS", "")
#: Taken in light, dark and on a phone for docs/images.
SHOWN = {"dashboard", "queue", "task"}
SIZES = {"light": (1280, 900, False), "dark": (1280, 900, True), "phone": (390, 844, False)}


def addresses(here: scene.Scene) -> dict[str, str]:
    tables = "agencytask taskexecution taskevent approval reviewpolicy taskschedule"
    pages = {f"list of {name}": reverse(f"admin:tasks_{name}_changelist") for name in tables.split()}
    return pages | {
        "dashboard": reverse("admin:index"),
        "queue": reverse("review:task", args=[here.edited.pk]),
        "queue with nothing": reverse("review:queue") + "?q=nothinglikethis",
        "task": reverse("admin:task_page", args=[here.running.pk]),
        "task that asks": reverse("admin:task_page", args=[here.asking.pk]),
        "task that failed": reverse("admin:task_page", args=[here.failed.pk]),
        "facts": reverse("admin:tasks_agencytask_change", args=[here.failed.pk]),
        "edit": reverse("admin:tasks_agencytask_edit", args=[here.edited.pk]),
        "new task": reverse("admin:tasks_agencytask_add"),
        "policy": reverse("admin:tasks_reviewpolicy_change", args=[ReviewPolicy.objects.earliest("pk").pk]),
        "event": reverse("admin:tasks_taskevent_change", args=[TaskEvent.objects.latest("pk").pk]),
        "attempt": reverse("admin:tasks_taskexecution_change", args=[here.failed.executions.get().pk]),
        "template": reverse("admin:tasks_tasktemplate_add"),
        "schedule": reverse("admin:tasks_taskschedule_add"),
        "people": reverse("admin:auth_user_changelist"),
        "person": reverse("admin:auth_user_change", args=[here.ana.pk]),
        "role": reverse("admin:auth_group_change", args=[here.ana.groups.get().pk]),
        "account events": reverse("admin:agency_accountevent_changelist"),
        "password": reverse("admin:password_change"),
        "second factor": reverse("admin:two_factor_set_up"),
        "not found": "/review/999999/",
    }


def test_every_page_can_be_used_by_everybody(page: Page) -> None:
    here = scene.build()
    boss = UserFactory(username="mia", is_staff=True, is_superuser=True)
    found: list[str] = []
    page.sign_in(boss)
    for name, address in addresses(here).items():
        for size in SIZES if PICTURES and name in SHOWN else ("dark", "phone"):
            width, height, dark = SIZES[size]
            page.size(width, height).dark(dark).open(address)
            found += [f"{name}: {complaint}" for complaint in page.complaints()]
            if PICTURES and name in SHOWN:
                page.shot(Path(PICTURES) / f"{name}-{size}.png")
            if size == "phone" and page.scrolls_sideways():
                found.append(f"{name}: scrolls sideways at {width} px")
            found += [f"{name} ({size}): {violation}" for violation in page.violations()]
    assert not Approval.objects.exists(), "looking decides nothing"
    assert found == [], "\n".join(found)


def test_the_way_in_can_be_used_by_everybody(page: Page) -> None:
    page.open("/livez").driver.delete_all_cookies()
    found: list[str] = []
    for dark in (False, True):
        page.dark(dark).size(390, 844).open(reverse("admin:login"))
        found += page.complaints() + page.violations()
    assert found == [], "\n".join(found)
    assert not page.scrolls_sideways()


def test_an_idle_session_is_warned_of_before_it_ends(page: Page, settings: Any) -> None:
    settings.SESSION_IDLE_SECONDS = 2
    page.sign_in(scene.person("ana", "reviewer")).queue()
    page.says("You will soon be signed out")
    assert page.violations() == []
    settings.SESSION_IDLE_SECONDS = 600
    page.find("#idle button").click()
    page.wait(lambda: not page.find("#idle").is_displayed())


def test_axe_would_find_something(page: Page) -> None:
    """The tests above mean nothing if it were blind."""
    page.open(reverse("admin:login"))
    page.driver.execute_script(
        "document.querySelector('main').insertAdjacentHTML('beforeend', '<img src=x><input id=bare><button></button>')"
    )
    rules = {violation.partition(":")[0] for violation in page.violations()}
    assert {"image-alt", "label", "button-name"} <= rules


def test_dialogs_take_the_focus_and_give_it_back(page: Page) -> None:
    here = scene.build()
    page.sign_in(here.ben).queue(f"{here.high.pk}/")
    for key, name in {"r": "reject", "a": "confirm", "q": "ask", "s": "defer", "?": "help"}.items():
        is_open = f"return document.getElementById('{name}').open"
        page.press_until(key, lambda is_open=is_open: page.driver.execute_script(is_open))
        inside = f"return document.getElementById('{name}').contains(document.activeElement)"
        assert page.driver.execute_script(inside), name
        assert page.violations() == [], name
        page.press(Keys.ESCAPE)
        page.wait(lambda is_open=is_open: not page.driver.execute_script(is_open))
