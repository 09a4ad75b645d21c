"""What a reasoning model writes before its answer, told apart from the answer while it comes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeAlias

Part: TypeAlias = tuple[str, bool]  # visible text, and whether it is thinking


class MarkVocabulary(Protocol):
    """What is asked of loaded weights."""

    def tokenize(self, text: str, *, special: bool) -> list[int]: ...
    def text_of(self, token: int) -> str: ...
    def is_control(self, token: int) -> bool: ...


@dataclass(frozen=True, slots=True)
class Mark:
    """A text that is never shown; ``begins`` is what begins after it, None where nothing changes."""

    text: str
    begins: bool | None


@dataclass(frozen=True, slots=True)
class Thinking:
    """How one model marks its thinking.

    ``opening`` begins it and ``closing`` ends it, ``silent`` belongs to neither text.  Marks that are control
    tokens (``certain``) are believed wherever they come; marks that anybody could spell only where an answer
    begins, for a model may write about them.
    """

    opening: tuple[Mark, ...]
    closing: tuple[Mark, ...]
    silent: tuple[Mark, ...] = ()
    certain: bool = False

    @classmethod
    def of(cls, template: str | None, vocabulary: MarkVocabulary) -> Thinking | None:
        """From the marks that the template itself writes or looks for, else from tokens made for nothing else.

        None for a model without such marks, and for one that is completed raw.
        """
        if template is None:
            return None
        named = [kind for kind in _KINDS if any(mark.text in template for mark in _named(kind))]
        for kind in named or [kind for kind in _KINDS if all(_is_token(mark, vocabulary) for mark in _named(kind))]:
            certain = all(_is_control(mark, vocabulary) for mark in (*kind.opening, *kind.closing))
            return cls(kind.opening, kind.closing, kind.silent, certain)
        return None

    def is_open(self, tail: str) -> bool:
        """Whether the template has begun the thinking at the end of the prompt; ``tail`` is ``Prompt.tail``."""
        return any(tail.rstrip().endswith(mark.text) for mark in self.opening)

    def opening_token(self, vocabulary: MarkVocabulary) -> int | None:
        """The token that begins the thinking by itself; None where it takes several."""
        for mark in self.opening:
            if _is_token(mark, vocabulary):
                return vocabulary.tokenize(mark.text, special=True)[0]
        return None


def _kind(opening: str, closing: str) -> Thinking:
    return Thinking((Mark(opening, True),), (Mark(closing, False),))


# Of the chat templates of these families; where several could apply, the first.
_KINDS = (
    # gpt-oss: channels, each with its name; what comes between them is scaffold.
    Thinking(
        opening=(Mark("<|channel|>analysis<|message|>", True),),
        closing=(Mark("<|end|>", False),),
        silent=(
            Mark("<|start|>assistant", None),
            Mark("<|channel|>final<|message|>", False),
            Mark("<|channel|>commentary<|message|>", False),
        ),
    ),
    _kind("<|channel>thought", "<channel|>"),  # Gemma 4
    _kind("[THINK]", "[/THINK]"),  # Magistral, Ministral
    _kind("<|START_THINKING|>", "<|END_THINKING|>"),  # Command
    _kind("<seed:think>", "</seed:think>"),  # Seed-OSS
    _kind("<mm:think>", "</mm:think>"),  # MiniMax
    _kind("<think>", "</think>"),  # Qwen, DeepSeek, SmolLM3, GLM, Nemotron, LFM and most others
)


def _named(kind: Thinking) -> tuple[Mark, ...]:
    """The marks that only a model that thinks knows: ``<|end|>`` ends a turn in other families."""
    return kind.opening + (() if kind.silent else kind.closing)


def _is_token(mark: Mark, vocabulary: MarkVocabulary) -> bool:
    tokens = vocabulary.tokenize(mark.text, special=True)
    return len(tokens) == 1 and vocabulary.text_of(tokens[0]) == mark.text


def _is_control(mark: Mark, vocabulary: MarkVocabulary) -> bool:
    """Whether the mark begins with a control token: no text can spell it then."""
    tokens = vocabulary.tokenize(mark.text, special=True)
    return bool(tokens) and vocabulary.is_control(tokens[0])


class Splitter:
    """Parts one answer, fed token by token; without a ``thinking`` all of it is the answer.

    What may become a mark is held back.  The blanks after a mark belong to it.  Thinking that never ends stays
    thinking.
    """

    def __init__(self, thinking: Thinking | None, vocabulary: MarkVocabulary, *, tail: str = "") -> None:
        """``tail`` is ``Prompt.tail``: the template may have begun the thinking."""
        self._marks = thinking
        self._vocabulary = vocabulary
        self._held = ""
        self._is_visible = bytearray()  # for each held letter
        self._after_mark = thinking is not None and thinking.is_open(tail)
        self._began = False  # something of the answer was shown
        self.is_thinking = self._after_mark

    @property
    def held(self) -> int:
        """Visible characters that are held back."""
        return sum(self._is_visible)

    def feed(self, token: int, text: str) -> list[Part]:
        """What can be shown now, in order.  ``text`` is what the token adds to what is visible.

        A control token adds nothing, and is known by its own text.
        """
        if self._marks is None:
            return [(text, False)] if text else []
        self._hold(text, visible=True)
        if not text and token >= 0 and self._vocabulary.is_control(token):
            self._hold(self._vocabulary.text_of(token), visible=False)
        parts: list[Part] = []
        while (found := self._next_mark()) is not None:
            mark, at = found
            if mark.begins and not self._began and not self._held[:at].strip():
                self._forget(at)  # blanks before the thinking are no answer
            else:
                self._show(at, parts)
            self._forget(len(mark.text))
            self._after_mark = True
            if mark.begins is not None:
                self.is_thinking = mark.begins
        self._show(len(self._held) - self._beginning(), parts)
        return parts

    def finish(self) -> list[Part]:
        """What was held back, when no more is coming."""
        parts: list[Part] = []
        self._show(len(self._held), parts)
        return parts

    def _wanted(self) -> tuple[Mark, ...]:
        if self._marks is None:
            return ()
        if self.is_thinking:
            return self._marks.closing + self._marks.silent
        return self._marks.opening + self._marks.silent

    def _next_mark(self) -> tuple[Mark, int] | None:
        """The first mark in what is held."""
        places = [(mark, self._held.find(mark.text)) for mark in self._wanted()]
        found = [(mark, at) for mark, at in places if at >= 0 and self._may_stand(mark, at)]
        return min(found, key=lambda place: place[1], default=None)

    def _may_stand(self, mark: Mark, at: int) -> bool:
        """Whether what looks like a mark is one: one that could be spelled begins an answer, or is none."""
        if self._marks is None or self._marks.certain or not mark.begins:
            return True
        return not self._began and not self._held[:at].strip()

    def _beginning(self) -> int:
        """How much of the held end may become a mark."""
        longest = max((len(mark.text) for mark in self._wanted()), default=0)
        for length in range(min(len(self._held), longest - 1), 0, -1):
            end, at = self._held[-length:], len(self._held) - length
            if any(mark.text.startswith(end) and self._may_stand(mark, at) for mark in self._wanted()):
                # Blanks before a mark that opens the thinking are part of no answer.
                return length if self._began or self.is_thinking or self._held[:at].strip() else len(self._held)
        return len(self._held) if not (self.is_thinking or self._began or self._held.strip()) else 0

    def _hold(self, text: str, *, visible: bool) -> None:
        self._held += text
        self._is_visible += bytes([visible]) * len(text)

    def _show(self, count: int, parts: list[Part]) -> None:
        """Take ``count`` letters from what is held, and show what is visible of them."""
        seen = zip(self._held[:count], self._is_visible[:count], strict=True)
        text = "".join(letter for letter, is_visible in seen if is_visible)
        self._forget(count)
        if self._after_mark:
            text = text.lstrip()
        if text:
            self._after_mark = False
            self._began = self._began or not self.is_thinking
            parts.append((text, self.is_thinking))

    def _forget(self, count: int) -> None:
        self._held = self._held[count:]
        del self._is_visible[:count]
