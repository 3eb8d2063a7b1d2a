"""What an instruction may mean: a name, a kind of control, which of several, and where."""

from __future__ import annotations

from dataclasses import dataclass, field

from tasks.executors.browser.understanding.deterministic.words import Token, content, tokens


@dataclass(frozen=True)
class Context:
    """Words that say where: `relation` is within, near, below or above; `region` names landmarks."""

    text: str
    relation: str
    region: tuple[str, ...] = ()
    #: Sides of the screen: top, bottom, left, right.
    sides: tuple[str, ...] = ()
    #: Whether a part of the page was named (table, section, column), whose heading says what it is called.
    part: bool = False

    @property
    def tokens(self) -> list[Token]:
        return content(tokens(self.text))


@dataclass(frozen=True)
class Reading:
    """One way to understand an instruction. `ordinal` counts from 1, or from -1 backwards; 0 means none was said."""

    name: str
    role_word: str = ""
    roles: tuple[str, ...] = ()
    ordinal: int = 0
    contexts: tuple[Context, ...] = ()
    exact: bool = False
    cost: float = 0.0
    verb: str = ""
    soft: tuple[str, ...] = field(default=(), compare=False)

    @property
    def tokens(self) -> list[Token]:
        return content(tokens(self.name)) if self.name else []
