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
    ones), less those outside the process's affinity and beyond its cgroup quota.  ``efficiency_cores`` is the
    number of slow ones, which are left out.
    """

    name: str
    architecture: str
    physical_cores: int
    logical_cores: int
    usable_cores: int
    cgroup_cores: float | None = None
    efficiency_cores: int = 0

    @property
    def key(self) -> str:
        """What learnt figures of this processor are kept under."""
        return f"cpu:{self.name}:{self.usable_cores}"


@dataclass(frozen=True, slots=True)
class Memory:
    """Main memory; ``limit_bytes`` is a cgroup's limit below the machine's total, else None.

    ``commit_available_bytes`` is what Windows still lets all programs promise themselves, and
    ``swap_free_bytes`` what could be paged out; None where the system was not asked.  ``pressure`` is the
    system's own word ("normal", "warning", "critical").  ``bandwidth_bytes_per_s`` is measured, or of a described
    machine its specification.
    """

    total_bytes: int
    available_bytes: int
    limit_bytes: int | None = None
    commit_available_bytes: int | None = None
    swap_free_bytes: int | None = None
    pressure: str | None = None
    bandwidth_bytes_per_s: float | None = None


@dataclass(frozen=True, slots=True)
class Nvml:
    """What NVIDIA's management library adds about a device, without a CUDA context.

    ``others_bytes`` is what other processes use of it, None where the driver does not tell (Windows, WSL).
    ``mig`` is set for a part of a GPU.  ``bandwidth_bytes_per_s`` is bus width x memory clock x 2 (of a part its
    share).  ``drives_display`` tells whether a desktop runs on it, None where the driver does not say.
    """

    driver: str
    compute_capability: str
    total_bytes: int
    free_bytes: int
    uuid: str | None = None
    cuda: str | None = None
    others_bytes: int | None = None
    reserved_bytes: int | None = None
    mig: bool = False
    bandwidth_bytes_per_s: float | None = None
    drives_display: bool | None = None


@dataclass(frozen=True, slots=True)
class Device:
    """An accelerator that llama.cpp itself reports and can use.

    ``unified`` devices take their memory from main memory, so it is counted once; ``maps_files`` ones (Metal)
    use a mapped file's own pages.  ``bandwidth_bytes_per_s`` is the device's specification.
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
    bandwidth_bytes_per_s: float | None = None
    maps_files: bool = False

    @property
    def key(self) -> str:
        """What learnt figures of this device are kept under."""
        if self.nvml is not None and self.nvml.uuid:
            return f"gpu:{self.nvml.uuid}"
        return f"gpu:{self.backend}:{self.description or self.name}"


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
    wsl: bool = False
    notes: tuple[str, ...] = ()
