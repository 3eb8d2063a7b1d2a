"""Stagehand over our own browser, offline: the model is a function of ours that reads Stagehand's own questions."""

from __future__ import annotations

import re
from importlib.util import find_spec
from typing import Any

import pytest
from pydantic_ai.messages import ModelMessage, ModelResponse, ToolCallPart
from pydantic_ai.models.function import AgentInfo, FunctionModel

from agency import llm
from tasks.executors.base import Success
from tasks.tests.browser.site import Site

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        find_spec("stagehand") is None, reason="stagehand is not installed (requirements-stagehand.txt)"
    ),
]


def fake_stagehand_model(questions: list[str]) -> FunctionModel:
    """Answers Stagehand's three kinds of questions from the accessibility tree it sends along."""

    def respond(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        prompt = str(messages[0].parts[-1].content)  # type: ignore[union-attr]
        questions.append(prompt)
        tool = info.output_tools[0]
        return ModelResponse(parts=[ToolCallPart(tool.name, _answer(prompt, tool.parameters_json_schema))])

    return FunctionModel(respond)


def _answer(prompt: str, schema: dict[str, Any]) -> dict[str, Any]:
    wanted = schema.get("properties", {})
    if "elements" in wanted:
        tree = prompt.split("Bob Lind", 1)[-1] if "Bob" in prompt.split("\n")[0] else prompt
        ident = re.search(r"\[(\d+-\d+)\] button: (?:Delete|Buy)", tree)
        assert ident
        return {
            "elements": [{"elementId": ident.group(1), "description": "the button", "method": "click", "arguments": []}]
        }
    if "completed" in wanted:
        return {"progress": "all read", "completed": True}
    if "items" in wanted:
        rows = re.findall(r"cell: (\w+ \w+)\n.*\n?.*cell: (\w+)\n.*\n?.*cell: (\S+@\S+)", prompt)
        return {
            "items": [{"name": name, "role": role, "email": mail} for name, role, mail in rows]
            + [{"name": "Invented", "role": "Ghost", "email": "no@where"}]
        }
    raise AssertionError(f"an unknown question: {list(wanted)}")


def test_stagehand_observes_acts_and_extracts_over_our_browser(play: Any, site: Site) -> None:
    questions: list[str] = []
    with llm.stand_in(fake_stagehand_model(questions)):
        outcome, ctx = play(
            [
                {"type": "navigate", "config": {"url": site.url("tables/index.html")}},
                {"type": "click", "config": {"instruction": "the delete button of Bob", "once": False}},
                {"type": "assert", "config": {"title": "Delete Bob Lind"}},
                {"type": "extract", "config": {"instruction": "names, roles and emails of all team members"}},
                {"type": "navigate", "config": {"url": site.url("shadow/index.html")}},
                {"type": "click", "config": {"instruction": "the first Buy button", "once": False}},
                {"type": "assert", "config": {"title": "bought Aldgate"}},
            ],
            engine="stagehand",
        )
    assert isinstance(outcome, Success), outcome
    assert [ctx.steps[n]["detail"]["engine"] for n in (3, 7, 11)] == ["stagehand"] * 3
    assert outcome.output["data"] == [
        {"name": "Alice Moore", "role": "Buyer", "email": "alice@oak.example"},
        {"name": "Bob Lind", "role": "Driver", "email": "bob@oak.example"},
        {"name": "Carla Ruiz", "role": "Clerk", "email": "carla@oak.example"},
    ], "what the model invented is not on the page and not in the data"
    assert "warnings" not in outcome.output, outcome.output["warnings"]
    assert len(questions) >= 3
    assert outcome.output["costs"]


def test_without_a_model_the_deterministic_engine_does_the_work_and_says_so(play: Any, site: Site) -> None:
    outcome, _ = play(
        [
            {"type": "navigate", "config": {"url": site.url("tables/index.html")}},
            {"type": "click", "config": {"instruction": "Delete Bob Lind", "once": False}},
        ],
        engine="stagehand",
    )
    assert isinstance(outcome, Success), outcome
    assert "Stagehand is not to be had here" in outcome.output["warnings"][0]
