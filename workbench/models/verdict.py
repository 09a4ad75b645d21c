"""What the planner answers: a verdict with its numbers, what would help, and the ladder of quantisations."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Literal

from workbench.models.breakdown import Share
from workbench.models.file import ModelFile
from workbench.models.params import RunParams
from workbench.models.speed import Speed


class Verdict(enum.StrEnum):
    """All on a GPU; split between GPU and RAM (layers, or experts only); in RAM; not at all."""

    GPU = "gpu"
    SPLIT = "split"
    CPU = "cpu"
    TOO_BIG = "too_big"


class Measure(enum.StrEnum):
    """What can be done to need less memory, in the order in which it is worth trying."""

    FLASH_ATTENTION = "flash_attention"
    SMALLER_BATCH = "smaller_batch"
    WINDOW_CACHE = "window_cache"
    QUANTISED_CACHE = "quantised_cache"
    SHORTER_CONTEXT = "shorter_context"
    EXPERTS_IN_RAM = "experts_in_ram"
    FEWER_GPU_LAYERS = "fewer_gpu_layers"
    SMALLER_QUANTISATION = "smaller_quantisation"


@dataclass(frozen=True, slots=True)
class Remedy:
    """One step of what would make a model fit, or fit better; steps add up, each stands on those before it.

    ``text`` says it in a sentence.  ``params`` are the wishes to ask for a fit with (an automatic placement stays
    one), None for a step that needs another file.
    ``saves_bytes`` is this step's own saving; ``verdict`` what the fit is once it was taken.
    """

    measure: Measure
    text: str
    params: RunParams | None
    saves_bytes: int
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Fit:
    """The verdict for one file on one machine.

    ``context`` is the number of tokens assumed, ``max_context`` the longest that fits on the same
    placement (of a model that is too big: on any; None when nothing does), ``params`` what to load
    with.  ``basis`` is "exact" where llama.cpp itself was asked, "estimate" where our arithmetic
    answered.  ``confident`` is False for architectures whose memory is not modelled: ``reasons`` says why.
    The byte totals are sums over ``shares``.
    """

    model: ModelFile
    verdict: Verdict
    context: int
    max_context: int | None
    basis: Literal["exact", "estimate"]
    params: RunParams
    shares: tuple[Share, ...]
    reasons: tuple[str, ...]
    speed: Speed | None = None
    remedies: tuple[Remedy, ...] = ()
    confident: bool = True

    @property
    def total_bytes(self) -> int:
        return sum(share.total_bytes for share in self.shares)

    @property
    def available_bytes(self) -> int:
        return sum(share.available_bytes for share in self.shares)

    @property
    def short_by_bytes(self) -> int:
        return sum(share.short_by_bytes for share in self.shares)

    @property
    def margin_bytes(self) -> int:
        """What is left on the device that is nearest to full; below 0 what is missing.

        Of memory that a GPU shares, all that is left is given to the GPU: main memory's own 0 means nothing then.
        """
        if self.short_by_bytes:
            return -self.short_by_bytes
        margins = [share.margin_bytes for share in self.shares if share.total_bytes]
        return min([margin for margin in margins if margin > 0], default=0)


@dataclass(frozen=True, slots=True)
class TogetherFit:
    """Whether several panes fit at once; weights of a file open in two panes count once.

    ``fits_all`` are the fits to load with, in the order asked: where not all fit as planned alone, some may
    have been moved to main memory.  ``swap_s`` is the time that loading the others anew costs each round,
    a range in seconds, when they must take turns; None when they fit, or nothing is known of the disk.
    """

    fits: bool
    total_bytes: int
    available_bytes: int
    reasons: tuple[str, ...]
    fits_all: tuple[Fit, ...] = ()
    swap_s: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class QualityLoss:
    """What was published about a quantisation: mean KL divergence against the unquantised model.

    Measured on ``model`` by ``source``; for other models it is an indication, no more.
    """

    mean_kl_divergence: float
    model: str
    source: str


@dataclass(frozen=True, slots=True)
class Rung:
    """One quantisation of a model.  ``word`` is plain ("small", "balanced", "large"); ``reason`` says why the
    recommended one is, in a line, and is empty for the others."""

    fit: Fit
    word: str
    loss: QualityLoss | None
    recommended: bool = False
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Ladder:
    """Every quantisation of one model, largest first; ``skipped`` are files that are none, and why."""

    title: str
    rungs: tuple[Rung, ...]
    skipped: tuple[tuple[str, str], ...] = ()

    @property
    def recommended(self) -> Rung | None:
        return next((rung for rung in self.rungs if rung.recommended), None)
