"""Specified bandwidths, found by the names that drivers use."""

from __future__ import annotations

import pytest

from workbench.hardware.specifications import APPLE, NVIDIA, OTHERS, bandwidth_of

GIB = 1 << 30


@pytest.mark.parametrize(
    ("description", "memory_gib", "gb_per_s"),
    [
        ("NVIDIA GeForce RTX 4090", 24, 1008),
        ("NVIDIA GeForce RTX 4070", 12, 504),
        ("NVIDIA GeForce RTX 4070 Ti", 12, 504),
        ("NVIDIA GeForce RTX 4070 Ti SUPER", 16, 672),
        ("NVIDIA GeForce RTX 4060 Laptop GPU", 8, 256),
        ("NVIDIA GeForce RTX 3060", 12, 360),
        ("NVIDIA GeForce RTX 3060", 8, 240),
        ("NVIDIA A100-SXM4-80GB", 80, 2039),
        ("NVIDIA A100-SXM4-40GB", 40, 1555),
        ("NVIDIA A100 80GB PCIe", 80, 1935),
        ("NVIDIA H100 80GB HBM3", 80, 3350),
        ("NVIDIA H100 PCIe", 80, 2000),
        ("NVIDIA RTX PRO 6000 Blackwell Workstation Edition", 96, 1792),
        ("NVIDIA RTX A6000", 48, 768),
        ("Tesla T4", 15, 320),
        ("AMD Radeon RX 7900 XTX (RADV NAVI31)", 24, 960),
        ("AMD Radeon RX 7900 XT", 20, 800),
        ("Intel(R) Arc(TM) B580 Graphics", 12, None),  # the maker's ornaments stand between
        ("Apple M1", 8, 68.25),
        ("Apple M3 Max", 36, 300),
        ("Apple M3 Max", 64, 400),
        ("Apple M4 Max", 36, 410),
        ("Apple M4 Max", 128, 546),
        ("M4 Pro", 48, 273),
        ("rtx4080super", 16, 736),
    ],
)
def test_a_known_name_has_its_makers_figure(description: str, memory_gib: float, gb_per_s: float | None) -> None:
    found = bandwidth_of(description, int(memory_gib * GIB))
    assert found == (None if gb_per_s is None else gb_per_s * 1e9)


@pytest.mark.parametrize(
    "description",
    [
        "",
        "NVIDIA GeForce RTX 9999",
        "NVIDIA GeForce RTX 3070 Laptop GPU",
        "NVIDIA GeForce RTX 2080 with Max-Q Design",
        "AMD Radeon Graphics (RADV RENOIR)",
        "Intel(R) Iris(R) Xe Graphics",
        "AMD Radeon RX 7900M",
        "Samsung M4",
        "Apple A18 Pro",
    ],
)
def test_another_product_is_not_taken_for_a_known_one(description: str) -> None:
    assert bandwidth_of(description, 8 * GIB) is None


def test_every_line_is_found_by_its_own_name() -> None:
    for entry in (*NVIDIA, *OTHERS):
        size = (entry.memory_gb or (1,))[0] * GIB
        assert bandwidth_of(entry.name, size) == entry.gb_per_s * 1e9, entry
    for entry in APPLE:
        size = (entry.memory_gb or (1,))[0] * GIB
        assert bandwidth_of(f"Apple {entry.name}", size) == entry.gb_per_s * 1e9, entry
