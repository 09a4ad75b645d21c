"""Memory bandwidth of known chips and cards, as their makers specify it.

Peak figures in GB/s (10^9 bytes) from the makers' own pages: Apple's "Tech Specs" of each Mac, NVIDIA's product pages
and data sheets (data rate x bus width where only these are given), AMD's "Radeon" and "Instinct" product pages and
Intel's "Arc" ones.  What a program reaches is 80 to 90 % of them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_GB = 10**9
_GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class Specification:
    """One chip or card; ``memory_gb`` are the sizes this line is true for, empty for all."""

    name: str
    gb_per_s: float
    memory_gb: tuple[int, ...] = ()


# The smaller Max chips have a narrower bus; which memory sizes were sold with it tells them apart.
APPLE: Final = (
    Specification("M1", 68.25),
    Specification("M1 Pro", 200),
    Specification("M1 Max", 400),
    Specification("M1 Ultra", 800),
    Specification("M2", 100),
    Specification("M2 Pro", 200),
    Specification("M2 Max", 400),
    Specification("M2 Ultra", 800),
    Specification("M3", 100),
    Specification("M3 Pro", 150),
    Specification("M3 Max", 400, (48, 64, 128)),
    Specification("M3 Max", 300),
    Specification("M3 Ultra", 819),
    Specification("M4", 120),
    Specification("M4 Pro", 273),
    Specification("M4 Max", 546, (48, 64, 128)),
    Specification("M4 Max", 410),
    Specification("M5", 153),
    Specification("M5 Pro", 307),
    # The 32-core and the 40-core GPU; both are sold with 36 GB and more, so the slower one is assumed.
    Specification("M5 Max", 460),
)

NVIDIA: Final = (
    Specification("GTX 1060", 192),
    Specification("GTX 1070", 256),
    Specification("GTX 1080", 320),
    Specification("GTX 1080 Ti", 484),
    Specification("GTX 1660", 192),
    Specification("GTX 1660 Ti", 288),
    Specification("GTX 1660 SUPER", 336),
    Specification("RTX 2060", 336),
    Specification("RTX 2060 SUPER", 448),
    Specification("RTX 2070", 448),
    Specification("RTX 2080", 448),
    Specification("RTX 2080 SUPER", 496),
    Specification("RTX 2080 Ti", 616),
    Specification("RTX 3050", 224, (8,)),
    Specification("RTX 3050", 168),
    Specification("RTX 3060", 240, (8,)),
    Specification("RTX 3060", 360),
    Specification("RTX 3060 Laptop", 336),
    Specification("RTX 3060 Ti", 448),
    Specification("RTX 3070", 448),
    Specification("RTX 3070 Ti", 608),
    Specification("RTX 3080", 912, (12,)),
    Specification("RTX 3080", 760),
    Specification("RTX 3080 Ti", 912),
    Specification("RTX 3090", 936),
    Specification("RTX 3090 Ti", 1008),
    Specification("RTX 4050 Laptop", 192),
    Specification("RTX 4060", 272),
    Specification("RTX 4060 Laptop", 256),
    Specification("RTX 4060 Ti", 288),
    Specification("RTX 4070", 504),
    Specification("RTX 4070 Laptop", 256),
    Specification("RTX 4070 SUPER", 504),
    Specification("RTX 4070 Ti", 504),
    Specification("RTX 4070 Ti SUPER", 672),
    Specification("RTX 4080", 717),
    Specification("RTX 4080 Laptop", 432),
    Specification("RTX 4080 SUPER", 736),
    Specification("RTX 4090", 1008),
    Specification("RTX 4090 Laptop", 576),
    Specification("RTX 5050", 320),
    Specification("RTX 5060", 448),
    Specification("RTX 5060 Ti", 448),
    Specification("RTX 5070", 672),
    Specification("RTX 5070 Ti", 896),
    Specification("RTX 5080", 960),
    Specification("RTX 5090", 1792),
    Specification("RTX 5090 Laptop", 896),
    Specification("RTX A6000", 768),
    Specification("RTX 6000 Ada", 960),
    Specification("RTX PRO 6000", 1792),
    Specification("Tesla T4", 320),
    Specification("L4", 300),
    Specification("L40", 864),
    Specification("L40S", 864),
    Specification("A10", 600),
    Specification("A100", 1555, (40,)),
    Specification("A100 SXM4", 1555, (40,)),
    Specification("A100", 1935),
    Specification("A100 SXM4", 2039),
    Specification("H100", 3350),
    Specification("H100 PCIe", 2000),
    Specification("H100 NVL", 3900),
    Specification("H200", 4800),
    Specification("V100", 900),
)

OTHERS: Final = (
    Specification("RX 6600", 224),
    Specification("RX 6600 XT", 256),
    Specification("RX 6700 XT", 384),
    Specification("RX 6800", 512),
    Specification("RX 6800 XT", 512),
    Specification("RX 6900 XT", 512),
    Specification("RX 6950 XT", 576),
    Specification("RX 7600", 288),
    Specification("RX 7600 XT", 288),
    Specification("RX 7700 XT", 432),
    Specification("RX 7800 XT", 624),
    Specification("RX 7900 GRE", 576),
    Specification("RX 7900 XT", 800),
    Specification("RX 7900 XTX", 960),
    Specification("RX 9060 XT", 320),
    Specification("RX 9070", 640),
    Specification("RX 9070 XT", 640),
    Specification("Radeon 8060S", 256),
    Specification("MI300X", 5300),
    Specification("Arc A750", 512),
    Specification("Arc A770", 560),
    Specification("Arc B570", 380),
    Specification("Arc B580", 456),
)

# What names a chip's variant: a name that is followed by one of these is another product.
_VARIANTS = frozenset(
    ("ti", "super", "xt", "xtx", "gre", "pro", "max", "ultra", "laptop", "mobile", "ada", "with", "d", "m", "q")
)


def bandwidth_of(description: str, memory_bytes: int | None = None) -> float | None:
    """Specified bytes per second of the chip or card a driver describes so; None when the table has no such one.

    ``memory_bytes`` tells variants with the same name apart: a card's own memory, of a Mac main memory.
    """
    found = specification(description, memory_bytes)
    return None if found is None else float(found.gb_per_s * _GB)


def specification(description: str, memory_bytes: int | None = None) -> Specification | None:
    """The longest name in the table whose words stand in ``description`` in one row, and are not part of a longer
    product name: "NVIDIA GeForce RTX 4070 Ti" is not an RTX 4070."""
    words = _words(description)
    table = (*APPLE, *NVIDIA, *OTHERS) if "apple" in words or _is_apple(words) else (*NVIDIA, *OTHERS)
    found = [entry for entry in table if _sold_with(entry, memory_bytes) and _names(_words(entry.name), words)]
    return max(found, key=lambda entry: (len(_words(entry.name)), bool(entry.memory_gb)), default=None)


def _is_apple(words: list[str]) -> bool:
    return bool(words) and re.fullmatch(r"m[1-9]", words[0]) is not None


def _words(text: str) -> list[str]:
    """ "RTX4070Ti" and "RTX 4070 Ti" alike; maker's ornaments left out."""
    spaced = re.sub(r"(?i)\b(rtx|gtx|rx|arc)(?=[a-z]?\d)", r"\1 ", text)
    spaced = re.sub(r"(?i)(\d{3,4})(ti|super|xtx|xt|gre)\b", r"\1 \2", spaced)
    return re.findall(r"[a-z0-9]+", spaced.casefold())


def _names(name: list[str], words: list[str]) -> bool:
    for start in range(len(words) - len(name) + 1):
        if words[start : start + len(name)] == name:
            following = words[start + len(name)] if start + len(name) < len(words) else ""
            return following not in _VARIANTS
    return False


def _sold_with(entry: Specification, memory_bytes: int | None) -> bool:
    if not entry.memory_gb:
        return True
    return memory_bytes is not None and any(
        abs(memory_bytes - size * _GIB) < 0.1 * size * _GIB for size in entry.memory_gb
    )
