"""The fenced blocks, links and names of the documents."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*DOCS.rglob("*.md"), ROOT / "README.md"])

_FENCE = re.compile(r"^```(\w+)?([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")


@dataclass(frozen=True)
class Block:
    """One fenced block: ```language info."""

    page: Path
    language: str
    info: str
    text: str

    @property
    def name(self) -> str:
        return f"{self.page.relative_to(ROOT)}: {self.text.strip().splitlines()[0][:40]}"

    @property
    def title(self) -> str:
        return self.info.strip().removeprefix("title=") if "title=" in self.info else ""


def blocks(language: str, info: str = "", page: Path | None = None) -> list[Block]:
    """The blocks of a language whose info string begins like this."""
    return [
        block
        for path in ([page] if page else PAGES)
        for block in _blocks(path)
        if block.language == language and block.info.strip().startswith(info)
    ]


def _blocks(page: Path) -> Iterator[Block]:
    for language, info, text in _FENCE.findall(page.read_text()):
        yield Block(page, language, info, text)


def links(page: Path) -> list[str]:
    """Where a page leads within the repository."""
    text = _FENCE.sub("", page.read_text())
    found = [a or b for a, b in _LINK.findall(text)]
    return [target for target in found if not re.match(r"[a-z]+:", target)]


def headings(page: Path) -> set[str]:
    """The anchors of a page, as GitHub spells them."""
    lines = re.findall(r"^#+ (.+)$", _FENCE.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", line.lower()).strip().replace(" ", "-") for line in lines}
