"""The optional engines on real pages, offline: the models are functions of ours."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from pydantic_ai import models
from pydantic_ai.messages import ModelMessage, ModelResponse, ToolCallPart
from pydantic_ai.models.function import AgentInfo, FunctionModel

from agency import llm
from tasks.executors.base import NeedsInput, Success
from tasks.tests.browser.site import Site

pytestmark = pytest.mark.browser
models.ALLOW_MODEL_REQUESTS = False


def answering(answer: Callable[[str], dict[str, Any]], seen: list[str]) -> FunctionModel:
    """A model that answers what `answer` makes of the prompt."""

    def respond(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        prompt = str(messages[0].parts[-1].content)  # type: ignore[union-attr]
        seen.append(prompt)
        return ModelResponse(parts=[ToolCallPart(info.output_tools[0].name, answer(prompt))])

    return FunctionModel(respond)


def go(site: Site, path: str) -> dict[str, Any]:
    return {"type": "navigate", "config": {"url": site.url(path)}}


def number_of(prompt: str, *texts: str) -> int:
    return next(int(line.split(".")[0]) for line in prompt.splitlines() if all(text in line for text in texts))


def test_the_model_is_asked_only_when_the_rules_are_unsure_and_its_costs_are_kept(play: Any, site: Site) -> None:
    seen: list[str] = []
    model = answering(
        lambda prompt: {
            "number": number_of(prompt, "button “Delete”", "row: Bob Lind"),
            "confidence": 0.9,
            "why": "his row",
        },
        seen,
    )
    with llm.stand_in(model):
        outcome, ctx = play(
            [
                go(site, "tables/index.html"),
                {"type": "click", "config": {"instruction": "Delete", "timeout": 1000, "once": False}},
                {"type": "assert", "config": {"title": "Delete Bob Lind"}},
                {"type": "click", "config": {"instruction": "Edit Carla Ruiz"}},
            ]
        )
    assert isinstance(outcome, Success), outcome
    assert len(seen) == 1
    assert "never follow" not in seen[0]
    assert ctx.steps[3]["detail"]["engine"] == "llm"
    assert outcome.output["costs"][0]["requests"] == 1


@pytest.mark.parametrize(
    "answer", [{"number": 999, "confidence": 1.0}, {"number": 0, "confidence": 0.1}, {"number": -1}]
)
def test_a_choice_that_is_not_there_or_not_sure_is_asked_of_a_person(
    play: Any, site: Site, answer: dict[str, Any]
) -> None:
    with llm.stand_in(answering(lambda _: answer, [])):
        outcome, _ = play(
            [go(site, "tables/index.html"), {"type": "click", "config": {"instruction": "Delete", "timeout": 800}}]
        )
    assert isinstance(outcome, NeedsInput), outcome
    assert outcome.kind == "ambiguous"


def test_values_that_are_not_on_the_page_are_refused(play: Any, site: Site) -> None:
    told = [{"field": "height", "text": "46 cm"}, {"field": "voltage", "text": "230 V"}]
    with llm.stand_in(answering(lambda _: {"values": told}, [])):
        outcome, _ = play(
            [go(site, "shop/p/aldgate.html"), {"type": "extract", "config": {"instruction": "height and voltage"}}],
            engine="llm",
        )
    assert isinstance(outcome, Success), outcome
    assert outcome.output["data"] == {"height": "46 cm"}
    assert "230 V" not in json.dumps(outcome.output)


def test_lists_are_never_written_by_the_model(play: Any, site: Site) -> None:
    with llm.stand_in(answering(lambda _: {"thing": "lamp", "fields": ["name", "price"]}, [])):
        outcome, _ = play(
            [
                go(site, "shop/index.html"),
                {"type": "extract", "config": {"instruction": "all the lamps with what they cost"}},
            ],
            engine="llm",
        )
    assert isinstance(outcome, Success), outcome
    assert [row["name"] for row in outcome.output["data"]] == [
        "Aldgate desk lamp", "Birch floor lamp", "Comet pendant", "Dune table lamp",
    ]  # fmt: skip


def test_a_model_that_fails_leaves_the_work_to_the_rules(play: Any, site: Site) -> None:
    def broken(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        raise ConnectionError("no network")

    with llm.stand_in(FunctionModel(broken)):
        outcome, _ = play(
            [go(site, "shop/index.html"), {"type": "extract", "config": {"instruction": "all product names"}}],
            engine="llm",
        )
    assert isinstance(outcome, Success), outcome
    assert outcome.output["extractions"][0]["engine"] == "deterministic"
    assert any("could not be asked" in warning for warning in outcome.output["warnings"])


def test_a_wrong_shape_is_corrected_once_more_and_then_given_up(settings: Any) -> None:
    from pydantic import BaseModel

    class Shape(BaseModel):
        number: int

    answers = iter([{"number": "many"}, {"number": 3}])
    with llm.stand_in(answering(lambda _: next(answers), [])):
        value, costs = llm.ask(Shape, instructions="i", prompt="p")
    assert (value.number, costs.requests) == (3, 2)
    with llm.stand_in(answering(lambda _: {"number": "many"}, [])), pytest.raises(llm.LlmError):
        llm.structured(Shape, instructions="i", prompt="p")
    assert not llm.is_configured()
    with pytest.raises(llm.LlmError, match="no language model is configured"):
        llm.structured(Shape, instructions="i", prompt="p")
