"""Steps on the page as a whole: navigate, wait, scroll, screenshot, assert."""

from __future__ import annotations

from typing import Any

from tasks.executors.browser import locating
from tasks.executors.browser.driver import ask, poll_until, settle
from tasks.executors.browser.errors import AssertionFailed, StepTimedOut
from tasks.executors.browser.navigation import check_target, open_page, state
from tasks.executors.browser.run import Run
from tasks.executors.browser.step_config import Assert, Navigate, Screenshot, Scroll, Wait
from tasks.executors.browser.steps.registry import performs

_PAGE_TEXT = "return document.body ? document.body.innerText.slice(0, 500000) : ''"


@performs("navigate")
def navigate(run: Run, step: Navigate) -> dict[str, Any]:
    """Opens the address; frames of the page before are left."""
    run.frames = []
    ask(run.driver.switch_to.default_content)
    if run.session.kind != "local":
        check_target(step.url)
    found = open_page(run.driver, step.url, fail_on_http_error=step.fail_on_http_error)
    return {"url": found.href, "title": found.title, "httpStatus": found.status}


@performs("wait")
def wait(run: Run, step: Wait) -> dict[str, Any]:
    """Waits for a time, or until what is named is there (or gone)."""
    if not (step.selector or step.text or step.url):
        seconds = (1000 if step.duration is None else step.duration) / 1000
        run.pause(seconds)
        return {"waitedMs": int(seconds * 1000)}
    wanted = step.state == "visible"
    limit = run.left()
    came = poll_until(limit, lambda: _is_there(run, step) == wanted, run.pause)
    if not came:
        what = step.selector or step.text or step.url
        raise StepTimedOut(f"“{what}” was {'not there' if wanted else 'still there'} after {limit:.1f} s")
    return {}


def _is_there(run: Run, step: Wait | Assert) -> bool:
    if step.selector and ask(locating.first_visible, run.driver, step.selector) is None:
        return False
    if step.text and step.text.casefold() not in str(ask(run.driver.execute_script, _PAGE_TEXT)).casefold():
        return False
    return not step.url or step.url in state(run.driver).href


@performs("scroll")
def scroll(run: Run, step: Scroll) -> dict[str, Any]:
    """Scrolls the window."""
    if step.selector or step.instruction:
        element, told = _scroll_target(run, step)
        ask(run.driver.execute_script, "arguments[0].scrollIntoView({block: 'center'})", element)
        return told
    target = {"top": "0", "bottom": "document.documentElement.scrollHeight"}.get(step.to or "")
    move = f"scrollTo(0, {target})" if target else f"scrollBy(0, {int(step.by or 600)})"
    ask(run.driver.execute_script, move)
    settle(run.driver, quiet_ms=150)
    return {}


def _scroll_target(run: Run, step: Scroll) -> tuple[Any, dict[str, Any]]:
    if step.selector:
        return locating.wait_for(run.driver, step.selector, run.left(), run.pause), {"element": step.selector}
    return run.seek(step.instruction or "", run.left(), run.index)


@performs("screenshot")
def screenshot(run: Run, step: Screenshot) -> dict[str, Any]:
    """Keeps a picture."""
    element = locating.wait_for(run.driver, step.selector, run.left(), run.pause) if step.selector else None
    picture = run.picture(full_page=step.full_page, element=element)
    return {"screenshot": run.keep(f"step-{run.index + 1}.{picture.ending}", picture.content_type, picture.data)}


@performs("assert")
def check(run: Run, step: Assert) -> dict[str, Any]:
    """Checks a claim; it may take until the step's time-out to become true."""
    if poll_until(run.left(), lambda: _holds(run, step), run.pause):
        return {}
    raise AssertionFailed(f"expected: {step.says()}; the page is {state(run.driver).title[:100]!r}")


def _holds(run: Run, step: Assert) -> bool:
    if step.count is not None and step.selector:
        return (len(ask(locating.find_all, run.driver, step.selector)) == step.count) != step.absent
    there = _is_there(run, step) and (not step.title or step.title in state(run.driver).title)
    return there != step.absent
