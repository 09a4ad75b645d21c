"""What a machine is, as frozen values: the facts every decision below is made from."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class DeviceKind(enum.Enum):
    """How llama.cpp's registry classes a device; ``IGPU`` shares the machine's RAM."""

    GPU = "gpu"
    IGPU = "igpu"


@dataclass(frozen=True, slots=True)
class Cpu:
    """The processor, and how much of it this process may use.

    ``usable_cores`` is what thread counts are decided from: physical cores (of mixed processors the fast
    ones), less those outside the process's affinity and beyond its cgroup quota.
    """

    name: str
    architecture: str
    physical_cores: int
    logical_cores: int
    usable_cores: int
    cgroup_cores: float | None = None


@dataclass(frozen=True, slots=True)
class Memory:
    """Main memory; ``limit_bytes`` is a cgroup's limit below the machine's total, else None."""

    total_bytes: int
    available_bytes: int
    limit_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Nvml:
    """What NVIDIA's management library adds about a device."""

    driver: str
    compute_capability: str
    total_bytes: int
    free_bytes: int


@dataclass(frozen=True, slots=True)
class Device:
    """An accelerator that llama.cpp itself reports and can use.

    ``unified`` devices take their memory from main memory, so it is counted once.
    """

    name: str
    description: str
    backend: str
    kind: DeviceKind
    total_bytes: int
    free_bytes: int
    unified: bool = False
    device_id: str | None = None
    nvml: Nvml | None = None


@dataclass(frozen=True, slots=True)
class EngineBuild:
    """The llama.cpp in use: its version and what its processor code was compiled for."""

    version: str
    backends: tuple[str, ...]
    cpu_features: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Survey:
    """What a child process read from llama.cpp's registry."""

    build: EngineBuild
    devices: tuple[Device, ...]


@dataclass(frozen=True, slots=True)
class Hardware:
    """One machine at one moment.

    ``described`` machines (examples, other people's) were not measured.  ``build`` is None where the
    engine could not be asked; ``notes`` say in plain words what could not be found out.
    """

    label: str
    system: str
    cpu: Cpu
    memory: Memory
    devices: tuple[Device, ...]
    disk_free_bytes: int | None
    build: EngineBuild | None
    described: bool = False
    notes: tuple[str, ...] = ()
