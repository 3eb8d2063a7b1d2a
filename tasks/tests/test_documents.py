"""Documents that are drawn from the code are the code's of today."""

from __future__ import annotations

from pathlib import Path

from tasks import states

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_the_state_diagram_is_the_table_of_transitions() -> None:
    text = (DOCS / "reliability.md").read_text()
    assert f"```mermaid\n{states.diagram()}\n```" in text
