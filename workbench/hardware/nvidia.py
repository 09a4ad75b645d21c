"""What NVIDIA's management library says about its devices, without a CUDA context.

Tried against the library's absence, and with a stand-in that answers as NVIDIA documents it; not on a real GPU.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

from workbench.hardware.facts import Device, Nvml
from workbench.words import said

log = logging.getLogger(__name__)

# llama.cpp adds "-v1" where it divides one device into several.
_PCI = re.compile(r"(?:([0-9a-f]{4,8}):)?([0-9a-f]{2}):([0-9a-f]{2})\.?([0-7]?)(?:-v\d+)?")


@dataclass(frozen=True, slots=True)
class Found:
    """A GPU, or an instance of one in MIG mode; instances share their GPU's ``pci_id``."""

    pci_id: str
    name: str
    nvml: Nvml


@dataclass(frozen=True, slots=True)
class Answer:
    """``note`` says in plain words what is wrong when the library is there but fails."""

    found: tuple[Found, ...] = ()
    note: str | None = None


def read_nvml() -> tuple[dict[str, Nvml], str | None]:
    """Devices by normalised PCI id, and a note in plain words when the library is there but fails.

    Of a GPU in MIG mode the instance that CUDA uses.
    """
    answer = ask_nvml()
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    addresses = {one.pci_id for one in answer.found}
    chosen = {pci: in_use([one for one in answer.found if one.pci_id == pci], visible) for pci in addresses}
    return {pci: one.nvml for pci, one in chosen.items() if one is not None}, answer.note


def ask_nvml(library: ModuleType | None = None) -> Answer:
    """All of NVIDIA's devices, whether llama.cpp uses them or not; ``library`` stands in for pynvml."""
    nvml: Any = library or _installed()
    if nvml is None:
        return Answer()
    try:
        nvml.nvmlInit()
    except nvml.NVMLError_LibraryNotFound:
        return Answer()
    except nvml.NVMLError as error:
        return Answer(note=said("NVIDIA's driver is installed but does not answer: {error}", error=error))
    try:
        return Answer(tuple(_Library(nvml).devices()))
    except nvml.NVMLError as error:
        return Answer(note=said("NVIDIA's driver could not describe its devices: {error}", error=error))
    finally:
        nvml.nvmlShutdown()


def _installed() -> ModuleType | None:
    try:
        import pynvml
    except ImportError:
        return None
    module: ModuleType = pynvml
    return module


class _Library:
    """NVML between init and shutdown."""

    def __init__(self, nvml: Any) -> None:
        self._nvml = nvml
        self._driver = _text(nvml.nvmlSystemGetDriverVersion())
        version = self._asked(nvml.nvmlSystemGetCudaDriverVersion_v2)
        self._cuda = None if version is None else f"{version // 1000}.{version % 1000 // 10}"

    def devices(self) -> Iterator[Found]:
        for index in range(self._nvml.nvmlDeviceGetCount()):
            handle = self._nvml.nvmlDeviceGetHandleByIndex(index)
            pci = normalised_pci_id(_text(self._nvml.nvmlDeviceGetPciInfo(handle).busId))
            whole = self._described(handle, self._capability(handle))
            if pci is None or whole is None:
                # Chips that share the system's memory (DGX Spark, Jetson) have no figures of their own.
                log.debug("NVIDIA device %d has no address or no memory of its own", index)
                continue
            instances = list(self._instances(handle, whole))
            for part, nvml in instances or [(handle, whole)]:
                yield Found(pci, _text(self._asked(self._nvml.nvmlDeviceGetName, part) or ""), nvml)

    def _instances(self, handle: Any, whole: Nvml) -> Iterator[tuple[Any, Nvml]]:
        """The parts of a GPU in MIG mode; each is told its share of the whole's bandwidth."""
        mode = self._asked(self._nvml.nvmlDeviceGetMigMode, handle)
        if not mode or mode[0] != self._nvml.NVML_DEVICE_MIG_ENABLE:
            return
        for index in range(self._asked(self._nvml.nvmlDeviceGetMaxMigDeviceCount, handle) or 0):
            part = self._asked(self._nvml.nvmlDeviceGetMigDeviceHandleByIndex, handle, index)
            nvml = None if part is None else self._described(part, whole.compute_capability)
            if nvml is not None:
                share = nvml.total_bytes / whole.total_bytes
                bandwidth = None if whole.bandwidth_bytes_per_s is None else whole.bandwidth_bytes_per_s * share
                yield part, replace(nvml, mig=True, bandwidth_bytes_per_s=bandwidth, drives_display=False)

    def _described(self, handle: Any, capability: str) -> Nvml | None:
        memory = self._memory(handle)
        if memory is None:
            return None
        uuid = self._asked(self._nvml.nvmlDeviceGetUUID, handle)
        active = self._asked(self._nvml.nvmlDeviceGetDisplayActive, handle)
        reserved = getattr(memory, "reserved", None)
        return Nvml(
            driver=self._driver,
            compute_capability=capability,
            total_bytes=int(memory.total),
            free_bytes=int(memory.free),
            uuid=None if uuid is None else _text(uuid),
            cuda=self._cuda,
            others_bytes=self._others(handle),
            reserved_bytes=None if reserved is None else int(reserved),
            bandwidth_bytes_per_s=self._bandwidth(handle),
            drives_display=None if active is None else bool(active),
        )

    def _memory(self, handle: Any) -> Any:
        """Version 2 tells what the driver keeps apart from what programs use; older drivers have version 1 only."""
        ask = self._nvml.nvmlDeviceGetMemoryInfo
        return self._asked(ask, handle, version=self._nvml.nvmlMemory_v2) or self._asked(ask, handle)

    def _capability(self, handle: Any) -> str:
        major, minor = self._nvml.nvmlDeviceGetCudaComputeCapability(handle)
        return f"{major}.{minor}"

    def _others(self, handle: Any) -> int | None:
        """None under WDDM and WSL, where the driver does not count by process."""
        used: dict[int, int] = {}
        asked = (
            self._nvml.nvmlDeviceGetComputeRunningProcesses,
            self._nvml.nvmlDeviceGetGraphicsRunningProcesses,
        )
        answers = [self._asked(question, handle) for question in asked]
        if all(answer is None for answer in answers):
            return None
        for process in (process for answer in answers for process in answer or ()):
            if process.pid == os.getpid():
                continue
            if process.usedGpuMemory is None:
                return None
            # A program that computes and draws is in both lists with the same figure.
            used[process.pid] = max(used.get(process.pid, 0), int(process.usedGpuMemory))
        return sum(used.values())

    def _bandwidth(self, handle: Any) -> float | None:
        """Bus width x highest memory clock x 2, as data moves on both edges of the clock NVML tells."""
        bits = self._asked(self._nvml.nvmlDeviceGetMemoryBusWidth, handle)
        megahertz = self._asked(self._nvml.nvmlDeviceGetMaxClockInfo, handle, self._nvml.NVML_CLOCK_MEM)
        return bits / 8 * megahertz * 1e6 * 2 if bits and megahertz else None

    def _asked(self, question: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        """None for what this device or driver does not answer."""
        try:
            return question(*arguments, **options)
        except self._nvml.NVMLError as error:
            log.debug("%s: %s", getattr(question, "__name__", question), error)
            return None


def normalised_pci_id(text: str | None) -> str | None:
    """One spelling for "0000:01:00.0" (llama.cpp) and "00000000:01:00.0" (NVML)."""
    found = _PCI.fullmatch((text or "").strip().lower())
    if found is None:
        return None
    domain, bus, device, function = found.groups()
    return f"{int(domain or '0', 16):04x}:{bus}:{device}.{function or '0'}"


def joined(devices: Sequence[Device], found: Sequence[Found], visible: str | None = None) -> tuple[Device, ...]:
    """llama.cpp's devices with NVIDIA's detail where the PCI id agrees; its free memory is the fresher number.

    ``visible`` is CUDA_VISIBLE_DEVICES, for ``in_use``.
    """
    result = []
    for device in devices:
        here = [one for one in found if one.pci_id == normalised_pci_id(device.device_id)]
        chosen = in_use(here, visible)
        if chosen is None:
            result.append(device)
        else:
            result.append(replace(device, nvml=chosen.nvml, free_bytes=chosen.nvml.free_bytes))
    return tuple(result)


def unused(devices: Sequence[Device], found: Sequence[Found], visible: str | None) -> str | None:
    """A note on GPUs that are there and that llama.cpp does not use; None when it uses all of them."""
    used = {normalised_pci_id(device.device_id) for device in devices}
    left = {one.pci_id: one for one in found if one.pci_id not in used}
    # Backends that do not tell the address: then nobody can say which of the cards they are.
    if not left or any(device.device_id is None for device in devices):
        return None
    names = ", ".join(one.name or "an NVIDIA GPU" for one in left.values())
    if visible is not None:
        return said(
            "llama.cpp does not see {names}: CUDA_VISIBLE_DEVICES is set to {visible!r}", names=names, visible=visible
        )
    if not devices:
        return said("There is an NVIDIA GPU, but this build of llama.cpp cannot use it")
    return said("llama.cpp does not use {names}", names=names)


def in_use(here: Sequence[Found], visible: str | None) -> Found | None:
    """Of what has one PCI id: the instance of a GPU in MIG mode that ``visible`` (CUDA_VISIBLE_DEVICES) names.

    Where it names none, CUDA takes the first.
    """
    named = [word.strip() for word in (visible or "").split(",") if word.strip().startswith("MIG-")]
    for one in here:
        # CUDA accepts the beginning of an identifier, if it is the only one that begins so.
        if one.nvml.uuid and any(one.nvml.uuid.startswith(word) for word in named):
            return one
    return here[0] if here else None


def _text(value: str | bytes) -> str:
    return value.decode("ascii", "replace") if isinstance(value, bytes) else value
