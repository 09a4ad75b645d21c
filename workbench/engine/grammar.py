"""GBNF, llama.cpp's grammar notation, read and judged before llama.cpp sees it.

llama.cpp ends the process, or never comes back, on grammars that it does not refuse itself: left recursion behind a
rule that may be empty, a long text repeated, deep nesting.  Whatever passes here is one that it can work with.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from workbench.engine.gbnf import (
    EMPTY,
    LAST_CODE_POINT,
    Chars,
    Choice,
    Node,
    Ref,
    Repeat,
    Rules,
    Seq,
    Text,
    TokenIs,
    is_nullable,
    leftmost,
    nodes,
    nullable_rules,
    productive_rules,
    refs,
    size,
)
from workbench.errors import GrammarError
from workbench.words import said

ROOT = "root"

MAX_BYTES = 64 * 1024
MAX_NESTING = 64
MAX_REPETITION = 2000  # llama-grammar.cpp: MAX_REPETITION_THRESHOLD
MAX_ELEMENTS = 500_000  # what repetitions come to when they are written out
MAX_CHAIN = 500  # rules entered one in the other before a character is read: llama.cpp recurses over them

_NAME = re.compile(r"[a-zA-Z0-9-]+")
_SPACE = re.compile(r"(?:[ \t]|#[^\r\n]*)*")
_SPACE_AND_LINES = re.compile(r"(?:[ \t\r\n]|#[^\r\n]*)*")
_TOKEN = re.compile(r"<\[\d{1,9}\]>|<[^>\[\x00][^>\x00]*>")
_TIMES = re.compile(r"\{[ \t]*(\d{1,9})[ \t]*(,?)[ \t]*(\d{1,9})?[ \t]*\}")
_ESCAPE = re.compile(r'\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([trn\\"\[\]-]))')
_LETTERS = {"t": "\t", "r": "\r", "n": "\n"}

_HINT = said('A grammar is written in GBNF, such as: root ::= "yes" | "no".')


@dataclass(frozen=True, slots=True)
class Judged:
    """GBNF of our own making, judged when it was made.

    It holds what follows ``mark``, once that was written; where it is empty, the whole answer.
    """

    gbnf: str
    mark: str = ""


def check(text: str) -> Rules:
    """The rules of a grammar that llama.cpp can safely use.  Raises GrammarError, saying what is wrong and where."""
    if len(text.encode("utf-8", errors="replace")) > MAX_BYTES:
        raise _error(said("it is longer than {max_bytes} KiB", max_bytes=MAX_BYTES // 1024))
    rules = _Reader(text).rules()
    judge(rules)
    return rules


def judge(rules: Rules) -> None:
    """Refuse what llama.cpp would fail on, however the rules came about.  Raises GrammarError."""
    if ROOT not in rules:
        raise _error(said("it has no rule named {root}", root=ROOT))
    for name, node in rules.items():
        for missing in refs(node):
            if missing not in rules:
                raise _error(said("{name} refers to a rule {missing}, which is not there", name=name, missing=missing))
    nullable = nullable_rules(rules)
    for name, node in rules.items():
        for inner in nodes(node):
            if isinstance(inner, Repeat) and inner.most is None and is_nullable(inner.node, nullable):
                raise _error(said("{name} repeats without end what may be empty", name=name))
    _judge_chains(rules, nullable)
    _judge_ends(rules)
    if sum(map(size, rules.values())) > MAX_ELEMENTS:
        raise _error(said("its repetitions are too many when they are written out"))


def _judge_chains(rules: Rules, nullable: frozenset[str]) -> None:
    """No rule may be entered from itself without a character in between."""
    below = {name: list(dict.fromkeys(leftmost(node, nullable))) for name, node in rules.items()}
    depths: dict[str, int] = {}
    for start in rules:
        path = [(start, iter(below[start]))] if start not in depths else []
        entered = {start}
        while path:
            name, rest = path[-1]
            following = next(rest, None)
            if following is None:
                depths[name] = 1 + max((depths[inner] for inner in below[name]), default=0)
                entered.discard(name)
                path.pop()
            elif following in entered:
                raise _error(said("{following} begins with itself (left recursion)", following=following))
            elif following not in depths:
                entered.add(following)
                path.append((following, iter(below[following])))
    if max(depths.values()) > MAX_CHAIN:
        raise _error(said("more than {max_chain} rules begin one with the other", max_chain=MAX_CHAIN))


def _judge_ends(rules: Rules) -> None:
    productive = productive_rules(rules)
    reached, todo = {ROOT}, [ROOT]
    while todo:
        name = todo.pop()
        if name not in productive:
            raise _error(said("{name} can never end", name=name))
        fresh = [inner for inner in refs(rules[name]) if inner not in reached]
        reached.update(fresh)
        todo += fresh


def _error(reason: str) -> GrammarError:
    return GrammarError(said("The grammar cannot be used: {reason}.", reason=reason), hint=_HINT)


class _Reader:
    """Reads as llama-grammar.cpp does, and refuses what that reads in surprising ways."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._names: dict[str, Node] = {}
        self._symbols: set[str] = set()
        self._made = 0  # rules that llama.cpp makes for groups and repetitions

    def rules(self) -> Rules:
        if "\x00" in self._text:
            raise _error(said("it has a NUL character in it"))
        self._skip(lines=True)
        while self._at < len(self._text):
            self._rule()
        return self._names

    def _rule(self) -> None:
        name = self._match(_NAME)
        if name is None:
            raise self._wrong(said("a rule's name (letters, digits and hyphens) is expected"))
        self._symbols.add(name[0])
        self._skip()
        if not self._text.startswith("::=", self._at):
            raise self._wrong(said("::= is expected after {name}", name=name[0]))
        self._at += 3
        self._skip(lines=True)
        if name[0] in self._names:
            raise self._wrong(said("{name} is defined twice", name=name[0]))
        self._names[name[0]] = self._alternatives(0)
        if self._at < len(self._text) and self._text[self._at] not in "\r\n":
            raise self._wrong(said("{text!r} is not expected here", text=self._text[self._at]))
        self._skip(lines=True)

    def _alternatives(self, depth: int) -> Node:
        options = [self._sequence(depth)]
        while self._text.startswith("|", self._at):
            self._at += 1
            self._skip(lines=True)
            options.append(self._sequence(depth))
        return options[0] if len(options) == 1 else Choice(tuple(options))

    def _sequence(self, depth: int) -> Node:
        parts: list[Node] = []
        weight = 1  # of the last part, as llama.cpp counts it against its limit on repetitions
        while self._at < len(self._text):
            match self._text[self._at]:
                case "*" | "+" | "?" | "{":
                    weight = self._repetition(parts, weight)
                case "(":
                    before = self._made + len(self._symbols)
                    parts.append(self._group(depth))
                    weight = self._made + len(self._symbols) - before
                case _:
                    part = self._part()
                    if part is None:
                        break
                    parts.append(part)
                    weight = 1
            self._skip(lines=depth > 0)
        return parts[0] if len(parts) == 1 else Seq(tuple(parts))

    def _part(self) -> Node | None:
        """The next part that is neither a group nor a repetition; None where there is none."""
        character = self._text[self._at]
        if character == '"':
            return self._literal()
        if character == "[":
            return self._class()
        if character == ".":
            self._at += 1
            return Chars(((1, LAST_CODE_POINT),))
        if character in "<!":
            return self._token()
        name = self._match(_NAME)
        if name is None:
            return None
        self._symbols.add(name[0])
        return Ref(name[0])

    def _group(self, depth: int) -> Node:
        if depth >= MAX_NESTING:
            raise self._wrong(said("groups are nested more than {max_nesting} deep", max_nesting=MAX_NESTING))
        self._at += 1
        self._made += 1
        self._skip(lines=True)
        node = self._alternatives(depth + 1)
        if not self._text.startswith(")", self._at):
            raise self._wrong(said("a group is not closed"))
        self._at += 1
        return node

    def _repetition(self, parts: list[Node], weight: int) -> int:
        if not parts or parts[-1] in (EMPTY, Text("")):
            raise self._wrong(said("there is nothing to repeat"))
        if self._text[self._at] == "{":
            times = self._match(_TIMES)
            if times is None:
                raise self._wrong(said("a repetition is written {2}, {2,} or {2,5}"))
            least = int(times[1])
            most = least if not times[2] else int(times[3]) if times[3] else None
        else:
            least, most = {"*": (0, None), "+": (1, None), "?": (0, 1)}[self._text[self._at]]
            self._at += 1
        if most is not None and most < least:
            raise self._wrong(said("{{{least},{most}}} asks for more than it allows", least=least, most=most))
        count = max(1, most if most else least)
        if max(least, most or 0) > MAX_REPETITION or weight * count > MAX_REPETITION:
            raise self._wrong(said("llama.cpp repeats at most {max_repetition:,} rules", max_repetition=MAX_REPETITION))
        self._made += 1 if most is None else most - least
        parts[-1] = Repeat(parts[-1], least, most)
        return weight * count

    def _literal(self) -> Node:
        self._at += 1
        characters = []
        while not self._text.startswith('"', self._at):
            characters.append(chr(self._character(said("a text is not closed"))))
        self._at += 1
        return Text("".join(characters))

    def _class(self) -> Node:
        self._at += 1
        negated = self._text.startswith("^", self._at)
        self._at += negated
        ranges = []
        while not self._text.startswith("]", self._at):
            first = last = self._character(said("[ is not closed"))
            if self._text.startswith("-", self._at) and not self._text.startswith("-]", self._at):
                self._at += 1
                last = self._character(said("[ is not closed"))
            if last < first:
                raise self._wrong(said("the end of a range lies before its beginning"))
            ranges.append((first, last))
        self._at += 1
        if not ranges:
            raise self._wrong(said("[] names no character"))
        return Chars(tuple(ranges), negated)

    def _character(self, unclosed: str) -> int:
        if self._at >= len(self._text):
            raise self._wrong(unclosed)
        if self._text[self._at] != "\\":
            self._at += 1
            return self._allowed(ord(self._text[self._at - 1]))
        escape = self._match(_ESCAPE)
        if escape is None:
            raise self._wrong(said("this escape is not known"))
        digits = escape[1] or escape[2] or escape[3]
        return self._allowed(int(digits, 16) if digits else ord(_LETTERS.get(escape[4], escape[4])))

    def _allowed(self, point: int) -> int:
        if not 0 < point <= LAST_CODE_POINT or 0xD800 <= point <= 0xDFFF:
            raise self._wrong(said("U+{point:04X} is no character that a model can write", point=point))
        return point

    def _token(self) -> Node:
        negated = self._text[self._at] == "!"
        self._at += negated
        token = self._match(_TOKEN)
        if token is None:
            raise self._wrong(said("a token is written <TEXT> or <[ID]>"))
        return TokenIs(token[0], negated)

    def _match(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        found = pattern.match(self._text, self._at)
        if found is not None:
            self._at = found.end()
        return found

    def _skip(self, *, lines: bool = False) -> None:
        self._match(_SPACE_AND_LINES if lines else _SPACE)

    def _wrong(self, reason: str) -> GrammarError:
        line = self._text.count("\n", 0, self._at) + 1
        column = self._at - (self._text.rfind("\n", 0, self._at) + 1) + 1
        return _error(said("line {line}, column {column}: {reason}", line=line, column=column, reason=reason))
