"""The page of the API's documentation, in a real browser, under the strict policy and without any other host."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tasks.tests.pages.conftest import Page

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_the_docs_page_shows_every_operation_and_breaks_no_rule(page: Page) -> None:
    page.open("/api/docs/")
    page.wait(lambda: len(page.all(".opblock")) > 60, 30)
    assert "Agency API" in page.text("#swagger-ui")
    assert page.complaints() == []
    hosts = page.driver.execute_script(
        "return [...new Set(performance.getEntriesByType('resource').map(e => new URL(e.name).host))]"
    )
    assert hosts == [page.base.removeprefix("http://")]
    assert not page.scrolls_sideways()


def test_an_operation_opens_with_the_founding_documents_example(page: Page) -> None:
    page.open("/api/docs/")
    page.wait(lambda: page.all(".opblock-tag"), 30)
    block = page.find("#operations-tasks-post_tasks .opblock-summary-control")
    page.driver.execute_script("arguments[0].scrollIntoView({block: 'start'}); arguments[0].click()", block)
    page.wait(lambda: "Fetch user data from external API" in page.text("#operations-tasks-post_tasks"), 15)
    folder = os.environ.get("SCREENSHOTS")
    if folder:
        page.size(1280, 1000)
        page.driver.execute_script("document.querySelector('#operations-tag-tasks').scrollIntoView()")
        page.shot(Path(folder) / "api-docs.png")
    assert page.complaints() == []
