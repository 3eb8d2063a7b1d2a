"""The documents tell the truth: links lead somewhere, names exist, bodies are accepted."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import get_commands

from agency.tests.test_settings import documented
from reports.tests.docs_text import DOCS, PAGES, ROOT, Block, blocks, headings, links
from tasks.executors import registry
from tasks.tests.api_client import Api

TASKS = blocks("json", "task")
#: Programs' own variables and words in capitals that are no settings of ours.
FOREIGN = {"ANTHROPIC_API_KEY", "OPENAI_API_KEY", "REMAP_SIGTERM", "AGENCY_SECRET_"}


def ids(value: Any) -> str:
    return value.name if isinstance(value, Block) else str(value)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in links(page):
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), target
        if anchor:
            assert anchor in headings(there), target


def test_every_page_is_reached_from_the_index() -> None:
    reached, todo = set(), [DOCS / "README.md"]
    while todo:
        page = todo.pop()
        reached.add(page)
        there = [(page.parent / target.partition("#")[0]).resolve() for target in links(page)]
        todo += [path for path in there if path.suffix == ".md" and path not in reached]
    pages = {page for page in DOCS.rglob("*.md") if "decisions" not in page.parts}
    assert pages <= reached


@pytest.mark.parametrize("block", blocks("json"), ids=ids)
def test_every_json_is_json(block: Block) -> None:
    json.loads(block.text)


@pytest.mark.parametrize("block", blocks("yaml"), ids=ids)
def test_every_yaml_is_yaml(block: Block) -> None:
    assert yaml.safe_load(block.text)


@pytest.mark.django_db
@pytest.mark.parametrize("block", [b for b in TASKS if json.loads(b.text)["taskType"] in registry.known()], ids=ids)
def test_every_task_of_the_documents_is_accepted(block: Block, settings: Any) -> None:
    settings.GHL_API_KEY, settings.GHL_LOCATION_ID = "pit-a-token-of-a-test", "loc1"
    settings.BROWSERBASE_API_KEY, settings.BROWSERBASE_PROJECT_ID = "bb_a_key_of_a_test", "p1"
    answer = Api(is_superuser=True).post("tasks/", json.loads(block.text))
    assert answer.status_code == 201, answer.content


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("block", "address"),
    [(b, "webhooks/") for b in blocks("json", "channel")] + [(b, "credentials/") for b in blocks("json", "credential")],
    ids=ids,
)
def test_every_channel_and_credential_of_the_documents_is_accepted(block: Block, address: str) -> None:
    answer = Api(is_superuser=True).post(address, json.loads(block.text))
    assert answer.status_code == 201, answer.content


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_setting_that_is_named_exists(page: Path) -> None:
    text = page.read_text()
    named = set(re.findall(r"`([A-Z][A-Z0-9]*_[A-Z0-9_]+)`", text))
    for block in blocks("ini", "settings", page):
        named |= set(re.findall(r"^([A-Z][A-Z0-9_]+)=", block.text, re.MULTILINE))
    known = documented() | {f"{name}_FILE" for name in documented()} | FOREIGN
    assert named <= known


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_that_is_named_exists(page: Path) -> None:
    text = page.read_text()
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"(?:`|^)make ([a-z-]+)", text, re.MULTILINE)) <= targets
    assert set(re.findall(r"manage\.py ([a-z_]+)", text)) <= set(get_commands())


def test_alerts_use_metrics_that_exist() -> None:
    text = (DOCS / "operations.md").read_text()
    reference = (DOCS / "reference" / "metrics.md").read_text()
    named = set(re.findall(r"\b(agency_[a-z_]+)\b", text))
    assert named
    assert {name for name in named if f"`{name}`" not in reference} == set()
