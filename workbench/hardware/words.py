"""A machine in plain words, the same in the window and in the terminal."""

from __future__ import annotations

import re

from workbench.hardware.facts import Device, Hardware, Nvml
from workbench.words import listed, said

_UNITS = ("bytes", "KB", "MB", "GB", "TB")
_SIGNS = re.compile(r"\((?:r|tm|c)\)", re.IGNORECASE)  # makers' ornaments in a processor's name
_PRESSURE = {
    "warning": said("Memory is getting short: programs have begun to wait for it"),
    "critical": said("Memory is short: programs wait for it all the time"),
}


def human_bytes(count: int) -> str:
    """A size in decimal units, as the systems' own file windows show it: "253 MB", "4.4 GB"."""
    size, unit = float(abs(count)), 0
    while size >= 999.5 and unit < len(_UNITS) - 1:
        size, unit = size / 1000, unit + 1
    digits = 1 if unit >= 3 and size < 99.95 else 0
    return f"{'-' if count < 0 else ''}{size:.{digits}f} {_UNITS[unit]}"


def human_bandwidth(bytes_per_s: float) -> str:
    """ "33 GB/s", "1.8 TB/s"."""
    if bytes_per_s >= 999.5e9:
        return f"{bytes_per_s / 1e12:.1f} TB/s"
    return f"{bytes_per_s / 1e9:.1f} GB/s" if bytes_per_s < 9.95e9 else f"{bytes_per_s / 1e9:.0f} GB/s"


def sentences(hardware: Hardware, *, with_build: bool = True) -> tuple[str, ...]:
    """What a person wants to know of the machine first, one sentence each; ``with_build`` names llama.cpp's too."""
    told = [_processor(hardware), _memory(hardware), *_more_about_memory(hardware)]
    for device in hardware.devices:
        told += [_device(device), *_more_about(device)]
    if not hardware.devices:
        told.append(said("No GPU that llama.cpp can use: models run on the processor"))
    if hardware.disk_free_bytes is not None:
        told.append(said("{size} free on the disk for models", size=human_bytes(hardware.disk_free_bytes)))
    if with_build and hardware.build is not None:
        backends = ", ".join(hardware.build.backends)
        told.append(f"llama.cpp {hardware.build.version}" + (f" ({backends})" if backends else ""))
    return (*told, *hardware.notes)


def _processor(hardware: Hardware) -> str:
    cpu = hardware.cpu
    name = " ".join(_SIGNS.sub("", cpu.name).split()) or cpu.architecture
    if cpu.usable_cores < cpu.physical_cores:
        words = said(
            "{n} of {all} usable processor cores ({name})", n=cpu.usable_cores, all=cpu.physical_cores, name=name
        )
    elif cpu.usable_cores == 1:
        words = said("1 usable processor core ({name})", name=name)
    else:
        words = said("{n} usable processor cores ({name})", n=cpu.usable_cores, name=name)
    if cpu.efficiency_cores:
        return said("{cores}; the {n} slow ones are left out", cores=words, n=cpu.efficiency_cores)
    return words


def _memory(hardware: Hardware) -> str:
    memory = hardware.memory
    if memory.limit_bytes is None:
        return said(
            "{free} of {all} memory free",
            free=human_bytes(memory.available_bytes),
            all=human_bytes(memory.total_bytes),
        )
    return said(
        "{free} memory free of the {limit} this program may use (the machine has {all})",
        free=human_bytes(memory.available_bytes),
        limit=human_bytes(memory.limit_bytes),
        all=human_bytes(memory.total_bytes),
    )


def _more_about_memory(hardware: Hardware) -> list[str]:
    memory, told = hardware.memory, []
    if memory.pressure in _PRESSURE:
        told.append(_PRESSURE[memory.pressure])
    if memory.bandwidth_bytes_per_s is not None:
        speed = human_bandwidth(memory.bandwidth_bytes_per_s)
        told.append(
            said("Main memory is read at {speed} (specified)", speed=speed)
            if hardware.described
            else said("Main memory is read at {speed} (measured)", speed=speed)
        )
    return told


def _device(device: Device) -> str:
    name = device.description or device.name
    free = said("{free} of {all} free", free=human_bytes(device.free_bytes), all=human_bytes(device.total_bytes))
    if device.unified:
        free = said("shared with main memory, {free}", free=free)
    if device.nvml is not None:
        free = said("{free}, driver {version}", free=free, version=device.nvml.driver)
    return said("{device} ({backend}): {free}", device=name, backend=device.backend, free=free)


def _more_about(device: Device) -> list[str]:
    told = []
    if device.bandwidth_bytes_per_s is not None:
        told.append(
            said("its memory is read at {speed} (specified)", speed=human_bandwidth(device.bandwidth_bytes_per_s))
        )
    if device.nvml is not None:
        told += _more_about_nvidia(device.nvml)
    name = device.description or device.name
    return [said("{device}: {facts}", device=name, facts=listed(told))] if told else []


def _more_about_nvidia(nvml: Nvml) -> list[str]:
    told = [said("compute capability {version}", version=nvml.compute_capability)]
    if nvml.cuda is not None:
        told.append(said("the driver is for CUDA {version}", version=nvml.cuda))
    if nvml.mig:
        told.append(said("a part of a GPU (MIG)"))
    if nvml.drives_display:
        told.append(said("drives the screen"))
    if nvml.others_bytes:
        told.append(said("other programs use {size}", size=human_bytes(nvml.others_bytes)))
    return told
