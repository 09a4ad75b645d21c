"""What this machine is, asked of the system, of NVIDIA's driver and of llama.cpp itself."""

from __future__ import annotations

import logging
import platform
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import psutil

from workbench.errors import WorkbenchError
from workbench.hardware import cgroups
from workbench.hardware.cgroups import Limits
from workbench.hardware.cpu import read_cpu
from workbench.hardware.facts import Device, EngineBuild, Hardware, Memory, Survey
from workbench.hardware.nvidia import joined, read_nvml

log = logging.getLogger(__name__)


def detect(survey: Callable[[], Survey] | None, disk_folder: Path) -> Hardware:
    """Never fails: what cannot be found out is said in ``notes``.

    ``survey`` asks llama.cpp for its devices, in a child process; ``disk_folder`` is where models go and
    need not exist yet.  Tried on Linux; the branches for macOS and Windows are written and untried.
    On Windows the limit on committed memory, which can be below the free memory, is not looked at.
    """
    limits = _limits()
    notes: list[str] = []
    build, devices = _ask_engine(survey, notes)
    details, nvml_note = read_nvml()
    if nvml_note:
        notes.append(nvml_note)
    elif details and not devices and build is not None:
        notes.append("There is an NVIDIA GPU, but this build of llama.cpp cannot use it")
    disk_free = _disk_free(disk_folder)
    if disk_free is None:
        notes.append(f"The free space for {disk_folder} could not be read")
    return Hardware(
        label="This computer",
        system=_system(),
        cpu=read_cpu(limits.cores),
        memory=memory_within(limits, psutil.virtual_memory().total, psutil.virtual_memory().available),
        devices=joined(devices, details),
        disk_free_bytes=disk_free,
        build=build,
        notes=tuple(notes),
    )


def memory_within(limits: Limits, total_bytes: int, available_bytes: int) -> Memory:
    """The machine's memory as far as a cgroup lets this process have it."""
    limit = limits.memory_bytes if limits.memory_bytes is not None and limits.memory_bytes < total_bytes else None
    room = available_bytes if limits.memory_room_bytes is None else min(available_bytes, limits.memory_room_bytes)
    return Memory(total_bytes, room, limit)


def _limits() -> Limits:
    if sys.platform != "linux":
        return Limits()
    try:
        return cgroups.read_limits(cgroups.CGROUP_OF_PROCESS.read_text(encoding="utf-8", errors="replace"))
    except OSError as error:
        log.debug("no control groups: %s", error)
        return Limits()


def _ask_engine(survey: Callable[[], Survey] | None, notes: list[str]) -> tuple[EngineBuild | None, tuple[Device, ...]]:
    if survey is None:
        notes.append("llama.cpp was not asked for its devices")
        return None, ()
    try:
        answer = survey()
    except WorkbenchError as error:
        log.warning("the survey of devices failed: %s", error)
        notes.append(f"llama.cpp could not be asked for its devices: {error.message}")
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
