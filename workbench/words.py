"""Sentences that remember how they were made, so that the window can say them in another language.

Every room says what it has to say in English; only the window knows of other languages.  This module is imported by
nearly all of them, and imports nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any


class Said(str):
    """An English sentence as any other string, with the ``template`` and ``values`` it was made of.

    Pickled and copied whole, and sent whole by ``packed``; what is put together of it (a join, a slice), and what went
    through JSON or the database otherwise, is a plain string again and stays English.
    """

    __slots__ = ("template", "values")

    template: str
    values: dict[str, object]

    def __new__(cls, template: str, values: dict[str, object]) -> Said:
        sentence = super().__new__(cls, template.format(**values) if values else template)
        sentence.template = template
        sentence.values = {name: _kept(one) for name, one in values.items()}
        return sentence

    def __getnewargs__(self) -> tuple[str, dict[str, object]]:  # type: ignore[override]  # str's own says one string
        return self.template, self.values


def said(template: str, /, **values: object) -> str:
    """ "The prompt is {n:,} tokens.", its braces filled in: a literal and a whole sentence, as for the window's ``tr``.

    Without values nothing is filled in, and braces are braces.  Values may be ``said`` themselves.
    """
    return Said(template, values)


def _kept(value: object) -> object:
    """A path or an exception is told by its text, and not held on to."""
    if isinstance(value, str | int | float):
        return value
    if isinstance(value, BaseException) and value.args and isinstance(value.args[0], Said):
        return value.args[0] if str(value) == value.args[0] else str(value)
    return str(value)


def packed(text: str | None) -> object:
    """For JSON to another process of this program."""
    if not isinstance(text, Said):
        return text
    values = {name: packed(one) if isinstance(one, Said) else one for name, one in text.values.items()}
    return {"said": text.template, "values": values}


def unpacked(value: Any) -> Any:
    """What was ``packed``; anything else as it is.  Raises ValueError for what never was a sentence."""
    if not isinstance(value, dict) or value.keys() != {"said", "values"}:
        return value
    try:
        return Said(value["said"], {name: unpacked(one) for name, one in value["values"].items()})
    except (LookupError, AttributeError, TypeError) as error:
        raise ValueError("not a sentence") from error


def counted(count: int, one: str, many: str = "") -> str:
    """ "1 model", "2,400 models"; ``many`` for a plural that does not end in s.

    "{n} model" and "{n} models" are what is translated.
    """
    return Said("{n} " + (one if count == 1 else many or f"{one}s"), {"n": f"{count:,}"})


def listed(parts: Iterable[str], between: str = ", ") -> str:
    """ "A, B, C", each part still told in the language of the window."""
    named = {f"part_{place}": part for place, part in enumerate(parts)}
    return Said(between.join(f"{{{name}}}" for name in named), dict(named))


def all_of(parts: Sequence[str]) -> str:
    """ "A, B and C"."""
    if len(parts) == 1:
        return parts[0]
    return said("{first} and {last}", first=listed(parts[:-1]), last=parts[-1])


def one_of(parts: Sequence[str]) -> str:
    """ "A, B or C"."""
    if len(parts) == 1:
        return parts[0]
    return said("{first} or {last}", first=listed(parts[:-1]), last=parts[-1])
