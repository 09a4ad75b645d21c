"""Machines described, not measured: to ask what would fit on a computer one does not have at hand."""

from __future__ import annotations

from workbench.hardware.facts import Cpu, Device, DeviceKind, Hardware, Memory

_GIB = 1 << 30

RTX_4070 = Hardware(
    label="RTX 4070 12 GB",
    system="Windows 11",
    cpu=Cpu("AMD Ryzen 5 7600", "x86_64", physical_cores=6, logical_cores=12, usable_cores=6),
    memory=Memory(total_bytes=32 * _GIB, available_bytes=24 * _GIB),
    devices=(
        # Of the card's 12 GiB the driver keeps some, and the desktop about 1 GiB more.
        Device(
            name="CUDA0",
            description="NVIDIA GeForce RTX 4070",
            backend="CUDA",
            kind=DeviceKind.GPU,
            total_bytes=12 * _GIB,
            free_bytes=11 * _GIB,
        ),
    ),
    disk_free_bytes=None,
    build=None,
    described=True,
)

M3_PRO = Hardware(
    label="M3 Pro 18 GB",
    system="macOS 15",
    cpu=Cpu("Apple M3 Pro", "arm64", physical_cores=12, logical_cores=12, usable_cores=6),
    memory=Memory(total_bytes=18 * _GIB, available_bytes=13 * _GIB),
    devices=(
        # Metal's working set: two thirds of the memory, the smallest fraction seen on machines up to 36 GB.
        Device(
            name="MTL0",
            description="Apple M3 Pro",
            backend="Metal",
            kind=DeviceKind.GPU,
            total_bytes=12 * _GIB,
            free_bytes=12 * _GIB,
            unified=True,
        ),
    ),
    disk_free_bytes=None,
    build=None,
    described=True,
)

LAPTOP_WITHOUT_GPU = Hardware(
    label="16 GB laptop, no GPU",
    system="Windows 11",
    cpu=Cpu("AMD Ryzen 5 7530U", "x86_64", physical_cores=6, logical_cores=12, usable_cores=6),
    memory=Memory(total_bytes=16 * _GIB, available_bytes=10 * _GIB),
    devices=(),
    disk_free_bytes=None,
    build=None,
    described=True,
)

EXAMPLES = (RTX_4070, M3_PRO, LAPTOP_WITHOUT_GPU)
