"""A conversation of another program, as a tree of prompts and answers."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import UTC, datetime

from workbench.chat.answer import Answer
from workbench.chat.titles import title_of
from workbench.words import said

UNKNOWN_MODEL = "unknown model"


@dataclass(frozen=True, slots=True)
class ImportedAnswer:
    """``model`` is its name as written; ``at`` None where the file does not say.  ``slot`` is its pane, and ``kept``
    all that is known of it, None where that is its text."""

    text: str
    model: str = UNKNOWN_MODEL
    at: str | None = None
    slot: int = 0
    kept: Answer | None = None


@dataclass(frozen=True, slots=True)
class ImportedTurn:
    """``parent`` is the place of the turn before it in ``Imported.turns``, None: it begins.  ``follows`` is the place
    of the answer there that it goes on from, counted in each slot, None: none."""

    prompt: str
    answers: tuple[ImportedAnswer, ...] = ()
    parent: int | None = None
    follows: int | None = None
    at: str | None = None


@dataclass(frozen=True, slots=True)
class Imported:
    """``turns`` come after those they follow; empty where nothing could be read, and ``problems`` say why, or what of
    it was left out.  ``head`` is the place of the turn to be shown, None: the last one."""

    title: str
    turns: tuple[ImportedTurn, ...]
    source: str
    problems: tuple[str, ...] = ()
    system: str = ""
    head: int | None = None


@dataclass(slots=True)
class Draft:
    """An ``Imported`` in the making; what is wrong is said once, with how often."""

    source: str
    title: str = ""
    turns: list[ImportedTurn] = field(default_factory=list)
    system: str = ""
    head: int | None = None
    _problems: dict[str, int] = field(default_factory=dict)

    def note(self, problem: str) -> None:
        self._problems[problem] = self._problems.get(problem, 0) + 1

    def told(self, system: str) -> None:
        """A system message: the first counts."""
        if self.system and system.strip() and system != self.system:
            self.note(said("a second system message was left out"))
        self.system = self.system or system

    def done(self, title: str) -> Imported:
        """``title`` is what it is called where it has neither a name of its own nor a prompt."""
        problems = tuple(
            text if times == 1 else said("{text} ({times} times)", text=text, times=times)
            for text, times in self._problems.items()
        )
        if not self.turns:
            problems = (*problems, said("there is no prompt in it"))
        name = self.title or (title_of(self.turns[0].prompt) if self.turns else title)
        return Imported(name, tuple(self.turns), self.source, problems, self.system, self.head)


def clean(text: str) -> str:
    """Without what no text can hold: halves of characters, and zero bytes."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").replace("\0", "\ufffd")


def moment(seconds: object) -> str | None:
    """Seconds since 1970 as the tables store a moment; None for anything else."""
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not math.isfinite(seconds):
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat()
    except (OverflowError, ValueError, OSError):
        return None
