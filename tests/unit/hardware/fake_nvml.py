"""A stand-in for NVIDIA's library that answers from a file; its names and errors are the real binding's."""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pynvml

RECORDED = Path(__file__).parent / "recorded"


def replay(name: str, *, without: tuple[str, ...] = (), version_2: bool = True) -> ModuleType:
    """NVML as a machine answers it; ``without`` are functions its driver does not support."""
    machine = json.loads((RECORDED / f"{name}.json").read_text(encoding="utf-8"))
    module = ModuleType("recorded_nvml")
    answers = _answers(machine, version_2=version_2)
    for function, answer in answers.items():
        assert hasattr(pynvml, function), f"{function} is no function of NVIDIA's binding"
        setattr(module, function, _unsupported if function in without else answer)
    for constant in (word for word in dir(pynvml) if not callable(getattr(pynvml, word)) or "Error" in word):
        if constant not in answers:
            setattr(module, constant, getattr(pynvml, constant))
    module.closed = []  # type: ignore[attr-defined]  # a mark for the test, on a module made here
    return module


def _unsupported(*_arguments: Any, **_options: Any) -> Any:
    raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)


def _answers(machine: dict[str, Any], *, version_2: bool) -> dict[str, Any]:
    def of(key: str) -> Any:
        def answer(handle: dict[str, Any], *_: Any) -> Any:
            return handle[key] if key in handle else _unsupported()

        return answer

    def memory(handle: dict[str, Any], version: int | None = None) -> Any:
        if "memory" not in handle or (version is not None and not version_2):
            return _unsupported()
        figures = dict(handle["memory"])
        if version is None:
            figures["used"] += figures.pop("reserved")
        return SimpleNamespace(**figures)

    def processes(key: str) -> Any:
        def answer(handle: dict[str, Any]) -> Any:
            listed = handle[key] if key in handle else _unsupported()
            return [
                SimpleNamespace(
                    pid=os.getpid() if one["pid"] == "own" else one["pid"], usedGpuMemory=one["usedGpuMemory"]
                )
                for one in listed
            ]

        return answer

    def part(handle: dict[str, Any], index: int) -> Any:
        found = handle["mig"][index]
        if found is None:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_FOUND)
        return found

    return {
        "nvmlInit": lambda: None,
        "nvmlShutdown": lambda: None,
        "nvmlSystemGetDriverVersion": lambda: machine["driver"],
        "nvmlSystemGetCudaDriverVersion_v2": lambda: machine["cuda"],
        "nvmlDeviceGetCount": lambda: len(machine["devices"]),
        "nvmlDeviceGetHandleByIndex": lambda index: machine["devices"][index],
        "nvmlDeviceGetPciInfo": lambda handle: SimpleNamespace(busId=handle["pci"].encode()),
        "nvmlDeviceGetName": of("name"),
        "nvmlDeviceGetUUID": of("uuid"),
        "nvmlDeviceGetCudaComputeCapability": of("capability"),
        "nvmlDeviceGetMemoryInfo": memory,
        "nvmlDeviceGetMemoryBusWidth": of("bus_width"),
        "nvmlDeviceGetMaxClockInfo": of("memory_clock"),
        "nvmlDeviceGetDisplayActive": of("display_active"),
        "nvmlDeviceGetComputeRunningProcesses": processes("compute"),
        "nvmlDeviceGetGraphicsRunningProcesses": processes("graphics"),
        "nvmlDeviceGetMigMode": lambda handle: [1, 1] if "mig" in handle else _unsupported(),
        "nvmlDeviceGetMaxMigDeviceCount": lambda handle: len(handle["mig"]),
        "nvmlDeviceGetMigDeviceHandleByIndex": part,
    }
