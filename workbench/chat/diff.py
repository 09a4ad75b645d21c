"""Where two answers differ: word by word while that is affordable, and the token at which they parted."""

from __future__ import annotations

import collections
import difflib
import itertools
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from workbench.chat.answer import Answer
from workbench.engine.recorded import Choice

MOST_STEPS = 8_000_000  # about a second: a text that repeats itself would take minutes

# White space goes with the word before it, and is no difference of its own.
_WORD = re.compile(r"(?:\w+(?:['’\-]\w+)*|[^\w\s])\s*|\s+")
_LINE = re.compile(r"[^\n]*\n|[^\n]+")


class Unit(StrEnum):
    """What was compared with what."""

    WORD = "word"
    LINE = "line"
    WHOLE = "whole"  # only how both begin and end


@dataclass(frozen=True, slots=True)
class Change:
    """Characters ``left[left_start:left_end]`` stand where ``right[right_start:right_end]`` do; one may be empty."""

    left_start: int
    left_end: int
    right_start: int
    right_end: int


@dataclass(frozen=True, slots=True)
class Diff:
    """``changes`` from beginning to end; ``unit`` is coarser than a word where that would have taken too long."""

    changes: tuple[Change, ...]
    unit: Unit = Unit.WORD


@dataclass(frozen=True, slots=True)
class Parting:
    """The first place at which two answers differ.

    ``word`` counts from 1.  ``left`` and ``right`` are tokens where ``by_token``, else words; empty: that answer had
    ended.  The shares are of all probability, before any sampler: ``left_share`` what the left model gave its own
    token, ``left_other`` what it gave the right one's, None where it was not recorded.  ``recorded`` says that both
    answers' tokens were.
    """

    word: int
    left: str
    right: str
    by_token: bool = False
    left_share: float | None = None
    right_share: float | None = None
    left_other: float | None = None
    right_other: float | None = None
    recorded: bool = False


def diff(left: str, right: str) -> Diff:
    """By words; by lines when that takes too many steps, and then by how both begin and end."""
    for unit, pattern in ((Unit.WORD, _WORD), (Unit.LINE, _LINE)):
        try:
            return Diff(_changes(pattern.findall(left), pattern.findall(right)), unit)
        except _TooLongError:
            continue
    return Diff(_ends(left, right), Unit.WHOLE)


def parting(left: Answer, right: Answer) -> Parting | None:
    """None for answers of the same text."""
    place = first_difference(left.text, right.text)
    if place is None:
        return None
    ended = place >= min(len(left.text), len(right.text))
    longer = max(left.text, right.text, key=len)
    # One that ended with a whole word has none where the other goes on.
    start = place if ended and longer[place].isspace() else _word_start(longer, place)
    word = len(longer[:start].split()) + 1
    ours, theirs = _token_at(left, place), _token_at(right, place)
    # Tokens that do not begin at the same place are no rivals: their vocabularies cut the text otherwise.
    if ours is not None and theirs is not None and ours.start == theirs.start:
        return Parting(
            word,
            ours.taken.text,
            theirs.taken.text,
            by_token=True,
            recorded=True,
            left_share=_share(ours, ours.taken.text),
            right_share=_share(theirs, theirs.taken.text),
            left_other=_share(ours, theirs.taken.text),
            right_other=_share(theirs, ours.taken.text),
        )
    recorded = bool(left.choices) and bool(right.choices)
    return Parting(word, _word_at(left.text, start), _word_at(right.text, start), recorded=recorded)


def first_difference(left: str, right: str) -> int | None:
    """The first character at which they differ; None when they are the same."""
    if left == right:
        return None
    low, high = 0, min(len(left), len(right))
    while low < high:  # comparing slices is far quicker than characters, one by one
        middle = (low + high + 1) // 2
        if left[low:middle] == right[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


class _TooLongError(Exception):
    """The comparison would take longer than anybody waits."""


class _Bounded(difflib.SequenceMatcher[str]):
    """Raises _TooLongError after MOST_STEPS."""

    def __init__(self, ours: Sequence[str], theirs: Sequence[str]) -> None:
        super().__init__(None, ours, theirs, autojunk=False)
        # A look at a part of ours costs a step for each place of theirs where the same word stands.
        rivals = collections.Counter(theirs)
        self._costs = list(itertools.accumulate((1 + rivals[word] for word in ours), initial=0))
        self._left = MOST_STEPS

    def find_longest_match(
        self, alo: int = 0, ahi: int | None = None, blo: int = 0, bhi: int | None = None
    ) -> difflib.Match:
        self._left -= self._costs[-1 if ahi is None else ahi] - self._costs[alo]
        if self._left < 0:
            raise _TooLongError
        return super().find_longest_match(alo, ahi, blo, bhi)


def _changes(left: Sequence[str], right: Sequence[str]) -> tuple[Change, ...]:
    ours, theirs = ([part.strip() for part in parts] for parts in (left, right))
    before, after = _alike(ours, theirs)
    our_starts, their_starts = _starts(left)[before:], _starts(right)[before:]
    matcher = _Bounded(ours[before : len(ours) - after], theirs[before : len(theirs) - after])
    return tuple(
        Change(our_starts[i1], our_starts[i2], their_starts[j1], their_starts[j2])
        for tag, i1, i2, j1, j2 in matcher.get_opcodes()
        if tag != "equal"
    )


def _alike(left: Sequence[str], right: Sequence[str]) -> tuple[int, int]:
    """How many parts both begin with, and how many of the rest both end with."""
    least = min(len(left), len(right))
    before = next((at for at in range(least) if left[at] != right[at]), least)
    rest = least - before
    after = next((at for at in range(rest) if left[-1 - at] != right[-1 - at]), rest)
    return before, after


def _ends(left: str, right: str) -> tuple[Change, ...]:
    start = first_difference(left, right)
    if start is None:
        return ()
    alike = first_difference(left[start:][::-1], right[start:][::-1])
    assert alike is not None
    return (Change(start, len(left) - alike, start, len(right) - alike),)


def _starts(parts: Sequence[str]) -> list[int]:
    return list(itertools.accumulate(map(len, parts), initial=0))


def _word_start(text: str, place: int) -> int:
    """Where the word at a place begins; after white space, the place itself."""
    while place > 0 and not text[place - 1].isspace():
        place -= 1
    return place


def _word_at(text: str, start: int) -> str:
    found = re.compile(r"\s*(\S+)").match(text, start)
    return found[1] if found is not None else ""


def _token_at(answer: Answer, place: int) -> Choice | None:
    """The token that a character belongs to; None where tokens were not recorded or the answer had ended."""
    own = [choice for choice in answer.choices if not choice.thinking]
    if place >= len(answer.text):
        return None
    return next((choice for choice in reversed(own) if choice.start <= place), None)


def _share(choice: Choice, text: str) -> float | None:
    found = next((one for one in (choice.taken, *choice.others) if one.text == text), None)
    return math.exp(min(0.0, found.logprob)) if found is not None else None
