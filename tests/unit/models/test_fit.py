"""Verdicts on machines of all kinds, for a model of 33 offloadable layers and known sizes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.errors import UsageError
from workbench.hardware.examples import EXAMPLES, LAPTOP_WITHOUT_GPU, M3_PRO, RTX_4070
from workbench.hardware.facts import Device, DeviceKind, EngineBuild, Hardware, Memory
from workbench.models.file import Family, ModelFile
from workbench.models.fit import Verdict, fit, fit_together
from workbench.models.header import Array, Header, Tensor, Value
from workbench.models.params import RunParams

GIB = 1 << 30
LAYERS = 32


def model(size_gib: float = 4.0, *, name: str = "m", tied: bool = False, n_ctx_train: int = 131_072) -> ModelFile:
    """Shaped like Llama 3.1 8B: 32 layers, 128 KiB of cache a token."""
    metadata: dict[str, Value] = {
        "general.architecture": "llama",
        "llama.block_count": LAYERS,
        "llama.embedding_length": 4096,
        "llama.feed_forward_length": 14_336,
        "llama.attention.head_count": 32,
        "llama.attention.head_count_kv": 8,
        "tokenizer.ggml.tokens": Array(8, 128_256),
        "tokenizer.ggml.merges": Array(8, 280_000),
    }
    ends = 256 << 20
    names = {"token_embd.weight": ends} | ({} if tied else {"output.weight": ends})
    names |= {f"blk.{layer}.w": int((size_gib * GIB - sum(names.values())) / LAYERS) for layer in range(LAYERS)}
    tensors = tuple(Tensor(tensor, (size,), 24, 0, size) for tensor, size in names.items())
    header = Header(3, metadata, tensors, 32, 0, 0, name)
    return ModelFile(
        Path(f"/{name}.gguf"), name, name, Family.LLAMA, "llama", "Q4_K_M", int(size_gib * GIB), 8_000_000_000,
        n_ctx_train, False, None, None, header,
    )  # fmt: skip


def with_gpu(free_gib: float, *, ram_gib: float = 24, **more: object) -> Hardware:
    card = replace(RTX_4070.devices[0], total_bytes=int((free_gib + 1) * GIB), free_bytes=int(free_gib * GIB), **more)
    return replace(RTX_4070, devices=(card,), memory=Memory(32 * GIB, int(ram_gib * GIB)))


def with_ram(available_gib: float) -> Hardware:
    return replace(LAPTOP_WITHOUT_GPU, memory=Memory(64 * GIB, int(available_gib * GIB)))


def test_a_model_that_a_gpu_holds_is_put_there_whole() -> None:
    found = fit(model(), RTX_4070)
    assert (found.verdict, found.params.n_gpu_layers, found.short_by_bytes) == (Verdict.GPU, -1, 0)
    card, ram = found.shares
    assert (card.device, ram.device) == ("CUDA0", "RAM")
    assert card.kv_bytes == 4096 * 128 * 1024
    assert ram.weights_bytes == 256 << 20, "the input embeddings stay in main memory"
    assert card.weights_bytes + ram.weights_bytes == pytest.approx(4 * GIB, abs=LAYERS)
    assert any("All 33 layers on NVIDIA GeForce RTX 4070" in reason for reason in found.reasons)


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
    tight = with_gpu(2.1)
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


@settings(max_examples=60, deadline=None, database=None)
@given(
    size=st.floats(0.6, 60), free=st.floats(0, 80), ram=st.floats(0, 80), n_ctx=st.integers(1, 200_000), more=st.data()
)
def test_more_memory_is_never_worse_and_more_context_never_less(
    size: float, free: float, ram: float, n_ctx: int, more: st.DataObject
) -> None:
    order = [Verdict.TOO_BIG, Verdict.CPU, Verdict.SPLIT, Verdict.GPU]
    subject = model(size)
    found = fit(subject, with_gpu(free, ram_gib=ram), n_ctx=n_ctx)
    richer = with_gpu(free + more.draw(st.floats(0, 20)), ram_gib=ram + more.draw(st.floats(0, 20)))
    assert order.index(fit(subject, richer, n_ctx=n_ctx).verdict) >= order.index(found.verdict)
    longer = fit(subject, with_gpu(free, ram_gib=ram), n_ctx=n_ctx + 1000)
    assert order.index(longer.verdict) <= order.index(found.verdict)
    assert (found.short_by_bytes > 0) == (found.verdict is Verdict.TOO_BIG)
    if found.verdict is not Verdict.TOO_BIG:
        assert found.max_context is not None
        assert found.max_context >= found.context


# --- side by side ----------------------------------------------------------------------------


def test_one_file_in_two_panes_has_its_weights_once() -> None:
    pane = fit(model(), LAPTOP_WITHOUT_GPU)
    once, twice = (fit_together([pane] * count, LAPTOP_WITHOUT_GPU) for count in (1, 2))
    assert once.total_bytes == pane.total_bytes
    assert twice.total_bytes == 2 * pane.total_bytes - pane.shares[0].weights_bytes
    assert twice.fits


def test_different_files_add_up_until_they_no_longer_fit() -> None:
    panes = [fit(model(name=name), LAPTOP_WITHOUT_GPU) for name in "abc"]
    assert fit_together(panes[:1], LAPTOP_WITHOUT_GPU).fits
    together = fit_together(panes, LAPTOP_WITHOUT_GPU)
    assert not together.fits
    assert together.total_bytes == sum(pane.total_bytes for pane in panes)
    assert any(reason.startswith("Short by") and reason.endswith("of memory") for reason in together.reasons)


def test_a_gpu_shared_by_panes_pays_for_itself_once() -> None:
    panes = [fit(model(name=name), RTX_4070) for name in "ab"]
    together = fit_together(panes, RTX_4070)
    assert together.fits
    assert together.total_bytes == sum(pane.total_bytes for pane in panes) - (512 << 20)
    assert not fit_together([*panes, fit(model(name="c"), RTX_4070)], RTX_4070).fits


def test_shared_memory_limits_panes_once() -> None:
    panes = [fit(model(name=name), M3_PRO) for name in "abc"]
    assert fit_together(panes[:2], M3_PRO).fits
    assert not fit_together(panes, M3_PRO).fits


def test_nothing_fits_everywhere() -> None:
    for machine in EXAMPLES:
        assert fit_together([], machine).fits
