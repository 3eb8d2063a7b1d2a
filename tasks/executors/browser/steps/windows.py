"""Steps that change where we work: frames, windows, and the page's own questions."""

from __future__ import annotations

from typing import Any

from selenium.common.exceptions import NoAlertPresentException, NoSuchFrameException

from tasks.executors.browser import locating
from tasks.executors.browser.driver import AlertOpen, ask, poll_until
from tasks.executors.browser.errors import ElementNotFound, StepFailed
from tasks.executors.browser.navigation import guard, state
from tasks.executors.browser.run import Run
from tasks.executors.browser.step_config import Alert, Frame, Window
from tasks.executors.browser.steps.registry import performs


@performs("frame")
def frame(run: Run, step: Frame) -> dict[str, Any]:
    """Enters a frame for this and the following steps."""
    if step.to == "main":
        run.frames = []
    elif step.to == "parent":
        run.frames = run.frames[:-1]
    else:
        selector = step.selector or f"xpath=(//iframe|//frame)[{(step.index or 0) + 1}]"
        found = locating.wait_for(run.driver, selector, run.left(), run.pause)
        try:
            ask(run.driver.switch_to.frame, found)
        except NoSuchFrameException as error:
            raise StepFailed(f"{selector} is no frame", heals=False) from error
        run.frames = [*run.frames, selector]
    return {"frame": " ".join(run.frames) or "main"}


@performs("window")
def window(run: Run, step: Window) -> dict[str, Any]:
    """Goes to another window, or closes this one and goes back to the one before."""
    run.frames = []
    if step.close:
        ask(run.driver.close)
        left = ask(run.session.windows)
        if not left:
            raise StepFailed("that was the last window", heals=False)
        ask(run.driver.switch_to.window, left[-1])
    elif not poll_until(run.left(), lambda: _switch(run, step.to), run.pause):
        raise ElementNotFound(f"no window “{step.to}”")
    found = guard(run.driver)
    return {"title": found.title, "url": found.href}


def _switch(run: Run, wanted: str) -> bool:
    windows = ask(run.session.windows)
    current = ask(lambda: run.driver.current_window_handle)
    if wanted == "main":
        ask(run.driver.switch_to.window, windows[0])
        return True
    if wanted == "new":
        # A click that opened a window has switched to it already.
        ask(run.driver.switch_to.window, windows[-1])
        return len(windows) > 1
    for handle in windows:
        ask(run.driver.switch_to.window, handle)
        found = state(run.driver)
        if wanted.casefold() in found.title.casefold() or wanted in found.href:
            return True
    ask(run.driver.switch_to.window, current)
    return False


@performs("alert")
def alert(run: Run, step: Alert) -> dict[str, Any]:
    """Answers the open question."""
    text = poll_until(run.left(), lambda: alert_text(run), run.pause)
    if text is None:
        raise ElementNotFound("the page shows no alert")
    answer(run, accept=step.accept, text=step.text)
    return {"alert": text[:500], "accepted": step.accept}


def alert_text(run: Run) -> str | None:
    """What the open alert says, None when there is none."""
    try:
        return run.driver.switch_to.alert.text or " "
    except NoAlertPresentException:
        return None
    except AlertOpen as found:
        return found.text


def answer(run: Run, *, accept: bool, text: str | None = None) -> None:
    """Accepts or dismisses the open alert."""
    try:
        found = run.driver.switch_to.alert
        if text is not None:
            found.send_keys(text)
        found.accept() if accept else found.dismiss()
    except NoAlertPresentException as error:
        raise ElementNotFound("the alert went away") from error
