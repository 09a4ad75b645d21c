"""Whether what is on this machine changed while the window is open."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot

from workbench.gui.bridge import EventPump
from workbench.gui.errands import Errands
from workbench.jobs import Job, JobRunner

if TYPE_CHECKING:
    from workbench.app import Workbench
    from workbench.hub.places.watching import Changed, Watching

log = logging.getLogger(__name__)

LANE = "watch"


class LibraryWatch(QObject):
    """``changed`` is emitted when files came to, left or changed in a folder of the library, and when what is watched
    has begun or is another: then something may have.

    It has a runner of its own: the watch never ends by itself, and nobody should wait for it.
    """

    changed = Signal()

    def __init__(self, workbench: Workbench, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._bench = workbench
        self._pump = EventPump(self)
        self._runner = JobRunner(self._pump.post)
        self._errands = Errands(self._pump, self._runner)
        self._job: Job | None = None
        self.watching: Watching | None = None

    @property
    def active(self) -> bool:
        return self._job is not None

    @Slot()
    def begin(self) -> None:
        """Watch, unless that is being done."""
        if self._job is None:
            task = self._bench.watch()
            self._job = self._errands.run(
                "watch the library", task, self._ended, self._failed, told=self._told, lane=LANE
            )

    @Slot()
    def begin_anew(self) -> None:
        """Watch the folders of now."""
        if self._job is not None:
            self._job.cancel()
            self._job = None
        self.begin()

    def close(self) -> None:
        """End it; nothing is emitted any more."""
        self._errands.close()
        self._runner.close()

    def _told(self, event: Watching | Changed) -> None:
        from workbench.hub.places.watching import Watching

        if isinstance(event, Watching):
            self.watching = event
        # Also when the watch has begun: what came after the list was made and before that, nobody tells of.
        self.changed.emit()

    def _ended(self, _nothing: None) -> None:
        """It was cancelled."""

    def _failed(self, error: Exception) -> None:
        self._job = None
        log.warning("the library is not watched any more: %s", error)
