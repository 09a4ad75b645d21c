"""Regular expressions of JSON schemas as grammars: the regular part of ECMA-262, as JSON writes what it matches.

Refused by name: look-around, references to groups, word boundaries, Unicode properties, and anchors anywhere but at
the two ends.  ``\\D``, ``\\W``, ``\\S`` and ``.`` stand for what every dialect agrees on, so the first three write
ASCII alone.
"""

from __future__ import annotations

import re

from workbench.engine.gbnf import EMPTY, LAST_CODE_POINT, Node, Ref, choice, is_nullable, repeat, seq
from workbench.engine.grammar import MAX_NESTING, MAX_REPETITION
from workbench.engine.json_forms import characters
from workbench.errors import SchemaError
from workbench.words import said

Ranges = tuple[tuple[int, int], ...]

MAX_CHARS = 4096

_DIGITS: Ranges = ((0x30, 0x39),)
_WORD: Ranges = ((0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A))
_BLANK: Ranges = ((0x09, 0x0D), (0x20, 0x20))
_CLASSES = {"d": _DIGITS, "w": _WORD, "s": _BLANK}
_NEWLINES: Ranges = ((0x0A, 0x0A), (0x0D, 0x0D), (0x2028, 0x2029))
_CONTROLS = {"t": 0x09, "n": 0x0A, "v": 0x0B, "f": 0x0C, "r": 0x0D, "0": 0x00}

_TIMES = re.compile(r"\{(\d{1,6})(,?)(\d{1,6})?\}")
_CODE = re.compile(r"x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|u\{([0-9a-fA-F]{1,6})\}")
_NAMED_GROUP = re.compile(r"\?<[a-zA-Z_]\w*>")


def text_matching(pattern: str) -> Node:
    """The content of a JSON string that matches, between its quotes.  Raises SchemaError.

    As in JSON Schema, a pattern without anchors may match anywhere in the string.
    """
    if len(pattern) > MAX_CHARS:
        raise SchemaError(
            said("A pattern of the schema is very long."),
            hint=said("Keep it under {max_chars:,} characters.", max_chars=MAX_CHARS),
        )
    return _Reader(pattern).whole()


class _Reader:
    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._at = 0

    def whole(self) -> Node:
        options = [self._anchored()]
        while self._take("|"):
            options.append(self._anchored())
        if self._at < len(self._pattern):
            raise self._wrong(said("a parenthesis is closed that was not opened"))
        return choice(*options)

    def _anchored(self) -> Node:
        anything = repeat(Ref("char"), 0, None)
        before = EMPTY if self._take("^") else anything
        middle = self._sequence(0)
        after = EMPTY if self._take("$") else anything
        if self._peek() not in ("", "|", ")"):
            raise self._wrong(said("$ stands before the end"))
        return seq(before, middle, after)

    def _alternatives(self, depth: int) -> Node:
        options = [self._sequence(depth)]
        while self._take("|"):
            options.append(self._sequence(depth))
        return choice(*options)

    def _sequence(self, depth: int) -> Node:
        parts: list[Node] = []
        while (character := self._peek()) not in ("", "|", ")", "$"):
            if character == "^":
                raise self._wrong(said("^ stands behind the beginning"))
            parts.append(self._repeated(self._atom(depth)))
        if depth and self._peek() == "$":
            raise self._wrong(said("$ stands before the end"))
        return seq(*parts)

    def _atom(self, depth: int) -> Node:
        character = self._pattern[self._at]
        self._at += 1
        match character:
            case "(":
                return self._group(depth)
            case "[":
                return characters(self._class())
            case ".":
                return characters(_inverted(_NEWLINES))
            case "\\":
                return characters(self._escape())
            case "*" | "+" | "?" | "{":
                raise self._wrong(said("there is nothing to repeat"))
        return characters(((ord(character), ord(character)),))

    def _group(self, depth: int) -> Node:
        if depth >= MAX_NESTING:
            raise self._wrong(said("groups are nested more than {max_nesting} deep", max_nesting=MAX_NESTING))
        if named := _NAMED_GROUP.match(self._pattern, self._at):
            self._at = named.end()
        elif self._peek() == "?" and not self._take("?:"):
            raise self._wrong(said("look-around and flags are not regular, a grammar cannot promise them"))
        node = self._alternatives(depth + 1)
        if not self._take(")"):
            raise self._wrong(said("a group is not closed"))
        return node

    def _repeated(self, node: Node) -> Node:
        times = _TIMES.match(self._pattern, self._at)
        if times is not None:
            self._at = times.end()
            least = int(times[1])
            most = least if not times[2] else int(times[3]) if times[3] else None
        elif self._peek() in ("*", "+", "?") and self._peek():
            least, most = {"*": (0, None), "+": (1, None), "?": (0, 1)}[self._peek()]
            self._at += 1
        else:
            return node
        if max(least, most or 0) > MAX_REPETITION:
            raise self._wrong(said("llama.cpp repeats at most {max_repetition:,} times", max_repetition=MAX_REPETITION))
        if most is None and is_nullable(node, frozenset()):
            raise self._wrong(said("what may be empty is repeated without end"))
        if most is not None and most < least:
            raise self._wrong(said("a repetition asks for more than it allows"))
        self._take("?")  # a lazy repetition matches the same strings
        if self._peek() in ("*", "+", "?"):
            raise self._wrong(said("a repetition is repeated"))
        return repeat(node, least, most)

    def _class(self) -> Ranges:
        negated = self._take("^")
        found: list[tuple[int, int]] = []
        while not self._take("]"):
            first = self._member()
            if self._peek() == "-" and self._pattern[self._at + 1 : self._at + 2] not in ("]", ""):
                self._at += 1
                last = self._member()
                if len(first) != 1 or len(last) != 1 or first[0][0] != first[0][1] or last[0][1] < first[0][0]:
                    raise self._wrong(said("a range of characters has no beginning or no end"))
                first = ((first[0][0], last[0][1]),)
            found += first
        return _inverted(tuple(found)) if negated else tuple(found)

    def _member(self) -> Ranges:
        if self._at >= len(self._pattern):
            raise self._wrong(said("[ is not closed"))
        character = self._pattern[self._at]
        self._at += 1
        return self._escape() if character == "\\" else ((ord(character), ord(character)),)

    def _escape(self) -> Ranges:
        if code := _CODE.match(self._pattern, self._at):
            self._at = code.end()
            return self._one(int(code[1] or code[2] or code[3], 16))
        letter = self._peek()
        self._at += 1
        if letter in _CLASSES:
            return _CLASSES[letter]
        if letter.lower() in _CLASSES and letter:
            return tuple(span for span in _inverted(_CLASSES[letter.lower()], last=0x7E))
        if letter in _CONTROLS and letter:
            return self._one(_CONTROLS[letter])
        if not letter or letter.isalnum():
            raise self._wrong(said("\\{letter} is not among what a grammar can promise", letter=letter))
        return self._one(ord(letter))

    def _one(self, point: int) -> Ranges:
        if not 0 < point <= LAST_CODE_POINT or 0xD800 <= point <= 0xDFFF:
            raise self._wrong(said("U+{point:04X} is no character that a model can write", point=point))
        return ((point, point),)

    def _peek(self) -> str:
        return self._pattern[self._at : self._at + 1]

    def _take(self, text: str) -> bool:
        if self._pattern.startswith(text, self._at):
            self._at += len(text)
            return True
        return False

    def _wrong(self, reason: str) -> SchemaError:
        return SchemaError(
            said(
                "The pattern {pattern!r} cannot be used: at character {at}, {reason}.",
                pattern=self._pattern[:80],
                at=self._at,
                reason=reason,
            ),
            hint=said("Write a pattern of characters, classes, groups, alternatives and repetitions."),
        )


def _inverted(ranges: Ranges, last: int = LAST_CODE_POINT) -> Ranges:
    """All other characters, from the blank on; control characters are left out."""
    found, start = [], 0x20
    for low, high in sorted(ranges):
        if start <= low - 1:
            found.append((start, min(low - 1, last)))
        start = max(start, high + 1)
    if start <= last:
        found.append((start, last))
    return tuple(found)
