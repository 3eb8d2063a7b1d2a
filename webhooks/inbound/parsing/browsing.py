"""Browser steps from words: "open https://a.test, click Login, type "bob" into Name and take a screenshot"."""

from __future__ import annotations

import re
from typing import Any

from webhooks.inbound.parsing.entities import without_urls

_SPLIT = re.compile(
    r"(?:\s*[,;.?!\n]\s*(?:and\s+)?(?:then\s+)?|\s+and\s+then\s+|\s+then\s+|\s+and\s+(?=(?:click|press|type|enter|fill|wait|take|extract|scrape|get|collect|open|go|scroll|screenshot)\b))",
    re.I,
)
_CLICK = re.compile(r"^(?:click|press|tap)(?:\s+(?:on|the))*\s+(?P<what>.+)$", re.I)
_TYPE = re.compile(
    r"^(?:type|enter|fill(?:\s+in)?|write)\s+[\"“'](?P<value>[^\"”']{0,500})[\"”']\s+(?:in(?:to)?|as|for)\s+(?:the\s+)?(?P<what>.+)$",
    re.I,
)
_WAIT = re.compile(r"^wait(?:\s+for)?\s+(?P<count>\d{1,3})\s*(?P<unit>s|sec(?:ond)?s?|m(?:in(?:ute)?s?)?)\b", re.I)
_SHOT = re.compile(r"\bscreen ?shot\b", re.I)
_EXTRACT = re.compile(r"\b(?:extract|scrape|collect|gather|pull|grab|list|read|find|get)\b", re.I)
_OPEN = re.compile(r"^(?:open|go to|visit|navigate to|browse to)\b", re.I)
_FROM = re.compile(r"\s*\b(?:from|on|at|of|in)\s*(?:the\s+(?:page|site|website))?\s*$", re.I)


def browser_steps(text: str, urls: tuple[str, ...]) -> list[dict[str, Any]]:
    """Navigate to the first address, then one step per clause; clauses that name no step become no step."""
    marked = text
    steps: list[dict[str, Any]] = [{"type": "navigate", "config": {"url": urls[0]}}]
    for index, url in enumerate(urls):
        marked = marked.replace(url, f" URL{index} ")
    for clause in _SPLIT.split(marked):
        step = _step(clause.strip(), urls)
        if step is not None and step != steps[-1]:
            steps.append(step)
    return steps


def _step(clause: str, urls: tuple[str, ...]) -> dict[str, Any] | None:
    click, typing, wait = _CLICK.match(clause), _TYPE.match(clause), _WAIT.match(clause)
    if typing:
        return _named("type", instruction=_words(typing["what"]), value=typing["value"])
    if click:
        return _named("click", instruction=f"click {_words(click['what'])}")
    if wait:
        return _named("wait", duration=int(wait["count"]) * (60_000 if wait["unit"].lower().startswith("m") else 1000))
    if _SHOT.search(clause):
        return _named("screenshot")
    later = re.search(r"\bURL(\d+)\b", clause)
    if _OPEN.match(clause) and later and int(later[1]) > 0:
        return _named("navigate", url=urls[int(later[1])])
    if _EXTRACT.search(clause):
        return _named("extract", instruction=_words(_FROM.sub("", _words(clause))))
    return None


def _words(clause: str) -> str:
    return re.sub(r"\s{2,}", " ", re.sub(r"\bURL\d+\b", " ", without_urls(clause))).strip(" .,;:")


def _named(kind: str, **config: Any) -> dict[str, Any]:
    return {"type": kind, "config": config}
