"""The extract step: data out of the page, over as many pages as asked for."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from tasks.executors.browser import effects
from tasks.executors.browser.driver import ask, poll_until, settle
from tasks.executors.browser.errors import StepFailed, Unsure
from tasks.executors.browser.navigation import open_page, state
from tasks.executors.browser.run import Run
from tasks.executors.browser.step_config import Extract
from tasks.executors.browser.steps.registry import performs
from tasks.executors.browser.understanding.base import Extraction, ExtractRequest

#: A page that shows nothing yet is looked at again for so long.
_WAIT_FOR_DATA_S = 5.0
MOST_ITEMS = 10_000
_NEXT = "const link = document.querySelector('a[rel~=next][href], link[rel~=next][href]'); return link ? link.href : ''"
_NEXT_INSTRUCTION = "the next page link"


@performs("extract")
def extract(run: Run, step: Extract) -> dict[str, Any]:
    """Extracts, and keeps the result with its source and time."""
    request = ExtractRequest(step.instruction, step.json_schema, step.selector, step.limit)
    found = _look(run, request)
    sources = [state(run.driver).href]
    if step.max_pages > 1 and found.items is not None:
        sources += _further_pages(run, step, request, found)
    record = {**found.record(), "sourceUrl": sources[0], "extractedAt": timezone.now().isoformat(), "step": run.index}
    if len(sources) > 1:
        record["sourceUrls"] = sources
    if found.costs:
        run.costs.append(found.costs)
    _refuse_what_is_not_asked_for(step, found)
    # Masked here and not at the end: records also become a CSV file.
    run.extractions.append(run.masked({"instruction": step.instruction, **record}))
    return {key: record[key] for key in ("source", "confidence", "engine", "count", "truncated", "sourceUrl")}


def _look(run: Run, request: ExtractRequest) -> Extraction:
    """Extracts; while nothing is there the page may still be loading."""
    best = run.understanding.extract(run.driver, request)
    if not best.empty:
        return best

    def again() -> Extraction | None:
        settle(run.driver, quiet_ms=200, longest_ms=1000)
        found = run.understanding.extract(run.driver, request)
        return None if found.empty else found

    return poll_until(min(_WAIT_FOR_DATA_S, run.left()), again, run.pause) or best


def _refuse_what_is_not_asked_for(step: Extract, found: Extraction) -> None:
    """An extraction that found nothing, or not what the schema demands, is a failure and not an empty success."""
    if found.empty:
        raise StepFailed(f"nothing on the page answers: {step.instruction}", code="nothing_found")
    problem = next((note for note in found.notes if note.startswith("the result does not satisfy")), "")
    if step.json_schema is not None and problem:
        raise StepFailed(problem, code="schema")


def _further_pages(run: Run, step: Extract, request: ExtractRequest, found: Extraction) -> list[str]:
    """Goes on to the next pages and adds what is new to `found`. Returns their addresses."""
    seen = {str(item) for item in found.items or []}
    visited: list[str] = []
    for _ in range(step.max_pages - 1):
        if not _go_on(run, step) or len(found.items or []) >= (step.limit or MOST_ITEMS):
            break
        page = _look(run, request)
        fresh = [item for item in page.items or [] if str(item) not in seen]
        if not fresh:
            break
        seen.update(str(item) for item in fresh)
        found.items = [*(found.items or []), *fresh][: step.limit or MOST_ITEMS]
        found.confidence = min(found.confidence, page.confidence)
        _extend_data(found, page)
        visited.append(state(run.driver).href)
    return visited


def _extend_data(found: Extraction, page: Extraction) -> None:
    """The same in the schema's shape."""
    if isinstance(found.data, list) and isinstance(page.data, list):
        found.data = [*found.data, *(row for row in page.data if row not in found.data)]
    elif isinstance(found.data, dict) and isinstance(page.data, dict):
        for name, rows in page.data.items():
            if isinstance(rows, list):
                found.data[name] = [
                    *found.data.get(name, []),
                    *(row for row in rows if row not in found.data.get(name, [])),
                ]


def _go_on(run: Run, step: Extract) -> bool:
    """To the next page: by the step's own words, the page's declared next address, or what looks like the way on."""
    before = state(run.driver).href
    if not step.next and (address := str(ask(run.driver.execute_script, _NEXT))) and address != before:
        open_page(run.driver, address)
        return True
    try:
        element, _ = run.seek(step.next or _NEXT_INSTRUCTION, min(2.0, run.left()))
    except Unsure:
        return False
    if ask(element.get_attribute, "aria-disabled") == "true" or "disabled" in (
        ask(element.get_attribute, "class") or ""
    ):
        return False
    effects.watch(run)
    ask(run.driver.execute_script, "arguments[0].scrollIntoView({block: 'center'})", element)
    ask(element.click)
    return bool(effects.after(run)["effect"] != "none")
