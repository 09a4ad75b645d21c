"""A deck: prompts to be asked of a set of models, and the text it is written as."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from workbench.errors import WorkbenchError
from workbench.words import said

MOST_PROMPTS = 10_000
_RULE = re.compile(r"-{3,}[ \t]*")


class DeckError(WorkbenchError):
    """A file is no deck of prompts, or a deck cannot be run."""


@dataclass(frozen=True, slots=True)
class DeckPrompt:
    """``name`` is how tables call it, empty: its number.  ``system`` None is the run's own system prompt."""

    text: str
    name: str = ""
    tags: tuple[str, ...] = ()
    system: str | None = None

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> DeckPrompt:
        return cls(record["text"], record.get("name", ""), tuple(record.get("tags", ())), record.get("system"))


@dataclass(frozen=True, slots=True)
class Deck:
    name: str
    prompts: tuple[DeckPrompt, ...]

    def checked(self) -> Deck:
        """Itself, with a name in one line; raises DeckError where there is nothing to ask, or too much."""
        if not self.prompts:
            raise DeckError(
                said("This deck holds no prompt."),
                hint=said("Write one prompt on each line, or separate them with --- lines."),
            )
        if len(self.prompts) > MOST_PROMPTS:
            raise DeckError(
                said(
                    "This deck holds {prompts_count:,} prompts; at most {most_prompts:,} can be run.",
                    prompts_count=len(self.prompts),
                    most_prompts=MOST_PROMPTS,
                ),
                hint=said("Split it into several decks."),
            )
        return Deck(" ".join(self.name.split()) or "Deck", self.prompts)


def parse(text: str, before: Sequence[DeckPrompt] = ()) -> tuple[DeckPrompt, ...]:
    """Prompts written as plain text: between lines of three dashes where there is one, else one on each line.

    What stands in ``before`` with the same words keeps its name, tags and system prompt.
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if any(_RULE.fullmatch(line) for line in lines):
        blocks: list[list[str]] = [[]]
        for line in lines:
            if _RULE.fullmatch(line):
                blocks.append([])
            else:
                blocks[-1].append(line)
        written = ["\n".join(block).strip("\n") for block in blocks]
    else:
        written = [line.strip() for line in lines]
    known = {_as_written(one.text): one for one in before}
    return tuple(known.get(one) or DeckPrompt(one) for one in written if one.strip())


def as_text(prompts: Sequence[DeckPrompt]) -> str:
    """As ``parse`` reads it."""
    texts = [_as_written(one.text) for one in prompts]
    if any("\n" in text or text != text.strip() for text in texts):
        # One prompt alone would be read as lines.
        return "\n---\n".join(texts) if len(texts) > 1 else f"{texts[0]}\n---\n"
    return "\n".join(texts)


def _as_written(text: str) -> str:
    """With a blank before lines of dashes, which would part the prompt."""
    return "\n".join(f" {line}" if _RULE.fullmatch(line) else line for line in text.split("\n"))
