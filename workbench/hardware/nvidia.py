"""What NVIDIA's management library says about its devices, without a CUDA context.

Tried against the library's absence, which is the usual case; the calls themselves need such a GPU.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from workbench.hardware.facts import Device, Nvml

_PCI = re.compile(r"(?:([0-9a-f]{4,8}):)?([0-9a-f]{2}):([0-9a-f]{2})\.?([0-7]?)")


def read_nvml() -> tuple[dict[str, Nvml], str | None]:
    """Devices by normalised PCI id, and a note in plain words when the library is there but fails."""
    try:
        import pynvml
    except ImportError:
        return {}, None
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError_LibraryNotFound:
        return {}, None
    except pynvml.NVMLError as error:
        return {}, f"NVIDIA's driver is installed but does not answer: {error}"
    try:
        driver = _text(pynvml.nvmlSystemGetDriverVersion())
        found = {}
        for index in range(pynvml.nvmlDeviceGetCount()):
            handle = pynvml.nvmlDeviceGetHandleByIndex(index)
            memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
            major, minor = pynvml.nvmlDeviceGetCudaComputeCapability(handle)
            pci = normalised_pci_id(_text(pynvml.nvmlDeviceGetPciInfo(handle).busId))
            if pci is not None:
                found[pci] = Nvml(driver, f"{major}.{minor}", int(memory.total), int(memory.free))
        return found, None
    except pynvml.NVMLError as error:
        return {}, f"NVIDIA's driver could not describe its devices: {error}"
    finally:
        pynvml.nvmlShutdown()


def normalised_pci_id(text: str | None) -> str | None:
    """One spelling for "0000:01:00.0" (llama.cpp) and "00000000:01:00.0" (NVML)."""
    found = _PCI.fullmatch((text or "").strip().lower())
    if found is None:
        return None
    domain, bus, device, function = found.groups()
    return f"{int(domain or '0', 16):04x}:{bus}:{device}.{function or '0'}"


def joined(devices: Sequence[Device], details: Mapping[str, Nvml]) -> tuple[Device, ...]:
    """Devices with NVIDIA's detail where the PCI id agrees; its free memory is the fresher number."""
    result = []
    for device in devices:
        nvml = details.get(normalised_pci_id(device.device_id) or "")
        result.append(device if nvml is None else replace(device, nvml=nvml, free_bytes=nvml.free_bytes))
    return tuple(result)


def _text(value: str | bytes) -> str:
    return value.decode("ascii", "replace") if isinstance(value, bytes) else value
