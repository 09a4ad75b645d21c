"""Where llama.cpp puts a model: which layers on which device, and what is left for main memory."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise

from workbench.hardware.facts import Device, DeviceKind, Hardware
from workbench.models.breakdown import RAM, Basis, Kind, Part, Share
from workbench.models.header import Header
from workbench.models.memory import (
    Weights,
    cache_bytes,
    compute_bytes,
    host_overhead_bytes,
    input_compute_bytes,
    weights_of,
)
from workbench.models.params import RunParams
from workbench.models.shape import Shape

# A CUDA context with its modules takes 300-600 MB of each GPU; not measured for other backends.
DEVICE_OVERHEAD_BYTES = 512 << 20
# Kept free on each GPU for the desktop and other programs.  With the overhead: llama.cpp's own margin, 1 GiB.
DEVICE_RESERVE_BYTES = 512 << 20


@dataclass(frozen=True, slots=True)
class Subject:
    """What is to be placed, with what was worked out of its header once."""

    shape: Shape
    weights: Weights

    @classmethod
    def of(cls, header: Header, shape: Shape) -> Subject:
        return cls(shape, weights_of(header, shape))

    @property
    def offloadable_layers(self) -> int:
        """The output layer counts as one."""
        return self.shape.n_layer + 1


def usable_devices(hardware: Hardware) -> tuple[Device, ...]:
    """Those llama.cpp takes by default: all GPUs; integrated ones only where there is no other."""
    known = tuple(device for device in hardware.devices if device.total_bytes > 0)
    discrete = tuple(device for device in known if device.kind is DeviceKind.GPU)
    return discrete or known


def ram_reserve_bytes(hardware: Hardware) -> int:
    """Kept free for the system: 5 %, at least 1 GiB, but never more than a quarter of a small machine."""
    total = hardware.memory.limit_bytes or hardware.memory.total_bytes
    return min(max(1 << 30, total // 20), total // 4)


def ram_budget_bytes(hardware: Hardware) -> int:
    return max(0, hardware.memory.available_bytes - ram_reserve_bytes(hardware))


def device_budget_bytes(device: Device) -> int:
    """Of a device that shares main memory, the memory's own reserve is kept free instead."""
    return device.free_bytes if device.unified else max(0, device.free_bytes - DEVICE_RESERVE_BYTES)


def place(subject: Subject, params: RunParams, hardware: Hardware, n_gpu_layers: int) -> tuple[Share, ...]:
    """The shares of a load with ``n_gpu_layers`` offloaded, 0 to ``offloadable_layers``.

    As llama_model::load_tensors: the last layers go to the devices, the output layer among them and first;
    several devices take layers in proportion to their free memory; the input layer stays in RAM.
    """
    kv = cache_bytes(subject.shape, params)
    devices = usable_devices(hardware) if n_gpu_layers else ()
    n_layer = subject.shape.n_layer
    first = n_layer + 1 - n_gpu_layers if devices else n_layer + 1
    work = compute_bytes(subject.shape, params)
    shares = []
    for device, layers in zip(devices, _layers_by_device(devices, first, n_layer + 1), strict=True):
        weights = sum(subject.weights.layer_bytes[layer] for layer in layers if layer < n_layer)
        if n_layer in layers:
            weights += subject.weights.output_bytes + (0 if _maps_memory(device) else subject.weights.tied_bytes)
        shares.append(
            Share(
                device=device.name,
                parts=_parts(
                    weights,
                    sum(kv[layer] for layer in layers if layer < n_layer),
                    work,
                    Part(Kind.DEVICE, DEVICE_OVERHEAD_BYTES, Basis.RESERVE),
                ),
                available_bytes=device_budget_bytes(device),
            )
        )
    ram = Share(
        device=RAM,
        parts=_parts(
            subject.weights.input_bytes
            + sum(subject.weights.layer_bytes[:first])
            + (subject.weights.output_bytes if first > n_layer else 0),
            sum(kv[:first]),
            work if first > 0 else input_compute_bytes(subject.shape, params),
            Part(Kind.WORK, host_overhead_bytes(subject.shape, params), Basis.MODELLED),
        ),
        available_bytes=ram_budget_bytes(hardware),
    )
    return _count_shared_memory_once((*shares, ram), devices)


def _parts(weights_bytes: int, kv_bytes: int, compute: int, *others: Part) -> tuple[Part, ...]:
    return (
        Part(Kind.WEIGHTS, weights_bytes, Basis.EXACT),
        Part(Kind.KV, kv_bytes, Basis.EXACT),
        Part(Kind.COMPUTE, compute, Basis.MODELLED),
        *others,
    )


def _layers_by_device(devices: tuple[Device, ...], first: int, end: int) -> list[range]:
    if not devices:
        return []
    ends = list(accumulate(max(1, device.free_bytes) for device in devices))
    counts = [0] * len(devices)
    for index in range(end - first):
        counts[min(bisect_right(ends, ends[-1] * index / (end - first)), len(devices) - 1)] += 1
    starts = list(accumulate(counts, initial=first))
    return [range(start, stop) for start, stop in pairwise(starts)]


def _maps_memory(device: Device) -> bool:
    """Metal uses the mapped file itself: what RAM holds already is not copied."""
    return device.unified and device.backend.lower().startswith(("metal", "mtl"))


def _count_shared_memory_once(shares: tuple[Share, ...], devices: tuple[Device, ...]) -> tuple[Share, ...]:
    """Give devices that live in main memory what main memory can spare, and take it from main memory's part."""
    ram, left, result = shares[-1], shares[-1].available_bytes, []
    for share, device in zip(shares, devices, strict=False):
        if device.unified:
            available = min(share.available_bytes, max(0, left - ram.total_bytes))
            left -= available
            result.append(replace(share, available_bytes=available))
        else:
            result.append(share)
    return (*result, replace(ram, available_bytes=left))
