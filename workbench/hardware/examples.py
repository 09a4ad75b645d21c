"""Machines described, not measured: to ask what would fit on a computer one does not have at hand.

Sizes are the makers'.  What is free of them, and what macOS lets a GPU use, are assumptions (see ``describing``).
"""

from __future__ import annotations

import difflib

from workbench.errors import UsageError
from workbench.hardware.described import WAYS_TO_SAY_IT, described, says_a_size, squeezed
from workbench.hardware.describing import DDR4_3200, DDR5_5200, DDR5_5600, GB_PER_S, card, computer, mac
from workbench.hardware.facts import Cpu, Hardware
from workbench.hardware.specifications import specification
from workbench.words import said

_RYZEN_7600 = Cpu("AMD Ryzen 5 7600", "x86_64", physical_cores=6, logical_cores=12, usable_cores=6)
_RYZEN_7530U = Cpu("AMD Ryzen 5 7530U", "x86_64", physical_cores=6, logical_cores=12, usable_cores=6)
_RYZEN_5600 = Cpu("AMD Ryzen 5 5600", "x86_64", physical_cores=6, logical_cores=12, usable_cores=6)
_RYZEN_7950X = Cpu("AMD Ryzen 9 7950X", "x86_64", physical_cores=16, logical_cores=32, usable_cores=16)
_RYZEN_7940HS = Cpu("AMD Ryzen 9 7940HS", "x86_64", physical_cores=8, logical_cores=16, usable_cores=8)
_CORE_N100 = Cpu("Intel Processor N100", "x86_64", physical_cores=4, logical_cores=4, usable_cores=4)
_EPYC_7313P = Cpu("AMD EPYC 7313P", "x86_64", physical_cores=16, logical_cores=32, usable_cores=16)
_EPYC_9354 = Cpu("AMD EPYC 9354", "x86_64", physical_cores=32, logical_cores=64, usable_cores=32)
_THREADRIPPER_5955WX = Cpu("AMD Threadripper PRO 5955WX", "x86_64", 16, 32, 16)

_LINUX = "Ubuntu 24.04"

# --- NVIDIA cards, from NVIDIA's product pages ------------------------------------------------

RTX_3060 = computer(
    "RTX 3060 12 GB", _RYZEN_5600, 16, devices=[card("NVIDIA GeForce RTX 3060", 12)], bandwidth_bytes_per_s=DDR4_3200
)
RTX_4060_LAPTOP = computer(
    "RTX 4060 8 GB laptop",
    _RYZEN_7940HS,
    16,
    devices=[card("NVIDIA GeForce RTX 4060 Laptop GPU", 8)],
    bandwidth_bytes_per_s=DDR5_5600,
)
# Of the card's 12 GiB the driver keeps some, and the desktop about 1 GiB more.
RTX_4070 = computer(
    "RTX 4070 12 GB", _RYZEN_7600, 32, devices=[card("NVIDIA GeForce RTX 4070", 12)], bandwidth_bytes_per_s=DDR5_5200
)
RTX_4090 = computer(
    "RTX 4090 24 GB", _RYZEN_7950X, 64, devices=[card("NVIDIA GeForce RTX 4090", 24)], bandwidth_bytes_per_s=DDR5_5200
)
RTX_5090 = computer(
    "RTX 5090 32 GB", _RYZEN_7950X, 64, devices=[card("NVIDIA GeForce RTX 5090", 32)], bandwidth_bytes_per_s=DDR5_5200
)
# Eight channels of DDR4-3200; only the first card drives a screen.
TWO_RTX_3090 = computer(
    "2x RTX 3090 24 GB",
    _THREADRIPPER_5955WX,
    128,
    system=_LINUX,
    devices=[
        card("NVIDIA GeForce RTX 3090", 24),
        card("NVIDIA GeForce RTX 3090", 24, index=1, kept_gib=0.5),
    ],
    bandwidth_bytes_per_s=4 * DDR4_3200,
)
# EPYC 9354: twelve channels of DDR5-4800.
A100 = computer(
    "A100 80 GB",
    _EPYC_9354,
    512,
    system=_LINUX,
    devices=[card("NVIDIA A100 80GB PCIe", 80, kept_gib=0.5)],
    bandwidth_bytes_per_s=460.8 * GB_PER_S,
)
H100 = computer(
    "H100 80 GB",
    _EPYC_9354,
    512,
    system=_LINUX,
    devices=[card("NVIDIA H100 80GB HBM3", 80, kept_gib=0.5)],
    bandwidth_bytes_per_s=460.8 * GB_PER_S,
)

# --- AMD's cards, from AMD's product pages ----------------------------------------------------

RX_7900_XTX = computer(
    "Radeon RX 7900 XTX 24 GB",
    _RYZEN_7600,
    32,
    system=_LINUX,
    devices=[card("AMD Radeon RX 7900 XTX", 24, backend="Vulkan")],
    bandwidth_bytes_per_s=DDR5_5200,
)

# --- Macs, from Apple's technical specifications ----------------------------------------------

M1 = mac("M1 8 GB", "M1", 8, fast_cores=4, slow_cores=4)
M2_AIR = mac("M2 Air 16 GB", "M2", 16, fast_cores=4, slow_cores=4)
M3_PRO = mac("M3 Pro 18 GB", "M3 Pro", 18, fast_cores=6, slow_cores=6, available_gib=13)
M4_MAX = mac("M4 Max 64 GB", "M4 Max", 64, fast_cores=12, slow_cores=4)

# --- without a GPU ----------------------------------------------------------------------------

# One channel of DDR5-4800.
SMALL_LAPTOP = computer(said("8 GB laptop, no GPU"), _CORE_N100, 8, bandwidth_bytes_per_s=38.4 * GB_PER_S)
LAPTOP_WITHOUT_GPU = computer(said("16 GB laptop, no GPU"), _RYZEN_7530U, 16, bandwidth_bytes_per_s=DDR4_3200)
LARGE_LAPTOP = computer(said("32 GB laptop, no GPU"), _RYZEN_7940HS, 32, bandwidth_bytes_per_s=DDR5_5600)
# Eight channels of DDR4-3200.
SERVER = computer(said("128 GB server, no GPU"), _EPYC_7313P, 128, system=_LINUX, bandwidth_bytes_per_s=4 * DDR4_3200)

EXAMPLES = (
    RTX_4070,
    M3_PRO,
    LAPTOP_WITHOUT_GPU,
    RTX_3060,
    RTX_4060_LAPTOP,
    RTX_4090,
    RTX_5090,
    TWO_RTX_3090,
    RX_7900_XTX,
    A100,
    H100,
    M1,
    M2_AIR,
    M4_MAX,
    SMALL_LAPTOP,
    LARGE_LAPTOP,
    SERVER,
)


def named(text: str) -> Hardware:
    """The machine meant by ``text``: an example's label, or enough of it to be the only one, or a description
    such as "24 GB card + 64 GB RAM" (see ``described``).  Capitals and spaces do not matter.

    Raises UsageError with the nearest labels when nothing, or more than one machine, can be meant.
    """
    wanted = squeezed(text)
    if not wanted:
        raise UsageError(
            said("A machine without a name cannot be looked up."),
            hint=said("Say for example {ways}.", ways=WAYS_TO_SAY_IT),
        )
    labels = {squeezed(machine.label): machine for machine in EXAMPLES}
    if wanted in labels:
        return labels[wanted]
    meant = [machine for machine in EXAMPLES if _begins_a_word_of(machine.label, wanted)]
    if len(meant) == 1:
        return meant[0]
    found = described(text)
    if found is not None:
        return found
    near = meant or [labels[label] for label in difflib.get_close_matches(wanted, labels, n=3, cutoff=0.5)]
    names = ", ".join(f'"{machine.label}"' for machine in near)
    hint = said("A description works too: {ways}.", ways=WAYS_TO_SAY_IT)
    if names:
        hint = said("Did you mean {names}? {otherwise}", names=names, otherwise=hint)
    if meant:
        raise UsageError(said('"{text}" may be any of several machines.', text=text), hint=hint)
    if not says_a_size(text) and (chip := specification(text)) is not None:
        raise UsageError(
            said('"{text}" does not say how much memory it has.', text=text),
            hint=said('Add it, as in "{chip} 16 GB". {otherwise}', chip=chip.name, otherwise=hint),
        )
    raise UsageError(said('"{text}" is no machine that is known here.', text=text), hint=hint)


def _begins_a_word_of(label: str, wanted: str) -> bool:
    """ "4090" and "M4 max" begin at a word of a label; "4 GB" is not meant by "24 GB"."""
    words = label.split()
    return any(squeezed(" ".join(words[index:])).startswith(wanted) for index in range(len(words)))
