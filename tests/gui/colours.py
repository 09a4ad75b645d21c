"""Contrast as WCAG computes it, and which colours the style sheet puts on each other."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product

from PySide6.QtGui import QColor

BODY_TEXT = 4.5  # WCAG 2.2, success criterion 1.4.3, level AA
SHAPES = 3.0  # success criterion 1.4.11; no criterion asks it of what is disabled, this program does

_RULE = re.compile(r"([^{}]+)\{([^{}]*)\}")
_ATTRIBUTE = re.compile(r'\[(\w+)="([\w-]*)"\]')


def luminance(color: str) -> float:
    """Relative luminance as WCAG defines it."""

    def linear(channel: float) -> float:
        return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4

    red, green, blue, _ = QColor(color).getRgbF()
    return 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue)


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@dataclass(frozen=True)
class Part:
    """One thing that the sheet dresses: a kind of widget, or a part of one, with its properties and its state."""

    kind: str
    within: str = ""  # what it must stand in
    attributes: frozenset[tuple[str, str]] = frozenset()
    states: frozenset[str] = frozenset()
    piece: str = ""

    def covers(self, other: Part) -> bool:
        return (
            self.kind in ("*", "QWidget", other.kind)
            and self.within in ("", other.within)
            and self.piece == other.piece
            and self.attributes <= other.attributes
            and self.states <= other.states
        )

    @property
    def weight(self) -> int:
        """How much more a rule counts the more it says."""
        return 10 * (len(self.attributes) + len(self.states) + self.within.count("[")) + bool(self.within)


@dataclass(frozen=True)
class Sheet:
    """The rules of a style sheet in their order."""

    rules: list[tuple[Part, dict[str, str]]] = field(default_factory=list)

    @classmethod
    def read(cls, source: str) -> Sheet:
        sheet = cls()
        for selectors, body in _RULE.findall(re.sub(r"/\*.*?\*/", "", source, flags=re.DOTALL)):
            declared = {
                name.strip(): value.strip()
                for name, _, value in (line.partition(":") for line in body.split(";"))
                if value
            }
            for selector in selectors.split(","):
                sheet.rules.append((_part(selector.strip()), declared))
        return sheet

    def value(self, part: Part, name: str) -> str | None:
        """What the sheet says of it in the end."""
        found = [
            (rule.weight, place, declared[name])
            for place, (rule, declared) in enumerate(self.rules)
            if name in declared and rule.covers(part)
        ]
        return max(found)[2] if found else None

    def parts(self) -> Iterator[Part]:
        """Everything that the sheet tells apart, with each property and each state it knows of that kind, and pairs."""
        groups: dict[tuple[str, str, str], list[Part]] = {}
        for rule, _ in self.rules:
            groups.setdefault((rule.kind, rule.within, rule.piece), []).append(rule)
        for (kind, within, piece), rules in groups.items():
            attributes = {frozenset(), *(rule.attributes for rule in rules)}
            states = {frozenset(), *(rule.states for rule in rules)}
            for one, other, state in product(attributes, attributes, states):
                both = one | other
                if len({name for name, _ in both}) == len(both):  # a property has one value
                    yield Part(kind, within, both, state, piece)


def _part(selector: str) -> Part:
    *outer, last = re.split(r"\s*>\s*|\s+", selector)
    head, _, piece = last.partition("::")
    piece, *piece_states = piece.split(":")
    kind, *states = re.sub(_ATTRIBUTE, "", head).split(":")
    return Part(
        kind or "*",
        " ".join(outer),
        frozenset(_ATTRIBUTE.findall(head)),
        frozenset([*states, *piece_states]),
        piece,
    )
