"""One Chromium for all tests of pages, people who are signed in, and axe."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import Client
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

from tasks.executors.browser.launch import find_programs

AXE = Path(__file__).parent / "vendor" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


def _options() -> webdriver.ChromeOptions:
    options = webdriver.ChromeOptions()
    # The program itself: Debian's wrapper of the same name does not hand its process over, so quit() would leave the browser.
    options.binary_location = find_programs().browser
    for argument in ("--headless", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1280,900", "--lang=en"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return options


@pytest.fixture(scope="session")
def chromium() -> Iterator[webdriver.Chrome]:
    driver = webdriver.Chrome(options=_options(), service=webdriver.ChromeService(shutil.which("chromedriver")))
    driver.set_page_load_timeout(30)
    yield driver
    driver.quit()


class Page:
    """What a person sees and does: one window of the shared browser, one person at a time."""

    def __init__(self, driver: webdriver.Chrome, base: str) -> None:
        self.driver, self.base = driver, base

    def sign_in(self, user: Any) -> Page:
        """By a session cookie; the login form has tests of its own."""
        client = Client()
        client.force_login(user, "django.contrib.auth.backends.ModelBackend")
        if not self.driver.current_url.startswith(self.base):
            self.driver.get(f"{self.base}/livez")
        self.driver.delete_all_cookies()
        name = django_settings.SESSION_COOKIE_NAME
        self.driver.add_cookie({"name": name, "value": client.cookies[name].value, "path": "/"})
        return self

    def open(self, address: str) -> Page:
        self.driver.get(address if address.startswith("http") else self.base + address)
        return self

    def queue(self, query: str = "") -> Page:
        """The review queue, its script running."""
        self.open(f"/review/{query}")
        self.wait(lambda: self.driver.execute_script("return document.documentElement.dataset.ready"))
        return self

    def size(self, width: int, height: int) -> Page:
        self.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600},
        )
        return self

    def dark(self, on: bool) -> Page:
        feature = {"name": "prefers-color-scheme", "value": "dark" if on else "light"}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
        return self

    def find(self, selector: str) -> WebElement:
        """The first element that is there, waited for."""
        return self.wait(lambda: next(iter(self.driver.find_elements(By.CSS_SELECTOR, selector)), None))

    def all(self, selector: str) -> list[WebElement]:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def text(self, selector: str) -> str:
        """What a reader sees of an element, in one look: it may be replaced at any moment."""
        return str(
            self.driver.execute_script("return (document.querySelector(arguments[0]) || {}).innerText || ''", selector)
        )

    def press(self, *keys: str) -> Page:
        webdriver.ActionChains(self.driver).send_keys(*keys).perform()
        return self

    def press_until(self, key: str, done: Callable[[], Any]) -> Page:
        """Presses once more when nothing comes of it: a busy Chromium drops a key now and then right after an Escape."""
        try:
            self.press(key).wait(done, 5)
        except AssertionError:
            self.press(key).wait(done)
        return self

    def shown_task(self) -> int:
        """The number of the task in the right pane, 0 without one."""
        found = self.driver.execute_script(
            "const a = document.querySelector('#detail article'); return a ? a.dataset.task : ''"
        )
        return int(found or 0)

    def rows(self) -> list[int]:
        """The numbers of the tasks in the list, in order."""
        script = "return [...document.querySelectorAll('.row')].map(row => Number(row.dataset.id))"
        return list(self.driver.execute_script(script))

    def wait(self, done: Callable[[], Any], seconds: float = 15) -> Any:
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            value = done()
            if value:
                return value
            time.sleep(0.02)
        body = self.driver.execute_script("return document.body.innerText")[:1500]
        focus = self.driver.execute_script("return document.activeElement.outerHTML.slice(0, 200)")
        said = self.driver.execute_script("return (document.getElementById('status') || {}).textContent")
        raise AssertionError(f"not within {seconds} s at {self.driver.current_url}: {said=} {focus=}\n{body}")

    def says(self, words: str) -> Page:
        """Waits until the page says something."""
        self.wait(lambda: words in self.text("body") or words in self.text("#status"))
        return self

    def violations(self) -> list[str]:
        """What axe finds against WCAG 2.2 AA."""
        self.driver.execute_script(AXE.read_text())
        run = (
            "const done = arguments[1]; axe.run({runOnly: arguments[0]}).then(r => done(JSON.stringify(r.violations)))"
        )
        found = json.loads(self.driver.execute_async_script(run, RULES))
        self.driver.get_log("browser")  # axe itself tries a style element, which the policy refuses
        return [f"{v['id']}: {v['help']}: {node['html'][:160]}" for v in found for node in v["nodes"]]

    def complaints(self) -> list[str]:
        """What the browser complained about since the last look: scripts, styles, the policy."""
        ignored = ("favicon", "the server responded with a status of 4")
        entries = self.driver.get_log("browser")
        return [
            e["message"]
            for e in entries
            if e["level"] == "SEVERE" and not any(word in e["message"] for word in ignored)
        ]

    def scrolls_sideways(self) -> bool:
        return bool(
            self.driver.execute_script(
                "return document.documentElement.scrollWidth > document.documentElement.clientWidth + 1"
            )
        )

    def shot(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.driver.save_screenshot(str(path))


@pytest.fixture
def page(chromium: webdriver.Chrome, live_server: Any, settings: Any) -> Iterator[Page]:
    settings.ALLOWED_HOSTS = ["localhost", "127.0.0.1", "testserver"]
    opened = Page(chromium, live_server.url)
    opened.size(1280, 900).dark(False)
    yield opened
    chromium.get("about:blank")
    chromium.get_log("browser")


@pytest.fixture
def keys() -> type[Keys]:
    return Keys
