"""Ask llama.cpp for its memory breakdown of one model; run as a program, since it may abort.

Usage: python load_facts.py MODEL [real] < a JSON list of RunParams
Prints a JSON list: for each the weights, cache and compute bytes, summed over all buffers, and what llama.cpp
says of the model; null where it refuses the parameters.  Without ``real`` nothing is allocated (``no_alloc``).
"""

from __future__ import annotations

import ctypes
import json
import sys
from collections.abc import Iterator

from llama_cpp import _ggml
from llama_cpp import llama_cpp as native

_FLASH_ATTENTION = {"auto": -1, "off": 0, "on": 1}
_TYPES = {"f32": 0, "f16": 1, "q4_0": 2, "q4_1": 3, "q5_0": 6, "q5_1": 7, "q8_0": 8, "bf16": 30}


class _Map(ctypes.Structure):
    """libstdc++'s std::map, returned by value."""

    _fields_ = (
        ("compare", ctypes.c_void_p),
        ("colour", ctypes.c_void_p),
        ("root", ctypes.c_void_p),
        ("leftmost", ctypes.c_void_p),
        ("rightmost", ctypes.c_void_p),
        ("count", ctypes.c_size_t),
    )


class _Node(ctypes.Structure):
    _fields_ = (
        ("colour", ctypes.c_size_t),
        ("parent", ctypes.c_void_p),
        ("left", ctypes.c_void_p),
        ("right", ctypes.c_void_p),
        ("buffer_type", ctypes.c_void_p),
        ("weights", ctypes.c_size_t),
        ("cache", ctypes.c_size_t),
        ("compute", ctypes.c_size_t),
    )


def main(path: str, *, real: bool) -> None:
    @native.llama_log_callback
    def silent(_level: int, _text: bytes, _data: ctypes.c_void_p) -> None: ...

    native.llama_log_set(silent, ctypes.c_void_p(0))
    native.llama_backend_init()
    model_params = native.llama_model_default_params()
    model_params.n_gpu_layers = 0
    if not real:
        model_params.no_alloc = True
        model_params.load_mode = 0  # any other aborts the process
    model = native.llama_model_load_from_file(path.encode(), model_params)
    if not model:
        raise SystemExit("llama.cpp does not load it")
    answers = [_facts(model, wanted) for wanted in json.load(sys.stdin)]
    native.llama_model_free(model)
    print(json.dumps(answers))


def _facts(model: object, wanted: dict[str, object]) -> dict[str, object] | None:
    params = native.llama_context_default_params()
    for name in ("n_ctx", "n_batch", "n_ubatch", "n_seq_max", "swa_full", "kv_unified"):
        setattr(params, name, wanted[name])
    # Fewer outputs than sequences would abort the process.
    outputs, sequences = int(str(wanted["n_outputs_max"])), int(str(wanted["n_seq_max"]))
    params.n_outputs_max = max(outputs, sequences) if outputs else 0
    params.flash_attn_type = _FLASH_ATTENTION[str(wanted["flash_attn"])]
    params.type_k, params.type_v = _TYPES[str(wanted["type_k"])], _TYPES[str(wanted["type_v"])]
    params.n_threads = params.n_threads_batch = 1
    context = native.llama_init_from_model(model, params)
    if not context:
        return None
    buffers = dict(_breakdown(context))
    facts = {"n_ctx": native.llama_n_ctx(context), "buffers": buffers}
    facts["model"] = {
        "size_bytes": native.llama_model_size(model),
        "parameter_count": native.llama_model_n_params(model),
        "n_ctx_train": native.llama_model_n_ctx_train(model),
    }
    facts |= {"weights": sum(sizes[0] for sizes in buffers.values())}
    facts |= {"kv": sum(sizes[1] for sizes in buffers.values()), "compute": sum(sizes[2] for sizes in buffers.values())}
    native.llama_free(context)
    return facts


def _breakdown(context: object) -> Iterator[tuple[str, tuple[int, int, int]]]:
    ask = native._lib["_Z26llama_get_memory_breakdownPK13llama_context"]
    ask.restype, ask.argtypes = _Map, [ctypes.c_void_p]
    name_of = _ggml.libggml.ggml_backend_buft_name
    name_of.restype, name_of.argtypes = ctypes.c_char_p, [ctypes.c_void_p]

    def walk(pointer: int | None) -> Iterator[tuple[str, tuple[int, int, int]]]:
        if pointer:
            node = _Node.from_address(pointer)
            yield from walk(node.left)
            yield name_of(node.buffer_type).decode(), (node.weights, node.cache, node.compute)
            yield from walk(node.right)

    yield from walk(ask(context).root)


if __name__ == "__main__":
    main(sys.argv[1], real="real" in sys.argv[2:])
