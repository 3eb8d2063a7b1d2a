"""Going on after a person's answer: which step asked, what was said, and what had been found before."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from agency import db
from tasks.executors.base import Context
from tasks.executors.browser.run import Answer, Run
from tasks.models import TaskExecution

#: Answers every question offers besides its candidates.
SKIP, STOP, GO_ON = "skip", "stop", "go_on"


@dataclass
class Resumption:
    """What an earlier attempt of this run left for the next."""

    step: int = 0
    kind: str = ""
    answers: dict[int, Answer] = field(default_factory=dict)
    state: dict[str, Any] = field(default_factory=dict)
    results: list[dict[str, Any]] = field(default_factory=list)
    #: Under which the browser that stands at the last question is parked, if it is.
    key: str = ""


def key_of(ctx: Context, asked_by: int | None = None) -> str:
    """Under which a browser is parked: the task, and the attempt that asked (this one if not given)."""
    return f"{ctx.task.uuid}:{asked_by or ctx.task.execution_id}"


def load(ctx: Context) -> Resumption | None:
    """What the questions of this run were and what was answered; None when nobody was asked anything."""
    if not ctx.task.answer:
        return None
    asked = list(
        TaskExecution.objects.filter(
            task_id=ctx.task.id, run_generation=ctx.task.run_generation, status="waiting_input"
        )
        .order_by("attempt")
        .values_list("pk", "output")
    )
    db.release()
    questions = [output["resume"] for _, output in asked if isinstance(output, dict) and "resume" in output]
    if not questions:
        return None
    given = dict(ctx.task.answer.get("answers") or {})
    last = questions[-1]
    resumption = Resumption(last["step"], last["kind"], state=last["state"], results=last["results"])
    resumption.key = key_of(ctx, asked[-1][0])
    for n, question in enumerate(questions):
        text = given.get(question["key"], ctx.task.answer.get("answer") if n == len(questions) - 1 else None)
        if text is not None:
            resumption.answers[question["step"]] = _answer(question, str(text))
    return resumption


def note(run: Run, kind: str, candidates: list[dict[str, Any]], results: list[dict[str, Any]]) -> dict[str, Any]:
    """What the next attempt needs, for the waiting attempt's output."""
    state = {
        "frames": run.frames,
        "signedIn": run.signed_in,
        "typed": run.typed,
        "extractions": run.extractions,
        "artifacts": run.artifacts,
        "doneEffects": run.done_effects,
        "warnings": run.warnings,
    }
    return {
        "key": f"step-{run.index}",
        "kind": kind,
        "step": run.index,
        "candidates": [candidate["fingerprint"] for candidate in candidates],
        "state": state,
        "results": results,
    }


def restore(run: Run, state: dict[str, Any]) -> None:
    """Puts a run where the asking attempt stood; for a browser that was kept.

    What was typed into its pages then is asked for again, to be masked in what they show now. Raises StepFailed.
    """
    for typed in state.get("typed", []):
        run.secret(typed["reference"], typed["host"])
    run.secrets += [answer.text for answer in run.answers.values() if answer.kind == "code"]
    run.frames = list(state.get("frames", []))
    run.signed_in = bool(state.get("signedIn"))
    run.extractions = list(state.get("extractions", []))
    run.artifacts = list(state.get("artifacts", []))
    run.done_effects = list(state.get("doneEffects", []))
    run.warnings = list(state.get("warnings", []))


def _answer(question: dict[str, Any], text: str) -> Answer:
    if question["kind"] == "login_code":
        return Answer("code", text.strip())
    if text in (SKIP, STOP, GO_ON):
        return Answer(text, text)
    if text.startswith("c") and text[1:].isdigit() and int(text[1:]) < len(question["candidates"]):
        return Answer("candidate", text, question["candidates"][int(text[1:])])
    return Answer("said", text)
