"""llama.cpp's own parameter structures, filled from ours: the same for a real load and for a question."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import Any

from workbench.models.ggml_types import NUMBERS
from workbench.models.params import RunParams

_FLASH = {"auto": -1, "off": 0, "on": 1}

# What llama.cpp's own --cpu-moe matches: the experts' matrices of a layer, shared experts apart.
_EXPERTS = r"\.ffn_(up|down|gate|gate_up)_(ch|)exps"


@dataclass(frozen=True, slots=True)
class Placement:
    """The parameters that decide where weights go: another placement is another load."""

    n_gpu_layers: int
    n_cpu_moe: int = 0

    @classmethod
    def of(cls, params: RunParams) -> Placement:
        return cls(params.n_gpu_layers, params.n_cpu_moe)


class _Override(ctypes.Structure):
    """llama.h: struct llama_model_tensor_buft_override."""

    _fields_ = (("pattern", ctypes.c_char_p), ("buffer_type", ctypes.c_void_p))


def model_params(
    library: Any, ggml: Any, placement: Placement, *, vocab_only: bool, no_alloc: bool
) -> tuple[Any, tuple[object, ...]]:
    """The structure, and what must live as long as the model made from it."""
    params = library.llama_model_default_params()
    params.n_gpu_layers = placement.n_gpu_layers
    params.split_mode = library.LLAMA_SPLIT_MODE_LAYER
    # With no_alloc any mode that maps the file fails an assertion, which ends the process.
    params.load_mode = library.LLAMA_LOAD_MODE_NONE if no_alloc else library.LLAMA_LOAD_MODE_AUTO
    params.lazy_mode = library.LLAMA_LAZY_MODE_AUTO
    params.vocab_only = vocab_only
    params.check_tensors = False
    params.use_extra_bufts = True
    params.no_host = False
    params.no_alloc = no_alloc
    params.load_mtp = False
    kept: list[object] = []
    if placement.n_gpu_layers == 0:
        # Otherwise a GPU would still be given large batches, and hold a context of its own for it.
        no_devices = (ctypes.c_void_p * 1)(None)
        params.devices = ctypes.cast(no_devices, ctypes.c_void_p)
        kept.append(no_devices)
    elif placement.n_cpu_moe > 0:
        overrides = _experts_in_ram(ggml, placement.n_cpu_moe)
        params.tensor_buft_overrides = ctypes.cast(overrides, ctypes.c_void_p)
        kept.append(overrides)
    return params, tuple(kept)


def _experts_in_ram(ggml: Any, n_layers: int) -> Any:
    """Experts of the first layers go to the processor's buffer type, repacked where it repacks."""
    buffer_type = ggml.ggml_backend_cpu_buffer_type
    buffer_type.restype, buffer_type.argtypes = ctypes.c_void_p, []
    # One pattern for all layers: llama.cpp compiles every pattern anew for every tensor.
    layers = "|".join(map(str, range(n_layers)))
    pattern = rf"blk\.({layers}){_EXPERTS}".encode()
    return (_Override * 2)(_Override(pattern, buffer_type()), _Override(None, None))


def context_params(library: Any, run: RunParams, n_threads: int) -> Any:
    """Every value that changes memory, results or speed is set, none left to the library's default."""
    params = library.llama_context_default_params()
    params.n_ctx = run.n_ctx
    params.n_batch = run.n_batch
    params.n_ubatch = run.n_ubatch
    params.n_seq_max = run.n_seq_max
    # A batch may ask each sequence for a token; fewer rows than sequences fail an assertion of llama.cpp.
    params.n_outputs_max = max(run.n_outputs_max, run.n_seq_max) if run.n_outputs_max else 0
    params.n_outputs_max_per_seq = run.n_outputs_max
    params.n_threads = n_threads
    params.n_threads_batch = n_threads
    params.flash_attn_type = _FLASH[run.flash_attn]
    params.type_k = NUMBERS[run.type_k]
    params.type_v = NUMBERS[run.type_v]
    params.swa_full = run.swa_full
    params.kv_unified = run.kv_unified
    params.offload_kqv = True
    params.op_offload = True
    params.embeddings = False
    params.no_perf = True
    return params
