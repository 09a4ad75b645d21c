"""The structures that llama.cpp is given: the same for a question and for a load, but for what must differ."""

from __future__ import annotations

import re
from typing import Any

import pytest

from workbench.engine import native
from workbench.engine.native_params import Placement, context_params, model_params
from workbench.models.params import RunParams

POINTERS = {
    "devices",
    "kv_overrides",
    "progress_callback",
    "progress_callback_user_data",
    "tensor_buft_overrides",
    "tensor_split",
}


def filled(placement: Placement, *, no_alloc: bool) -> tuple[dict[str, Any], tuple[Any, ...]]:
    params, kept = model_params(native.api(), native.ggml(), placement, vocab_only=False, no_alloc=no_alloc)
    return {name: getattr(params, name) for name, *_ in params._fields_}, kept


def test_a_question_differs_from_a_load_only_in_not_reading_the_file() -> None:
    question, _ = filled(Placement(12, 3), no_alloc=True)
    load, _ = filled(Placement(12, 3), no_alloc=False)
    different = {name for name in question.keys() - POINTERS if question[name] != load[name]}
    assert different == {"no_alloc", "load_mode"}
    assert question["load_mode"] == native.api().LLAMA_LOAD_MODE_NONE


def test_a_load_without_layers_on_a_gpu_is_given_no_device() -> None:
    none, kept = filled(Placement(0), no_alloc=False)
    some, _ = filled(Placement(1), no_alloc=False)
    assert none["devices"] is not None
    assert list(kept[0]) == [None]
    assert some["devices"] is None


def test_experts_of_the_first_layers_are_named_and_no_others() -> None:
    fields, kept = filled(Placement(-1, 2), no_alloc=False)
    (overrides,) = kept
    first, last = overrides
    pattern = first.pattern.decode()
    assert fields["tensor_buft_overrides"] is not None
    assert first.buffer_type
    assert (last.pattern, last.buffer_type) == (None, None)
    for name, expected in {
        "blk.0.ffn_up_exps.weight": True,
        "blk.1.ffn_gate_up_exps.weight": True,
        "blk.1.ffn_down_chexps.weight": True,
        "blk.2.ffn_up_exps.weight": False,
        "blk.10.ffn_up_exps.weight": False,
        "blk.0.ffn_up_shexp.weight": False,
        "blk.0.ffn_up.weight": False,
    }.items():
        assert bool(re.search(pattern, name)) is expected, name


@pytest.mark.parametrize(("asked", "n_seq_max", "given"), [(1, 1, 1), (1, 4, 4), (8, 4, 8), (0, 4, 0)])
def test_there_are_never_fewer_output_rows_than_sequences(asked: int, n_seq_max: int, given: int) -> None:
    run = RunParams(n_outputs_max=asked, n_seq_max=n_seq_max)
    assert context_params(native.api(), run, 1).n_outputs_max == given


def test_every_choice_reaches_the_context() -> None:
    run = RunParams(
        n_ctx=777,
        n_batch=96,
        n_ubatch=32,
        n_seq_max=3,
        flash_attn="on",
        type_k="q8_0",
        type_v="q4_0",
        swa_full=True,
        kv_unified=True,
    )
    params = context_params(native.api(), run, 5)
    assert (params.n_ctx, params.n_batch, params.n_ubatch, params.n_seq_max) == (777, 96, 32, 3)
    assert (params.type_k, params.type_v) == (native.api().GGML_TYPE_Q8_0, native.api().GGML_TYPE_Q4_0)
    assert (params.flash_attn_type, params.swa_full, params.kv_unified) == (1, True, True)
    assert (params.n_threads, params.n_threads_batch) == (5, 5)
