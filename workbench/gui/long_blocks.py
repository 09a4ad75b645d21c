"""Long tables and long code in pieces that stand upon each other: Qt lays a table, and a box of code is one, out as a
whole each time."""

from __future__ import annotations

import html
import io
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import TypeAlias

from markdown_it.token import Token
from pygments.formatters import HtmlFormatter
from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name
from pygments.token import Text, _TokenType
from pygments.util import ClassNotFound

from workbench.gui.theme import Space

CODE_LINES = 40  # of a piece
TABLE_ROWS = 30
ITEMS = 40

Coloured: TypeAlias = tuple[_TokenType, str]

_WIDEST = 60  # characters of a cell that count for the width of its column
_NARROWEST = 4
_SEAM = 4  # pixels that Qt adds to the height of a table whose lines, of one pixel, are shared by its cells


def tables(block: Sequence[Token]) -> Iterator[list[Token]]:
    """As wide as there is room, the columns of all of them alike."""
    starts = [place for place, token in enumerate(block) if token.type == "tr_open"]
    ends = [place + 1 for place, token in enumerate(block) if token.type == "tr_close"]
    shares = _shares([block[start:end] for start, end in zip(starts, ends, strict=True)])
    edges = [*range(0, len(starts), TABLE_ROWS), len(starts)]
    for first, end in pairwise(edges):
        rows = [token for row in range(first, end) for token in block[starts[row] : ends[row]]]
        opened = block[0].copy()
        opened.meta = {**opened.meta, "width": 100, "above": first > 0, "below": end < len(starts)}
        opened.map = block[0].map if first == 0 else block[starts[first]].map
        cells = [token for token in rows if token.type in ("th_open", "td_open")]
        for cell, share in zip(cells, shares, strict=False):
            cell.meta["width"] = share
        yield [opened, *rows, block[-1]]


def lists(block: Sequence[Token]) -> Iterator[list[Token]]:
    """Numbers go on from one to the next."""
    starts = [place for place, token in enumerate(block) if token.type == "list_item_open" and token.level == 1]
    for number in range(0, len(starts), ITEMS):
        end = starts[number + ITEMS] if number + ITEMS < len(starts) else len(block) - 1
        opened = block[0].copy()
        opened.meta = {**opened.meta, "below": end < len(block) - 1}
        opened.attrs = {**opened.attrs, "start": int(opened.attrs.get("start", 1)) + number}
        opened.map = block[starts[number]].map
        yield [opened, *block[starts[number] : end], block[-1]]


def width(token: Token) -> str:
    return f' width="{token.meta["width"]}%"' if "width" in token.meta else ""


def margins(token: Token) -> str:
    """Where another piece of the table is, the line between them is one."""
    above = -_SEAM if token.meta.get("above") else Space.XS
    return f"margin-top:{above}px;margin-bottom:{0 if token.meta.get('below') else Space.S}px;"


def _shares(rows: Sequence[Sequence[Token]]) -> list[int]:
    """Percent of the width for each column."""
    texts = [[token.content for token in row if token.type == "inline"] for row in rows]
    longest = [max(_NARROWEST, *(min(_WIDEST, len(text)) for text in column)) for column in zip(*texts, strict=True)]
    return [max(1, round(100 * one / sum(longest))) for one in longest]


@lru_cache(maxsize=64)
def lexer_named(language: str) -> Lexer | None:
    """None where nobody knows the language."""
    try:
        return get_lexer_by_name(language, stripnl=False, ensurenl=False)
    except ClassNotFound:
        return None


def pieces(code: str, lexer: Lexer | None, formatter: HtmlFormatter[str]) -> Iterator[tuple[str, int]]:
    """HTML, and how many lines it is.  No piece begins or ends with an empty line: Qt leaves those out."""
    found: list[Coloured] = []
    lines, cut_before = 0, False
    for line in _lines(lexer.get_tokens(code) if lexer is not None else [(Text, code)]):
        blank = all(not text.strip() for _, text in line)
        if lines >= CODE_LINES and not blank and cut_before:
            yield _formatted(found, lexer, formatter), lines
            found, lines = [], 0
        cut_before = not blank
        found += line
        lines += 1
    yield _formatted(found, lexer, formatter), lines


def _lines(found: Iterable[Coloured]) -> Iterator[list[Coloured]]:
    line: list[Coloured] = []
    for kind, value in found:
        for text in value.splitlines(keepends=True):
            line.append((kind, text))
            if text.endswith("\n"):
                yield line
                line = []
    if line:
        yield line


def _formatted(found: Sequence[Coloured], lexer: Lexer | None, formatter: HtmlFormatter[str]) -> str:
    if lexer is None:
        return html.escape("".join(text for _, text in found)).rstrip("\n")
    out = io.StringIO()
    formatter.format(found, out)
    return out.getvalue().rstrip("\n")
