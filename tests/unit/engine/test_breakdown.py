"""A breakdown is believed only while llama.cpp's log says the same; the log's own arithmetic."""

from __future__ import annotations

import dataclasses

from workbench.engine.breakdown import agrees
from workbench.engine.logged import planned_cache, planned_weights
from workbench.models.exact import Buffer
from workbench.models.header import Tensor

MIB = 1 << 20
LINES = (
    "llama_kv_cache: size =   90.00 MiB (  2048 cells,  30 layers,  1/1 seqs), K (f16):   45.00 MiB",
    "sched_reserve:      CUDA0 compute buffer size =    98.25 MiB",
    "sched_reserve:  CUDA_Host compute buffer size =    15.51 MiB",
)
BUFFERS = (
    Buffer("CUDA0", "CUDA0", 900 * MIB, 90 * MIB, round(98.25 * MIB) + 900),
    Buffer("CUDA_Host", "RAM", 80 * MIB, 0, round(15.51 * MIB)),
)


def tensor(name: str, size_bytes: int) -> Tensor:
    return Tensor(name, (size_bytes // 4,), 0, 0, size_bytes)


def test_a_breakdown_that_equals_the_log_is_believed() -> None:
    assert agrees(BUFFERS, LINES)


def test_more_cache_than_the_usual_lines_say_is_believed() -> None:
    assert agrees((dataclasses.replace(BUFFERS[0], kv_bytes=120 * MIB), BUFFERS[1]), LINES)


def test_a_breakdown_that_contradicts_the_log_is_not_believed() -> None:
    gpu, host = BUFFERS
    assert not agrees((), LINES)
    assert not agrees((gpu,), LINES)
    assert not agrees((gpu, dataclasses.replace(host, name="CPU")), LINES)
    assert not agrees((dataclasses.replace(gpu, compute_bytes=gpu.compute_bytes + MIB), host), LINES)
    assert not agrees((dataclasses.replace(gpu, kv_bytes=gpu.kv_bytes - MIB), host), LINES)


def test_a_breakdown_that_nothing_can_be_checked_against_is_not_believed() -> None:
    assert not agrees(BUFFERS, ("llama.cpp now words its lines in another way",))


# --- without a breakdown ---------------------------------------------------------------------

TENSORS = (
    tensor("token_embd.weight", 400),
    tensor("blk.0.attn_q.weight", 40),
    tensor("blk.0.ffn_up_exps.weight", 800),
    tensor("blk.1.attn_q.weight", 44),
    tensor("blk.1.ffn_up_exps.weight", 804),
    tensor("output_norm.weight", 4),
    tensor("output.weight", 404),
)
ON_GPU = {0: "CUDA0", 1: "CUDA0", 2: "CUDA0"}
SPLIT = {0: "CPU", 1: "CUDA0", 2: "CUDA0"}


def test_weights_go_where_their_layers_go_and_input_embeddings_stay() -> None:
    assert planned_weights(TENSORS, ON_GPU, 0) == {"CPU": 400, "CUDA0": 40 + 800 + 44 + 804 + 4 + 404}
    assert planned_weights(TENSORS, SPLIT, 0) == {"CPU": 400 + 40 + 800, "CUDA0": 44 + 804 + 4 + 404}
    assert planned_weights(TENSORS, {}, 0) == {"CPU": sum(tensor.size_bytes for tensor in TENSORS)}


def test_experts_of_the_first_layers_stay_in_main_memory() -> None:
    assert planned_weights(TENSORS, ON_GPU, 1) == {"CPU": 400 + 800, "CUDA0": 40 + 44 + 804 + 4 + 404}


def test_an_output_layer_without_weights_of_its_own_is_given_a_copy() -> None:
    tied = TENSORS[:-1]
    assert planned_weights(tied, ON_GPU, 0)["CUDA0"] == 40 + 800 + 44 + 804 + 4 + 400
    assert planned_weights(tied, {}, 0) == {"CPU": sum(tensor.size_bytes for tensor in tied)}


def test_a_cache_is_shared_out_by_layers_to_the_last_byte() -> None:
    assert planned_cache(1000, ON_GPU) == {"CUDA0": 1000}
    assert planned_cache(1001, SPLIT) == {"CPU": 501, "CUDA0": 500}
    assert planned_cache(1000, {}) == {"CPU": 1000}
