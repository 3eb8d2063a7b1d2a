"""The way through a task's steps: each recorded as it happens, and one outcome at the end whatever happens."""

from __future__ import annotations

import logging
import time
from typing import Any

from tasks.artifacts import StorageFull
from tasks.executors.base import Failed, Lost, NeedsInput, Outcome
from tasks.executors.browser import obstacles, resumption
from tasks.executors.browser.driver import DRIVER_ERRORS, AlertOpen, set_timeouts
from tasks.executors.browser.effects import AlreadyDone
from tasks.executors.browser.errors import BrowserError, PersonNeeded, SessionBroken, StepFailed, Unsure
from tasks.executors.browser.locating import wait_for
from tasks.executors.browser.run import Run
from tasks.executors.browser.step_config import Alert, Step
from tasks.executors.browser.steps import perform, windows
from tasks.executors.browser.understanding.remembered import StoredMemory

logger = logging.getLogger(__name__)

MOST_SCREENSHOTS = 20
MOST_ALERTS = 20
#: Steps after which the page may be another one.
_MOVING = ("navigate", "click", "press", "type", "window", "wait")


class Performance:
    """One attempt at the steps, from `first` on."""

    def __init__(self, run: Run, steps: list[Step], resumed: resumption.Resumption | None = None) -> None:
        """`resumed` is set when the browser was kept since the question; it goes on at the step that asked."""
        self.run = run
        self.steps = steps
        self.first = resumed.step if resumed else 0
        self.results = resumed.results if resumed else []
        # The step of a page that wanted a person is done already; what is left is what the person brings.
        self._done_already = resumed.step if resumed and resumed.kind in ("login_code", "captcha") else -1
        self._pictures = 0

    def play(self) -> Outcome | None:
        """Does the steps. None when all are done, else how the attempt ends."""
        self._show_earlier()
        for index in range(self.first, len(self.steps)):
            self.run.ctx.check()
            ended = self._step(index, self.steps[index])
            if ended is not None:
                return ended
        return None

    def _show_earlier(self) -> None:
        """The steps of the attempt that asked belong to this one's record too."""
        self.results = [kept for kept in self.results if kept["index"] < self.first]
        for kept in self.results:
            detail = {
                name: value for name, value in kept.items() if name not in ("index", "name", "status", "durationMs")
            }
            self.run.ctx.record_step(
                kept["index"],
                len(self.steps),
                kept["name"],
                kept["status"],
                duration_ms=kept["durationMs"],
                detail=detail,
            )

    def _step(self, index: int, step: Step) -> Outcome | None:
        run, ctx = self.run, self.run.ctx
        run.begin(index, step)
        answer = run.answers.get(index)
        if answer and answer.kind == resumption.STOP:
            return Failed("A person stopped the task", code="stopped")
        if answer and answer.kind == resumption.SKIP:
            self._record(step, "skipped", 0, {"note": "skipped by a person"})
            return None
        ctx.record_step(index, len(self.steps), step.says(), "running", detail={"type": step.type})
        started = time.monotonic()
        try:
            told = self._perform(step)
        except BrowserError as error:
            return self._failed(step, error, _ms_since(started))
        except StorageFull as error:
            return self._failed(step, StepFailed(str(error), code="artifact_storage"), _ms_since(started))
        if isinstance(run.understanding.memory, StoredMemory):
            run.understanding.memory.commit()
        self._record(step, "success", _ms_since(started), told)
        return None

    def _perform(self, step: Step) -> dict[str, Any]:
        run = self.run
        set_timeouts(run.driver, run.left())
        if step.frames or step.type not in ("navigate", "alert", "window", "frame"):
            run.enter_frames(step)
        told = {} if run.index == self._done_already else self._with_alerts(step)
        if step.wait_for:
            wait_for(run.driver, step.wait_for, run.left(), run.pause)
        if step.type in _MOVING:
            self._after_moving(step, told)
        if step.screenshot:
            told["screenshot"] = self._picture(f"step-{run.index + 1}")
        return told

    def _with_alerts(self, step: Step) -> dict[str, Any]:
        """Performs; a question of the page in the way is dismissed, and what only reads is done again."""
        try:
            return perform(self.run, step)
        except AlertOpen as alert:
            self._dismiss_alerts(alert.text)
            if step.type in ("click", "type", "press", "select", "upload", "alert"):
                raise
            return perform(self.run, step)

    def _dismiss_alerts(self, first: str) -> None:
        text: str | None = first
        for _ in range(MOST_ALERTS):
            self.run.warn(f"an alert was dismissed: {(text or '')[:200]}")
            windows.answer(self.run, accept=False)
            text = windows.alert_text(self.run)
            if text is None:
                return
        raise SessionBroken("the page shows one alert after another")

    def _after_moving(self, step: Step, told: dict[str, Any]) -> None:
        run = self.run
        following = self.steps[run.index + 1] if run.index + 1 < len(self.steps) else None
        if told.get("effect") == "alert":
            if not isinstance(following, Alert):
                self._dismiss_alerts(str(told.get("alert", "")))
            return
        answer = run.answers.get(run.index)
        if answer is not None and answer.kind == resumption.GO_ON:
            return
        try:
            obstacles.look(run, following)
        except PersonNeeded as needed:
            if needed.kind != "login_code" or answer is None or answer.kind != "code":
                raise
            run.answers.pop(run.index)
            told |= obstacles.give_code(run, answer.text)
            obstacles.look(run, following)

    def _failed(self, step: Step, error: BrowserError, took_ms: int) -> Outcome | None:
        run = self.run
        if isinstance(run.understanding.memory, StoredMemory):
            run.understanding.memory.forget()
        self._raise_if_stopped(error)
        told: dict[str, Any] = {"error": str(error), "code": error.code}
        if not isinstance(error, SessionBroken):
            told["screenshot"] = self._picture_of_failure()
        if isinstance(error, (Unsure, PersonNeeded)) and not step.continue_on_error:
            return self._ask(step, error, took_ms, told)
        self._record(step, "failed", took_ms, told)
        if step.continue_on_error and not isinstance(error, (SessionBroken, AlreadyDone)):
            run.warn(f"{step.says()} failed and was passed over: {error}")
            return None
        return self._ends(step, error)

    def _raise_if_stopped(self, error: BrowserError) -> None:
        """What fails because the attempt was stopped (the watchdog ends the browser) is no failure of the page."""
        if isinstance(error, SessionBroken):
            self.run.session.broken = True
        self.run.ctx.check()

    def _ends(self, step: Step, error: BrowserError) -> Outcome:
        run = self.run
        message = f"step {run.index + 1} ({step.says()}): {error}"
        if isinstance(error, AlreadyDone):
            return Lost(f"{error}, which ended before the rest was done.", output=self.output())
        if run.open_effect:
            run.ctx.unknown(run.open_effect)
            return Lost(f"{message}.", output=self.output())
        if run.done_effects:
            done = f"{message}. It is not repeated by itself: {', '.join(run.done_effects)} had been done."
            return Failed(done, heals=False, code="after_effect", output=self.output())
        return Failed(
            message, heals=error.heals, code=error.code, output=self.output(), timed_out=error.code == "timeout"
        )

    def _ask(self, step: Step, error: Unsure | PersonNeeded, took_ms: int, told: dict[str, Any]) -> Outcome:
        """A question to a person, with a picture, the candidates, and what the next attempt needs."""
        candidates = error.candidates if isinstance(error, Unsure) else []
        if isinstance(error, Unsure) and not candidates:
            self._record(step, "failed", took_ms, told)
            return self._ends(step, error)
        kind = error.kind if isinstance(error, PersonNeeded) else "ambiguous"
        self._record(step, "waiting", took_ms, told)
        options = [
            {"value": f"c{n}", "label": candidate["label"], "where": candidate["where"]}
            for n, candidate in enumerate(candidates)
        ]
        if kind != "login_code":
            options += _always(kind)
        question = f"Step {self.run.index + 1}: {error}"
        context = {"screenshot": told.get("screenshot"), "step": self.run.index, "key": f"step-{self.run.index}"}
        note = resumption.note(self.run, kind, candidates, self.results)
        return NeedsInput(question, kind, options, context, output={**self.output(), "resume": note})

    def _record(self, step: Step, status: str, took_ms: int, told: dict[str, Any]) -> None:
        run = self.run
        detail = run.masked({"type": step.type, **told})
        entry = {"index": run.index, "name": step.says(), "status": status, "durationMs": took_ms, **detail}
        self.results = [*(kept for kept in self.results if kept["index"] != run.index), entry]
        run.ctx.record_step(run.index, len(self.steps), step.says(), status, duration_ms=took_ms, detail=detail)

    def _picture(self, name: str) -> dict[str, Any] | None:
        if self._pictures >= MOST_SCREENSHOTS:
            self.run.warn(f"no more than {MOST_SCREENSHOTS} screenshots are kept")
            return None
        self._pictures += 1
        picture = self.run.picture()
        return self.run.keep(f"{name}.{picture.ending}", picture.content_type, picture.data)

    def _picture_of_failure(self) -> dict[str, Any] | None:
        try:
            return self._picture(f"step-{self.run.index + 1}-failed")
        except (BrowserError, StorageFull, *DRIVER_ERRORS) as error:
            logger.info("no screenshot of the failure: %s", error)
            return None

    def output(self) -> dict[str, Any]:
        """What the attempt shows of itself, at its end or where it stopped."""
        run = self.run
        told: dict[str, Any] = {"steps": self.results}
        if run.extractions:
            told["extractions"] = run.extractions
            told["data"] = run.extractions[0]["data"] if len(run.extractions) == 1 else [
                one["data"] for one in run.extractions
            ]  # fmt: skip
        warnings = [*run.warnings, *run.understanding.notes]
        optional = {
            "warnings": warnings,
            "artifacts": run.artifacts,
            "screenshots": [one["url"] for one in run.artifacts if one["contentType"].startswith("image/")],
            "costs": run.costs,
            "healed": run.understanding.memory.healed if isinstance(run.understanding.memory, StoredMemory) else [],
        }
        told |= {name: value for name, value in optional.items() if value}
        return dict(run.masked(told))


def _always(kind: str) -> list[dict[str, Any]]:
    if kind == "captcha":
        return [{"value": resumption.GO_ON, "label": "Go on"}, {"value": resumption.STOP, "label": "Stop the task"}]
    return [
        {"value": resumption.SKIP, "label": "None of them: skip this step"},
        {"value": resumption.STOP, "label": "None of them: stop the task"},
    ]


def _ms_since(started: float) -> int:
    return int((time.monotonic() - started) * 1000)
