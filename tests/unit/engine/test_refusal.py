"""llama.cpp's words about memory, as it writes them on a machine with a GPU and on one without."""

from __future__ import annotations

import pytest

from workbench.engine.refusal import full_device, no_context, refusal, refuse_impossible
from workbench.errors import DeviceMemoryError, ModelLoadError, UsageError
from workbench.models.params import RunParams

CUDA_WEIGHTS = [
    "ggml_backend_cuda_buffer_type_alloc_buffer: allocating 4096.00 MiB on device 0: cudaMalloc failed: out of memory",
    "alloc_tensor_range: failed to allocate CUDA0 buffer of size 4294967296",
    "llama_model_load: error loading model: unable to allocate CUDA0 buffer",
    "llama_model_load_from_file_impl: failed to load model",
]
CUDA_CACHE = [
    "alloc_tensor_range: failed to allocate CUDA1 buffer of size 1073741824",
    "llama_init_from_model: failed to initialize the context: failed to allocate buffer for kv cache",
]
RAM_CACHE = [
    "alloc_tensor_range: failed to allocate CPU buffer of size 1073741824",
    "llama_init_from_model: failed to initialize the context: failed to allocate buffer for kv cache",
]
PINNED = ["alloc_tensor_range: failed to allocate CUDA_Host buffer of size 1073741824"]


def test_weights_without_room_on_a_gpu_name_it() -> None:
    error = refusal("a.gguf", CUDA_WEIGHTS)
    assert isinstance(error, DeviceMemoryError)
    assert "CUDA0" in error.message
    assert error.hint


def test_a_context_without_room_on_a_gpu_names_it() -> None:
    error = no_context("a.gguf", RunParams(n_ctx=8192), CUDA_CACHE)
    assert isinstance(error, DeviceMemoryError)
    assert "CUDA1" in error.message
    assert "8,192" in error.message


@pytest.mark.parametrize("lines", [RAM_CACHE, PINNED, []])
def test_main_memory_is_no_device(lines: list[str]) -> None:
    assert full_device(lines) is None
    error = no_context("a.gguf", RunParams(), lines)
    assert type(error) is ModelLoadError


@pytest.mark.parametrize(
    ("params", "said"),
    [
        (RunParams(n_ctx=0), "context of 0"),
        (RunParams(n_ctx=-5), "context of -5"),
        (RunParams(n_batch=0), "batch of 0"),
        (RunParams(n_ubatch=0), "piece of a batch of 0"),
        (RunParams(n_seq_max=0), "0 sequences"),
    ],
)
def test_numbers_that_cannot_be_meant_are_refused(params: RunParams, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        refuse_impossible(params)


def test_the_smallest_numbers_are_allowed() -> None:
    refuse_impossible(RunParams(n_ctx=1, n_batch=1, n_ubatch=1))
