"""The switch of the network, as the rail, the menu, the settings and the self-check turn it."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot

from workbench.chat.answer import Problem
from workbench.gui.errands import Errands, errand
from workbench.gui.tr import later, tr

if TYPE_CHECKING:
    from workbench.app import Workbench

log = logging.getLogger(__name__)

LANE = later("network switch")


class NetworkSwitch(QObject):
    """``changed`` is emitted when it stands otherwise, or could not be turned; ``refused`` with why."""

    changed = Signal()
    refused = Signal(object)

    def __init__(self, workbench: Workbench, errands: Errands, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._bench, self._errands = workbench, errands
        self._following = False
        self._seen = workbench.settings

    @property
    def offline(self) -> bool:
        return self._bench.settings.offline

    def turn(self, *, offline: bool) -> None:
        """Kept for the next start too; what is asking stops."""
        work = partial(self._bench.set_offline, offline)
        self._errands.run("turn the network", errand(work), self._turned, self._not_turned, lane=tr(LANE))

    @Slot()
    def follow(self) -> None:
        """See whether another process turned it."""
        if self._following:
            return
        self._following = True
        self._errands.run(
            "follow the settings", errand(self._bench.follow_settings), self._followed, self._lost, lane=tr(LANE)
        )

    def _followed(self, _changed: bool) -> None:
        self._following = False
        # Not what the look just found alone: every use of the network looks too, and may have been first.
        if self._bench.settings is not self._seen:
            self._seen = self._bench.settings
            self.changed.emit()

    def _lost(self, error: Exception) -> None:
        self._following = False
        log.warning("the settings could not be looked at: %s", error)

    @Slot(bool)
    def wish(self, offline: bool) -> None:
        self.turn(offline=offline)

    def _turned(self, _nothing: object) -> None:
        self.changed.emit()

    def _not_turned(self, error: Exception) -> None:
        self.changed.emit()
        self.refused.emit(Problem.of(error))
