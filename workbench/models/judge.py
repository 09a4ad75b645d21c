"""Turns a placement into a verdict: its longest context, its speed, and the reasons in plain words."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from workbench.hardware.facts import Hardware
from workbench.hardware.words import human_bytes
from workbench.models.file import ModelFile
from workbench.models.learnt import Learnt
from workbench.models.params import ALL_LAYERS, RunParams
from workbench.models.placement import ram_reserve_bytes, usable_devices
from workbench.models.plans import Case, Plan, context_step, trained_context
from workbench.models.speeds import expected_speed
from workbench.models.verdict import Fit, Verdict

# Features of a build of llama.cpp with which it keeps a second copy of some weights, in another order.  The
# first copy is the mapped file, which the system takes back when memory is short: it is not counted twice.
_REARRANGING = {"REPACK", "AMX_INT8"}


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked: a model and a context, in tokens, on a machine of which something may be learnt."""

    model: ModelFile
    case: Case
    wanted: RunParams
    asked_context: int
    learnt: Learnt

    @property
    def hardware(self) -> Hardware:
        return self.case.hardware


def as_fit(asked: Question, plan: Plan, *, basis: Literal["exact", "estimate"] = "estimate") -> Fit:
    """The verdict of a placement, without remedies; ``params`` are what to load with, -1 for all layers."""
    everything = plan.params.n_gpu_layers == asked.case.everything
    params = replace(plan.params, n_gpu_layers=ALL_LAYERS) if everything else plan.params
    return Fit(
        model=asked.model,
        verdict=plan.verdict,
        context=params.n_ctx,
        max_context=longest_context(asked, plan),
        basis=basis,
        params=params,
        shares=plan.shares,
        reasons=_reasons(asked, plan, exact=basis == "exact"),
        speed=None
        if plan.verdict is Verdict.TOO_BIG
        else expected_speed(asked.model, params, plan.shares, asked.hardware, asked.learnt),
        confident=basis == "exact" or asked.case.subject.shape.confident,
    )


def longest_context(asked: Question, plan: Plan) -> int | None:
    """On this placement; of a model that is too big, on any placement that may be chosen."""
    at_most = trained_context(asked.model.n_ctx_train, asked.wanted) or plan.params.n_ctx
    if plan.verdict is Verdict.TOO_BIG:
        shorter = plan.params.n_ctx - context_step(plan.params)
        return asked.case.longest_anywhere(asked.wanted, min(shorter, at_most))
    return asked.case.longest(plan.params, max(at_most, plan.params.n_ctx))


# --- reasons ---------------------------------------------------------------------------------


def _reasons(asked: Question, plan: Plan, *, exact: bool) -> tuple[str, ...]:
    subject, params = asked.case.subject, plan.params
    said = []
    if asked.asked_context > params.n_ctx:
        said.append(f"Trained for {subject.shape.n_ctx_train:,} tokens: the context is lowered to {params.n_ctx:,}")
    weights = sum(share.weights_bytes for share in plan.shares)
    where = "on the GPU and in RAM" if params.n_gpu_layers else "the second time as the processor wants them"
    twice = f" (the embeddings twice, {where})" if weights > subject.weights.total_bytes else ""
    said.append(f"Weights: {human_bytes(weights)}{twice}")
    said.append(f"KV cache of {_context(params)}: {human_bytes(sum(share.kv_bytes for share in plan.shares))}")
    work = sum(share.compute_bytes + share.overhead_bytes for share in plan.shares)
    of_device = ", the GPU's own needs included" if params.n_gpu_layers else ""
    said.append(f"Vocabulary and working memory: {human_bytes(work)}{of_device}")
    said += _placement_reasons(asked, plan)
    if plan.short_by_bytes:
        said.append(f"Short by {human_bytes(plan.short_by_bytes)}")
    said.append(
        f"{human_bytes(ram_reserve_bytes(asked.hardware, asked.case.reserves))} of memory is kept free for the system"
    )
    said += _learnt_reasons(asked)
    build = asked.hardware.build
    if plan.verdict is not Verdict.GPU and build is not None and _REARRANGING & set(build.cpu_features):
        said.append("llama.cpp rearranges weights for this processor: the system may show some of them twice")
    return (*said, *(() if exact else subject.shape.notes))


def _context(params: RunParams) -> str:
    if params.n_seq_max == 1:
        return f"{params.n_ctx:,} tokens"
    if params.kv_unified:
        return f"{params.n_ctx:,} tokens shared by {params.n_seq_max} sequences"
    return f"{params.n_ctx:,} tokens ({params.n_seq_max} sequences of {params.n_ctx // params.n_seq_max:,})"


def _placement_reasons(asked: Question, plan: Plan) -> list[str]:
    devices, params, case = usable_devices(asked.hardware), plan.params, asked.case
    names = " and ".join(device.description or device.name for device in devices)
    said = []
    layers_out = case.everything - params.n_gpu_layers
    experts_out = min(params.n_cpu_moe, case.subject.shape.n_layer) if case.has_experts else 0
    if params.n_gpu_layers and not layers_out:
        said.append(f"All {case.everything} layers on {names}")
    elif params.n_gpu_layers:
        said.append(f"{layers_out} of {case.everything} layers stay in RAM")
    elif devices and asked.wanted.n_gpu_layers != 0:
        said.append(f"Not one layer fits on {names}")
    if params.n_gpu_layers and experts_out > max(0, layers_out - 1):
        said.append(f"The experts of {experts_out} layers stay in RAM")
    if plan.verdict is Verdict.CPU:
        said.append("Runs on the processor")
    silent = [device.description or device.name for device in asked.hardware.devices if device.total_bytes <= 0]
    return said + [f"{name} does not say how much memory it has, so it is not used" for name in silent]


def _learnt_reasons(asked: Question) -> list[str]:
    said = []
    for device in usable_devices(asked.hardware):
        reserve = asked.learnt.reserves.get(device.key)
        if reserve is not None:
            loads = f"{reserve.loads} load{'s' if reserve.loads != 1 else ''}"
            said.append(
                f"{human_bytes(reserve.size_bytes)} for {device.description or device.name} itself, learnt from {loads}"
            )
    return said
