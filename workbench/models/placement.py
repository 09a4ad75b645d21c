"""Where llama.cpp puts a model: which layers on which device, and what is left for main memory."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise

from workbench.hardware.facts import Device, DeviceKind, Hardware
from workbench.models.breakdown import RAM, Basis, Kind, Part, Share
from workbench.models.header import Header
from workbench.models.learnt import Reserve
from workbench.models.memory import (
    Weights,
    compute_bytes,
    input_compute_bytes,
    kv_bytes,
    output_bytes,
    state_bytes,
    vocabulary_bytes,
    weights_of,
    work_bytes,
)
from workbench.models.params import RunParams
from workbench.models.shape import Shape
from workbench.models.weights import rearranged_types

# A CUDA context with its modules takes 300-600 MB of each GPU; not measured for other backends.
DEVICE_OVERHEAD_BYTES = 512 << 20
# Kept free on each GPU as long as nothing was learnt of it.  With the overhead: llama.cpp's own margin, 1 GiB.
DEVICE_RESERVE_BYTES = 512 << 20
# What loads were seen to take beyond llama.cpp's buffers is trusted with this much on top.
_LEARNT_MARGIN = 1.10
# The formula is that of the processor's backend; a GPU's pads rows and adds scratch of its own.
_GPU_COMPUTE_MARGIN = 1.05

_NOTHING_LEARNT: Mapping[str, Reserve] = {}


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


def ram_reserve_bytes(hardware: Hardware, reserves: Mapping[str, Reserve] = _NOTHING_LEARNT) -> int:
    """Kept free for the system: 5 %, at least 1 GiB and what was learnt, but never more than a quarter."""
    total = hardware.memory.limit_bytes or hardware.memory.total_bytes
    return min(max(1 << 30, total // 20, _learnt_bytes(hardware.cpu.key, reserves)), total // 4)


def ram_budget_bytes(hardware: Hardware, reserves: Mapping[str, Reserve] = _NOTHING_LEARNT) -> int:
    """Free now less the reserve; on Windows also no more than programs may still promise themselves."""
    free = hardware.memory.available_bytes
    if hardware.memory.commit_available_bytes is not None:
        free = min(free, hardware.memory.commit_available_bytes)
    return max(0, free - ram_reserve_bytes(hardware, reserves))


def device_budget_bytes(device: Device, reserves: Mapping[str, Reserve] = _NOTHING_LEARNT) -> int:
    """Free now, less the reserve as long as nothing was learnt of the device (what was learnt is part of the load).

    Of a device that shares main memory, the memory's own reserve is kept free instead.
    """
    kept = 0 if device.unified or device.key in reserves else DEVICE_RESERVE_BYTES
    return max(0, device.free_bytes - kept)


def place(
    subject: Subject,
    params: RunParams,
    hardware: Hardware,
    n_gpu_layers: int,
    *,
    reserves: Mapping[str, Reserve] = _NOTHING_LEARNT,
) -> tuple[Share, ...]:
    """The shares of a load with ``n_gpu_layers`` offloaded, 0 to ``offloadable_layers``; RAM's is the last.

    As llama_model::load_tensors: the last layers go to the devices, the output layer among them and first;
    several devices take layers in proportion to their free memory; the input layer stays in RAM, and so do
    the experts of the first ``n_cpu_moe`` layers.  ``reserves`` by Device.key and Cpu.key.  A share of a device
    that gets no layer is there all the same.  Pure arithmetic, some tenths of a millisecond.
    """
    devices = usable_devices(hardware) if n_gpu_layers > 0 else ()
    end = subject.offloadable_layers
    first = max(0, end - n_gpu_layers) if devices else end
    layers = _Layers(subject, params, first)
    work = compute_bytes(subject.shape, params)
    shares = []
    for number, (device, own) in enumerate(zip(devices, _layers_by_device(devices, first, end), strict=True)):
        borrowed = layers.largest_in_ram if number == 0 else 0
        shares.append(
            Share(
                device=device.name,
                parts=(
                    *layers.parts(own, shares_file=device.maps_files),
                    Part(Kind.COMPUTE, int(work * _GPU_COMPUTE_MARGIN) + borrowed, Basis.MODELLED),
                    Part(Kind.DEVICE, _device_overhead_bytes(device, reserves), Basis.RESERVE),
                ),
                available_bytes=device_budget_bytes(device, reserves),
            )
        )
    # A device's pinned memory for the processor's part is not rearranged; Metal has no such memory.
    rearranges = not devices or all(device.maps_files for device in devices)
    computes = first > 0 or layers.largest_in_ram > 0
    ram = Share(
        device=RAM,
        parts=(
            *layers.ram_parts(_rearranged(hardware) if rearranges else frozenset()),
            Part(Kind.COMPUTE, work if computes else input_compute_bytes(subject.shape, params), Basis.MODELLED),
            Part(Kind.OUTPUT, output_bytes(subject.shape, params), Basis.EXACT),
            Part(Kind.VOCABULARY, vocabulary_bytes(subject.shape), Basis.MODELLED),
            Part(Kind.WORK, work_bytes(subject.shape, params), Basis.MODELLED),
        ),
        available_bytes=ram_budget_bytes(hardware, reserves),
    )
    return _count_shared_memory_once((*shares, ram), devices)


class _Layers:
    """One model's layers, those from ``first`` on offloaded; the output layer is the last."""

    def __init__(self, subject: Subject, params: RunParams, first: int) -> None:
        self.weights, self.n_layer, self.first = subject.weights, subject.shape.n_layer, first
        self.kv, self.state = kv_bytes(subject.shape, params), state_bytes(subject.shape, params)
        experts = subject.weights.expert_bytes or (0,) * self.n_layer
        kept = range(first, min(params.n_cpu_moe, self.n_layer))
        self._experts_in_ram = {layer: experts[layer] for layer in kept}

    @property
    def largest_in_ram(self) -> int:
        """The largest tensor that a device borrows from RAM when it computes a large batch with it."""
        largest = self.weights.largest_bytes
        if self.first > self.n_layer or not largest:
            return 0
        layers = {
            *range(min(self.first, self.n_layer)),
            *(layer for layer, size in self._experts_in_ram.items() if size),
        }
        return max((largest[layer] for layer in layers), default=0)

    def parts(self, own: range, *, shares_file: bool) -> tuple[Part, ...]:
        """Of a device; one that maps the file does not need tied embeddings a second time."""
        layers = range(own.start, min(own.stop, self.n_layer))
        weights = sum(self.weights.layer_bytes[layer] - self._experts_in_ram.get(layer, 0) for layer in layers)
        if self.n_layer in own:
            weights += self.weights.output_bytes + (0 if shares_file else self.weights.tied_bytes)
        return self._parts(weights, layers)

    def ram_parts(self, rearranged: frozenset[str]) -> tuple[Part, ...]:
        layers = range(min(self.first, self.n_layer))
        weights = self.weights.input_bytes + sum(self.weights.layer_bytes[: self.first])
        weights += sum(self._experts_in_ram.values())
        if self.first > self.n_layer:
            weights += self.weights.output_bytes + self.weights.again_bytes(rearranged)
        return self._parts(weights, layers)

    def _parts(self, weights: int, layers: Iterable[int]) -> tuple[Part, ...]:
        kv, state = 0, 0
        for layer in layers:
            kv += self.kv[layer]
            state += self.state[layer]
        return (
            Part(Kind.WEIGHTS, weights, Basis.EXACT),
            Part(Kind.KV, kv, Basis.EXACT),
            *([Part(Kind.STATE, state, Basis.EXACT)] if state else []),
        )


def _rearranged(hardware: Hardware) -> frozenset[str]:
    features = hardware.build.cpu_features if hardware.build is not None and not hardware.described else None
    return rearranged_types(hardware.cpu.architecture, features)


def _device_overhead_bytes(device: Device, reserves: Mapping[str, Reserve]) -> int:
    """What a device takes for being used at all: as learnt and a tenth more, at least half a GiB.

    Never more than a quarter of it: so much was another program's doing, which one odd load may have met.
    """
    return max(DEVICE_OVERHEAD_BYTES, min(_learnt_bytes(device.key, reserves), device.total_bytes // 4))


def _learnt_bytes(key: str, reserves: Mapping[str, Reserve]) -> int:
    return int(reserves[key].size_bytes * _LEARNT_MARGIN) if key in reserves else 0


def _layers_by_device(devices: tuple[Device, ...], first: int, end: int) -> list[range]:
    if not devices:
        return []
    ends = list(accumulate(max(1, device.free_bytes) for device in devices))
    counts = [0] * len(devices)
    for index in range(end - first):
        counts[min(bisect_right(ends, ends[-1] * index / (end - first)), len(devices) - 1)] += 1
    starts = list(accumulate(counts, initial=first))
    return [range(start, stop) for start, stop in pairwise(starts)]


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
