"""What acting on a page does: seen afterwards, and for what must not happen twice written down before.

A click is of the once class when it sends a form that changes something, is called so (send, buy, pay, delete …), or
happens after a secret was typed and is no plain link. Signing in may be repeated. `once` on a step overrides.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from selenium.webdriver.remote.webelement import WebElement

from tasks.executors.browser.driver import AlertOpen, ask, poll_until, run_script, settle
from tasks.executors.browser.errors import BrowserError, SessionBroken, StepFailed, StepTimedOut
from tasks.executors.browser.navigation import guard
from tasks.executors.browser.run import Run
from tasks.executors.browser.sessions import MOST_WINDOWS
from tasks.executors.browser.step_config import Step
from tasks.executors.browser.understanding.deterministic.words import tokens

_CHANGING = frozenset(
    token.canon
    for word in (
        "send", "submit", "buy", "purchase", "pay", "order", "delete", "remove", "confirm", "publish", "post", "book",
        "reserve", "transfer", "donate", "subscribe", "unsubscribe", "register", "create", "save", "apply", "approve",
        "place", "checkout", "invite", "share", "reply", "cancel", "finish", "complete",
    )
    for token in tokens(word)
)  # fmt: skip
#: How long a click may take to show an effect before it counts as one without.
_LOOK_FOR_EFFECT_S = 0.6


class AlreadyDone(BrowserError):
    """An earlier attempt of this run did it; nobody knows whether the rest was done too."""

    code = "already_done"
    heals = False


@dataclass
class Effect:
    """The open effect of one step."""

    name: str = ""
    done: bool = False
    response: dict[str, Any] = field(default_factory=dict)

    def happened(self, told: dict[str, Any]) -> None:
        """The page took the click."""
        self.done = True
        self.response = {"url": told.get("url", ""), "effect": told.get("effect", "")}


@contextmanager
def guarded(run: Run, step: Step, element: WebElement | None) -> Iterator[Effect]:
    """Writes the effect as intended, lets it happen, and settles it. Raises AlreadyDone when it is confirmed already.

    A broken session or a time-out in between leaves it unknown: the page may have taken the click.
    """
    effect = Effect()
    if _is_once(run, step, element):
        effect.name = f"step-{run.index + 1}"
        request = {"step": run.index, "says": step.says()}
        if run.ctx.intend(effect.name, request, step.timeout_s).confirmed:
            raise AlreadyDone(f"step {run.index + 1} ({step.says()}) was done by an earlier attempt")
        run.open_effect = effect.name
    try:
        yield effect
    except (SessionBroken, StepTimedOut):
        raise
    except StepFailed as error:
        if effect.name and not effect.done and not isinstance(error, AlertOpen):
            run.ctx.reject(effect.name, {"error": str(error)})
            run.open_effect = ""
        raise
    if effect.name:
        run.ctx.confirm(effect.name, effect.response)
        run.open_effect = ""
        run.done_effects.append(step.says())


def _is_once(run: Run, step: Step, element: WebElement | None) -> bool:
    asked = getattr(step, "once", None)
    if asked is not None:
        return bool(asked)
    if element is None:
        return True
    key = getattr(step, "key", "").upper() in ("ENTER", "RETURN") or step.type == "type"
    if step.type == "press" and not key:
        return False
    found = run_script(run.driver, "submits", element, key)
    if found["signsIn"] or found["search"]:
        return False
    if found["submits"] and found["method"] != "get":
        return True
    said = {token.canon for token in tokens(found["text"])}
    return not found["link"] and (bool(said & _CHANGING) or (run.signed_in and found["submits"]))


def watch(run: Run) -> None:
    """Begins to watch the page for what the next action does."""
    run_script(run.driver, "watch")
    run.windows_before = ask(run.session.windows)


def after(run: Run) -> dict[str, Any]:
    """What the action did: navigation, window, alert, changes of the page. Follows a new window."""
    told: dict[str, Any] = {}
    try:
        effect = poll_until(min(_LOOK_FOR_EFFECT_S, max(0.1, run.left())), lambda: _effect(run), run.pause)
        settle(run.driver)
    except AlertOpen as alert:
        return {"effect": "alert", "alert": alert.text[:500]}
    if effect == "window":
        told["newWindow"] = True
    if not effect:
        run.warn("no effect of the action was seen")
    told["effect"] = effect or "none"
    told["url"] = guard(run.driver).href
    return told


def _effect(run: Run) -> str | None:
    windows = ask(run.session.windows)
    new = [handle for handle in windows if handle not in run.windows_before]
    if len(windows) > MOST_WINDOWS:
        raise SessionBroken("the page opened too many windows")
    if new:
        ask(run.driver.switch_to.window, new[-1])
        return "window"
    if not windows or ask(lambda: run.driver.current_window_handle) not in windows:
        ask(run.driver.switch_to.window, windows[-1])
        return "window closed"
    seen = ask(run.driver.execute_script, "return window.__agencySeen || null")
    if seen is None:
        return "navigation"
    if seen["url"] != ask(run.driver.execute_script, "return location.href"):
        return "address"
    return "page changed" if seen["changes"] or seen["events"] else None
