"""Building blocks of described machines: processors, memory, cards and Macs nobody has measured here."""

from __future__ import annotations

from collections.abc import Sequence

from workbench.hardware.facts import Cpu, Device, DeviceKind, Hardware, Memory
from workbench.hardware.specifications import bandwidth_of
from workbench.words import said

GIB = 1 << 30
GB_PER_S = 1e9

# Peak of two channels: JEDEC data rate x 8 bytes x 2.
DDR4_3200 = 51.2 * GB_PER_S
DDR5_5200 = 83.2 * GB_PER_S
DDR5_5600 = 89.6 * GB_PER_S


def free_memory(total_gib: float) -> int:
    """Assumed of a machine with its desktop and a browser open: all but 2 GiB and a quarter, at most 8 GiB, in use."""
    return int((total_gib - min(8, 2 + total_gib / 4)) * GIB)


def working_set(total_gib: float) -> int:
    """Assumed of Metal: two thirds of the memory, three quarters from 48 GB on.

    The smallest fractions seen of such machines; macOS decides, and on a real Mac it is asked.
    """
    return int(total_gib * GIB * (3 / 4 if total_gib > 36 else 2 / 3))


def card(name: str, total_gib: float, *, backend: str = "CUDA", index: int = 0, kept_gib: float = 1.0) -> Device:
    """A graphics card; ``kept_gib`` is what its driver and a desktop take of it."""
    total = int(total_gib * GIB)
    return Device(
        name=f"{backend}{index}",
        description=name,
        backend=backend,
        kind=DeviceKind.GPU,
        total_bytes=total,
        free_bytes=max(0, total - int(kept_gib * GIB)),
        bandwidth_bytes_per_s=bandwidth_of(name, total),
    )


def computer(
    label: str,
    cpu: Cpu,
    ram_gib: float,
    *,
    system: str = "Windows 11",
    devices: Sequence[Device] = (),
    bandwidth_bytes_per_s: float | None = DDR4_3200,
    available_gib: float | None = None,
    notes: Sequence[str] = (),
) -> Hardware:
    """``bandwidth_bytes_per_s`` is the specified peak of its main memory."""
    available = free_memory(ram_gib) if available_gib is None else int(available_gib * GIB)
    return Hardware(
        label=label,
        system=system,
        cpu=cpu,
        memory=Memory(int(ram_gib * GIB), available, bandwidth_bytes_per_s=bandwidth_bytes_per_s),
        devices=tuple(devices),
        disk_free_bytes=None,
        build=None,
        described=True,
        notes=tuple(notes),
    )


def mac(
    label: str, chip: str, ram_gib: float, *, fast_cores: int, slow_cores: int, available_gib: float | None = None
) -> Hardware:
    """A Mac with one of Apple's own chips: GPU and processor share one memory and its bandwidth."""
    name = said("Apple {chip}", chip=chip) if chip else said("Apple silicon")
    bandwidth = bandwidth_of(name, int(ram_gib * GIB))
    device = Device(
        name="MTL0",
        description=name,
        backend="Metal",
        kind=DeviceKind.GPU,
        total_bytes=working_set(ram_gib),
        free_bytes=working_set(ram_gib),
        unified=True,
        bandwidth_bytes_per_s=bandwidth,
        maps_files=True,
    )
    total = fast_cores + slow_cores
    return computer(
        label,
        Cpu(name, "arm64", total, total, fast_cores, efficiency_cores=slow_cores),
        ram_gib,
        system="macOS 15",
        devices=(device,),
        bandwidth_bytes_per_s=bandwidth,
        available_gib=available_gib,
        notes=(
            said(
                "Assumed: macOS lets its GPU use {part:.0f} of {all:g} GB",
                part=working_set(ram_gib) / GIB,
                all=ram_gib,
            ),
        ),
    )
