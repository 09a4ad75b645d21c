"""What each pane is loaded with, or is about to be, and how much memory that takes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from workbench.chat.pane import Pane
from workbench.engine.base import LoadRequest

if TYPE_CHECKING:
    from workbench.models.breakdown import Share
    from workbench.models.file import ModelFile
    from workbench.models.fit import Fit


class Loads:
    """``isolate`` says which models always get a process of their own."""

    def __init__(self, isolate: Callable[[ModelFile], bool]) -> None:
        self._isolate = isolate
        self._requests: dict[int, LoadRequest] = {}
        self._shares: dict[int, tuple[Share, ...]] = {}  # of what a pane holds, until it is freed

    @property
    def shares(self) -> Mapping[int, tuple[Share, ...]]:
        return MappingProxyType(self._shares)

    def of(self, pane: Pane) -> LoadRequest:
        return self._requests[pane.id]

    def staying(self, panes: Iterable[Pane]) -> list[Pane]:
        """Those that keep what they have loaded."""
        return [pane for pane in panes if pane.loaded and pane.id in self._requests]

    def prepare(self, pane: Pane, found: Fit | None) -> None:
        """The pane is to be loaded as it was found to fit; None: it is loaded already, and stays so."""
        if found is None or pane.model is None:
            return
        isolated = pane.isolated or self._isolate(pane.model)
        self._requests[pane.id] = LoadRequest(pane.model, found.params, pane.template, pane.adapters, isolated)
        self._shares[pane.id] = found.shares
        pane.fit, pane.receipt = found, None

    def forget(self, pane: Pane) -> None:
        """What it holds is not what it will be asked with."""
        self._requests.pop(pane.id, None)

    def runs_as(self, pane: Pane, model: ModelFile | None, *, isolated: bool) -> bool:
        """Whether what the pane has opened is in the kind of process that is wanted: the model may have been told
        otherwise since."""
        opened = self._requests.get(pane.id)
        return opened is None or model is None or opened.isolated == (isolated or self._isolate(model))
