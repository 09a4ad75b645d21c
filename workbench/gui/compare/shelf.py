"""The models on this machine and how each fits, worked out away from the window's thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from PySide6.QtCore import QObject, Signal

from workbench.errors import WorkbenchError
from workbench.gui import names
from workbench.gui.errands import Errands, errand
from workbench.gui.words import FitState, fit_state, has_gpu

if TYPE_CHECKING:
    from workbench.app import Workbench
    from workbench.models.file import ModelFile
    from workbench.models.params import RunParams

Key: TypeAlias = "tuple[Path, int, RunParams | None]"
Found: TypeAlias = "ModelFile | WorkbenchError"


@dataclass(frozen=True, slots=True)
class Problem:
    """A file of the library that cannot be used."""

    name: str
    message: str


@dataclass(frozen=True, slots=True)
class _Looked:
    models: tuple[ModelFile, ...]
    problems: tuple[Problem, ...]
    fits: dict[Key, FitState]


class Shelf(QObject):
    """``refresh`` looks again, at the files and at the free memory; ``changed`` says that something is known."""

    changed = Signal()

    def __init__(self, workbench: Workbench, errands: Errands, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.models: tuple[ModelFile, ...] = ()
        self.problems: tuple[Problem, ...] = ()
        self.error: WorkbenchError | None = None
        self.looked = False
        self._bench = workbench
        self._errands = errands
        self._context = workbench.settings.context
        self._fits: dict[Key, FitState] = {}
        self._asked: dict[Key, ModelFile] = {}
        self._looking = self._again = False

    def refresh(self) -> None:
        if self._looking:
            self._again = True
            return
        self._looking = True
        work = partial(_look, self._bench, dict(self._asked), self._context)
        self._errands.run("look at the models", errand(work), self._take, self._fail)

    def set_context(self, n_ctx: int) -> None:
        """The context that the listed fits assume."""
        if n_ctx != self._context:
            self._context = n_ctx
            self._asked.clear()
            self.refresh()

    def fit_state(self, model: ModelFile, n_ctx: int | None = None, params: RunParams | None = None) -> FitState | None:
        """How a model fits now; None until that is known, which ``changed`` will say."""
        key = _key(model, self._context if n_ctx is None else n_ctx, params)
        found = self._fits.get(key)
        if found is None and key not in self._asked:
            self._asked[key] = model
            self.refresh()
        return found

    def add(self, path: Path, then: Callable[[ModelFile], object], failed: Callable[[Exception], object]) -> None:
        """Describe a file and remember it in the library."""
        self._errands.run("open a file", errand(partial(self._bench.library.add, path)), then, failed)

    def find(self, wanted: dict[int, str], then: Callable[[dict[int, Found]], object]) -> None:
        """The models at these paths, each found or the reason why not."""
        self._errands.run("find models", errand(partial(_find, self._bench, wanted)), then)

    def _take(self, looked: _Looked) -> None:
        self.models, self.problems, self.error = looked.models, looked.problems, None
        self._fits = looked.fits
        names.learn(looked.models)
        self._ended()

    def _fail(self, error: Exception) -> None:
        self.error = error if isinstance(error, WorkbenchError) else None
        self._ended()

    def _ended(self) -> None:
        self._looking = False
        self.looked = True
        self.changed.emit()
        if self._again:
            self._again = False
            self.refresh()


def _look(bench: Workbench, asked: dict[Key, ModelFile], n_ctx: int) -> _Looked:
    listing = bench.library.listing()
    machine = bench.machine()
    wanted = asked | {_key(model, n_ctx): model for model in listing.files}
    gpu = has_gpu(machine)
    fits = {
        key: fit_state(bench.fit(model, n_ctx=key[1], params=key[2], machine=machine), has_gpu=gpu)
        for key, model in wanted.items()
    }
    problems = tuple(Problem(problem.path.name, problem.error.message) for problem in listing.problems)
    return _Looked(listing.files, problems, fits)


def _find(bench: Workbench, wanted: dict[int, str]) -> dict[int, Found]:
    found: dict[int, Found] = {}
    for slot, path in wanted.items():
        try:
            found[slot] = bench.library.resolve(path)
        except WorkbenchError as error:
            found[slot] = error
    return found


def _key(model: ModelFile, n_ctx: int, params: RunParams | None = None) -> Key:
    if params is not None:
        return model.path, params.n_ctx, params
    return model.path, min(n_ctx, model.n_ctx_train) if model.n_ctx_train else n_ctx, None


def ordered(models: Sequence[ModelFile], filter_text: str = "") -> list[ModelFile]:
    """The models whose title, name, family or quantisation hold every word of the filter, in the library's order."""
    words = filter_text.casefold().split()
    return [model for model in models if all(word in _searched(model) for word in words)]


def _searched(model: ModelFile) -> str:
    return f"{model.title} {model.name} {model.family.value} {model.quantisation} {model.architecture}".casefold()
