"""Texts with very long runs of one kind of character, cut before llama.cpp's tokeniser falls over them.

A byte-pair vocabulary first splits a text by regular expressions.  The standard C++ library walks through a run of
letters, digits, blanks or signs by recursion, 312 bytes of stack for each character (measured, GCC 12): 27,000 of
them end the process in a thread of 8 MiB.  No language writes such words; what is cut costs a merge at the place.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Iterator

LONGEST = 2048  # characters of one kind in a row; pieces keep their ends whole, where control tokens may begin

_SUSPECT = re.compile(rf"\S{{{LONGEST},}}|\s{{{LONGEST},}}")


def pieces(text: str) -> list[str]:
    """The text, cut within each run that is too long; nearly always in one piece."""
    if len(text) < LONGEST:
        return [text]
    cuts = [cut for stretch in _SUSPECT.finditer(text) for cut in _cuts(stretch[0], stretch.start())]
    return [text[start:end] for start, end in itertools.pairwise([0, *cuts, len(text)])]


def _cuts(stretch: str, start: int) -> list[int]:
    found: list[int] = []
    at = start
    for _, run in itertools.groupby(_kinds(stretch)):
        length = sum(1 for _ in run)
        # Whole halves off its beginning, so that half of the longest is left at its end.
        found += range(at + LONGEST // 2, at + length - LONGEST // 2, LONGEST // 2)
        at += length
    return found


def _kinds(text: str) -> Iterator[str]:
    """What regular expressions of vocabularies tell apart: letters, digits, blanks, all else.

    A mark is of the kind of what it stands on: some expressions count it with letters, others with signs.
    """
    kind = "S"
    for character in text:
        found = unicodedata.category(character)[0]
        if character.isspace():
            kind = " "
        elif found != "M":
            kind = found if found in "LN" else "S"
        yield kind
