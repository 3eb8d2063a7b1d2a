"""Steps that act on one element: click, hover, type, select, press. Real input events; JavaScript only as a last resort."""

from __future__ import annotations

from typing import Any

from selenium.common.exceptions import (
    ElementClickInterceptedException,
    ElementNotInteractableException,
    StaleElementReferenceException,
)
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.select import Select as OptionList

from agency.http import host_of
from tasks.executors.browser import effects, locating
from tasks.executors.browser.driver import NO_PATH, ask, run_script
from tasks.executors.browser.errors import StepFailed
from tasks.executors.browser.navigation import state
from tasks.executors.browser.run import Run
from tasks.executors.browser.step_config import Click, Hover, Press, SecretReference, Select, Type
from tasks.executors.browser.steps.registry import performs

_INTO_VIEW = "arguments[0].scrollIntoView({block: 'center', inline: 'center', behavior: 'instant'})"
_IS_ON = (
    "const el = arguments[0].control || arguments[0];"
    "return el.checked === true || el.getAttribute('aria-checked') === 'true'"
)
_IS_TICK = (
    "const kind = arguments[0].getAttribute('role') || arguments[0].type || (arguments[0].control || {}).type;"
    "return /^(checkbox|radio|switch)$/.test(kind)"
)
_MARK_SECRET = "arguments[0].setAttribute('data-agency-secret', '')"  # noqa: S105 a script, no secret
_VALUE = "const el = arguments[0]; return el.isContentEditable ? el.innerText : el.value"
_MODIFIERS = {"control": Keys.CONTROL, "ctrl": Keys.CONTROL, "shift": Keys.SHIFT, "alt": Keys.ALT, "meta": Keys.META}


@performs("click")
def click(run: Run, step: Click) -> dict[str, Any]:
    """Clicks, and says what that did. A click that must not happen twice passes the effect ledger first."""
    element, told, act = run.aim(step, "click")
    with effects.guarded(run, step, element) as effect:
        if element is not None:
            told |= _press_on(run, element, double=step.double)
        elif act is not None:
            effects.watch(run)
            act()
            told |= effects.after(run)
        effect.happened(told)
    return told


@performs("hover")
def hover(run: Run, step: Hover) -> dict[str, Any]:
    """Moves the pointer."""
    element, told = run.target(step, "click")
    ask(ActionChains(run.driver).move_to_element(element).perform)
    return told


@performs("type")
def type_text(run: Run, step: Type) -> dict[str, Any]:
    """Fills a field and checks that it took the text."""
    shown = "" if isinstance(step.value, SecretReference) else step.value
    element, told = run.target(step, "type", shown)
    text = _text_of(run, step)
    if step.secret:
        ask(run.driver.execute_script, _MARK_SECRET, element)
        run.signed_in = True
    ask(_fill, run, element, text, step.clear)
    told["characters"] = len(text)
    if not step.secret:
        _check_value(run, element, text, told)
    if step.submit:
        with effects.guarded(run, step, element) as effect:
            ask(element.send_keys, Keys.ENTER)
            told |= effects.after(run)
            effect.happened(told)
    return told


@performs("select")
def select(run: Run, step: Select) -> dict[str, Any]:
    """Chooses an option of a list; sets a checkbox, radio button or switch."""
    element, told = run.target(step, "select", step.value or "")
    if ask(lambda: element.tag_name) == "select":
        told["chosen"] = ask(_choose, element, step)
    elif ask(run.driver.execute_script, _IS_TICK, element):
        told["chosen"] = _set_tick(run, element, step.value or "on")
    else:
        told["chosen"] = _choose_from_widget(run, element, step)
    return told


@performs("press")
def press(run: Run, step: Press) -> dict[str, Any]:
    """Presses a key or a chord where the focus is."""
    element = None
    if step.selector:
        element = locating.wait_for(run.driver, step.selector, run.left(), run.pause)
        ask(run.driver.execute_script, "arguments[0].focus()", element)
    focused = element or ask(lambda: run.driver.switch_to.active_element)
    *modifiers, key = step.key.split("+") if step.key != "+" else ["+"]
    with effects.guarded(run, step, focused) as effect:
        ask(_chord, run, modifiers, key)
        told = effects.after(run)
        effect.happened(told)
    return told


def _press_on(run: Run, element: WebElement, *, double: bool) -> dict[str, Any]:
    effects.watch(run)
    ask(run.driver.execute_script, _INTO_VIEW, element)
    told = ask(_pressed, run, element, double)
    return told | effects.after(run)


def _pressed(run: Run, element: WebElement, double: bool) -> dict[str, Any]:
    try:
        if double:
            ActionChains(run.driver).double_click(element).perform()
        else:
            element.click()
    except (ElementClickInterceptedException, ElementNotInteractableException):
        run.driver.execute_script("arguments[0].click()", element)
        run.warn("something covers the element; it was clicked by script")
        return {"byScript": True}
    except StaleElementReferenceException as error:
        raise StepFailed("the element left the page just before the click") from error
    return {}


def _text_of(run: Run, step: Type) -> str:
    """The text to type; a secret is taken from its store for the host of the page it goes to, and noted for masking."""
    answer = run.answers.get(run.index)
    if answer and answer.kind == "text":
        return answer.text
    if not isinstance(step.value, SecretReference):
        return step.value
    reference = step.value.model_dump(exclude_none=True, exclude={"hint"})
    return run.secret(reference, host_of(state(run.driver).href))


def _fill(run: Run, element: WebElement, text: str, clear: bool) -> None:
    kind = (element.get_attribute("type") or "").lower()
    if kind == "file":
        raise StepFailed("a file field takes no text: give it a file with an upload step", heals=False)
    if kind in ("date", "time", "datetime-local", "month", "week", "color", "range"):
        run_script(run.driver, "set_value", element, text)
        return
    run.driver.execute_script(_INTO_VIEW, element)
    if clear and run.driver.execute_script(_VALUE, element):
        element.send_keys(Keys.CONTROL, "a")
        element.send_keys(Keys.DELETE)
    if len(text) > 500:
        run_script(run.driver, "set_value", element, text)
    elif text:
        element.send_keys(NO_PATH + text)


def _check_value(run: Run, element: WebElement, text: str, told: dict[str, Any]) -> None:
    try:
        held = str(ask(run.driver.execute_script, _VALUE, element) or "")
    except StepFailed:
        return
    if text and not held.strip():
        raise StepFailed("the field did not take the text")
    if held.strip() != text.strip() and len(text) < 500:
        told["value"] = held[:200]
        run.warn("the field shows the text differently from how it was typed")


def _choose(element: WebElement, step: Select) -> str:
    options = OptionList(element)
    if step.index is not None:
        options.select_by_index(step.index)
        return str(options.first_selected_option.text)
    wanted = (step.value or "").strip()
    texts = [(n, option.text.strip(), option.get_attribute("value")) for n, option in enumerate(options.options)]
    for matches in (
        [n for n, text, value in texts if wanted in (text, value)],
        [n for n, text, _ in texts if text.casefold() == wanted.casefold()],
        [n for n, text, _ in texts if wanted.casefold() in text.casefold()],
    ):
        if len(matches) == 1:
            options.select_by_index(matches[0])
            return texts[matches[0]][1]
    offered = ", ".join(text for _, text, _ in texts[:15])
    raise StepFailed(f"no option “{wanted}”; there are: {offered}", heals=False)


def _set_tick(run: Run, element: WebElement, value: str) -> str:
    wanted = value.strip().casefold() not in ("off", "false", "no", "0", "unchecked")
    if bool(ask(run.driver.execute_script, _IS_ON, element)) != wanted:
        _press_on(run, element, double=False)
    return "on" if wanted else "off"


def _choose_from_widget(run: Run, element: WebElement, step: Select) -> str:
    """A list made of divs: open it, then press the option of that name."""
    _press_on(run, element, double=False)
    option, _ = run.seek(f'the "{step.value}" option', min(run.left(), 5.0))
    _press_on(run, option, double=False)
    return str(step.value)


def _chord(run: Run, modifiers: list[str], key: str) -> None:
    effects.watch(run)
    chain = ActionChains(run.driver)
    held = [_MODIFIERS[name.strip().lower()] for name in modifiers if name.strip().lower() in _MODIFIERS]
    if len(held) != len(modifiers):
        raise StepFailed(f"unknown key: {'+'.join([*modifiers, key])}", heals=False)
    for modifier in held:
        chain.key_down(modifier)
    chain.send_keys(_key(key))
    for modifier in reversed(held):
        chain.key_up(modifier)
    chain.perform()


def _key(name: str) -> str:
    special = name.strip().upper().replace("ARROW", "ARROW_").replace("PAGE", "PAGE_").replace("__", "_")
    names = {"ESC": "ESCAPE", "DEL": "DELETE", "RETURN": "ENTER", "PGUP": "PAGE_UP", "PGDN": "PAGE_DOWN"}
    special = names.get(special, special)
    if len(name) == 1:
        return name
    if hasattr(Keys, special):
        return str(getattr(Keys, special))
    raise StepFailed(f"unknown key: {name}", heals=False)
