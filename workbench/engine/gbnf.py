"""Grammars as values: what GBNF and JSON schemas become, what can be said of them, how they are written."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

LAST_CODE_POINT = 0x10FFFF


@dataclass(frozen=True, slots=True)
class Chars:
    """One character of these inclusive ranges of code points, or with ``negated`` of none of them."""

    ranges: tuple[tuple[int, int], ...]
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Text:
    text: str


@dataclass(frozen=True, slots=True)
class Ref:
    """Another rule."""

    name: str


@dataclass(frozen=True, slots=True)
class TokenIs:
    """One token of the vocabulary, spelt ``<[ID]>`` or ``<TEXT>``; with ``negated`` any other."""

    spelling: str
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Seq:
    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    options: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """``least`` to ``most`` times, without end where ``most`` is None."""

    node: Node
    least: int
    most: int | None


Node: TypeAlias = Chars | Text | Ref | TokenIs | Seq | Choice | Repeat
Rules: TypeAlias = Mapping[str, Node]

EMPTY = Seq(())
NEVER = Choice(())  # matches nothing at all, not even the empty text


def seq(*parts: Node) -> Node:
    """One after the other; nothing where a part can never match."""
    if NEVER in parts:
        return NEVER
    flat = (inner for part in parts for inner in (part.parts if isinstance(part, Seq) else (part,)))
    kept = tuple(flat)
    return kept[0] if len(kept) == 1 else Seq(kept)


def choice(*options: Node) -> Node:
    """Any of them; those that can never match and repeated ones are left out."""
    kept = tuple(dict.fromkeys(option for option in options if option != NEVER))
    return kept[0] if len(kept) == 1 else Choice(kept)


def repeat(node: Node, least: int, most: int | None) -> Node:
    if most == 0 or (node == NEVER and not least):
        return EMPTY
    if node == NEVER or (most is not None and most < least):
        return NEVER
    return node if (least, most) == (1, 1) else Repeat(node, least, most)


# --- what can be said of a grammar -----------------------------------------------------------


def nullable_rules(rules: Rules) -> frozenset[str]:
    """The rules that match the empty text."""
    return _least(rules, is_nullable)


def is_nullable(node: Node, nullable: frozenset[str]) -> bool:
    match node:
        case Seq(parts):
            return all(is_nullable(part, nullable) for part in parts)
        case Choice(options):
            return any(is_nullable(option, nullable) for option in options)
        case Repeat(inner, least, _):
            return least == 0 or is_nullable(inner, nullable)
        case Ref(name):
            return name in nullable
        case Text(text):
            return not text
        case Chars() | TokenIs():
            return False


def productive_rules(rules: Rules) -> frozenset[str]:
    """The rules that match at least one finite text."""
    return _least(rules, _is_productive)


def _is_productive(node: Node, productive: frozenset[str]) -> bool:
    match node:
        case Seq(parts):
            return all(_is_productive(part, productive) for part in parts)
        case Choice(options):
            return any(_is_productive(option, productive) for option in options)
        case Repeat(inner, least, _):
            return least == 0 or _is_productive(inner, productive)
        case Ref(name):
            return name in productive
        case Chars(ranges, negated):
            return negated or bool(ranges)
        case Text() | TokenIs():
            return True


def _least(rules: Rules, holds: Callable[[Node, frozenset[str]], bool]) -> frozenset[str]:
    """The smallest set of rules for which ``holds`` follows from itself."""
    found: frozenset[str] = frozenset()
    while True:
        more = frozenset(name for name, node in rules.items() if name in found or holds(node, found))
        if more == found:
            return found
        found = more


def pruned(rules: Rules, root: str) -> dict[str, Node]:
    """Without what can never match and what ``root`` does not reach; ``root`` is missing when it cannot match."""
    productive = productive_rules(rules)
    left: dict[str, Node] = {}
    todo = [root] if root in productive else []
    while todo:
        name = todo.pop()
        if name not in left:
            left[name] = _without_never(rules[name], productive)
            todo += refs(left[name])
    return {name: left[name] for name in rules if name in left}


def _without_never(node: Node, productive: frozenset[str]) -> Node:
    match node:
        case Seq(parts):
            return seq(*(_without_never(part, productive) for part in parts))
        case Choice(options):
            return choice(*(_without_never(option, productive) for option in options))
        case Repeat(inner, least, most):
            return repeat(_without_never(inner, productive), least, most)
        case Ref(name):
            return node if name in productive else NEVER
        case Chars() | TokenIs() | Text():
            return node


def children(node: Node) -> tuple[Node, ...]:
    match node:
        case Seq(parts):
            return parts
        case Choice(options):
            return options
        case Repeat(inner, _, _):
            return (inner,)
        case Chars() | TokenIs() | Text() | Ref():
            return ()


def nodes(node: Node) -> Iterator[Node]:
    """The node and everything below it."""
    yield node
    for child in children(node):
        yield from nodes(child)


def refs(node: Node) -> list[str]:
    return [inner.name for inner in nodes(node) if isinstance(inner, Ref)]


def leftmost(node: Node, nullable: frozenset[str]) -> list[str]:
    """The rules that may be entered before a single character was read."""
    match node:
        case Seq(parts):
            found: list[str] = []
            for part in parts:
                found += leftmost(part, nullable)
                if not is_nullable(part, nullable):
                    break
            return found
        case Choice(options):
            return [name for option in options for name in leftmost(option, nullable)]
        case Repeat(inner, _, _):
            return leftmost(inner, nullable)
        case Ref(name):
            return [name]
        case Chars() | TokenIs() | Text():
            return []


def size(node: Node) -> int:
    """How many elements llama.cpp makes of it: it writes repetitions out."""
    match node:
        case Repeat(inner, least, most):
            return (size(inner) + 2) * max(1, least if most is None else most)
        case Text(text):
            return len(text)
        case Chars(ranges, _):
            return 2 * len(ranges)
        case Ref() | TokenIs():
            return 1
        case Seq() | Choice():
            return 1 + sum(size(child) + 1 for child in children(node))


# --- writing ---------------------------------------------------------------------------------


def render(rules: Rules) -> str:
    """GBNF, a rule on each line.

    What is repeated gets a rule of its own: llama.cpp counts the rules inside a group against its limit on
    repetitions.
    """
    return "\n".join(_Writer(rules).lines()) + "\n"


class _Writer:
    def __init__(self, rules: Rules) -> None:
        self._todo = dict(rules)
        self._hoisted: dict[Node, str] = {}

    def lines(self) -> Iterator[str]:
        while self._todo:
            name = next(iter(self._todo))
            yield f"{name} ::= {self._alternatives(self._todo.pop(name))}".rstrip()

    def _alternatives(self, node: Node) -> str:
        options = node.options if isinstance(node, Choice) else (node,)
        return " | ".join(self._sequence(option) for option in options)

    def _sequence(self, node: Node) -> str:
        parts = node.parts if isinstance(node, Seq) else (node,)
        return " ".join(self._part(part) for part in parts) or '""'

    def _part(self, node: Node) -> str:
        match node:
            case Ref(name):
                return name
            case Text(text):
                return '"' + "".join(map(_in_text, text)) + '"'
            case Chars(ranges, negated):
                return f"[{'^' if negated else ''}{''.join(_span(*span) for span in ranges)}]"
            case TokenIs(spelling, negated):
                return ("!" if negated else "") + spelling
            case Repeat(inner, least, most):
                return self._repeated(inner) + _times(least, most)
            case Seq() | Choice():
                return f"({self._alternatives(node)})"

    def _repeated(self, node: Node) -> str:
        if isinstance(node, (Ref, Chars)) or (isinstance(node, Text) and len(node.text) == 1):
            return self._part(node)
        if node not in self._hoisted:
            self._hoisted[node] = f"again-{len(self._hoisted) + 1}"
            self._todo[self._hoisted[node]] = node
        return self._hoisted[node]


def _times(least: int, most: int | None) -> str:
    match (least, most):
        case (0, None):
            return "*"
        case (1, None):
            return "+"
        case (0, 1):
            return "?"
    return f"{{{least}}}" if least == most else f"{{{least},{'' if most is None else most}}}"


def _span(first: int, last: int) -> str:
    return _in_class(first) if first == last else f"{_in_class(first)}-{_in_class(last)}"


def _in_class(point: int) -> str:
    return chr(point) if chr(point).isascii() and chr(point).isalnum() else _escaped(point)


def _in_text(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    return character if character.isprintable() else _escaped(ord(character))


def _escaped(point: int) -> str:
    if point < 0x100:
        return f"\\x{point:02X}"
    return f"\\u{point:04X}" if point < 0x10000 else f"\\U{point:08X}"
