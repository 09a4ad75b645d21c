"""What would make a model fit: in order, adding up, and said in a sentence each."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.models.described_models import GIB, LAYERS, model, quantisations, with_gpu, with_ram
from workbench.hardware.examples import LAPTOP_WITHOUT_GPU, RTX_4070
from workbench.models.fit import Fit, Verdict, fit
from workbench.models.params import RunParams
from workbench.models.verdict import Measure

ORDER = list(Measure)
WASTEFUL = RunParams(n_batch=2048, n_ubatch=2048, n_outputs_max=0, flash_attn="off", swa_full=True)


def gemma_like(size_gib: float = 4.0):
    return model(size_gib, architecture="gemma3", metadata={"gemma3.attention.sliding_window": 1024})


def measures(found: Fit) -> list[Measure]:
    return [remedy.measure for remedy in found.remedies]


def test_what_fits_where_it_should_needs_no_remedy() -> None:
    assert fit(model(), RTX_4070).remedies == ()
    assert fit(model(), LAPTOP_WITHOUT_GPU).remedies == ()


def test_the_steps_come_in_the_order_in_which_they_cost_least() -> None:
    found = fit(gemma_like(), with_ram(11.5), n_ctx=65_536, params=WASTEFUL)
    assert found.verdict is Verdict.TOO_BIG
    assert measures(found) == sorted(measures(found), key=ORDER.index)
    assert measures(found)[:3] == [Measure.FLASH_ATTENTION, Measure.SMALLER_BATCH, Measure.WINDOW_CACHE]


def test_steps_stop_as_soon_as_it_fits() -> None:
    found = fit(model(), with_ram(11), n_ctx=32_768)
    assert found.verdict is Verdict.TOO_BIG
    assert [remedy.verdict for remedy in found.remedies[:-1]] == [Verdict.TOO_BIG] * (len(found.remedies) - 1)
    last = found.remedies[-1]
    assert last.verdict is Verdict.CPU
    assert last.text.endswith("then it fits in RAM")


def test_taking_the_steps_does_what_they_say() -> None:
    machine = with_gpu(8)
    found = fit(model(), machine, n_ctx=32_768)
    assert found.verdict is Verdict.SPLIT
    for remedy in found.remedies:
        assert remedy.params is not None
        again = fit(model(), machine, n_ctx=remedy.params.n_ctx, params=remedy.params)
        assert again.verdict is remedy.verdict
    assert found.remedies[-1].verdict is Verdict.GPU
    assert "8 bits (q8_0)" in found.remedies[-1].text
    assert found.remedies[-1].text.endswith("; then all of it fits on the GPU")


def test_what_a_step_saves_is_its_own() -> None:
    found = fit(model(), with_gpu(8), n_ctx=32_768)
    cache = next(remedy for remedy in found.remedies if remedy.measure is Measure.QUANTISED_CACHE)
    whole = 32_768 * 128 * 1024
    assert cache.saves_bytes == pytest.approx(whole * (1 - 34 / 64), rel=0.02)
    assert "2.0 GB" in cache.text


def test_a_cache_that_cannot_be_quantised_is_not_offered() -> None:
    odd = model(metadata={"llama.attention.key_length": 40, "llama.attention.value_length": 40})
    found = fit(odd, with_ram(6.5), n_ctx=131_072)
    assert found.verdict is Verdict.TOO_BIG
    assert Measure.QUANTISED_CACHE not in measures(found)


def test_a_shorter_context_is_the_longest_that_helps() -> None:
    machine = with_ram(9.5)
    found = fit(model(), machine, n_ctx=131_072)
    last = found.remedies[-1]
    assert last.measure is Measure.SHORTER_CONTEXT
    assert last.params is not None
    assert last.params.n_ctx < 131_072
    assert f"{last.params.n_ctx:,} tokens" in last.text
    longer = replace(last.params, n_ctx=last.params.n_ctx + 256)
    assert fit(model(), machine, n_ctx=longer.n_ctx, params=longer).verdict is Verdict.TOO_BIG


def test_where_nothing_else_suffices_a_smaller_file_alone_is_named() -> None:
    (large,) = quantisations("F16")
    found = fit(large, with_gpu(8, ram_gib=8))
    (remedy,) = found.remedies
    assert (remedy.measure, remedy.params) == (Measure.SMALLER_QUANTISATION, None)
    assert "a file of at most" in remedy.text
    named = remedy.text.split("such as ")[1].split(" ")[0]
    (smaller,) = quantisations(named)
    assert fit(smaller, with_gpu(8, ram_gib=8)).verdict is not Verdict.TOO_BIG


def test_a_split_model_hears_which_file_would_be_wholly_on_the_gpu() -> None:
    (large,) = quantisations("Q8_0")
    machine = with_gpu(8)
    found = fit(large, machine)
    assert found.verdict is Verdict.SPLIT
    (remedy,) = found.remedies
    assert remedy.verdict is Verdict.GPU
    named = remedy.text.split("such as ")[1].split(" ")[0]
    (smaller,) = quantisations(named)
    assert fit(smaller, machine).verdict is Verdict.GPU


def test_a_model_no_quantisation_of_which_fits_gets_no_advice() -> None:
    assert fit(model(400, quantisation="Q4_K_M"), with_ram(8)).remedies == ()


def test_a_chosen_placement_is_eased_not_replaced() -> None:
    chosen = RunParams(n_gpu_layers=LAYERS + 1)
    found = fit(model(8), with_gpu(6), params=chosen)
    assert found.verdict is Verdict.TOO_BIG
    last = found.remedies[-1]
    assert last.measure is Measure.FEWER_GPU_LAYERS
    assert last.params is not None
    assert 0 < last.params.n_gpu_layers < LAYERS + 1
    assert last.verdict is Verdict.SPLIT
    assert fit(model(8), with_gpu(6), params=last.params).verdict is Verdict.SPLIT


def test_a_chosen_placement_of_experts_is_eased_by_leaving_experts_in_ram() -> None:
    chosen = RunParams(n_gpu_layers=LAYERS + 1)
    found = fit(model(14, experts=64, used=4), with_gpu(7), params=chosen)
    last = found.remedies[-1]
    assert last.measure is Measure.EXPERTS_IN_RAM
    assert last.params is not None
    assert last.params.n_cpu_moe > 0
    assert fit(model(14, experts=64, used=4), with_gpu(7), params=last.params).verdict is Verdict.SPLIT


def test_no_step_is_said_that_saves_nothing() -> None:
    found = fit(gemma_like(), with_ram(11.5), n_ctx=65_536, params=WASTEFUL)
    assert all(remedy.saves_bytes >= 1 << 20 for remedy in found.remedies)
    assert found.total_bytes > GIB
