"""From sampled tokens to what is shown and recorded: the thinking, the answer, and what else could have come."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from workbench.engine.alternatives import candidates
from workbench.engine.recorded import Candidate, Choice
from workbench.engine.thinking import Splitter
from workbench.engine.visible_text import VisibleText

NO_TOKEN = -1  # no one token's text: what was held back, at the end


class Vocabulary(Protocol):
    """What is asked of loaded weights."""

    def piece(self, token: int) -> bytes: ...
    def text_of(self, token: int) -> str: ...


class Transcript:
    """One answer as it comes.  ``stopped`` says that a stop string ended it."""

    def __init__(self, vocabulary: Vocabulary, stop: Sequence[str], splitter: Splitter) -> None:
        self._vocabulary = vocabulary
        self._whole = VisibleText()  # characters that are whole, of thinking and answer
        self._answer = VisibleText(stop)  # a stop string in the thinking stops nothing
        self._splitter = splitter
        self._thought: list[str] = []
        self._lengths = {False: 0, True: 0}
        self._tokens: list[int] = []
        self._choices: list[Choice] = []
        self.thinking_tokens = 0

    @property
    def stopped(self) -> bool:
        return self._answer.stopped

    @property
    def thinks(self) -> bool:
        """Whether the next token belongs to the thinking, as far as that is known."""
        return self._splitter.is_thinking

    @property
    def answer_began(self) -> bool:
        """Something of the answer is there, shown or held back."""
        return bool(self._lengths[False] or self._answer.held or (self._splitter.held and not self.thinks))

    @property
    def text(self) -> str:
        """The answer so far, without the thinking."""
        return self._answer.text

    @property
    def thinking(self) -> str:
        return "".join(self._thought)

    @property
    def choices(self) -> tuple[Choice, ...]:
        return tuple(self._choices)

    @property
    def written(self) -> str:
        """The answer with its control tokens spelt out: where tool calls are looked for."""
        raw = b"".join(self._vocabulary.piece(one) or self._vocabulary.text_of(one).encode() for one in self._tokens)
        return raw.decode("utf-8", errors="replace")

    def add(self, token: int, row: npt.NDArray[np.float32] | None = None, count: int = 0) -> list[tuple[str, bool]]:
        """What can be shown now, and whether it is thinking.

        With ``count`` the likeliest tokens of ``row`` are recorded, the logits that ``token`` was drawn from.
        """
        was_thinking, held = self._splitter.is_thinking, self._splitter.held
        starts = {True: self._lengths[True], False: self._lengths[False] + self._answer.held}
        parts = self._show(self._splitter.feed(token, self._whole.feed(self._vocabulary.piece(token))))
        thinking = self._splitter.is_thinking
        self.thinking_tokens += thinking
        if not (thinking or was_thinking):
            self._tokens.append(token)
        if row is not None and count > 0:
            self._record(token, row, count, starts[thinking] + (held if thinking == was_thinking else 0))
        return parts

    def finish(self) -> list[tuple[str, bool]]:
        """What was held back, when no more is coming."""
        if self.stopped:
            return []
        parts = self._show(self._splitter.feed(NO_TOKEN, self._whole.finish())) + self._show(self._splitter.finish())
        rest = self._answer.finish()
        self._lengths[False] += len(rest)
        return [*parts, (rest, False)] if rest else parts

    def _show(self, parts: Sequence[tuple[str, bool]]) -> list[tuple[str, bool]]:
        shown = []
        for text, thinking in parts:
            visible = text if thinking else self._answer.feed(text.encode())
            if thinking:
                self._thought.append(text)
            if visible:
                self._lengths[thinking] += len(visible)
                shown.append((visible, thinking))
            if self.stopped:
                break
        return shown

    def _record(self, token: int, row: npt.NDArray[np.float32], count: int, start: int) -> None:
        logprob, likeliest = candidates(row, token, count)
        others = tuple(Candidate(other, self._text(other), value) for other, value in likeliest if other != token)
        taken = Candidate(token, self._text(token), logprob)
        self._choices.append(Choice(taken, others, start, self._splitter.is_thinking))

    def _text(self, token: int) -> str:
        """As it would be shown; control tokens by their names."""
        piece = self._vocabulary.piece(token)
        return piece.decode("utf-8", errors="replace") if piece else self._vocabulary.text_of(token)
