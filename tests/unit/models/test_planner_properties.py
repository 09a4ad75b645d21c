"""What holds of every plan, whatever the model and the machine."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.models.described_models import GIB, model, quantisations, with_gpu, with_ram
from workbench.models.file import ModelFile
from workbench.models.fit import Verdict, fit, fit_together
from workbench.models.ladder import ladder
from workbench.models.params import RunParams

WORST_FIRST = [Verdict.TOO_BIG, Verdict.CPU, Verdict.SPLIT, Verdict.GPU]

WORK_AREA_DIPS = 0.05

sizes = st.floats(0.6, 60)
memories = st.floats(0, 80)
contexts = st.integers(1, 200_000)


@st.composite
def models(draw: st.DrawFn) -> ModelFile:
    """Dense ones and such with experts, with and without a window, tied and not."""
    experts = draw(st.sampled_from([0, 0, 8, 64]))
    window = draw(st.sampled_from([0, 1024]))
    architecture = "gemma3" if window else "llama"
    return model(
        draw(sizes),
        tied=draw(st.booleans()),
        layers=draw(st.sampled_from([2, 16, 48])),
        experts=experts,
        used=min(experts, 2),
        architecture=architecture,
        metadata={f"{architecture}.attention.sliding_window": window} if window else None,
    )


@st.composite
def choices(draw: st.DrawFn) -> RunParams:
    flash = draw(st.sampled_from(["auto", "on", "off"]))
    return RunParams(
        n_batch=2048,
        n_ubatch=draw(st.sampled_from([128, 512, 2048])),
        n_seq_max=draw(st.sampled_from([1, 4])),
        n_outputs_max=draw(st.sampled_from([0, 1])),
        flash_attn=flash,
        type_k=draw(st.sampled_from(["f16", "q8_0"])),
        type_v="f16" if flash == "off" else draw(st.sampled_from(["f16", "q8_0", "q4_0"])),
        swa_full=draw(st.booleans()),
        kv_unified=draw(st.booleans()),
    )


def rank(verdict: Verdict) -> int:
    return WORST_FIRST.index(verdict)


@settings(max_examples=40, database=None)
@given(
    subject=models(), params=choices(), free=memories, ram=memories, n_ctx=contexts,
    more_free=st.floats(0, 20), more_ram=st.floats(0, 20),
)  # fmt: skip
def test_more_memory_is_never_worse(
    subject: ModelFile, params: RunParams, free: float, ram: float, n_ctx: int, more_free: float, more_ram: float
) -> None:
    found = fit(subject, with_gpu(free, ram_gib=ram), n_ctx=n_ctx, params=params)
    richer = fit(subject, with_gpu(free + more_free, ram_gib=ram + more_ram), n_ctx=n_ctx, params=params)
    assert rank(richer.verdict) >= rank(found.verdict)
    assert (found.short_by_bytes > 0) == (found.verdict is Verdict.TOO_BIG)
    assert (found.margin_bytes < 0) == (found.verdict is Verdict.TOO_BIG)


@settings(max_examples=40, database=None)
@given(subject=models(), params=choices(), n_ctx=contexts, more=st.integers(1, 50_000), layers=st.integers(0, 50))
def test_more_context_never_takes_less(
    subject: ModelFile, params: RunParams, n_ctx: int, more: int, layers: int
) -> None:
    """On one placement: another one may hold the embeddings once instead of twice.

    The cache grows with every step.  The work area may shrink by a few MiB: llama.cpp puts each tensor into the
    best hole, and at another size the holes are others.
    """
    machine, placed = with_gpu(40, ram_gib=64), replace(params, n_gpu_layers=layers)
    short, long = (fit(subject, machine, n_ctx=tokens, params=placed) for tokens in (n_ctx, n_ctx + more))
    for before, after in zip(short.shares, long.shares, strict=True):
        assert after.kv_bytes >= before.kv_bytes
        assert after.total_bytes >= before.total_bytes - WORK_AREA_DIPS * before.compute_bytes


@settings(max_examples=30, database=None)
@given(subject=models(), params=choices(), free=memories, ram=memories, more=st.floats(0, 20))
def test_the_longest_context_fits_and_grows_with_memory(
    subject: ModelFile, params: RunParams, free: float, ram: float, more: float
) -> None:
    for poor, rich in ((with_ram(ram), with_ram(ram + more)), (with_gpu(free), with_gpu(free + more))):
        found, richer = (fit(subject, machine, n_ctx=2048, params=params) for machine in (poor, rich))
        if found.max_context is None:
            continue
        assert found.max_context % 256 == 0
        again = fit(subject, poor, n_ctx=found.max_context, params=params)
        assert rank(again.verdict) >= rank(found.verdict)
        if found.verdict is richer.verdict and found.params.n_gpu_layers == richer.params.n_gpu_layers:
            same_experts = found.params.n_cpu_moe == richer.params.n_cpu_moe
            assert not same_experts or (richer.max_context or 0) >= (1 - WORK_AREA_DIPS) * found.max_context
        if found.verdict is not Verdict.TOO_BIG:
            assert found.max_context >= found.context


@settings(max_examples=40, database=None)
@given(subject=models(), params=choices(), free=memories, ram=memories, n_ctx=contexts)
def test_remedies_never_end_worse_and_do_what_they_say(
    subject: ModelFile, params: RunParams, free: float, ram: float, n_ctx: int
) -> None:
    machine = with_gpu(free, ram_gib=ram)
    found = fit(subject, machine, n_ctx=n_ctx, params=params)
    before = rank(found.verdict)
    for remedy in found.remedies:
        assert rank(remedy.verdict) >= before
        assert remedy.saves_bytes > 0
        before = rank(remedy.verdict)
        if remedy.params is not None:
            taken = fit(subject, machine, n_ctx=remedy.params.n_ctx, params=remedy.params)
            assert taken.verdict is remedy.verdict
    if found.remedies:
        assert rank(found.remedies[-1].verdict) > rank(found.verdict)


@settings(max_examples=20, database=None)
@given(scale=st.floats(0.1, 10), free=st.floats(1, 48), ram=st.floats(2, 64), gpu=st.booleans())
def test_a_recommended_rung_fits(scale: float, free: float, ram: float, gpu: bool) -> None:
    found = ladder(quantisations(scale=scale), with_gpu(free, ram_gib=ram) if gpu else with_ram(ram))
    fits = [rung for rung in found.rungs if rung.fit.verdict is not Verdict.TOO_BIG]
    assert (found.recommended in fits) == bool(fits)


@settings(max_examples=30, database=None)
@given(files=st.lists(models(), min_size=1, max_size=3), free=st.floats(2, 30), ram=st.floats(4, 60))
def test_panes_said_to_fit_together_do(files: list[ModelFile], free: float, ram: float) -> None:
    machine = with_gpu(free, ram_gib=ram)
    named = [replace(file, path=file.path.with_name(f"{index}.gguf")) for index, file in enumerate(files)]
    panes = [fit(file, machine) for file in named]
    together = fit_together(panes, machine)
    if not together.fits:
        assert together.fits_all == ()
        return
    assert [one.model for one in together.fits_all] == named
    again = fit_together(together.fits_all, machine)
    assert again.fits
    assert again.fits_all == together.fits_all
    assert together.total_bytes <= free * GIB + ram * GIB
