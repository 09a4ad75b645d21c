"""Verdicts on machines of all kinds, for a model of 33 offloadable layers and known sizes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.models.described_models import GIB, LAYERS, model, with_gpu, with_ram
from workbench.errors import UsageError
from workbench.hardware.examples import LAPTOP_WITHOUT_GPU, M3_PRO, RTX_4070
from workbench.hardware.facts import Device, DeviceKind, EngineBuild, Memory
from workbench.models.fit import Verdict, fit
from workbench.models.learnt import Learnt, Reserve
from workbench.models.params import ALL_LAYERS, RunParams


def test_a_model_that_a_gpu_holds_is_put_there_whole() -> None:
    found = fit(model(), RTX_4070)
    assert (found.verdict, found.params.n_gpu_layers, found.short_by_bytes) == (Verdict.GPU, -1, 0)
    card, ram = found.shares
    assert (card.device, ram.device) == ("CUDA0", "RAM")
    assert card.kv_bytes == 4096 * 128 * 1024
    assert ram.weights_bytes == 256 << 20, "the input embeddings stay in main memory"
    assert card.weights_bytes + ram.weights_bytes == pytest.approx(4 * GIB, abs=LAYERS)
    assert any("All 33 layers on NVIDIA GeForce RTX 4070" in reason for reason in found.reasons)
    assert not any("stay in RAM" in reason for reason in found.reasons)


def test_tied_embeddings_are_needed_on_the_gpu_too() -> None:
    found = fit(model(tied=True), RTX_4070)
    assert sum(share.weights_bytes for share in found.shares) == pytest.approx(4 * GIB + (256 << 20), abs=LAYERS)
    assert any("twice" in reason for reason in found.reasons)


def test_metal_reads_the_mapped_file_so_nothing_is_there_twice() -> None:
    found = fit(model(tied=True), M3_PRO)
    assert found.verdict is Verdict.GPU
    assert sum(share.weights_bytes for share in found.shares) == pytest.approx(4 * GIB, abs=LAYERS)


def test_a_model_too_large_for_the_gpu_is_split() -> None:
    found = fit(model(8), with_gpu(6))
    assert found.verdict is Verdict.SPLIT
    layers = found.params.n_gpu_layers
    assert 0 < layers < LAYERS + 1
    assert f"{LAYERS + 1 - layers} of 33 layers stay in RAM" in found.reasons
    card, ram = found.shares
    assert 0 <= card.available_bytes - card.total_bytes < GIB // 2, "another layer would not have fitted"
    assert card.kv_bytes + ram.kv_bytes == 4096 * 128 * 1024


def test_the_output_layer_is_offloaded_first_and_counts_as_one() -> None:
    tight = with_gpu(2.2)
    assert fit(model(30), tight).verdict is Verdict.TOO_BIG
    one = fit(model(30), replace(tight, memory=Memory(64 * GIB, 60 * GIB)))
    assert (one.verdict, one.params.n_gpu_layers) == (Verdict.SPLIT, 1)
    assert (one.shares[0].weights_bytes, one.shares[0].kv_bytes) == (256 << 20, 0)


def test_without_a_gpu_the_processor_is_the_good_answer() -> None:
    found = fit(model(), LAPTOP_WITHOUT_GPU)
    assert (found.verdict, found.params.n_gpu_layers) == (Verdict.CPU, 0)
    assert [share.device for share in found.shares] == ["RAM"]
    assert "Runs on the processor" in found.reasons


def test_a_gpu_too_small_for_one_layer_leaves_the_processor() -> None:
    found = fit(model(), with_gpu(1))
    assert (found.verdict, found.params.n_gpu_layers) == (Verdict.CPU, 0)
    assert any(reason.startswith("Not one layer fits on NVIDIA") for reason in found.reasons)


def test_a_model_that_fits_nowhere_says_by_how_much() -> None:
    found = fit(model(40), LAPTOP_WITHOUT_GPU)
    assert found.verdict is Verdict.TOO_BIG
    assert found.short_by_bytes == found.total_bytes - found.shares[0].available_bytes > 30 * GIB
    assert any(reason.startswith("Short by 3") for reason in found.reasons)
    assert found.max_context is None


def test_a_context_too_long_says_which_would_fit() -> None:
    machine = with_ram(14)
    found = fit(model(), machine, n_ctx=131_072)
    assert found.verdict is Verdict.TOO_BIG
    assert found.max_context is not None
    assert found.max_context % 256 == 0
    assert fit(model(), machine, n_ctx=found.max_context).verdict is Verdict.CPU
    assert fit(model(), machine, n_ctx=found.max_context + 256).verdict is Verdict.TOO_BIG


def test_the_longest_context_is_that_of_the_same_placement() -> None:
    found = fit(model(), RTX_4070)
    assert found.max_context is not None
    assert 4096 < found.max_context < 131_072
    assert fit(model(), RTX_4070, n_ctx=found.max_context).verdict is Verdict.GPU
    assert fit(model(), RTX_4070, n_ctx=found.max_context + 256).verdict is Verdict.SPLIT


def test_a_context_beyond_the_trained_one_is_lowered_and_said() -> None:
    found = fit(model(n_ctx_train=2048), RTX_4070, n_ctx=4096)
    assert (found.context, found.params.n_ctx, found.max_context) == (2048, 2048, 2048)
    assert any("lowered to 2,048" in reason for reason in found.reasons)


def test_a_context_is_padded_to_what_llama_cpp_will_make_of_it() -> None:
    assert fit(model(), RTX_4070, n_ctx=4000).params.n_ctx == 4096
    assert fit(model(n_ctx_train=0), RTX_4070, n_ctx=4000).context == 4096
    assert fit(model(n_ctx_train=100), RTX_4070).context == 256


def test_a_context_of_no_tokens_is_refused() -> None:
    with pytest.raises(UsageError, match="0 tokens"):
        fit(model(), RTX_4070, n_ctx=0)


def test_other_choices_are_kept_in_what_to_load_with() -> None:
    choices = RunParams(type_k="q8_0", type_v="q8_0", n_ubatch=256)
    found = fit(model(), RTX_4070, n_ctx=8192, params=choices)
    assert found.params == replace(choices, n_ctx=8192)
    assert found.shares[0].kv_bytes < fit(model(), RTX_4070, n_ctx=8192).shares[0].kv_bytes * 0.54


def test_shared_memory_is_counted_once() -> None:
    for size in (4, 9, 20):
        found = fit(model(size), M3_PRO)
        budget = M3_PRO.memory.available_bytes - GIB
        assert sum(share.available_bytes for share in found.shares) == budget
        assert (found.verdict is Verdict.TOO_BIG) == (found.total_bytes > budget)


def test_an_integrated_gpu_is_left_alone_beside_a_real_one() -> None:
    igpu = Device("Vulkan1", "Iris", "Vulkan", DeviceKind.IGPU, 16 * GIB, 16 * GIB, unified=True)
    found = fit(model(), replace(RTX_4070, devices=(*RTX_4070.devices, igpu)))
    assert [share.device for share in found.shares] == ["CUDA0", "RAM"]
    alone = fit(model(), replace(RTX_4070, devices=(igpu,)))
    assert [share.device for share in alone.shares] == ["Vulkan1", "RAM"]


def test_two_gpus_take_layers_in_proportion_to_their_free_memory() -> None:
    first = replace(RTX_4070.devices[0], free_bytes=8 * GIB)
    second = replace(first, name="CUDA1", free_bytes=4 * GIB)
    found = fit(model(6), replace(RTX_4070, devices=(first, second)))
    assert found.verdict is Verdict.GPU
    one, two, ram = found.shares
    assert (one.kv_bytes + two.kv_bytes, ram.kv_bytes) == (4096 * 128 * 1024, 0)
    assert one.kv_bytes / two.kv_bytes == pytest.approx(2, abs=0.25)


def test_a_device_that_hides_its_memory_is_not_used_and_named() -> None:
    silent = replace(RTX_4070.devices[0], total_bytes=0, free_bytes=0)
    found = fit(model(), replace(RTX_4070, devices=(silent,)))
    assert found.verdict is Verdict.CPU
    assert any("does not say how much memory" in reason for reason in found.reasons)


def test_weights_that_the_system_may_show_twice_are_counted_once_and_said() -> None:
    rearranging = replace(LAPTOP_WITHOUT_GPU, build=EngineBuild("0.3.36", ("CPU",), ("AVX2", "REPACK")))
    found, plain = fit(model(), rearranging), fit(model(), LAPTOP_WITHOUT_GPU)
    assert found.total_bytes == plain.total_bytes
    assert set(found.reasons) - set(plain.reasons) == {
        "llama.cpp rearranges weights for this processor: the system may show some of them twice"
    }


def test_a_small_machine_is_not_denied_by_the_reserve() -> None:
    small = replace(LAPTOP_WITHOUT_GPU, memory=Memory(16 * GIB, GIB, limit_bytes=GIB))
    assert fit(model(0.5), small, n_ctx=256).shares[0].available_bytes == GIB * 3 // 4


# --- experts ---------------------------------------------------------------------------------


def test_experts_stay_in_ram_before_whole_layers_do() -> None:
    machine = with_gpu(7)
    found = fit(model(14, experts=64, used=4), machine)
    assert (found.verdict, found.params.n_gpu_layers) == (Verdict.SPLIT, ALL_LAYERS)
    assert 0 < found.params.n_cpu_moe < LAYERS
    assert f"The experts of {found.params.n_cpu_moe} layers stay in RAM" in found.reasons
    card, ram = found.shares
    assert ram.kv_bytes == 0, "every layer's cache is on the GPU"
    fewer = replace(found.params, n_cpu_moe=found.params.n_cpu_moe - 1, n_gpu_layers=LAYERS + 1)
    assert fit(model(14, experts=64, used=4), machine, params=fewer).verdict is Verdict.TOO_BIG
    assert card.short_by_bytes == 0


def test_a_dense_model_has_no_experts_to_leave_behind() -> None:
    found = fit(model(14), with_gpu(7))
    assert (found.verdict, found.params.n_cpu_moe) == (Verdict.SPLIT, 0)
    assert 0 < found.params.n_gpu_layers < LAYERS + 1


def test_experts_wanted_in_ram_stay_there_though_the_gpu_had_room() -> None:
    found = fit(model(4, experts=64, used=4), RTX_4070, params=RunParams(n_cpu_moe=10))
    assert (found.verdict, found.params.n_cpu_moe) == (Verdict.SPLIT, 10)


# --- a placement somebody chose --------------------------------------------------------------


def test_a_chosen_number_of_layers_is_kept_to_and_judged() -> None:
    found = fit(model(), RTX_4070, params=RunParams(n_gpu_layers=10))
    assert (found.verdict, found.params.n_gpu_layers) == (Verdict.SPLIT, 10)
    assert "23 of 33 layers stay in RAM" in found.reasons
    none = fit(model(), RTX_4070, params=RunParams(n_gpu_layers=0))
    assert (none.verdict, none.params.n_gpu_layers, len(none.shares)) == (Verdict.CPU, 0, 1)
    assert "Runs on the processor" in none.reasons
    assert not any("Not one layer" in reason for reason in none.reasons)


def test_a_chosen_placement_that_does_not_fit_is_said_to_be_too_big() -> None:
    found = fit(model(8), with_gpu(6), params=RunParams(n_gpu_layers=33))
    assert (found.verdict, found.params.n_gpu_layers) == (Verdict.TOO_BIG, ALL_LAYERS)
    assert found.shares[0].short_by_bytes > 0


def test_layers_chosen_where_there_is_no_gpu_run_on_the_processor() -> None:
    found = fit(model(), LAPTOP_WITHOUT_GPU, params=RunParams(n_gpu_layers=20))
    assert (found.verdict, found.params.n_gpu_layers) == (Verdict.CPU, 0)


# --- sequences -------------------------------------------------------------------------------


def test_the_context_is_divided_between_sequences_and_rounded_for_each() -> None:
    found = fit(model(), RTX_4070, n_ctx=8200, params=RunParams(n_seq_max=4))
    assert (found.context, found.params.n_ctx) == (4 * 2304, 4 * 2304)
    assert found.shares[0].kv_bytes == 4 * 2304 * 128 * 1024
    assert any("4 sequences of 2,304" in reason for reason in found.reasons)
    assert found.max_context is not None
    assert found.max_context % (4 * 256) == 0


def test_each_sequence_may_have_the_trained_context() -> None:
    found = fit(model(n_ctx_train=2048), RTX_4070, n_ctx=8192, params=RunParams(n_seq_max=4))
    assert (found.context, found.max_context) == (8192, 8192)


def test_a_shared_cache_is_not_divided() -> None:
    found = fit(model(), RTX_4070, n_ctx=8200, params=RunParams(n_seq_max=4, kv_unified=True))
    assert found.context == 8448
    assert found.shares[0].kv_bytes == 8448 * 128 * 1024


# --- what else is said -----------------------------------------------------------------------


def test_what_llama_cpp_would_refuse_is_refused() -> None:
    with pytest.raises(UsageError, match="q9_9"):
        fit(model(), RTX_4070, params=RunParams(type_k="q9_9"))
    with pytest.raises(UsageError, match="flash attention"):
        fit(model(), RTX_4070, params=RunParams(type_k="q8_0", type_v="q8_0", flash_attn="off"))
    with pytest.raises(UsageError, match="0 sequences"):
        fit(model(), RTX_4070, params=RunParams(n_seq_max=0))


def test_an_architecture_that_is_not_modelled_is_answered_without_confidence() -> None:
    known, unknown = fit(model(), RTX_4070), fit(model(architecture="somethingnew"), RTX_4070)
    assert known.confident
    assert not unknown.confident
    assert set(unknown.reasons) - set(known.reasons), "it says why"
    assert unknown.verdict is Verdict.GPU


def test_a_reserve_learnt_from_loads_is_kept_and_said() -> None:
    key = RTX_4070.devices[0].key
    much = Learnt(reserves={key: Reserve(3 * GIB, loads=4)})
    found = fit(model(8), RTX_4070, learnt=much)
    assert fit(model(8), RTX_4070).verdict is Verdict.GPU
    assert found.verdict is Verdict.SPLIT
    assert any("learnt from 4 loads" in reason for reason in found.reasons)


def test_a_verdict_comes_with_a_speed_where_the_machine_says_how_fast_it_is() -> None:
    found = fit(model(), RTX_4070)
    assert found.speed is not None
    assert found.speed.decode_tokens_per_s is not None
    assert found.speed.decode_tokens_per_s.low < found.speed.decode_tokens_per_s.high
    assert fit(model(90), RTX_4070).speed is None
    silent = replace(LAPTOP_WITHOUT_GPU, memory=Memory(16 * GIB, 10 * GIB))
    assert fit(model(), silent).speed is None


def test_the_margin_is_what_the_fullest_device_has_left() -> None:
    found = fit(model(), RTX_4070)
    assert found.margin_bytes == min(share.margin_bytes for share in found.shares) > 0
    shared = fit(model(), M3_PRO)
    assert shared.margin_bytes == shared.available_bytes - shared.total_bytes > 0
    short = fit(model(40), with_ram(10))
    assert short.margin_bytes == -short.short_by_bytes < 0
