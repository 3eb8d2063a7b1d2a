"""Pages that want a person: one-time codes and CAPTCHAs are asked for, never worked around."""

from __future__ import annotations

from typing import Any

from selenium.webdriver.remote.webelement import WebElement

from tasks.executors.browser import effects
from tasks.executors.browser.driver import NO_PATH, ask, run_script
from tasks.executors.browser.errors import PersonNeeded, StepFailed
from tasks.executors.browser.run import Run
from tasks.executors.browser.step_config import Step, Type

_CODE_FIELD = """
const all = [...document.querySelectorAll("input")].filter((el) => el.getBoundingClientRect().width > 20 && !el.disabled);
return all.find((el) => el.autocomplete === "one-time-code")
  || all.find((el) => /code|otp|2fa|token|pin/i.test(el.name + el.id + el.placeholder + [...(el.labels || [])].map((l) => l.textContent)));
"""
_QUESTIONS = {
    "login_code": "The page “{title}” asks for a login code. What is the code?",
    "captcha": "The page “{title}” shows a CAPTCHA. Solve it by other means (or sign the account in), then go on.",
}


def look(run: Run, following: Step | None) -> None:
    """Raises PersonNeeded when the page asks for something the task does not bring itself."""
    found = run_script(run.driver, "obstacle")
    if not found:
        return
    if found["kind"] == "login_code" and isinstance(following, Type):
        return
    raise PersonNeeded(_QUESTIONS[found["kind"]].format(title=found["text"][:100]), found["kind"])


def give_code(run: Run, code: str) -> dict[str, Any]:
    """Types the code a person gave and sends it. Raises StepFailed when the field is gone."""
    field = ask(run.driver.execute_script, _CODE_FIELD)
    if not isinstance(field, WebElement):
        raise StepFailed("the field for the code is gone")
    run.secrets.append(code)
    effects.watch(run)
    ask(field.clear)
    ask(field.send_keys, NO_PATH + code)
    submit = ask(
        run.driver.execute_script,
        "const form = arguments[0].form; return form && form.querySelector('button:not([type=button]),input[type=submit]')",
        field,
    )
    if isinstance(submit, WebElement):
        ask(submit.click)
    else:
        ask(field.send_keys, "\n")
    return {"codeGiven": True, **effects.after(run)}
