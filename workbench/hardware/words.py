"""A machine in plain words, the same in the window and in the terminal."""

from __future__ import annotations

from workbench.hardware.facts import Device, Hardware, Nvml

_UNITS = ("bytes", "KB", "MB", "GB", "TB")
_PRESSURE = {
    "warning": "Memory is getting short: programs have begun to wait for it",
    "critical": "Memory is short: programs wait for it all the time",
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


def sentences(hardware: Hardware) -> tuple[str, ...]:
    """What a person wants to know of the machine first, one sentence each."""
    said = [_processor(hardware), _memory(hardware), *_more_about_memory(hardware)]
    for device in hardware.devices:
        said += [_device(device), *_more_about(device)]
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
    cores = "core" if cpu.physical_cores == cpu.usable_cores == 1 else "cores"
    of_all = f" of {cpu.physical_cores}" if cpu.usable_cores < cpu.physical_cores else ""
    slow = f"; the {cpu.efficiency_cores} slow ones are left out" if cpu.efficiency_cores else ""
    return f"{cpu.usable_cores}{of_all} usable processor {cores} ({cpu.name or cpu.architecture}){slow}"


def _memory(hardware: Hardware) -> str:
    memory = hardware.memory
    if memory.limit_bytes is None:
        return f"{human_bytes(memory.available_bytes)} of {human_bytes(memory.total_bytes)} memory free"
    return (
        f"{human_bytes(memory.available_bytes)} memory free of the {human_bytes(memory.limit_bytes)} "
        f"this program may use (the machine has {human_bytes(memory.total_bytes)})"
    )


def _more_about_memory(hardware: Hardware) -> list[str]:
    memory, said = hardware.memory, []
    if memory.pressure in _PRESSURE:
        said.append(_PRESSURE[memory.pressure])
    if memory.bandwidth_bytes_per_s is not None:
        source = "specified" if hardware.described else "measured"
        said.append(f"Main memory is read at {human_bandwidth(memory.bandwidth_bytes_per_s)} ({source})")
    return said


def _device(device: Device) -> str:
    name = device.description or device.name
    free = f"{human_bytes(device.free_bytes)} of {human_bytes(device.total_bytes)}"
    shared = "shared with main memory, " if device.unified else ""
    driver = f", driver {device.nvml.driver}" if device.nvml is not None else ""
    return f"{name} ({device.backend}): {shared}{free} free{driver}"


def _more_about(device: Device) -> list[str]:
    said = []
    if device.bandwidth_bytes_per_s is not None:
        said.append(f"its memory is read at {human_bandwidth(device.bandwidth_bytes_per_s)} (specified)")
    if device.nvml is not None:
        said += _more_about_nvidia(device.nvml)
    name = device.description or device.name
    return [f"{name}: {', '.join(said)}"] if said else []


def _more_about_nvidia(nvml: Nvml) -> list[str]:
    said = [f"compute capability {nvml.compute_capability}"]
    if nvml.cuda is not None:
        said.append(f"the driver is for CUDA {nvml.cuda}")
    if nvml.mig:
        said.append("a part of a GPU (MIG)")
    if nvml.drives_display:
        said.append("drives the screen")
    if nvml.others_bytes:
        said.append(f"other programs use {human_bytes(nvml.others_bytes)}")
    return said
