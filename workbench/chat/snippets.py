"""The few words around what was found in a text, with marks: the index itself is slow at it for common words."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence

BEGIN, END = "\x02", "\x03"
BEFORE, AFTER = 60, 180
"""How much of the text stands before and after the first word found, in characters."""
UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)
"""Letters of scripts that put no blanks between words: Thai, Lao, Burmese, Khmer, kana, Chinese."""
_CHUNK = 8_192


def snippet(text: str, phrases: Sequence[str], *, open_ended: bool) -> str:
    """``phrases`` are words, or several with blanks between; of the last one a beginning is enough if ``open_ended``.

    One line, with "…" where text was left out; without marks where only the index sees the words.
    """
    pattern = _pattern(phrases, open_ended)
    start = next((begin for begin, _ in _found(text, pattern)), 0)
    first = _word_start(text, max(0, start - BEFORE))
    last = _word_end(text, min(len(text), start + AFTER))
    window = text[first:last].replace(BEGIN, " ").replace(END, " ")
    marked, at = [], 0
    for begin, end in _found(window, pattern):
        marked += [window[at:begin], BEGIN, window[begin:end], END]
        at = end
    line = " ".join("".join([*marked, window[at:]]).split())
    return ("…" if first else "") + line + ("…" if last < len(text) else "")


def _pattern(phrases: Sequence[str], open_ended: bool) -> re.Pattern[str]:
    alternatives = [r"[\W_]+".join(re.escape(_folded(word)[0]) for word in phrase.split()) for phrase in phrases]
    if any(UNSPACED.search(phrase) for phrase in phrases):
        return re.compile("|".join(alternatives))
    whole = [rf"{one}(?![^\W_])" for one in (alternatives[:-1] if open_ended else alternatives)]
    begun = [rf"{alternatives[-1]}[^\W_]*"] if open_ended and alternatives else []
    return re.compile(rf"(?<![^\W_])(?:{'|'.join(whole + begun)})")


def _found(text: str, pattern: re.Pattern[str]) -> Iterator[tuple[int, int]]:
    """Where the pattern is in the text, whatever the case and the accents."""
    at = 0
    while at < len(text):
        end = _word_end(text, min(len(text), at + _CHUNK))
        folded, places = _folded(text[at:end])
        for match in pattern.finditer(folded):
            yield at + places[match.start()], at + places[match.end()]
        at = end


def _folded(text: str) -> tuple[str, Sequence[int]]:
    """Small letters without accents, and where in the text each of them stands, and the end."""
    if text.isascii():
        return text.lower(), range(len(text) + 1)
    letters: list[str] = []
    places: list[int] = []
    for place, letter in enumerate(text):
        for part in unicodedata.normalize("NFD", letter).lower():
            if not unicodedata.combining(part):
                letters.append(part)
                places.append(place)
    return "".join(letters), [*places, len(text)]


def _word_start(text: str, at: int) -> int:
    """The beginning of the next word, unless that is far off."""
    blank = re.search(r"\s", text[max(0, at - 1) : at + 30]) if at else None
    return at if blank is None else max(0, at - 1) + blank.end()


def _word_end(text: str, at: int) -> int:
    """The end of the word there, unless that is far off."""
    if at >= len(text):
        return len(text)
    blank = re.search(r"\s", text[at : at + 30])
    return at + blank.start() if blank is not None else at
