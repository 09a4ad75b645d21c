"""JSON's own forms as grammars: strings, numbers in a range, dates, constants, any value.

All is bounded where JSON is not (RFC 8259): blanks, digits, and the depth of values that no schema describes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from workbench.engine.gbnf import EMPTY, NEVER, Chars, Node, Ref, Seq, Text, choice, repeat, seq

MAX_DIGITS = 16
MAX_BLANKS = 20  # ten levels of indentation by two
ANY_DEPTH = 6
MILLION = 10**6
LARGEST_MILLIONTHS = 10**15 - 1

SEPARATOR = seq(Text(","), Ref("ws"))
COLON = seq(Text(":"), repeat(Text(" "), 0, 1))
QUOTE = Text('"')
DIGIT = Chars(((0x30, 0x39),))
_NONZERO = Chars(((0x31, 0x39),))
_HEX = Chars(((0x30, 0x39), (0x41, 0x46), (0x61, 0x66)))

# What may stand in a JSON string unescaped.  Said in the positive, so that neither surrogates nor numbers beyond
# Unicode fit, which single bytes of a vocabulary can spell.
PLAIN = ((0x20, 0x21), (0x23, 0x5B), (0x5D, 0xD7FF), (0xE000, 0x10FFFF))

_SHORT_ESCAPES = {0x22: '"', 0x5C: "\\", 0x08: "b", 0x0C: "f", 0x0A: "n", 0x0D: "r", 0x09: "t"}

_FEBRUARY_29 = "02-29"


def shared_rules() -> dict[str, Node]:
    """What the forms below refer to."""
    rules: dict[str, Node] = {
        "ws": choice(EMPTY, Text(" "), seq(Text("\n"), repeat(Text(" "), 0, MAX_BLANKS))),
        "char": choice(Chars(PLAIN), seq(Text("\\"), _escape())),
        "string": string(0, None),
        "integer": integers(None, None),
        "number": _number(),
        "boolean": choice(Text("true"), Text("false")),
        "null": Text("null"),
        "name": seq(QUOTE, repeat(Chars(PLAIN), 0, None), QUOTE),
    }
    for depth in range(ANY_DEPTH + 1):
        rules[f"any-{depth}"] = _any(depth)
    return rules


def any_value() -> Node:
    return Ref(f"any-{ANY_DEPTH}")


def _any(depth: int) -> Node:
    scalar = choice(*map(Ref, ("string", "number", "boolean", "null")))
    if not depth:
        return scalar
    inner = Ref(f"any-{depth - 1}")
    pair = seq(Ref("name"), COLON, inner)
    return choice(scalar, seq(Text("{"), several(pair, 0, None), Text("}")), array(inner, 0, None))


def array(item: Node, least: int, most: int | None) -> Node:
    return seq(Text("["), several(item, least, most), Text("]"))


def several(item: Node, least: int, most: int | None) -> Node:
    """Items with commas between them, with the blanks that brackets allow around them."""
    if most is not None and most < least:
        return NEVER
    more = repeat(seq(SEPARATOR, item), max(0, least - 1), None if most is None else max(0, most - 1))
    some = NEVER if most == 0 else seq(Ref("ws"), item, more, Ref("ws"))
    return choice(some, Ref("ws")) if least == 0 else some


def string(least: int, most: int | None) -> Node:
    """Of so many characters (code points)."""
    return seq(QUOTE, repeat(Ref("char"), least, most), QUOTE)


def _escape() -> Node:
    short = Chars(tuple((ord(character), ord(character)) for character in '"\\/bfnrt'))
    # Surrogates are left out: a lone one is no character, and two would count as one.
    first = Chars(((0x30, 0x39), (0x41, 0x43), (0x45, 0x46), (0x61, 0x63), (0x65, 0x66)))
    low_d = seq(Chars(((0x44, 0x44), (0x64, 0x64))), Chars(((0x30, 0x37),)), repeat(_HEX, 2, 2))
    return choice(short, seq(Text("u"), choice(seq(first, repeat(_HEX, 3, 3)), low_d)))


def characters(ranges: Iterable[tuple[int, int]]) -> Node:
    """One character of these code points as it is written inside a JSON string."""
    plain: list[tuple[int, int]] = []
    escaped: list[Node] = []
    for first, last in ranges:
        plain += [(max(first, low), min(last, high)) for low, high in PLAIN if max(first, low) <= min(last, high)]
        controls = range(max(first, 1), min(last, 0x1F) + 1)
        points = (*controls, *(special for special in (0x22, 0x5C) if first <= special <= last))
        escaped += [Text("\\" + _SHORT_ESCAPES.get(point, f"u{point:04x}")) for point in points]
    return choice(Chars(tuple(plain)) if plain else NEVER, *escaped)


def other_names(names: Iterable[str], rules: dict[str, Node]) -> Node:
    """A property's name that is none of these, escapes apart; adds the rules it needs."""
    taken = {name for name in names if all(any(low <= ord(c) <= high for low, high in PLAIN) for c in name)}
    count = sum(name.startswith("other-") for name in rules)

    def after(prefix: str) -> Node:
        nonlocal count
        following = sorted({name[len(prefix)] for name in taken if name.startswith(prefix) and name != prefix})
        if not following:
            return repeat(Chars(PLAIN), 1, None)
        name = f"other-{count}"
        count += 1
        rules[name] = NEVER  # keeps its place
        free = seq(Chars(tuple(_without(following))), repeat(Chars(PLAIN), 0, None))
        goes_on = [seq(Text(character), after(prefix + character)) for character in following]
        rules[name] = choice(EMPTY if prefix not in taken else NEVER, free, *goes_on)
        return Ref(name)

    return seq(QUOTE, after(""), QUOTE) if taken else Ref("name")


def _without(characters: Iterable[str]) -> list[tuple[int, int]]:
    """The plain ranges without these characters."""
    ranges = list(PLAIN)
    for point in map(ord, characters):
        cut = [
            ((low, point - 1), (point + 1, high)) if low <= point <= high else ((low, high),) for low, high in ranges
        ]
        ranges = [span for spans in cut for span in spans if span[0] <= span[1]]
    return ranges


# --- numbers ---------------------------------------------------------------------------------


def _number() -> Node:
    """Exponents of two digits: with three a number may be infinite to a program."""
    fraction = seq(Text("."), repeat(DIGIT, 1, MAX_DIGITS))
    sign = repeat(Chars(((0x2B, 0x2B), (0x2D, 0x2D))), 0, 1)
    exponent = seq(Chars(((0x45, 0x45), (0x65, 0x65))), sign, repeat(DIGIT, 1, 2))
    whole = choice(Text("0"), seq(_NONZERO, repeat(DIGIT, 0, MAX_DIGITS - 1)))
    return seq(repeat(Text("-"), 0, 1), whole, repeat(fraction, 0, 1), repeat(exponent, 0, 1))


def integers(least: int | None, most: int | None) -> Node:
    """All integers from ``least`` to ``most``; where a bound is missing, to 16 digits or as many as the other has."""
    digits = max(MAX_DIGITS, *(len(str(abs(bound))) + 1 for bound in (least, most) if bound is not None), 1)
    low = 1 - 10**digits if least is None else least
    high = 10**digits - 1 if most is None else most
    if low > high:
        return NEVER
    negative = seq(Text("-"), _unsigned(max(1, -high), -low)) if low < 0 else NEVER
    return choice(_unsigned(max(0, low), high) if high >= 0 else NEVER, negative)


def _unsigned(low: int, high: int) -> Node:
    options: list[Node] = []
    full: list[int] = []  # lengths of which every number fits
    for length in range(len(str(low)), len(str(high)) + 1):
        shortest, longest = 0 if length == 1 else 10 ** (length - 1), 10**length - 1
        first, last = max(low, shortest), min(high, longest)
        if length > 1 and (first, last) == (shortest, longest):
            full.append(length)
        elif first <= last:
            options.append(_same_length(str(first), str(last)))
    if full:
        options.append(seq(_NONZERO, repeat(DIGIT, full[0] - 1, full[-1] - 1)))
    return choice(*options)


def _same_length(low: str, high: str) -> Node:
    if set(low) <= {"0"} and set(high) <= {"9"}:
        return repeat(DIGIT, len(low), len(low)) if low else EMPTY
    if low[0] == high[0]:
        return seq(Text(low[0]), _same_length(low[1:], high[1:]))
    rest = len(low) - 1
    from_low, to_high = bool(set(low[1:]) - {"0"}), bool(set(high[1:]) - {"9"})
    first, last = int(low[0]) + from_low, int(high[0]) - to_high
    between: Node = NEVER
    if first <= last:
        between = seq(Chars(((0x30 + first, 0x30 + last),)), repeat(DIGIT, rest, rest))
    return choice(
        seq(Text(low[0]), _same_length(low[1:], "9" * rest)) if from_low else NEVER,
        between,
        seq(Text(high[0]), _same_length("0" * rest, high[1:])) if to_high else NEVER,
    )


def decimals(least: int | None, most: int | None) -> Node:
    """All numbers from ``least`` to ``most``, in millionths, written without an exponent.

    Where a bound is missing, to nine digits before the point; all are told apart in double precision.
    """
    low = -LARGEST_MILLIONTHS if least is None else least
    high = LARGEST_MILLIONTHS if most is None else most
    if low > high:
        return NEVER
    negative = seq(Text("-"), _decimals(max(0, -high), -low)) if low < 0 else NEVER
    return choice(_decimals(max(0, low), high) if high >= 0 else NEVER, negative)


def _decimals(low: int, high: int) -> Node:
    (first, above), (last, below) = divmod(low, MILLION), divmod(high, MILLION)
    if first == last:
        return seq(_unsigned(first, first), _fraction(above, below))
    between = seq(_unsigned(first + 1, last - 1), _fraction(0, MILLION - 1)) if first + 1 < last else NEVER
    return choice(
        seq(_unsigned(first, first), _fraction(above, MILLION - 1)),
        between,
        seq(_unsigned(last, last), _fraction(0, below)),
    )


def _fraction(low: int, high: int) -> Node:
    """A point and digits, that come to so many millionths; nothing at all where that is zero."""
    digits = seq(Text("."), _more_digits(f"{low:06}", f"{high:06}", empty=False))
    return digits if low else choice(EMPTY, digits)


def _more_digits(low: str, high: str, *, empty: bool = True) -> Node:
    """Digits that lie between the bounds when zeros are put behind them."""
    if not low:
        return EMPTY
    rest = len(low) - 1
    if not set(low) - {"0"} and not set(high) - {"9"}:
        return repeat(DIGIT, 0 if empty else 1, rest + 1)
    first, last = int(low[0]), int(high[0])
    if first == last:
        some = seq(Text(low[0]), _more_digits(low[1:], high[1:]))
    else:
        between = Chars(((0x31 + first, 0x2F + last),)) if first + 1 < last else NEVER
        some = choice(
            seq(Text(low[0]), _more_digits(low[1:], "9" * rest)),
            seq(between, repeat(DIGIT, 0, rest)),
            seq(Text(high[0]), _more_digits("0" * rest, high[1:])),
        )
    return choice(EMPTY, some) if empty and not set(low) - {"0"} else some


# --- formats and constants -------------------------------------------------------------------


def formats() -> dict[str, Node]:
    """The formats a grammar can promise, without their quotes.

    RFC 3339 and RFC 4122; leap seconds and the year 0 are left out, which few programs can read.
    """
    date, time = _date(), _time()
    hexes = [repeat(_HEX, count, count) for count in (8, 4, 4, 4, 12)]
    uuid = Seq(tuple(part for group in hexes for part in (Text("-"), group))[1:])
    return {"date": date, "time": time, "date-time": seq(date, Text("T"), time), "uuid": uuid}


def _date() -> Node:
    year, leap_year = _years()
    days = {31: "01 03 05 07 08 10 12", 30: "04 06 09 11", 28: "02"}
    in_month = [
        seq(choice(*map(Text, months.split())), Text("-"), _two_digits(1, last)) for last, months in days.items()
    ]
    return choice(seq(year, Text("-"), choice(*in_month)), seq(leap_year, Text(f"-{_FEBRUARY_29}")))


def _years() -> tuple[Node, Node]:
    """Of four digits from 0001 on, and the leap years among them (Gregorian)."""
    year = choice(
        *(
            seq(Text("0" * zeros) if zeros else EMPTY, _NONZERO, repeat(DIGIT, 3 - zeros, 3 - zeros))
            for zeros in range(4)
        )
    )
    fours = [f"{number:02}" for number in range(4, 100, 4)]
    by_four = seq(repeat(DIGIT, 2, 2), choice(*map(Text, fours)))
    return year, choice(by_four, seq(choice(*map(Text, fours)), Text("00")))


def _time() -> Node:
    hours, sixty = _two_digits(0, 23), _two_digits(0, 59)
    offset = choice(Text("Z"), seq(Chars(((0x2B, 0x2B), (0x2D, 0x2D))), hours, Text(":"), sixty))
    fraction = repeat(seq(Text("."), repeat(DIGIT, 1, 6)), 0, 1)
    return seq(hours, Text(":"), sixty, Text(":"), sixty, fraction, offset)


def _two_digits(low: int, high: int) -> Node:
    return _same_length(f"{low:02}", f"{high:02}")


def constant(value: object) -> Node:
    """One JSON value; objects keep the order of their members."""
    if isinstance(value, list):
        return _members("[", [constant(item) for item in value], "]")
    if isinstance(value, dict):
        return _members("{", [seq(name_of(name), COLON, constant(item)) for name, item in value.items()], "}")
    return Text(json.dumps(value, ensure_ascii=False))


def name_of(name: str) -> Node:
    return Text(json.dumps(name, ensure_ascii=False))


def _members(opening: str, members: list[Node], closing: str) -> Node:
    parted = [part for member in members for part in (SEPARATOR, member)][1:]
    return seq(Text(opening), Ref("ws"), *parted, *([Ref("ws")] if members else []), Text(closing))
