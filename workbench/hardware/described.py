"""Machines described in a few words: "24 GB card + 64 GB RAM", "M4 Max 48 GB", "32 GB RAM"."""

from __future__ import annotations

import re
from dataclasses import dataclass

from workbench.errors import UsageError
from workbench.hardware.describing import DDR4_3200, card, computer, mac
from workbench.hardware.facts import Cpu, Device, Hardware
from workbench.hardware.specifications import APPLE, specification
from workbench.words import listed, said

WAYS_TO_SAY_IT = '"12 GB GPU", "24 GB card + 64 GB RAM", "RTX 4080 16 GB", "16 GB Mac", "32 GB RAM"'

MAX_RAM_GB, MAX_CARD_GB, MAX_CARDS = 8192, 1024, 16

_PARTS = re.compile(r"\+|,|&|\band\b|\bwith\b")
_NOTHING = re.compile(r"\b(?:no|without)(?: an?| any)? (?:gpu|card|graphics card|graphics)\b")
_COUNT = re.compile(r"^\s*(?:(\d+)\s*[x×]|(two|dual|three|four)\b)\s*")
_COUNT_WORDS = {"two": 2, "dual": 2, "three": 3, "four": 4}
# Not the end of a longer number (1e9), nor one below zero.
_SIZE = re.compile(r"(?<![\w.])(?<!\s-)(?<!^-)(\d+(?:\.\d+)?)\s*(gb|gib|g|tb|tib)\b")
_CHIP = re.compile(r"\bm[1-9](?: (?:pro|max|ultra))?\b")

_MAC_WORDS = {"mac", "macbook", "imac", "apple"}
_CARD_WORDS = {"gpu", "gpus", "card", "cards", "vram", "graphics"}
_CARD_WORDS |= {"rtx", "gtx", "rx", "arc", "geforce", "radeon", "nvidia", "tesla"}
_NOT_NVIDIA = {"radeon", "rx", "arc", "amd", "intel"}
_RAM_WORDS = {"ram", "memory", "pc", "laptop", "notebook", "desktop", "computer", "server", "workstation", "cpu"}
_OTHER_WORDS = {"a", "an", "the", "my", "of", "main", "system", "unified", "silicon", "air", "mini", "studio", "pro"}
_OTHER_WORDS |= {"max", "ultra", "amd", "intel", "ti", "super", "xt", "xtx", "gre", "mobile", "ada", "cuda"}

# Fast and slow cores of Apple's chips, at the larger end: they differ by model and year.
_APPLE_CORES = {"": (4, 4), "pro": (8, 4), "max": (12, 4), "ultra": (16, 8)}
_UNKNOWN_CARD = "GPU"
_ASSUMED_CPU = Cpu("8-core processor, assumed", "x86_64", physical_cores=8, logical_cores=16, usable_cores=8)


@dataclass(frozen=True, slots=True)
class _Part:
    kind: str  # "mac", "card" or "ram"
    words: str
    size_gb: float
    count: int = 1


def described(text: str) -> Hardware | None:
    """The machine ``text`` describes: parts joined by "+", "and", "with" or commas, each a size in GB and what has it.

    A part is a card ("12 GB GPU", "2x 24 GB card", "RTX 4080 16 GB"), main memory ("64 GB RAM", "16 GB laptop")
    or a Mac ("16 GB Mac", "M4 Max 48 GB").  What is not said is assumed, and the machine's notes say so.
    None when the words are not of this form; raises UsageError when they are, but no such machine can be.
    """
    plain = _NOTHING.sub(" ", text.casefold())
    pieces = [piece for piece in _PARTS.split(plain) if piece.strip()]
    parts = [_part(piece) for piece in pieces]
    known = [part for part in parts if part is not None]
    if not known or len(known) < len(parts):
        return None
    for part in known:
        _check(part)
    by_kind = {kind: [part for part in known if part.kind == kind] for kind in ("mac", "card", "ram")}
    if len(by_kind["ram"]) > 1 or len(by_kind["mac"]) > 1:
        raise UsageError(
            said('"{text}" names main memory twice.', text=text),
            hint=said("Say it once, as in 24 GB card + 64 GB RAM."),
        )
    if by_kind["mac"]:
        if len(known) > 1:
            raise UsageError(
                said('"{text}": a Mac has one memory for processor and GPU.', text=text),
                hint=said("Say its size alone, as in 16 GB Mac."),
            )
        return _mac(by_kind["mac"][0])
    return _computer(by_kind["card"], by_kind["ram"])


def says_a_size(text: str) -> bool:
    return _SIZE.search(text.casefold()) is not None


def squeezed(text: str) -> str:
    """Letters and figures only, without capitals: how labels are compared."""
    return "".join(re.findall(r"[a-z0-9]+", text.casefold()))


def _part(piece: str) -> _Part | None:
    counted = _COUNT.match(piece)
    count = int(counted.group(1) or _COUNT_WORDS[counted.group(2)]) if counted else 1
    rest = piece[counted.end() :] if counted else piece
    sizes = _SIZE.findall(rest)
    if len(sizes) != 1:
        return None
    number, unit = sizes[0]
    size_gb = float(number) * (1024 if unit.startswith("t") else 1)
    words = " ".join(_SIZE.sub(" ", rest).split())
    kind = _kind(words) if words or not counted else "card"
    return None if kind is None else _Part(kind, words, size_gb, count)


def _kind(words: str) -> str | None:
    """None where a word is not understood: it may be the one that matters.  Words with figures are model names."""
    said = set(re.findall(r"[a-z0-9]+", words))
    known = specification(words)
    understood = _MAC_WORDS | _CARD_WORDS | _RAM_WORDS | _OTHER_WORDS
    understood |= set(known.name.casefold().split()) if known is not None else set()
    if any(word.isalpha() for word in said - understood):
        return None
    if said & _MAC_WORDS or _CHIP.search(words):
        return "mac"
    if said & _CARD_WORDS or known is not None:
        return "card"
    return "ram" if said & _RAM_WORDS or re.search(r"\bddr\d", words) else None


def _check(part: _Part) -> None:
    highest = MAX_CARD_GB if part.kind == "card" else MAX_RAM_GB
    if not 1 <= part.size_gb <= highest:
        raise UsageError(
            said("{size_gb:g} GB is not a size that is computed with.", size_gb=part.size_gb),
            hint=said("Sizes from 1 to {highest} GB are.", highest=highest),
        )
    if not 1 <= part.count <= (MAX_CARDS if part.kind == "card" else 1):
        raise UsageError(
            said(
                "{count}x {size_gb:g} GB is not a number that is computed with.",
                count=part.count,
                size_gb=part.size_gb,
            ),
            hint=said("Up to {max_cards} cards are; of main memory say the sum.", max_cards=MAX_CARDS),
        )


def _mac(part: _Part) -> Hardware:
    found = _CHIP.search(part.words)
    chip = specification(f"apple {found.group()}") if found else None
    name = chip.name if chip in APPLE else ""
    fast, slow = _APPLE_CORES[name.partition(" ")[2].casefold()]
    label = f"{name} {part.size_gb:g} GB" if name else f"{part.size_gb:g} GB Mac"
    return mac(label, name, part.size_gb, fast_cores=fast, slow_cores=slow)


def _computer(cards: list[_Part], ram: list[_Part]) -> Hardware:
    devices = _cards(cards)
    ram_gb = ram[0].size_gb if ram else _assumed_ram_gb(sum(part.size_gb * part.count for part in cards))
    assumed = [
        said("an 8-core processor"),
        said("main memory read at {n:.0f} GB/s (two channels of DDR4-3200)", n=DDR4_3200 / 1e9),
    ]
    if not ram:
        assumed.insert(0, said("{ram_gb:g} GB of main memory", ram_gb=ram_gb))
    names = [_label(part) for part in cards] + [f"{part.size_gb:g} GB RAM" for part in ram]
    return computer(
        " + ".join(names),
        _ASSUMED_CPU,
        ram_gb,
        devices=devices,
        bandwidth_bytes_per_s=DDR4_3200,
        notes=(said("Assumed: {assumed}", assumed=listed(assumed)),),
    )


def _label(part: _Part) -> str:
    times = f"{part.count}x " if part.count > 1 else ""
    name = _card_name(part)
    return f"{times}{part.size_gb:g} GB GPU" if name == _UNKNOWN_CARD else f"{times}{name} {part.size_gb:g} GB"


def _cards(cards: list[_Part]) -> list[Device]:
    """The first one drives the screen."""
    each = [part for part in cards for _ in range(part.count)]
    return [
        card(
            _card_name(part),
            part.size_gb,
            backend="Vulkan" if set(part.words.split()) & _NOT_NVIDIA else "CUDA",
            index=index,
            kept_gib=min(part.size_gb / 2, 0.5 if index else 1.0),
        )
        for index, part in enumerate(each)
    ]


def _card_name(part: _Part) -> str:
    """The card's name in the table of specifications, else "GPU": without it nothing is known of its speed."""
    found = specification(part.words, int(part.size_gb * (1 << 30)))
    return found.name if found is not None else _UNKNOWN_CARD


def _assumed_ram_gb(card_gb: float) -> int:
    """32 GB; beside larger cards twice their memory, as such machines are built."""
    ram_gb = 32
    while ram_gb < 2 * card_gb and card_gb > 32:
        ram_gb *= 2
    return ram_gb
