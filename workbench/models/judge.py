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
from workbench.words import all_of, counted, said

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
    told = []
    if asked.asked_context > params.n_ctx:
        told.append(
            said(
                "Trained for {n_ctx_train:,} tokens: the context is lowered to {n_ctx:,}",
                n_ctx_train=subject.shape.n_ctx_train,
                n_ctx=params.n_ctx,
            )
        )
    weights = sum(share.weights_bytes for share in plan.shares)
    if weights <= subject.weights.total_bytes:
        told.append(said("Weights: {size}", size=human_bytes(weights)))
    elif params.n_gpu_layers:
        told.append(said("Weights: {size} (the embeddings twice, on the GPU and in RAM)", size=human_bytes(weights)))
    else:
        told.append(
            said(
                "Weights: {size} (the embeddings twice, the second time as the processor wants them)",
                size=human_bytes(weights),
            )
        )
    told.append(
        said(
            "KV cache of {context}: {size}",
            context=_context(params),
            size=human_bytes(sum(share.kv_bytes for share in plan.shares)),
        )
    )
    work = sum(share.compute_bytes + share.overhead_bytes for share in plan.shares)
    told.append(
        said("Vocabulary and working memory: {size}, the GPU's own needs included", size=human_bytes(work))
        if params.n_gpu_layers
        else said("Vocabulary and working memory: {size}", size=human_bytes(work))
    )
    told += _placement_reasons(asked, plan)
    if plan.short_by_bytes:
        told.append(said("Short by {size}", size=human_bytes(plan.short_by_bytes)))
    told.append(
        said(
            "{size} of memory is kept free for the system",
            size=human_bytes(ram_reserve_bytes(asked.hardware, asked.case.reserves)),
        )
    )
    told += _learnt_reasons(asked)
    build = asked.hardware.build
    if plan.verdict is not Verdict.GPU and build is not None and _REARRANGING & set(build.cpu_features):
        told.append(said("llama.cpp rearranges weights for this processor: the system may show some of them twice"))
    return (*told, *(() if exact else subject.shape.notes))


def _context(params: RunParams) -> str:
    if params.n_seq_max == 1:
        return said("{n_ctx:,} tokens", n_ctx=params.n_ctx)
    if params.kv_unified:
        return said("{n_ctx:,} tokens shared by {n_seq_max} sequences", n_ctx=params.n_ctx, n_seq_max=params.n_seq_max)
    return said(
        "{n_ctx:,} tokens ({n_seq_max} sequences of {each:,})",
        n_ctx=params.n_ctx,
        n_seq_max=params.n_seq_max,
        each=params.n_ctx // params.n_seq_max,
    )


def _placement_reasons(asked: Question, plan: Plan) -> list[str]:
    devices, params, case = usable_devices(asked.hardware), plan.params, asked.case
    names = all_of([device.description or device.name for device in devices]) if devices else ""
    told = []
    layers_out = case.everything - params.n_gpu_layers
    experts_out = min(params.n_cpu_moe, case.subject.shape.n_layer) if case.has_experts else 0
    if params.n_gpu_layers and not layers_out:
        told.append(said("All {everything} layers on {names}", everything=case.everything, names=names))
    elif params.n_gpu_layers:
        told.append(
            said("{layers_out} of {everything} layers stay in RAM", layers_out=layers_out, everything=case.everything)
        )
    elif devices and asked.wanted.n_gpu_layers != 0:
        told.append(said("Not one layer fits on {names}", names=names))
    if params.n_gpu_layers and experts_out > max(0, layers_out - 1):
        told.append(said("The experts of {experts_out} layers stay in RAM", experts_out=experts_out))
    if plan.verdict is Verdict.CPU:
        told.append(said("Runs on the processor"))
    silent = [device.description or device.name for device in asked.hardware.devices if device.total_bytes <= 0]
    return told + [said("{name} does not say how much memory it has, so it is not used", name=name) for name in silent]


def _learnt_reasons(asked: Question) -> list[str]:
    told = []
    for device in usable_devices(asked.hardware):
        reserve = asked.learnt.reserves.get(device.key)
        if reserve is not None:
            loads = counted(reserve.loads, "load")
            told.append(
                said(
                    "{size_bytes} for {description} itself, learnt from {loads}",
                    size_bytes=human_bytes(reserve.size_bytes),
                    description=device.description or device.name,
                    loads=loads,
                )
            )
    return told
