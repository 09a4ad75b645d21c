"""A breakdown from llama.cpp's log, where its own cannot be read: other C++ libraries, builds without the symbol.

Caches and compute buffers are printed to a hundredth of a MiB.  Weights are printed after a real load; before
one only their places are, and the sizes are in the file's header.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from workbench.engine import native
from workbench.engine.native_log import announced, cache_bytes, layer_devices
from workbench.models.breakdown import RAM
from workbench.models.exact import Buffer
from workbench.models.header import Tensor, read_header

_PROCESSOR = "CPU"
_MAPPED = "_Mapped"
_LAYER = re.compile(r"blk\.(\d+)\.")
_OUTPUT = ("output.", "output_norm.")
_EMBEDDING = "token_embd.weight"


def buffers(weights: native.Weights, context: native.Context) -> tuple[Buffer, ...]:
    """One for each buffer type in the log, or for each device where nothing was allocated."""
    places = layer_devices(weights.lines)
    lines = announced((*weights.lines, *context.lines))
    compute = _sums((line.name, line.size_bytes) for line in lines if line.kind == "compute")
    if weights.no_alloc:
        tensors = read_header(weights.path).tensors
        loaded = planned_weights(tensors, places, weights.placement.n_cpu_moe)
        caches = planned_cache(sum(cache_bytes(context.lines)), places)
    else:
        loaded = _counted_once(_sums((line.name, line.size_bytes) for line in lines if line.kind == "model"), weights)
        caches = _sums((line.name, line.size_bytes) for line in lines if line.kind in ("KV", "RS"))
    devices = set(places.values()) - {_PROCESSOR}
    return tuple(
        Buffer(name, _device(name, devices), loaded[name], caches[name], compute[name])
        for name in sorted({*loaded, *caches, *compute})
    )


def planned_weights(tensors: Iterable[Tensor], places: dict[int, str], n_cpu_moe: int) -> Counter[str]:
    """Bytes by device: each layer where llama.cpp said it goes, input embeddings with the processor."""
    found: Counter[str] = Counter()
    output = places.get(max(places, default=0), _PROCESSOR)
    tensors = list(tensors)
    for tensor in tensors:
        layer = _LAYER.match(tensor.name)
        if layer is not None:
            in_ram = int(layer[1]) < n_cpu_moe and "exps" in tensor.name
            device = _PROCESSOR if in_ram else places.get(int(layer[1]), _PROCESSOR)
        else:
            device = output if tensor.name.startswith(_OUTPUT) else _PROCESSOR
        found[device] += tensor.size_bytes
    tied = not any(tensor.name == "output.weight" for tensor in tensors)
    if tied and output != _PROCESSOR:  # the output layer is given a copy of its own
        found[output] += sum(tensor.size_bytes for tensor in tensors if tensor.name == _EMBEDDING)
    return found


def planned_cache(total_bytes: int, places: dict[int, str]) -> Counter[str]:
    """The whole cache, shared out by layers: exact on one device, near it on several with layers alike."""
    layers = [places[layer] for layer in sorted(places)[:-1]] or [_PROCESSOR]  # the last is the output layer
    found: Counter[str] = Counter()
    for device, count in Counter(layers).items():
        found[device] = total_bytes * count // len(layers)
    found[layers[0]] += total_bytes - found.total()
    return found


def _counted_once(printed: Counter[str], weights: native.Weights) -> Counter[str]:
    """A mapped buffer is printed as the span of the file it lies in, other buffers' tensors included."""
    mapped = [name for name in printed if name.endswith(_MAPPED)]
    own = weights.size_bytes - sum(size for name, size in printed.items() if name not in mapped)
    spans = sum(printed[name] for name in mapped)
    for name in mapped:
        printed[name] = min(printed[name], max(0, own) * printed[name] // spans) if spans else 0
    return printed


def _sums(sizes: Iterable[tuple[str, int]]) -> Counter[str]:
    found: Counter[str] = Counter()
    for name, size in sizes:
        found[name] += size
    return found


def _device(name: str, devices: set[str]) -> str:
    plain = name.removesuffix(_MAPPED)
    return plain if plain in devices else RAM
