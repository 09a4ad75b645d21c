"""What this machine is, asked of the system, of NVIDIA's driver and of llama.cpp itself."""

from __future__ import annotations

import logging
import os
import platform
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from workbench.errors import StoreError, WorkbenchError
from workbench.hardware import cgroups, linux
from workbench.hardware.cpu import read_cpu
from workbench.hardware.facts import Cpu, Device, EngineBuild, Hardware, Survey
from workbench.hardware.memory import read_memory
from workbench.hardware.nvidia import Answer, ask_nvml, joined, unused
from workbench.hardware.specifications import bandwidth_of
from workbench.words import said

log = logging.getLogger(__name__)

_WSL_NOTE = said(
    "Linux under Windows (WSL): Windows lends it half of the memory unless .wslconfig says otherwise, and "
    "a GPU that is too full becomes slow instead of failing"
)
_WINDOWS_GPU_NOTE = said(
    "What does not fit in an NVIDIA GPU's memory, Windows moves to main memory, and it runs 5 to 20 times "
    "slower: plans keep within the GPU's memory"
)


def detect(
    survey: Callable[[], Survey] | None,
    disk_folder: Path,
    *,
    bandwidth: Callable[[str], float | None] | float | None = None,
) -> Hardware:
    """Never fails: what cannot be found out is said in ``notes``.

    ``survey`` asks llama.cpp for its devices, in a child process; ``disk_folder`` is where models go and
    need not exist yet; ``bandwidth`` is the measured one of main memory in bytes per second, or looks it up by
    ``Cpu.key``.  Tried on Linux; the branches for macOS and Windows are written from documentation and untried.
    """
    limits = cgroups.limits_now()
    notes: list[str] = []
    build, devices = _ask_engine(survey, notes)
    nvidia = ask_nvml()
    memory, memory_notes = read_memory(limits)
    cpu = read_cpu(limits.cores)
    wsl = sys.platform == "linux" and linux.is_wsl()
    notes += memory_notes
    notes += _device_notes(nvidia, devices, asked=build is not None, windows=sys.platform == "win32")
    if wsl:
        notes.append(_WSL_NOTE)
    disk_free = _disk_free(disk_folder)
    if disk_free is None:
        notes.append(said("The free space for {folder} could not be read", folder=disk_folder))
    return Hardware(
        label=said("This computer"),
        system=_system(),
        cpu=cpu,
        memory=replace(memory, bandwidth_bytes_per_s=_measured(bandwidth, cpu)),
        devices=with_bandwidths(
            joined(devices, nvidia.found, os.environ.get("CUDA_VISIBLE_DEVICES")), memory.total_bytes
        ),
        disk_free_bytes=disk_free,
        build=build,
        wsl=wsl,
        notes=tuple(notes),
    )


def with_bandwidths(devices: Sequence[Device], memory_bytes: int) -> tuple[Device, ...]:
    """NVIDIA's own figure where the driver tells it, else the maker's for a device that is known by name.

    ``memory_bytes`` is main memory: Apple's chips with the same name differ by it.
    """
    return tuple(
        replace(device, bandwidth_bytes_per_s=_bandwidth(device, memory_bytes))
        if device.bandwidth_bytes_per_s is None
        else device
        for device in devices
    )


def _bandwidth(device: Device, memory_bytes: int) -> float | None:
    if device.nvml is not None and device.nvml.bandwidth_bytes_per_s is not None:
        return device.nvml.bandwidth_bytes_per_s
    if device.nvml is not None and device.nvml.mig:
        return None  # the table knows whole cards only
    return bandwidth_of(device.description, memory_bytes if device.unified else device.total_bytes)


def _device_notes(nvidia: Answer, devices: Sequence[Device], *, asked: bool, windows: bool) -> list[str]:
    """``asked``: llama.cpp was, so that a GPU it did not name is one that it does not use."""
    notes = [nvidia.note] if nvidia.note else []
    left = unused(devices, nvidia.found, os.environ.get("CUDA_VISIBLE_DEVICES")) if asked else None
    if left:
        notes.append(left)
    if windows and nvidia.found and devices:
        notes.append(_WINDOWS_GPU_NOTE)
    return notes


def _measured(bandwidth: Callable[[str], float | None] | float | None, cpu: Cpu) -> float | None:
    if not callable(bandwidth):
        return bandwidth
    try:
        return bandwidth(cpu.key)
    except StoreError as error:
        log.warning("the measured bandwidth could not be looked up: %s", error)
        return None


def _ask_engine(survey: Callable[[], Survey] | None, notes: list[str]) -> tuple[EngineBuild | None, tuple[Device, ...]]:
    if survey is None:
        notes.append(said("llama.cpp was not asked for its devices"))
        return None, ()
    try:
        answer = survey()
    except WorkbenchError as error:
        log.warning("the survey of devices failed: %s", error)
        notes.append(said("llama.cpp could not be asked for its devices: {message}", message=error.message))
        return None, ()
    return answer.build, answer.devices


def _disk_free(folder: Path) -> int | None:
    """Of the nearest folder that exists."""
    for candidate in (folder, *folder.parents):
        try:
            if candidate.is_dir():
                return shutil.disk_usage(candidate).free
        except OSError as error:
            log.debug("disk usage of %s: %s", candidate, error)
    return None


def _system() -> str:
    if sys.platform == "darwin":
        return f"macOS {platform.mac_ver()[0]}".strip()
    if sys.platform == "win32":
        return f"Windows {platform.release()}"
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):  # a system without an os-release file still has a name
        return f"{platform.system()} {platform.release()}"
