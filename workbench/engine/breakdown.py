"""What a context takes in each of llama.cpp's buffer types, to the byte: its own breakdown, read from memory.

llama.cpp exports the breakdown as a C++ std::map only.  With GNU's C++ library its layout is fixed by the
platform's ABI and is read here; the sizes that llama.cpp logs of the same context are the check.  Everywhere
else, and when the check fails, the logged sizes stand in (``logged``).
"""

from __future__ import annotations

import ctypes
import enum
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from workbench.engine import logged, native
from workbench.engine.native_log import Announced, announced, cache_bytes
from workbench.models.breakdown import RAM
from workbench.models.exact import Buffer

log = logging.getLogger(__name__)

_BREAKDOWN = "_Z26llama_get_memory_breakdownPK13llama_context"
_TENSORS = "_Z29llama_internal_get_tensor_mapB5cxx11PK11llama_model"
# Present wherever libllama is linked with GNU's C++ library, whose layouts are read below.
_GNU = "_ZSt18_Rb_tree_incrementPSt18_Rb_tree_node_base"
_DELETE = "_ZdlPv"

_MOST_BUFFER_TYPES = 64
_PRINTED_BYTES = 0.006 * 2**20  # half of the hundredth of a MiB that logs are rounded to, and a little
_GPU_TYPES = (1, 2)  # ggml-backend.h: GGML_BACKEND_DEVICE_TYPE_GPU, _IGPU


class Source(enum.Enum):
    """``MAP`` is llama.cpp's own breakdown, ``LOG`` its printed sizes with arithmetic for what it does not print."""

    MAP = "map"
    LOG = "log"


@dataclass(frozen=True, slots=True)
class Reading:
    buffers: tuple[Buffer, ...]
    source: Source

    def total(self) -> tuple[int, int, int]:
        """Weights, cache and compute bytes on all devices."""
        return (
            sum(buffer.weights_bytes for buffer in self.buffers),
            sum(buffer.kv_bytes for buffer in self.buffers),
            sum(buffer.compute_bytes for buffer in self.buffers),
        )


class _Map(ctypes.Structure):
    """libstdc++'s std::map: a comparator, the header node, the count.  48 bytes, so it is returned in memory."""

    _fields_ = (
        ("comparator", ctypes.c_void_p),
        ("colour", ctypes.c_void_p),
        ("root", ctypes.c_void_p),
        ("leftmost", ctypes.c_void_p),
        ("rightmost", ctypes.c_void_p),
        ("count", ctypes.c_size_t),
    )


class _Node(ctypes.Structure):
    """Its tree node, with the buffer type as key and llama_memory_breakdown_data as value."""

    _fields_ = (
        ("colour", ctypes.c_size_t),
        ("parent", ctypes.c_void_p),
        ("left", ctypes.c_void_p),
        ("right", ctypes.c_void_p),
        ("buffer_type", ctypes.c_void_p),
        ("model", ctypes.c_size_t),
        ("context", ctypes.c_size_t),
        ("compute", ctypes.c_size_t),
    )


class _NamedTensor(ctypes.Structure):
    """std::pair<std::string, ggml_tensor *>, and of the tensor only where its buffer pointer is."""

    _fields_ = (("name", ctypes.c_char * 32), ("tensor", ctypes.c_void_p))


class _Tensor(ctypes.Structure):
    """The beginning of ggml.h: struct ggml_tensor."""

    _fields_ = (("type", ctypes.c_int), ("buffer", ctypes.c_void_p))


def read(weights: native.Weights, context: native.Context) -> Reading:
    """What ``context`` takes, with its weights (all of the model's, also where another context shares them).

    On the context's own thread.
    """
    lib = native.ggml()
    if all(hasattr(lib, name) for name in (_GNU, _BREAKDOWN)):
        found = _buffers(_declared(lib), weights, context)
        buffers = tuple(sorted(found, key=lambda buffer: buffer.name))
        if agrees(buffers, context.lines):
            return Reading(buffers, Source.MAP)
        log.warning("llama.cpp's breakdown contradicts its log: %s", buffers)
    else:
        log.info("this build does not let its breakdown be read; its log stands in")
    return Reading(logged.buffers(weights, context), Source.LOG)


def agrees(buffers: Sequence[Buffer], lines: Sequence[str]) -> bool:
    """Whether a breakdown equals what the same context logged, as far as that was printed."""
    by_name = {buffer.name: buffer for buffer in buffers}
    compute = [line for line in announced(lines) if line.kind == "compute"]
    caches = cache_bytes(lines)
    # Some caches (of DeepSeek's newest) are not announced in the usual line: never fewer bytes than printed.
    least_kv = sum(caches) - _PRINTED_BYTES * len(caches)
    return (
        bool(compute or caches)
        and all(_is_compute_of(by_name.get(line.name), line) for line in compute)
        and sum(buffer.kv_bytes for buffer in buffers) >= least_kv
    )


def _is_compute_of(buffer: Buffer | None, line: Announced) -> bool:
    return buffer is not None and abs(buffer.compute_bytes - line.size_bytes) <= _PRINTED_BYTES


def _declared(lib: Any) -> Any:
    """``lib`` with the functions used here told their types."""
    pointer, size = ctypes.c_void_p, ctypes.c_size_t
    signatures: dict[str, tuple[Any, list[Any]]] = {
        _BREAKDOWN: (_Map, [pointer]),
        _DELETE: (None, [pointer]),
        "ggml_backend_buft_name": (ctypes.c_char_p, [pointer]),
        "ggml_backend_buft_is_host": (ctypes.c_bool, [pointer]),
        "ggml_backend_buft_get_device": (pointer, [pointer]),
        "ggml_backend_buft_get_alignment": (size, [pointer]),
        "ggml_backend_buft_get_alloc_size": (size, [pointer, pointer]),
        "ggml_backend_buffer_get_type": (pointer, [pointer]),
        "ggml_backend_dev_type": (ctypes.c_int, [pointer]),
        "ggml_backend_dev_name": (ctypes.c_char_p, [pointer]),
        "ggml_backend_dev_host_buffer_type": (pointer, [pointer]),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(lib, name)
        function.restype, function.argtypes = result, arguments
    return lib


def _buffers(lib: Any, weights: native.Weights, context: native.Context) -> Iterator[Buffer]:
    for buffer_type, model_bytes, kv_bytes, compute_bytes in _entries(lib, context):
        name = lib.ggml_backend_buft_name(buffer_type).decode()
        # A mapped buffer is the span of the file from first to last tensor, with others' between them.
        mapped = name.endswith("_Mapped")
        weights_bytes = _own_tensors_bytes(lib, weights, buffer_type, model_bytes) if mapped else model_bytes
        if weights_bytes or kv_bytes or compute_bytes:
            yield Buffer(name, device_of(lib, buffer_type), weights_bytes, kv_bytes, compute_bytes)


def _entries(lib: Any, context: native.Context) -> list[tuple[int, int, int, int]]:
    """The map's entries; its nodes are given back, as its destructor would."""
    found: _Map = getattr(lib, _BREAKDOWN)(context.pointer)
    if not 0 < found.count <= _MOST_BUFFER_TYPES:
        return []
    entries: list[tuple[int, int, int, int]] = []
    waiting = [found.root]
    while waiting and len(entries) < found.count:
        address = waiting.pop()
        node = _Node.from_address(address)
        entries.append((node.buffer_type, node.model, node.context, node.compute))
        waiting.extend(child for child in (node.left, node.right) if child)
        getattr(lib, _DELETE)(address)
    return entries


def _own_tensors_bytes(lib: Any, weights: native.Weights, buffer_type: int, span_bytes: int) -> int:
    """What the tensors of a mapped buffer would take if they were read: each once, padded as llama.cpp pads."""
    if not hasattr(lib, _TENSORS):
        return min(span_bytes, weights.size_bytes)
    tensors = getattr(lib, _TENSORS)
    tensors.restype, tensors.argtypes = ctypes.POINTER(ctypes.c_void_p * 2), [ctypes.c_void_p]
    begin, end = tensors(weights.model).contents
    alignment = lib.ggml_backend_buft_get_alignment(buffer_type)
    total = 0
    for address in range(begin or 0, end or 0, ctypes.sizeof(_NamedTensor)):
        tensor = _NamedTensor.from_address(address).tensor
        buffer = _Tensor.from_address(tensor).buffer
        if buffer and lib.ggml_backend_buffer_get_type(buffer) == buffer_type:
            size = lib.ggml_backend_buft_get_alloc_size(buffer_type, tensor)
            total += -(-size // alignment) * alignment
    return total


def device_of(lib: Any, buffer_type: int) -> str:
    """ "RAM", or the device whose own memory it is: pinned host buffers belong to a GPU, but lie in RAM."""
    device = lib.ggml_backend_buft_get_device(buffer_type)
    if not device or lib.ggml_backend_dev_type(device) not in _GPU_TYPES:
        return RAM
    if lib.ggml_backend_buft_is_host(buffer_type) and (lib.ggml_backend_dev_host_buffer_type(device) == buffer_type):
        return RAM
    name: bytes = lib.ggml_backend_dev_name(device)
    return name.decode("utf-8", errors="replace").strip()
