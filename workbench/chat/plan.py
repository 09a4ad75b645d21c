"""Whether panes answer at once, one after another, or one at a time in memory."""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from workbench.errors import DoesNotFitError
from workbench.words import listed, said

if TYPE_CHECKING:
    from workbench.chat.waiting import Seconds, Times
    from workbench.hardware.facts import Hardware
    from workbench.models.breakdown import Share
    from workbench.models.file import ModelFile
    from workbench.models.fit import Fit, TogetherFit
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
class Cost:
    """What a round takes in a mode: ``about_s`` for all its ``answers``, with ``loading_s`` of loading models anew in
    it; None where nobody knows.  ``why`` says what the mode is, or why it is not ``available``."""

    mode: RunMode
    about_s: Seconds | None
    why: str
    available: bool = True
    loading_s: Seconds | None = None
    answers: int = 0


@dataclass(frozen=True, slots=True)
class RunPlan:
    """How to run, and why.  ``fits`` are what to load with, in the order asked: side by side some may have
    been moved to main memory.  ``swap_s`` is what loading the models anew costs each round, a range in
    seconds; None when nothing is swapped, or nobody knows.  ``costs`` are of the modes there are to choose from,
    ``advised`` is the one that is taken where nobody chooses."""

    mode: RunMode
    reasons: tuple[str, ...]
    fits: tuple[Fit, ...] = ()
    swap_s: Seconds | None = None
    costs: tuple[Cost, ...] = ()
    advised: RunMode = RunMode.TOGETHER


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


def usual_fit(model: ModelFile, hardware: Hardware, *, n_ctx: int, params: RunParams | None) -> Fit:
    """Imported with the first question, as all that it is answered with."""
    from workbench.models.fit import fit

    return fit(model, hardware, n_ctx=n_ctx, params=params)


def usual_together(fits: Sequence[Fit], hardware: Hardware) -> TogetherFit:
    from workbench.models.fit import fit_together

    return fit_together(fits, hardware)


def plan_run(
    fits: Sequence[Fit],
    hardware: Hardware,
    wanted: RunMode,
    *,
    panes: int,
    fixed: Sequence[Fit] = (),
    held: Held | None = None,
    judge: Together = usual_together,
    times: Times | None = None,
) -> RunPlan:
    """The mode to run in: the wanted one, unless the models do not fit in memory together.

    ``fits`` are those of the models still to be loaded; those among ``fixed`` are loaded just so, or not beside
    others.  ``hardware`` is the machine with nothing of ours loaded, ``held`` what is.  ``panes`` counts all that
    will answer, and ``times`` says what is known of how long they take.
    """
    everyone, placed = _side_by_side(fits, hardware, fixed, held, judge)
    apart = _why_apart(fits, everyone, placed)
    crowded = panes > hardware.cpu.usable_cores and not hardware.devices
    advised = RunMode.SWAP if apart else RunMode.IN_TURN if crowded else RunMode.TOGETHER
    costs = _costs(times, everyone, apart) if times is not None else ()
    if placed is None or apart or wanted is RunMode.SWAP:
        why = (said("one model in memory at a time, as asked"),) if wanted is RunMode.SWAP else apart
        return RunPlan(RunMode.SWAP, why, tuple(fits), everyone.swap_s, costs, advised)
    mode = advised if wanted is RunMode.AUTO else wanted
    reasons = everyone.reasons
    if mode is RunMode.IN_TURN:
        reason = said(
            "{models} models share {n} processor cores: one answers at a time",
            models=panes,
            n=hardware.cpu.usable_cores,
        )
        reasons = (reason if wanted is RunMode.AUTO else said("one answer at a time, as asked"),)
    return RunPlan(mode, reasons, placed, None, costs, advised)


def _why_apart(fits: Sequence[Fit], everyone: TogetherFit, placed: tuple[Fit, ...] | None) -> tuple[str, ...]:
    """Why the models cannot stay in memory together; nothing where they can."""
    forced = [fit.model.name for fit in fits if not fits_at_all(fit)]
    if forced:
        return (said("{forced}: judged too big and loaded all the same, as asked", forced=", ".join(forced)),)
    return (said("the models do not fit in memory together"), *everyone.reasons) if placed is None else ()


def _costs(times: Times, everyone: TogetherFit, apart: tuple[str, ...]) -> tuple[Cost, ...]:
    from workbench.chat.waiting import reload_s, total

    answers = total(times.answers)
    loading = everyone.swap_s or reload_s(times.loads)
    # The slowest alone is the least that all at once can take; sharing cores or bandwidth, it is at most the sum.
    slowest = max((known[0] for known in times.answers if known), default=0.0)
    at_once = None if answers is None else (slowest, answers[1])
    stays, why, count = not apart, listed(apart, "; "), len(times.answers)
    together = why or said("all answer at once and slow each other down")
    in_turn = why or said("one answers at a time: fair speeds")
    swapped = total((answers, loading))
    return (
        Cost(RunMode.TOGETHER, at_once if stays else None, together, stays, answers=count),
        Cost(RunMode.IN_TURN, answers if stays else None, in_turn, stays, answers=count),
        Cost(RunMode.SWAP, swapped, said("loads each model anew"), loading_s=loading, answers=count),
    )


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
    from workbench.models.breakdown import RAM

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
    from workbench.models.fit import Verdict

    return found.verdict is not Verdict.TOO_BIG


def too_big(found: Fit) -> DoesNotFitError:
    """What does not fit, by how much, and what would help."""
    from workbench.hardware.words import human_bytes

    hint = said("Choose a smaller model or quantisation, or close other programs.")
    if found.max_context:
        hint = said("It would fit with a context of {n:,} tokens.", n=found.max_context)
    return DoesNotFitError(
        said(
            "{model} needs {size} with a context of {context:,} tokens; {free} is free, {missing} too little.",
            model=found.model.name,
            size=human_bytes(found.total_bytes),
            context=found.context,
            free=human_bytes(found.available_bytes),
            missing=human_bytes(found.short_by_bytes),
        ),
        hint=hint,
    )
