"""Whether panes answer at once, one after another, or one at a time in memory."""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from workbench.hardware.facts import Hardware
from workbench.models.breakdown import RAM, Share
from workbench.models.fit import Fit, fit_together


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
    mode: RunMode
    reasons: tuple[str, ...]


def plan_run(fits: Sequence[Fit], hardware: Hardware, wanted: RunMode, *, panes: int) -> RunPlan:
    """The mode to run in: the wanted one, unless the models do not fit in memory together.

    ``fits`` are those of the models still to be loaded; ``panes`` counts all that will answer.
    """
    if wanted is RunMode.SWAP:
        return RunPlan(RunMode.SWAP, ("one model in memory at a time, as asked",))
    together = fit_together(list(fits), hardware)
    if not together.fits:
        return RunPlan(RunMode.SWAP, ("the models do not fit in memory together", *together.reasons))
    if wanted is RunMode.IN_TURN:
        return RunPlan(RunMode.IN_TURN, ("one answer at a time, as asked",))
    if wanted is RunMode.AUTO and panes > hardware.cpu.usable_cores and not hardware.devices:
        return RunPlan(
            RunMode.IN_TURN,
            (f"{panes} models share {hardware.cpu.usable_cores} processor cores: one answers at a time",),
        )
    return RunPlan(RunMode.TOGETHER, tuple(together.reasons))


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
