"""A machine in plain words, the same in the window and in the terminal."""

from __future__ import annotations

from workbench.hardware.facts import Device, Hardware

_UNITS = ("bytes", "KB", "MB", "GB", "TB")


def human_bytes(count: int) -> str:
    """A size in decimal units, as the systems' own file windows show it: "253 MB", "4.4 GB"."""
    size, unit = float(abs(count)), 0
    while size >= 999.5 and unit < len(_UNITS) - 1:
        size, unit = size / 1000, unit + 1
    digits = 1 if unit >= 3 and size < 99.95 else 0
    return f"{'-' if count < 0 else ''}{size:.{digits}f} {_UNITS[unit]}"


def sentences(hardware: Hardware) -> tuple[str, ...]:
    """What a person wants to know of the machine first, one sentence each."""
    said = [_processor(hardware), _memory(hardware)]
    said += [_device(device) for device in hardware.devices]
    if not hardware.devices:
        said.append("No GPU that llama.cpp can use: models run on the processor")
    if hardware.disk_free_bytes is not None:
        said.append(f"{human_bytes(hardware.disk_free_bytes)} free on the disk for models")
    if hardware.build is not None:
        backends = ", ".join(hardware.build.backends)
        said.append(f"llama.cpp {hardware.build.version}" + (f" ({backends})" if backends else ""))
    return (*said, *hardware.notes)


def _processor(hardware: Hardware) -> str:
    cpu = hardware.cpu
    cores = "core" if cpu.usable_cores == 1 else "cores"
    of_all = f" of {cpu.physical_cores}" if cpu.usable_cores < cpu.physical_cores else ""
    return f"{cpu.usable_cores}{of_all} usable processor {cores} ({cpu.name or cpu.architecture})"


def _memory(hardware: Hardware) -> str:
    memory = hardware.memory
    if memory.limit_bytes is None:
        return f"{human_bytes(memory.available_bytes)} of {human_bytes(memory.total_bytes)} memory free"
    return (
        f"{human_bytes(memory.available_bytes)} memory free of the {human_bytes(memory.limit_bytes)} "
        f"this program may use (the machine has {human_bytes(memory.total_bytes)})"
    )


def _device(device: Device) -> str:
    name = device.description or device.name
    free = f"{human_bytes(device.free_bytes)} of {human_bytes(device.total_bytes)}"
    shared = "shared with main memory, " if device.unified else ""
    driver = f", driver {device.nvml.driver}" if device.nvml is not None else ""
    return f"{name} ({device.backend}): {shared}{free} free{driver}"
