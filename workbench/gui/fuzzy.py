"""Whether letters typed in a hurry mean a text, where they stand in it, and how well.  Knows no Qt."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

AT_WORD, IN_A_ROW, AT_BEGINNING, GAP = 8, 6, 6, 1
WHOLE_WORD = 12
LONGEST = 400  # characters of a text that are looked at


@dataclass(frozen=True, slots=True)
class Match:
    """``places`` are the matched characters of the text, ascending; the higher the score, the better."""

    score: int
    places: tuple[int, ...]


def match(wanted: str, text: str) -> Match | None:
    """Every word of ``wanted`` has its letters in the text, in their order; None where one has not."""
    score, places = 0, set[int]()
    for word in wanted.casefold().split():
        found = _word(word, text[:LONGEST].casefold())
        if found is None:
            return None
        score, places = score + found.score, places | set(found.places)
    return Match(score, tuple(sorted(places)))


def best(wanted: str, texts: Sequence[str], most: int) -> list[tuple[int, Match]]:
    """The indexes of the texts that are meant, best first; among equals the shorter, then the earlier."""
    found = [(index, hit) for index, text in _candidates(wanted, texts) if (hit := match(wanted, text)) is not None]
    found.sort(key=lambda one: (-one[1].score, len(texts[one[0]]), one[0]))
    return found[:most]


def _candidates(wanted: str, texts: Sequence[str]) -> Iterable[tuple[int, str]]:
    """Quickly, those that have the letters at all: most have not."""
    patterns = [_pattern(word) for word in wanted.casefold().split()]
    return (
        (index, text)
        for index, text in enumerate(texts)
        if all(pattern.search(text[:LONGEST].casefold()) for pattern in patterns)
    )


@lru_cache(maxsize=64)
def _pattern(word: str) -> re.Pattern[str]:
    # "[^x]*x" for each letter: no step back is ever taken.
    return re.compile("".join(f"[^{re.escape(letter)}]*{re.escape(letter)}" for letter in word), re.DOTALL)


def _word(word: str, text: str) -> Match | None:
    at = text.find(word)
    if at >= 0:
        starts = [found.start() for found in re.finditer(re.escape(word), text)]
        at = next((start for start in starts if _begins(text, start)), at)
        bonus = AT_WORD if _begins(text, at) else 0
        score = WHOLE_WORD + len(word) * IN_A_ROW + bonus + (AT_BEGINNING if at == 0 else 0)
        return Match(score, tuple(range(at, at + len(word))))
    return _scattered(word, text)


def _scattered(word: str, text: str) -> Match | None:
    """The letters one after the other, the first at the beginning of a word, and the others too where that still lets
    the rest follow."""
    places: list[int] = []
    score, after = 0, 0
    for index, letter in enumerate(word):
        at = text.find(letter, after)
        if at < 0:
            return None
        rest = word[index + 1 :]
        if not places and not _begins(text, at):
            start = _next_beginning(letter, text, after)
            if start is None or not _follows(rest, text, start + 1):
                return None
            at = start
        if not (places and at == places[-1] + 1) and not _begins(text, at):
            start = _next_beginning(letter, text, after)
            if start is not None and _follows(rest, text, start + 1):
                at = start
        if places and at == places[-1] + 1:
            score += IN_A_ROW
        elif places:
            score -= min(GAP * (at - places[-1] - 1), AT_WORD - 1)
        score += AT_WORD if _begins(text, at) else 0
        places.append(at)
        after = at + 1
    return Match(score, tuple(places))


def _next_beginning(letter: str, text: str, after: int) -> int | None:
    at = text.find(letter, after)
    while at >= 0:
        if _begins(text, at):
            return at
        at = text.find(letter, at + 1)
    return None


def _follows(rest: str, text: str, after: int) -> bool:
    for letter in rest:
        after = text.find(letter, after) + 1
        if after == 0:
            return False
    return True


def _begins(text: str, at: int) -> bool:
    return at == 0 or not text[at - 1].isalnum()
