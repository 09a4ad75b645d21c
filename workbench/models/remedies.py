"""What would make a model fit, or fit wholly on the GPU: steps in the order in which they cost least."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from workbench.hardware.words import human_bytes
from workbench.models.breakdown import RAM, Share
from workbench.models.judge import Question
from workbench.models.params import ALL_LAYERS, RunParams
from workbench.models.placement import usable_devices
from workbench.models.plans import Plan, largest
from workbench.models.quality import bits_by_quantisation, quantisation_within
from workbench.models.verdict import Measure, Remedy, Verdict
from workbench.words import said

SMALLER_BATCH = 128
QUANTISED = "q8_0"
# A context shorter than this is no remedy for somebody who asked for more.
SHORTEST_CONTEXT = 2048

_WHOLE_NUMBERS = {"f32", "f16", "bf16"}
_QUANTISED_BLOCK = 32  # a head of q8_0 has to be whole blocks
_WORTH_SAYING_BYTES = 1 << 20
_THEN = {
    Verdict.GPU: said("then all of it fits on the GPU"),
    Verdict.SPLIT: said("then it fits, partly on the CPU"),
    Verdict.CPU: said("then it fits in RAM"),
}


_BEST_FIRST = (Verdict.GPU, Verdict.SPLIT, Verdict.CPU)


@dataclass(frozen=True, slots=True)
class _Step:
    measure: Measure
    deed: str
    params: RunParams


def remedies(asked: Question, plan: Plan) -> tuple[Remedy, ...]:
    """For a model that is too big: what makes it fit; for one that fits, but not on the GPU: what brings all of
    it there.  Steps stand on those before them; where they do not suffice, a smaller file alone is said.

    Empty where nothing is to be improved, where somebody chose the placement that fits, and where no
    quantisation is small enough.
    """
    if plan.verdict is not Verdict.TOO_BIG and (
        plan.verdict is Verdict.GPU or not usable_devices(asked.hardware) or asked.wanted.n_gpu_layers != ALL_LAYERS
    ):
        return ()
    aim = _Anything(asked, plan) if plan.verdict is Verdict.TOO_BIG else _AllOnGpu(asked, plan)
    taken: list[Remedy] = []
    params = asked.wanted
    for propose in (_flash_attention, _smaller_batch, _window_cache, _quantised_cache, aim.shorter, *aim.placements):
        step = propose(asked, params)
        if step is None:
            continue
        saves = aim.memory_bytes(params) - aim.memory_bytes(step.params)
        if saves < _WORTH_SAYING_BYTES:
            continue
        params, verdict = step.params, aim.verdict(step.params)
        reached = aim.reached(verdict)
        text = said("{deed}: saves {saves}", deed=step.deed, saves=human_bytes(saves))
        if reached:
            text = said("{step}; {then}", step=text, then=_THEN[verdict])
        taken.append(Remedy(step.measure, text, params, saves, verdict))
        if reached:
            return tuple(taken)
    return tuple(aim.smaller_file())


# --- steps -----------------------------------------------------------------------------------


def _flash_attention(_asked: Question, params: RunParams) -> _Step | None:
    if params.flash_attn != "off":
        return None
    return _Step(Measure.FLASH_ATTENTION, said("Turn flash attention on"), replace(params, flash_attn="auto"))


def _smaller_batch(_asked: Question, params: RunParams) -> _Step | None:
    outputs = max(1, params.n_seq_max)
    changed = params
    deed = ""
    if params.n_outputs_max == 0 or params.n_outputs_max > outputs:
        changed = replace(changed, n_outputs_max=outputs)
        deed = said("Keep the logits of one token only")
    if params.n_ubatch > SMALLER_BATCH:
        changed = replace(changed, n_ubatch=SMALLER_BATCH)
        deed = (
            said("Keep the logits of one token only and read prompts in pieces of {n} tokens (slower)", n=SMALLER_BATCH)
            if deed
            else said("Read prompts in pieces of {n} tokens (slower)", n=SMALLER_BATCH)
        )
    return _Step(Measure.SMALLER_BATCH, deed, changed) if deed else None


def _window_cache(asked: Question, params: RunParams) -> _Step | None:
    windowed = any(cache.windowed for cache in asked.case.subject.shape.caches)
    if not params.swa_full or not windowed:
        return None
    return _Step(
        Measure.WINDOW_CACHE, said("Keep only the window of sliding-window layers"), replace(params, swa_full=False)
    )


def _quantised_cache(asked: Question, params: RunParams) -> _Step | None:
    wide = {params.type_k, params.type_v} & _WHOLE_NUMBERS
    if not wide or params.flash_attn == "off" or asked.case.use.head_k % _QUANTISED_BLOCK:
        return None
    changed = replace(
        params,
        type_k=QUANTISED if params.type_k in wide else params.type_k,
        type_v=QUANTISED if params.type_v in wide else params.type_v,
    )
    return _Step(Measure.QUANTISED_CACHE, said("Keep the cache in 8 bits ({quantised})", quantised=QUANTISED), changed)


def _with_context(params: RunParams, tokens: int | None) -> _Step | None:
    if tokens is None or tokens >= params.n_ctx or tokens < min(SHORTEST_CONTEXT, params.n_ctx):
        return None
    return _Step(
        Measure.SHORTER_CONTEXT,
        said("Shorten the context to {tokens:,} tokens", tokens=tokens),
        replace(params, n_ctx=tokens),
    )


def _experts_in_ram(asked: Question, params: RunParams) -> _Step | None:
    """For a placement somebody chose; without one the planner has tried this already."""
    case, layers = asked.case, asked.case.subject.shape.n_layer
    if not case.has_experts or params.n_gpu_layers == 0:
        return None

    def kept_in(count: int) -> RunParams:
        return replace(params, n_cpu_moe=layers - count)

    kept = largest(lambda count: case.fits(kept_in(count)), layers - params.n_cpu_moe - 1)
    if not case.fits(kept_in(kept)):
        return None
    return _Step(
        Measure.EXPERTS_IN_RAM,
        said("Leave the experts of {layers} layers in RAM (slower)", layers=layers - kept),
        kept_in(kept),
    )


def _fewer_gpu_layers(asked: Question, params: RunParams) -> _Step | None:
    """As above."""
    case = asked.case
    chosen = min(params.n_gpu_layers, case.everything)
    fewer = largest(lambda count: case.fits(replace(params, n_gpu_layers=count)), chosen - 1)
    changed = replace(params, n_gpu_layers=fewer)
    if fewer >= chosen or not case.fits(changed):
        return None
    return _Step(
        Measure.FEWER_GPU_LAYERS,
        said("Put {fewer} of {everything} layers on the GPU (slower)", fewer=fewer, everything=case.everything),
        changed,
    )


# --- what is wanted --------------------------------------------------------------------------

_Propose = Callable[[Question, RunParams], _Step | None]


class _AllOnGpu:
    """The whole model on the GPU, which fits in part or not at all there."""

    placements: tuple[_Propose, ...] = ()

    def __init__(self, asked: Question, plan: Plan) -> None:
        self._asked = asked
        self._now = plan.verdict

    def memory_bytes(self, params: RunParams) -> int:
        return _total(self._asked.case.shares(_whole(params)))

    def verdict(self, params: RunParams) -> Verdict:
        case = self._asked.case
        if case.fits(_whole(params)):
            return case.verdict_of(_whole(params))
        # Whoever has layers on the GPU keeps them when less is needed.
        return self._now if self._now is Verdict.SPLIT else case.best(params).verdict

    def reached(self, verdict: Verdict) -> bool:
        return verdict is Verdict.GPU

    def shorter(self, asked: Question, params: RunParams) -> _Step | None:
        return _with_context(params, asked.case.longest(_whole(params), params.n_ctx - 1))

    def smaller_file(self) -> Iterator[Remedy]:
        whole = _whole(self._asked.wanted)
        yield from _smaller_file(self._asked, {Verdict.GPU: self._asked.case.shares(whole)})


class _Anything:
    """Any placement that fits; the one somebody chose, where somebody did."""

    def __init__(self, asked: Question, plan: Plan) -> None:
        self._asked = asked
        self._nearest = plan
        chosen = asked.wanted.n_gpu_layers not in {ALL_LAYERS, 0} and bool(usable_devices(asked.hardware))
        self._chosen = chosen
        self.placements: tuple[_Propose, ...] = (_experts_in_ram, _fewer_gpu_layers) if chosen else ()

    def memory_bytes(self, params: RunParams) -> int:
        if self._chosen:
            # What moves to main memory is saved on the device.
            return _total(self._asked.case.shares(params), but=RAM)
        placed = replace(
            params, n_gpu_layers=self._nearest.params.n_gpu_layers, n_cpu_moe=self._nearest.params.n_cpu_moe
        )
        return _total(self._asked.case.shares(placed))

    def verdict(self, params: RunParams) -> Verdict:
        case = self._asked.case
        return case.best(params).verdict if case.fits_somewhere(params) else Verdict.TOO_BIG

    def reached(self, verdict: Verdict) -> bool:
        return verdict is not Verdict.TOO_BIG

    def shorter(self, asked: Question, params: RunParams) -> _Step | None:
        return _with_context(params, asked.case.longest_anywhere(params, params.n_ctx - 1))

    def smaller_file(self) -> Iterator[Remedy]:
        case, wanted = self._asked.case, self._asked.wanted
        placed = {case.verdict_of(self._nearest.params): self._nearest.shares}
        if not self._chosen and usable_devices(case.hardware):
            placed[Verdict.GPU] = case.shares(_whole(wanted))
        yield from _smaller_file(self._asked, placed)


def _whole(params: RunParams) -> RunParams:
    return replace(params, n_gpu_layers=ALL_LAYERS)


def _total(shares: tuple[Share, ...], *, but: str | None = None) -> int:
    return sum(share.total_bytes for share in shares if share.device != but)


def _smaller_file(asked: Question, placed: dict[Verdict, tuple[Share, ...]]) -> Iterator[Remedy]:
    """Weights scaled down until a placement fits: the one that allows the largest quantisation."""
    model = asked.model
    own_bits = bits_by_quantisation().get(model.quantisation.upper(), model.bits_per_weight)
    offers = []
    for verdict, shares in placed.items():
        kept = _kept(shares)
        name = quantisation_within(own_bits * kept)
        if name is not None:
            offers.append((bits_by_quantisation()[name], -_BEST_FIRST.index(verdict), kept, name, verdict))
    if not offers:
        return
    _, _, kept, name, verdict = max(offers)
    largest_bytes = int(model.size_bytes * kept)
    yield Remedy(
        Measure.SMALLER_QUANTISATION,
        said(
            "Take a smaller quantisation, such as {name} (a file of at most {largest_bytes}); {then}",
            name=name,
            largest_bytes=human_bytes(largest_bytes),
            then=_THEN[verdict],
        ),
        None,
        model.size_bytes - largest_bytes,
        verdict,
    )


def _kept(shares: tuple[Share, ...]) -> float:
    """The largest share of the weights with which every device suffices; 0 where it is not they."""
    kept = 1.0
    for share in shares:
        if share.short_by_bytes:
            kept = min(kept, (share.weights_bytes - share.short_by_bytes) / max(1, share.weights_bytes))
    return max(0.0, kept)
