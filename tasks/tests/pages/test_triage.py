"""Reviewing as people do it: by keyboard, on a phone, against each other, too late, and from a message."""

from __future__ import annotations

import datetime as dt
import time
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.utils import timezone
from selenium.webdriver.common.keys import Keys

from tasks import services
from tasks.actors import Actor
from tasks.inputs import parse_changes
from tasks.models import AgencyTask, Approval
from tasks.review import follow_up, links, queue
from tasks.states import Status
from tasks.tests.factories import make_task
from tasks.tests.pages.conftest import Page
from tasks.tests.pages.scene import person

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser]

DELETE = {"apiEndpoint": "https://crm.example.com/contacts/1", "apiMethod": "DELETE"}


@pytest.fixture
def ana() -> Any:
    return person("ana", "reviewer")


@pytest.fixture
def ben() -> Any:
    return person("ben", "reviewer")


def waiting(number: int = 1, **fields: Any) -> list[AgencyTask]:
    return [make_task(title=f"Task {n}", requiresHumanReview=True, **fields) for n in range(1, number + 1)]


def review_of(task: AgencyTask) -> str:
    return str(AgencyTask.objects.values_list("review", flat=True).get(pk=task.pk))


def wait_review(page: Page, task: AgencyTask, review: str) -> None:
    page.wait(lambda: review_of(task) == review)


def test_keys_move_decide_and_undo(page: Page, ana: Any, settings: Any) -> None:
    settings.REVIEW_UNDO_SECONDS = 60
    one, two, three = waiting(3)
    page.sign_in(ana).queue()
    assert page.shown_task() == one.pk
    page.press("j").wait(lambda: page.shown_task() == two.pk)
    page.press("k").wait(lambda: page.shown_task() == one.pk)
    page.press("a").wait(lambda: page.shown_task() == two.pk)
    assert review_of(one) == "approved"
    page.press("r").find("#reject[open] textarea").send_keys("Wrong account")
    page.press(Keys.TAB, Keys.ENTER).wait(lambda: page.shown_task() == three.pk)
    wait_review(page, two, "rejected")
    assert AgencyTask.objects.get(pk=two.pk).review_notes == "Wrong account"
    page.press("z").wait(lambda: page.shown_task() == two.pk)
    wait_review(page, two, "required")


def test_fifty_tasks_are_triaged_by_keyboard_without_a_reload(page: Page, ana: Any) -> None:
    tasks = waiting(50)
    page.sign_in(ana).queue()
    page.driver.execute_script("window.untouched = true")
    for number, task in enumerate(tasks):
        page.wait(lambda task=task: page.shown_task() == task.pk)
        if number % 10 == 3:
            page.press("r").find("#reject[open] textarea").send_keys("Not this one")
            page.press(Keys.TAB, Keys.ENTER)
        else:
            page.press("a")
    page.says("Nothing waits for you.")
    assert page.driver.execute_script("return window.untouched") is True
    assert queue.waiting().count() == 0
    assert Approval.objects.filter(decision="approved").count() == 45
    assert Approval.objects.filter(decision="rejected", notes="Not this one").count() == 5


def test_keys_rest_while_somebody_writes_and_can_be_switched_off(page: Page, ana: Any) -> None:
    one, two = waiting(2)
    page.sign_in(ana).queue()
    page.press("/", "a", "j", "z").wait(lambda: "ajz" in page.find("#q").get_attribute("value"))
    assert review_of(one) == review_of(two) == "required"
    page.find("#q").clear()
    page.queue()
    page.press("?").find("#help[open] #keys-on").click()
    page.press(Keys.ESCAPE, "a", "j")
    assert page.shown_task() == one.pk
    assert review_of(one) == "required"
    page.driver.execute_script("localStorage.clear()")


def test_high_risk_needs_a_second_step(page: Page, ana: Any) -> None:
    task = make_task(title="Remove contact 1", executionConfig=DELETE)
    page.sign_in(ana).queue()
    page.press("a")
    assert "Send" in page.find("#confirm[open]").text or "DELETE" in page.find("#confirm[open]").text
    assert review_of(task) == "required"
    page.find("#confirm textarea").send_keys("Agreed by phone")
    page.press(Keys.TAB, Keys.ENTER)
    wait_review(page, task, "approved")
    assert Approval.objects.get(task=task).notes == "Agreed by phone"


def test_on_a_phone_the_list_leads_to_the_task_and_back(page: Page, ana: Any) -> None:
    one, two = waiting(2)
    page.size(390, 844).sign_in(ana).queue()
    assert not page.find("#detail").is_displayed()
    page.find(f'.row[data-id="{one.pk}"] .row-link').click()
    page.wait(lambda: page.find("#detail").is_displayed())
    assert not page.scrolls_sideways()
    buttons = [button for button in page.all("form.actions .btn") if button.is_displayed()]
    assert min(button.size["height"] for button in buttons) >= 44
    page.find('[data-act="approve"]').click()
    page.wait(lambda: page.shown_task() == two.pk)
    page.find("[data-back]").click()
    page.wait(lambda: page.find("#queue-list").is_displayed())
    page.wait(lambda: page.rows() == [two.pk])


def test_two_reviewers_race_and_the_later_click_is_told(page: Page, ana: Any, ben: Any) -> None:
    task, other = waiting(2)
    page.sign_in(ana).queue()
    services.reject(task.pk, Actor.user(ben, "queue"), reason="Wrong account", code="wrong_target")
    page.press("a")
    page.says("Already rejected by ben")
    page.says("Wrong account")
    assert review_of(task) == "rejected"
    assert review_of(other) == "required"


def test_a_click_on_what_was_edited_meanwhile_shows_the_change(page: Page, ana: Any, ben: Any) -> None:
    (task,) = waiting()
    page.sign_in(ana).queue()
    changed = {"executionConfig": {"apiEndpoint": "https://api.example.com/everything", "apiMethod": "GET"}}
    services.edit(task.pk, parse_changes(changed), Actor.user(ben, "admin"))
    page.press("a")
    page.says("was changed since you looked")
    page.says("https://api.example.com/everything")
    assert review_of(task) == "required"
    page.press("a")
    wait_review(page, task, "approved")


def test_a_change_is_shown_without_a_reload_and_without_a_click(page: Page, ana: Any, ben: Any) -> None:
    (task,) = waiting()
    page.sign_in(ana).queue()
    services.edit(task.pk, parse_changes({"title": "Renamed meanwhile"}), Actor.user(ben, "admin"))
    (new,) = waiting(1)
    page.driver.execute_script("document.dispatchEvent(new Event('visibilitychange'))")
    page.says("This task was changed while you were looking at it")
    page.wait(lambda: new.pk in page.rows())
    page.find("#refusal button").click()
    page.wait(lambda: "Renamed meanwhile" in page.text("#detail h2"))


def test_four_eyes_are_explained_on_the_page(page: Page, ana: Any, ben: Any, settings: Any) -> None:
    settings.REVIEW_FOUR_EYES = True
    task = make_task(Actor.user(ana, "api"), requiresHumanReview=True)
    page.sign_in(ana).queue()
    page.press("a")
    page.says("Somebody else must approve this task")
    assert not page.find('[data-act="approve"]').is_enabled()
    page.sign_in(ben).queue()
    page.press("a")
    wait_review(page, task, "approved")


def test_what_expired_is_not_approved(page: Page, ana: Any) -> None:
    (task,) = waiting()
    page.sign_in(ana).queue()
    AgencyTask.objects.filter(pk=task.pk).update(review_expires_at=timezone.now() - dt.timedelta(seconds=1))
    follow_up.tick()
    page.press("a")
    page.says("Nobody decided in time")
    assert AgencyTask.objects.get(pk=task.pk).status == Status.CANCELLED


def test_a_link_from_a_message_shows_and_decides_once(page: Page, ana: Any, settings: Any) -> None:
    (task,) = waiting()
    settings.PUBLIC_URL = page.base
    link = links.link_for(task, ana)
    page.sign_in(ana).open(link)
    page.says("This link is yours alone")
    assert review_of(task) == "required"
    assert page.violations() == []
    page.find('button[value="approve"]').click()
    wait_review(page, task, "approved")
    page.open(link).says("This link was used already")


def test_many_are_decided_at_once_with_one_reason(page: Page, ana: Any) -> None:
    one, two, three = waiting(3)
    high = make_task(title="Remove contact 1", executionConfig=DELETE)
    page.sign_in(ana).queue()
    page.wait(lambda: page.shown_task() == high.pk)
    for _ in range(4):
        shown = page.shown_task()
        page.press("x", "j").wait(lambda shown=shown: page.shown_task() != shown or shown == three.pk)
    page.says("4 selected")
    page.find('[data-bulk="approve"]').click()
    page.find("#confirm[open] textarea").send_keys("Monthly batch")
    page.press(Keys.TAB, Keys.ENTER)
    page.says("3 done, 1 not")
    assert [review_of(task) for task in (one, two, three, high)] == ["approved"] * 3 + ["required"]
    assert set(Approval.objects.values_list("notes", "door")) == {("Monthly batch", "bulk")}


def test_filters_stay_in_the_address_and_survive_a_reload(page: Page, ana: Any) -> None:
    waiting(2)
    zebra = make_task(title="Zebra order", requiresHumanReview=True)
    page.sign_in(ana).queue()
    page.press("/").find("#q").send_keys("zebra")
    page.wait(lambda: page.rows() == [zebra.pk])
    assert "q=zebra" in page.driver.current_url
    page.driver.refresh()
    page.wait(lambda: page.rows() == [zebra.pk])


def test_asking_and_claiming_are_seen_by_others(page: Page, ana: Any, ben: Any) -> None:
    (task,) = waiting()
    page.sign_in(ana).queue()
    page.press("c").says("ana is looking at it")
    page.press("q").find("#ask[open] textarea").send_keys("Is the amount right?")
    page.press(Keys.TAB, Keys.ENTER)
    page.says("Is the amount right?")
    page.sign_in(ben).queue()
    page.says("ana is looking at it").says("Is the amount right?")
    assert review_of(task) == "required"


def an_hour_passes_since_the_proof() -> None:
    """For every session: nobody has said for an hour who they are."""
    for row in Session.objects.all():
        row.session_data = Session.objects.encode({**row.get_decoded(), "confirmed_at": int(time.time()) - 3600})
        row.save()


def test_a_confirmation_is_asked_for_in_place_and_the_decision_goes_on(page: Page, ana: Any) -> None:
    waiting(2)
    one, two, three = (make_task(title=f"Zebra {n}", requiresHumanReview=True) for n in range(3))
    page.sign_in(ana).queue("?q=zebra")
    page.press("j").wait(lambda: page.shown_task() == two.pk)
    page.driver.execute_script("window.untouched = true")
    an_hour_passes_since_the_proof()
    page.press("a").find("#prove[open] input").send_keys("wrong", Keys.ENTER)
    page.says("This is not your password")
    assert page.violations() == []
    assert review_of(two) == "required"
    page.find("#prove[open] input").send_keys("a long password", Keys.ENTER)
    page.wait(lambda: page.shown_task() == three.pk)
    assert [review_of(task) for task in (one, two, three)] == ["required", "approved", "required"]
    assert "q=zebra" in page.driver.current_url
    assert page.driver.execute_script("return window.untouched") is True
    page.press("a")
    wait_review(page, three, "approved")


def test_a_confirmation_that_is_not_given_decides_nothing(page: Page, ana: Any) -> None:
    one, two = waiting(2)
    page.size(390, 844).sign_in(ana).queue(f"{one.pk}/")
    an_hour_passes_since_the_proof()
    page.find('[data-act="approve"]').click()
    page.find("#prove[open]")
    assert not page.scrolls_sideways()
    page.press(Keys.ESCAPE).says("Confirm that it is you")
    assert review_of(one) == "required"
    page.press("r").find("#reject[open] textarea").send_keys("A no is not asked for proof")
    page.press(Keys.TAB, Keys.ENTER)
    wait_review(page, one, "rejected")
    assert review_of(two) == "required"


def test_a_link_that_is_used_late_asks_and_goes_on(page: Page, ana: Any, settings: Any) -> None:
    (task,) = waiting()
    settings.PUBLIC_URL = page.base
    link = links.link_for(task, ana)
    page.sign_in(ana).open(link).find("#text").send_keys("Agreed by phone")
    an_hour_passes_since_the_proof()
    page.find('button[value="approve"]').click()
    page.says("What you were doing is kept")
    assert page.violations() == []
    page.find("#id_proof").send_keys("a long password", Keys.ENTER)
    wait_review(page, task, "approved")
    assert Approval.objects.get(task=task).notes == "Agreed by phone"


def test_an_edit_leads_back_to_the_same_place_and_is_then_approved(page: Page, settings: Any) -> None:
    waiting(1)
    zebra, other = (make_task(title=f"Zebra {n}", requiresHumanReview=True) for n in range(2))
    page.sign_in(person("mia", "manager")).queue("?q=zebra")
    page.wait(lambda: page.shown_task() == zebra.pk)
    page.press("e").find("#id_title").send_keys(" and more")
    page.driver.execute_script("document.querySelector('main form.card').requestSubmit()")
    page.wait(lambda: page.shown_task() == zebra.pk)
    page.says("Zebra 0 and more")
    assert "q=zebra" in page.driver.current_url
    page.wait(lambda: page.driver.execute_script("return document.documentElement.dataset.ready"))
    assert sorted(page.rows()) == [zebra.pk, other.pk]
    page.press("a")
    wait_review(page, zebra, "approved")
