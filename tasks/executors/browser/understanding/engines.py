"""Which engines an attempt gets, by the task's wish and by what is configured here."""

from __future__ import annotations

from agency import llm
from tasks.executors.browser.understanding.base import Engine
from tasks.executors.browser.understanding.deterministic.engine import Deterministic
from tasks.executors.browser.understanding.remembered import StoredMemory
from tasks.executors.browser.understanding.service import Understanding


def understanding_for(wanted: str, extra: Engine | None = None) -> Understanding:
    """The engines in their order, `extra` before all others. "auto": deterministic, then the language model if one is configured.

    "llm" and "stagehand" put that engine first; the deterministic one stays behind it and does the work when the other
    cannot, which is then told in the result.
    """
    engines: list[Engine] = [Deterministic()]
    notes: list[str] = []
    if wanted in ("auto", "llm") and llm.is_configured():
        from tasks.executors.browser.understanding.llm import LanguageModel

        engines = [LanguageModel(), *engines] if wanted == "llm" else [*engines, LanguageModel()]
    elif wanted == "llm":
        notes.append("no language model is configured (LLM_MODEL); the deterministic engine did the work")
    if extra is not None:
        engines = [extra, *engines]
    elif wanted == "stagehand":
        notes.append("Stagehand is not to be had here; the deterministic engine did the work")
    return Understanding(engines, StoredMemory(), notes)
