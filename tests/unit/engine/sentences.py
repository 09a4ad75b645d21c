"""Grammars without a model: whether one matches a text, and texts that it matches."""

from __future__ import annotations

import random
from collections.abc import Iterator

from workbench.engine.gbnf import Chars, Choice, Node, Ref, Repeat, Rules, Seq, Text, productive_rules


def matches(rules: Rules, text: str, root: str = "root") -> bool:
    return len(text) in _Recogniser(rules, text).ends(Ref(root), 0)


class _Recogniser:
    """All ends of a rule from a place, each worked out once; the grammar is free of left recursion."""

    def __init__(self, rules: Rules, text: str) -> None:
        self._rules, self._text = rules, text
        self._known: dict[tuple[str, int], frozenset[int]] = {}

    def ends(self, node: Node, at: int) -> frozenset[int]:
        match node:
            case Ref(name):
                if (name, at) not in self._known:
                    self._known[name, at] = self.ends(self._rules[name], at)
                return self._known[name, at]
            case Text(text):
                return frozenset({at + len(text)} if self._text.startswith(text, at) else ())
            case Chars(ranges, negated):
                if at >= len(self._text):
                    return frozenset()
                found = any(low <= ord(self._text[at]) <= high for low, high in ranges)
                return frozenset({at + 1} if found != negated else ())
            case Choice(options):
                return frozenset(end for option in options for end in self.ends(option, at))
            case Seq(parts):
                places = frozenset({at})
                for part in parts:
                    places = self._after(part, places)
                return places
            case Repeat(inner, least, most):
                return self._repeated(inner, at, least, most)
        raise AssertionError(node)

    def _after(self, node: Node, places: frozenset[int]) -> frozenset[int]:
        return frozenset(end for place in places for end in self.ends(node, place))

    def _repeated(self, node: Node, at: int, least: int, most: int | None) -> frozenset[int]:
        places, found, count = frozenset({at}), frozenset({at} if not least else ()), 0
        while places and (most is None or count < most):
            places, count = self._after(node, places), count + 1
            if count >= least:
                if places <= found:
                    break
                found |= places
        return found


def sentence(rules: Rules, rng: random.Random, root: str = "root") -> str:
    """A random text that the grammar matches, rather short."""
    return "".join(_pieces(rules, Ref(root), rng, _lengths(rules), 40))


def _pieces(rules: Rules, node: Node, rng: random.Random, far: dict[str, int], room: int) -> Iterator[str]:
    match node:
        case Ref(name):
            yield from _pieces(rules, rules[name], rng, far, room - 1)
        case Text(text):
            yield text
        case Chars(ranges, negated):
            assert not negated
            low, high = rng.choice(ranges)
            yield chr(rng.randint(low, min(high, low + 200)))
        case Choice(options):
            able = [option for option in options if _far(option, far) <= max(room, min(_far(o, far) for o in options))]
            yield from _pieces(rules, rng.choice(able), rng, far, room)
        case Seq(parts):
            for part in parts:
                yield from _pieces(rules, part, rng, far, room)
        case Repeat(inner, least, most):
            extra = 0 if _far(inner, far) > room else rng.choice((0, 0, 1, 1, 2, 5))
            count = least + extra if most is None else min(most, least + extra)
            for _ in range(count):
                yield from _pieces(rules, inner, rng, far, room - 1)


def _lengths(rules: Rules) -> dict[str, int]:
    """How deep the shallowest text of each rule is."""
    assert productive_rules(rules) == set(rules)
    far = dict.fromkeys(rules, 10**6)
    while True:
        now = {name: 1 + _far(node, far) for name, node in rules.items()}
        if now == far:
            return far
        far = now


def _far(node: Node, far: dict[str, int]) -> int:
    match node:
        case Ref(name):
            return far[name]
        case Seq(parts):
            return max((_far(part, far) for part in parts), default=0)
        case Choice(options):
            return min(_far(option, far) for option in options)
        case Repeat(inner, least, _):
            return _far(inner, far) if least else 0
        case _:
            return 0
