"""Finding an element by instruction: look, decide, and while unsure look again until the page has stopped changing."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from selenium.common.exceptions import NoSuchElementException, NoSuchFrameException
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.remote.webelement import WebElement

from tasks.executors.browser.driver import DRIVER_ERRORS, ask, run_script
from tasks.executors.browser.errors import StepFailed, Unsure
from tasks.executors.browser.understanding.base import Choice, FindRequest
from tasks.executors.browser.understanding.deterministic.choosing import Decision, decide
from tasks.executors.browser.understanding.deterministic.instructions import search_words
from tasks.executors.browser.understanding.deterministic.record_places import Place
from tasks.executors.browser.understanding.deterministic.scoring import Scored

#: Looking on is pointless once the page has not changed for so long.
STILL_S = 2.5
#: Below this a remembered element is another one.
SAME_ELEMENT = 0.86
_MOST_FRAMES = 12
_DEEPEST_FRAME = 3


@dataclass
class Look:
    """What one look at the page saw: the candidates of all frames in one list, each with its frame's way."""

    items: list[dict[str, Any]]
    frames: list[tuple[int, ...]]

    @property
    def signature(self) -> tuple[Any, ...]:
        return tuple((item["tag"], item["name"], item["disabled"], item["frame"]) for item in self.items)


def look(driver: WebDriver, kind: str, words: list[str]) -> Look:
    """Collects the candidates of the current frame and of the visible frames below it."""
    seen = Look([], [])
    for way in _frames(driver, ()):
        answer = run_script(driver, ("dom", "candidates"), {"kind": kind, "words": words})
        base = len(seen.items)
        for item in answer["items"]:
            item.update(
                page=answer["title"],
                frame=way,
                local=item["i"],
                i=base + item["i"],
                up=item["up"] + base if item["up"] >= 0 else -1,
                records=[Place((way, number), at, **answer["lists"][number]) for number, at in item["records"]],
            )
            seen.items.append(item)
        seen.frames.append(way)
    enter_frame(driver, ())
    return seen


def find(driver: WebDriver, request: FindRequest) -> Choice:
    """The element an instruction means. Leaves the driver in its frame. Raises Unsure with the best candidates."""
    words = search_words(request.instruction, request.kind, request.value)
    started = time.monotonic()
    unchanged_since, before = started, None
    while True:
        seen = look(driver, request.kind, words)
        decision = decide(seen.items, request.instruction, request.kind, _lookup(driver, seen), request.value)
        if decision.chosen and not decision.chosen.candidate["disabled"]:
            return choice_of(driver, decision.chosen, decision)
        now = time.monotonic()
        if seen.signature != before:
            before, unchanged_since = seen.signature, now
        if now - started >= request.timeout_s or now - unchanged_since >= STILL_S:
            raise unsure(request.instruction, decision)
        request.pause(min(0.25, max(0.0, request.timeout_s - (now - started))))


def choice_of(driver: WebDriver, chosen: Scored, decision: Decision, engine: str = "deterministic") -> Choice:
    """The chosen candidate as an element to act on."""
    item = chosen.candidate
    return Choice(
        element=element_of(driver, item),
        frame=tuple(item["frame"]),
        score=chosen.score,
        engine=engine,
        described=describe(item),
        fingerprint=fingerprint(item),
        why=chosen.why,
        runner_up=decision.runner_up,
    )


def element_of(driver: WebDriver, item: dict[str, Any]) -> WebElement:
    """The element behind a candidate, with the driver in its frame. Raises StepFailed when the page has changed."""
    enter_frame(driver, tuple(item["frame"]))
    element = ask(driver.execute_script, "return (window.__agencyCandidates || [])[arguments[0]]", item["local"])
    if not isinstance(element, WebElement):
        raise StepFailed("the page changed while it was looked at")
    return element


def enter_frame(driver: WebDriver, way: tuple[int, ...]) -> None:
    """Switches from the top document down to a frame. Raises StepFailed when it is gone."""
    ask(driver.switch_to.default_content)
    for index in way:
        try:
            driver.switch_to.frame(index)
        except (NoSuchFrameException, NoSuchElementException) as error:
            raise StepFailed("a frame of the page went away") from error


def unsure(instruction: str, decision: Decision) -> Unsure:
    """The refusal, in words, with the candidates a person can choose from."""
    best = ", ".join(f"“{describe(one.candidate)}”" for one in decision.ranked[:3])
    told = f"{instruction}: {decision.reason}" + (f"; nearest: {best}" if best else "")
    return Unsure(told, [candidate_of(one) for one in decision.ranked])


def candidate_of(one: Scored) -> dict[str, Any]:
    """What a person is shown of a candidate, and what finds it again when they choose it."""
    item = one.candidate
    return {
        "label": describe(item),
        "where": " › ".join([*reversed(item["marks"]), *item["groups"][:1]]),
        "confidence": round(one.score, 2),
        "fingerprint": fingerprint(item),
    }


def describe(item: dict[str, Any]) -> str:
    """A candidate in a few words: name and kind."""
    name = item["name"] or item["label"] or item["text"] or item["before"] or item["placeholder"] or item["title"]
    kind = item["role"] if item["role"] != "generic" else item["tag"]
    return f"{(name or ' '.join(item['hints'][:3]) or 'nameless')[:80]} ({kind})"


def fingerprint(item: dict[str, Any]) -> dict[str, Any]:
    """What an element is known by from one visit to the next. Position comes last and never alone."""
    return {
        "role": item["role"],
        "tag": item["tag"],
        "type": item["type"],
        "name": item["name"] or item["label"] or item["text"][:80] or item["before"],
        "placeholder": item["placeholder"],
        "hints": item["hints"][:8],
        "marks": item["marks"][:4],
        "groups": item["groups"][:2],
        "row": item["row"][:80],
        "href": item["href"].split("?")[0],
        "frame": list(item["frame"]),
    }


def _lookup(driver: WebDriver, seen: Look) -> Any:
    def lookup(indexes: list[int], words: list[str]) -> dict[int, dict[str, Any]]:
        found: dict[int, dict[str, Any]] = {}
        for way in seen.frames:
            ours = [seen.items[i] for i in indexes if seen.items[i]["frame"] == way]
            if not ours:
                continue
            enter_frame(driver, way)
            answers = run_script(driver, ("dom", "context"), [item["local"] for item in ours], words, 14)
            found.update({item["i"]: answer for item, answer in zip(ours, answers, strict=True) if answer})
        enter_frame(driver, ())
        return found

    return lookup


def _frames(driver: WebDriver, way: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """The ways to every visible frame, the driver being in that frame when it is yielded."""
    enter_frame(driver, way)
    yield way
    if len(way) >= _DEEPEST_FRAME:
        return
    enter_frame(driver, way)
    for index in _visible_frames(driver)[:_MOST_FRAMES]:
        try:
            enter_frame(driver, (*way, index))
        except StepFailed:
            continue
        yield from _frames(driver, (*way, index))


def _visible_frames(driver: WebDriver) -> list[int]:
    try:
        frames = driver.find_elements(By.CSS_SELECTOR, "iframe,frame")
        boxes = [frame.rect for frame in frames] if frames else []
    except DRIVER_ERRORS:
        return []
    return [n for n, box in enumerate(boxes) if box["width"] > 20 and box["height"] > 20]


def find_again(driver: WebDriver, known: dict[str, Any], kind: str) -> Choice | None:
    """The element with this fingerprint, if exactly one on the page is it: same role, nearly the same name, same place."""
    seen = look(driver, kind, [])
    alike = [(likeness_to(known, item), item) for item in seen.items]
    alike = sorted((pair for pair in alike if pair[0] >= SAME_ELEMENT), key=lambda pair: -pair[0])
    if not alike or (len(alike) > 1 and alike[0][0] - alike[1][0] < 0.03):
        return None
    score, item = alike[0]
    return Choice(
        element=element_of(driver, item),
        frame=tuple(item["frame"]),
        score=score,
        engine="memory",
        described=describe(item),
        fingerprint=fingerprint(item),
        why="found as last time",
    )


def likeness_to(known: dict[str, Any], item: dict[str, Any]) -> float:
    """How surely a candidate is the element of a fingerprint, 0 when role or name differ."""
    now = fingerprint(item)
    if now["role"] != known.get("role") or now["type"] != known.get("type") or item["disabled"]:
        return 0.0
    named, row = _alike(known.get("name"), now["name"]), _alike(known.get("row"), now["row"])
    # The row tells a button from its twins: the one beside another record is another button.
    if named < 0.9 or row < 0.5:
        return 0.0
    shared = sum(now[key] == known.get(key) for key in ("placeholder", "hints", "marks", "groups", "href", "frame"))
    return named * (0.74 + 0.14 * row + 0.02 * shared)


def _alike(one: str | None, other: str) -> float:
    return SequenceMatcher(None, one or "", other).ratio() if one or other else 1.0
