"""The library's models as ladders, grouped by family and priced, worked out away from the window's thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from workbench.gui.errands import Errands, errand
from workbench.gui.tr import later, tr
from workbench.gui.words import has_gpu
from workbench.hardware.facts import Hardware
from workbench.hub.library import Held, Problem
from workbench.models.file import Family, ModelFile
from workbench.models.ladder import groups
from workbench.models.params import RunParams
from workbench.models.verdict import Ladder

if TYPE_CHECKING:
    from workbench.app import Workbench

FAMILIES = (
    (Family.LLAMA, "Llama"),
    (Family.MISTRAL, "Mistral"),
    (Family.GEMMA, "Gemma"),
    (Family.OTHER, later("Other")),
)
UNKNOWN_CONTEXT = 4096


@dataclass(frozen=True, slots=True)
class Terms:
    """What every price assumes: ``n_ctx`` None is each model's trained maximum, ``machine`` None is this one."""

    n_ctx: int | None = 4096
    kv_type: str = "f16"
    machine: Hardware | None = None

    def params(self, model: ModelFile) -> RunParams:
        n_ctx = self.n_ctx if self.n_ctx is not None else model.n_ctx_train or UNKNOWN_CONTEXT
        return RunParams(n_ctx=n_ctx, type_k=self.kv_type, type_v=self.kv_type)

    @property
    def described(self) -> bool:
        return self.machine is not None


@dataclass(frozen=True, slots=True)
class Priced:
    """Ladders on one machine, at one moment; ``held`` says of the library's models who keeps them."""

    terms: Terms
    machine: Hardware
    ladders: tuple[Ladder, ...]
    problems: tuple[Problem, ...] = ()
    held: tuple[Held, ...] = ()

    @property
    def has_gpu(self) -> bool:
        return has_gpu(self.machine)


class Stock(QObject):
    """``price`` works out anew what was asked last; ``priced`` carries the answer, ``failed`` an error."""

    priced = Signal(object)
    failed = Signal(object)

    def __init__(self, work: Callable[[Terms], Priced], errands: Errands, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._work, self._errands = work, errands
        self._next: Terms | None = None
        self._busy = False

    @property
    def busy(self) -> bool:
        return self._busy

    def price(self, terms: Terms) -> None:
        """Of several wishes in a row only the last is worked out."""
        self._next = terms
        if not self._busy:
            self._start()

    def _start(self) -> None:
        if self._next is None:
            return
        terms, self._next = self._next, None
        self._busy = True
        self._errands.run("price the models", errand(partial(self._work, terms)), self._take, self._fail)

    def _take(self, found: Priced) -> None:
        self._busy = False
        if self._next is None:
            self.priced.emit(found)
        self._start()

    def _fail(self, error: Exception) -> None:
        self._busy = False
        if self._next is None:
            self.failed.emit(error)
        self._start()


def price_library(bench: Workbench, terms: Terms) -> Priced:
    listing = bench.library.listing()
    machine = terms.machine or bench.machine()
    return Priced(terms, machine, _ladders(bench, listing.files, terms, machine), listing.problems, listing.held)


def price_files(bench: Workbench, files: Sequence[ModelFile], terms: Terms) -> Priced:
    """Files that are not on this machine: of one repository, maybe several models."""
    machine = terms.machine or bench.machine()
    return Priced(terms, machine, _ladders(bench, files, terms, machine))


def _ladders(bench: Workbench, files: Sequence[ModelFile], terms: Terms, machine: Hardware) -> tuple[Ladder, ...]:
    made = []
    for title, own in groups(files):
        params = terms.params(max(own, key=lambda model: model.n_ctx_train))
        found = bench.ladder(own, n_ctx=params.n_ctx, params=params, machine=machine)
        made.append(replace(found, title=title))
    return tuple(made)


def by_family(ladders: Sequence[Ladder]) -> tuple[tuple[str, tuple[Ladder, ...]], ...]:
    """Families in their order, only those that have a model."""
    sorted_out = [(title, tuple(each for each in ladders if _family(each) is family)) for family, title in FAMILIES]
    return tuple((tr(title), found) for title, found in sorted_out if found)


def _family(ladder: Ladder) -> Family:
    return ladder.rungs[0].fit.model.family if ladder.rungs else Family.OTHER
