"""Whether panes answer at once, one after another, or one at a time in memory."""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from workbench.errors import DoesNotFitError
from workbench.hardware.facts import Hardware
from workbench.hardware.words import human_bytes
from workbench.models.breakdown import RAM, Share
from workbench.models.file import ModelFile
from workbench.models.fit import Fit, TogetherFit, Verdict, fit_together
from workbench.models.params import RunParams


class RunMode(enum.StrEnum):
    """How several panes share one machine.

    ``together``  all loaded, all answering at once; processor cores are divided between them.
    ``in_turn``   all loaded, one answering at a time with every core: speeds are undisturbed.
    ``swap``      one loaded at a time, for models that do not fit side by side.
    """

    AUTO = "auto"
    TOGETHER = "together"
    IN_TURN = "in_turn"
    SWAP = "swap"


@dataclass(frozen=True, slots=True)
class RunPlan:
    """How to run, and why.  ``fits`` are what to load with, in the order asked: side by side some may have
    been moved to main memory.  ``swap_s`` is what loading the models anew costs each round, a range in
    seconds; None when nothing is swapped, or nobody knows."""

    mode: RunMode
    reasons: tuple[str, ...]
    fits: tuple[Fit, ...] = ()
    swap_s: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """What panes have loaded, and the machine as it is beside that."""

    fits: tuple[Fit, ...]
    machine: Hardware


class Fitter(Protocol):
    """The verdict for a model on a machine, as ``models.fit.fit`` gives it."""

    def __call__(self, model: ModelFile, hardware: Hardware, *, n_ctx: int, params: RunParams | None) -> Fit: ...


class Together(Protocol):
    """Whether fits can be loaded side by side on a machine."""

    def __call__(self, fits: Sequence[Fit], hardware: Hardware) -> TogetherFit: ...


def plan_run(
    fits: Sequence[Fit],
    hardware: Hardware,
    wanted: RunMode,
    *,
    panes: int,
    fixed: Sequence[Fit] = (),
    held: Held | None = None,
    judge: Together = fit_together,
) -> RunPlan:
    """The mode to run in: the wanted one, unless the models do not fit in memory together.

    ``fits`` are those of the models still to be loaded; those among ``fixed`` are loaded just so, or not beside
    others.  ``hardware`` is the machine with nothing of ours loaded, ``held`` what is.  ``panes`` counts all that
    will answer.
    """
    everyone, placed = _side_by_side(fits, hardware, fixed, held, judge)
    forced = [fit.model.name for fit in fits if not fits_at_all(fit)]
    why: tuple[str, ...] = ()
    if wanted is RunMode.SWAP:
        why = ("one model in memory at a time, as asked",)
    elif forced:
        why = (f"{', '.join(forced)}: judged too big and loaded all the same, as asked",)
    elif placed is None:
        why = ("the models do not fit in memory together", *everyone.reasons)
    if why or placed is None:
        return RunPlan(RunMode.SWAP, why, tuple(fits), everyone.swap_s)
    if wanted is RunMode.IN_TURN:
        return RunPlan(RunMode.IN_TURN, ("one answer at a time, as asked",), placed)
    if wanted is RunMode.AUTO and panes > hardware.cpu.usable_cores and not hardware.devices:
        reason = f"{panes} models share {hardware.cpu.usable_cores} processor cores: one answers at a time"
        return RunPlan(RunMode.IN_TURN, (reason,), placed)
    return RunPlan(RunMode.TOGETHER, everyone.reasons, placed)


def _side_by_side(
    fits: Sequence[Fit], hardware: Hardware, fixed: Sequence[Fit], held: Held | None, judge: Together
) -> tuple[TogetherFit, tuple[Fit, ...] | None]:
    """The judgement of all, loaded or not, and the placements for ``fits``; None where they do not fit."""
    loaded = held.fits if held is not None else ()
    asked = (*loaded, *fits)
    everyone = judge(asked, hardware)
    placed = _unless_moved(everyone, asked, (*loaded, *fixed))
    if placed is not None or not everyone.fits or held is None:
        return everyone, placed and placed[len(loaded) :]
    # What is loaded stays where it is; perhaps the others find room beside it.
    beside = judge(fits, held.machine)
    return beside, _unless_moved(beside, fits, fixed)


def _unless_moved(together: TogetherFit, asked: Sequence[Fit], fixed: Sequence[Fit]) -> tuple[Fit, ...] | None:
    if not together.fits:
        return None
    placed = together.fits_all or tuple(asked)
    for before, after in zip(asked, placed, strict=True):
        if before.params != after.params and any(before is one for one in fixed):
            return None
    return placed


def with_freed(machine: Hardware, shares: Iterable[Share]) -> Hardware:
    """The machine as it will be once these shares of loaded models are freed."""
    freed: Counter[str] = Counter()
    for share in shares:
        freed[share.device] += share.total_bytes
    memory = machine.memory
    available_bytes = min(memory.limit_bytes or memory.total_bytes, memory.available_bytes + freed[RAM])
    devices = tuple(
        replace(device, free_bytes=min(device.total_bytes, device.free_bytes + freed[device.name]))
        for device in machine.devices
    )
    return replace(machine, memory=replace(memory, available_bytes=available_bytes), devices=devices)


def threads_for(hardware: Hardware, *, running: int) -> int:
    """Threads of one context when ``running`` contexts compute at once: never more than cores in all."""
    return max(1, hardware.cpu.usable_cores // max(1, running))


def fits_at_all(found: Fit) -> bool:
    return found.verdict is not Verdict.TOO_BIG


def too_big(found: Fit) -> DoesNotFitError:
    """What does not fit, by how much, and what would help."""
    hint = "Choose a smaller model or quantisation, or close other programs."
    if found.max_context:
        hint = f"It would fit with a context of {found.max_context:,} tokens."
    return DoesNotFitError(
        f"{found.model.name} needs {human_bytes(found.total_bytes)} with a context of {found.context:,} tokens; "
        f"{human_bytes(found.available_bytes)} is free, {human_bytes(found.short_by_bytes)} too little.",
        hint=hint,
    )
