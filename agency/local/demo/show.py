"""The demo on a terminal, or as plain lines where there is none: progress, then the table."""

from __future__ import annotations

import sys
import threading
from dataclasses import dataclass

from agency.local.demo.play import Line, Seen

MARKS = {"waits": "·", "runs": "…", "good": "✓", "bad": "✗"}
REDRAW = 0.2  # seconds


@dataclass
class Row:
    line: Line
    state: str = "waits"
    note: str = ""
    seen: Seen | None = None
    seconds: float = 0.0
    trace: str = ""

    @property
    def good(self) -> bool:
        return self.state == "good"


class Board:
    """Shows how every line is doing while the demo runs."""

    def __init__(self, rows: list[Row]) -> None:
        self.rows = rows
        self.lively = sys.stdout.isatty()
        self.drawn = 0
        self.told: set[int] = set()
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._loop, name="board", daemon=True)

    def __enter__(self) -> Board:
        self.thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.over.set()
        self.thread.join()
        self.draw()

    def _loop(self) -> None:
        while not self.over.wait(REDRAW):
            self.draw()

    def draw(self) -> None:
        if self.lively:
            self._redraw()
        else:
            self._tell_news()

    def _redraw(self) -> None:
        up = f"\x1b[{self.drawn}F" if self.drawn else ""
        lines = [f"\x1b[2K  {MARKS[row.state]} {row.line.title[:60]:<60} {row.note[:40]}" for row in self.rows]
        sys.stdout.write(up + "\n".join(lines) + "\n")
        sys.stdout.flush()
        self.drawn = len(lines)

    def _tell_news(self) -> None:
        for number, row in enumerate(self.rows):
            if row.state in ("good", "bad") and number not in self.told:
                self.told.add(number)
                print(f"  {MARKS[row.state]} {row.line.title} ({row.seconds:.1f} s)", flush=True)


def table(rows: list[Row]) -> str:
    """Task, type, status, attempts, ms, what happened: one line for each promise."""
    heads = ("task", "type", "status", "attempts", "ms", "what happened")
    cells = [_cells(row) for row in rows]
    widths = [max(len(line[column]) for line in (heads, *cells)) for column in range(len(heads) - 1)]

    def shown(line: tuple[str, ...], mark: str) -> str:
        padded = [f"{text:<{width}}" for text, width in zip(line, widths, strict=False)]
        return f"{mark} " + "  ".join([*padded, line[-1]])

    ruler = "  " + "  ".join("─" * width for width in (*widths, 40))
    body = [shown(line, MARKS[row.state]) for line, row in zip(cells, rows, strict=True)]
    return "\n".join([shown(heads, " "), ruler, *body])


def _cells(row: Row) -> tuple[str, ...]:
    seen = row.seen
    if seen is None:
        return (row.line.title, row.line.type, "–", "–", "–", row.note)
    ms = "–" if seen.ms is None else str(seen.ms)
    return (row.line.title, row.line.type, seen.status, str(seen.attempts), ms, seen.what)
