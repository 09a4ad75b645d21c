"""The prompts that are presented, and what of their answers may be shown.  Knows no Qt."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from workbench.chat.answer import Answer
from workbench.chat.history import History
from workbench.chat.pane import Exchange, Pane
from workbench.gui import names


@dataclass(frozen=True, slots=True)
class Slide:
    """One prompt; ``turn_id`` None: it is still to be asked."""

    prompt: str
    turn_id: int | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """Where prompts come from: a deck, a folder of the library, or the conversation itself (``prompts`` empty)."""

    name: str
    prompts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Said:
    """One pane's side of a slide.  ``answer`` None: it is being written, or was never asked."""

    pane: Pane
    exchange: Exchange | None

    @property
    def answer(self) -> Answer | None:
        return self.exchange.answer if self.exchange is not None else None

    @property
    def writing(self) -> bool:
        return self.exchange is not None and self.exchange.answer is None and self.pane.busy


def sources(history: History) -> tuple[Source, ...]:
    """Every deck that is kept, then every folder of the prompt library."""
    decks = [history.decks.load(one.id) for one in history.decks.all()]
    found = [Source(deck.name, tuple(one.text for one in deck.prompts)) for deck in decks if deck is not None]
    folders: dict[str, list[str]] = {}
    for prompt in history.prompts.all():
        folders.setdefault(prompt.folder, []).append(prompt.text)
    return (*found, *(Source(folder, tuple(texts)) for folder, texts in folders.items()))


class Slides:
    """``at`` is the slide that is shown.  ``hidden``: letters stand for names, in an order drawn for each prompt."""

    def __init__(self, panes: Sequence[Pane]) -> None:
        self.panes = panes
        self.hidden = False
        self.at = 0
        self._seed = secrets.randbelow(2**31)
        self._ahead: list[str] = []  # prompts still to be asked
        self._asked: list[Slide] = []
        self.follow()
        self.at = max(0, len(self._asked) - 1)

    @property
    def all(self) -> tuple[Slide, ...]:
        return (*self._asked, *(Slide(prompt) for prompt in self._ahead))

    @property
    def shown(self) -> Slide | None:
        return self.all[self.at] if self.at < len(self.all) else None

    def follow(self) -> None:
        """The conversation went on, or is another one."""
        turns: dict[object, Slide] = {}
        for pane in self.panes:
            for place, one in enumerate(pane.exchanges):
                key = one.turn_id if one.turn_id is not None else ("unkept", place)
                turns.setdefault(key, Slide(one.prompt, one.turn_id))
        self._asked = list(turns.values())
        self.at = min(self.at, max(0, len(self.all) - 1))

    def take(self, source: Source) -> None:
        """Prompts to ask from here on, in place of those that were still to come; the first is shown."""
        self._ahead = list(source.prompts)
        self.at = len(self._asked) if self._ahead else max(0, len(self._asked) - 1)

    def step(self, by: int) -> None:
        self.at = min(max(0, self.at + by), max(0, len(self.all) - 1))

    @property
    def to_ask(self) -> str | None:
        """The prompt of the slide that is shown, where it was not asked yet."""
        return self._ahead[self.at - len(self._asked)] if len(self._asked) <= self.at < len(self.all) else None

    def sent(self) -> None:
        """The prompt that is shown was asked: it is the conversation's newest turn now."""
        del self._ahead[self.at - len(self._asked)]
        self.follow()
        self.at = max(0, len(self._asked) - 1)

    def said(self) -> tuple[Said, ...]:
        """The panes' sides of the slide, from left to right as they stand on the screen."""
        from workbench.chat.votes import blind

        sides = [Said(pane, self._exchange(pane)) for pane in self.panes if pane.model is not None or pane.exchanges]
        if not self.hidden:
            return tuple(sides)
        order = blind.begin(self._seed, self.at, [(one.pane.id, "") for one in sides]).order()
        return tuple(sorted(sides, key=lambda one: order.index(one.pane.id)))

    def names(self) -> tuple[str, ...]:
        """As ``said`` stands: letters while hidden, else who answers."""
        from workbench.chat.exports.exported import letter

        said = self.said()
        if self.hidden:
            return tuple(letter(place) for place in range(len(said)))
        return _names(said)

    @property
    def writing(self) -> bool:
        return any(one.writing for one in self.said())

    def _exchange(self, pane: Pane) -> Exchange | None:
        slide = self.shown
        if slide is None or self.to_ask is not None:
            return None
        if slide.turn_id is None:
            return next((one for one in reversed(pane.exchanges) if one.prompt == slide.prompt), None)
        return next((one for one in reversed(pane.exchanges) if one.turn_id == slide.turn_id), None)


def _names(said: Sequence[Said]) -> tuple[str, ...]:
    from workbench.chat.votes.ballots import Contender

    who = {place: Contender.of(one.answer) for place, one in enumerate(said) if one.answer is not None}
    told = names.current().told(who.values())
    return tuple(told[who[place].name] if place in who else _model(one.pane) for place, one in enumerate(said))


def _model(pane: Pane) -> str:
    return names.current().model(pane.model.name, pane.model.quantisation) if pane.model is not None else ""
