"""Python's cycle collector, kept on the window's thread."""

from __future__ import annotations

import gc

from PySide6.QtCore import QObject, QTimer, Slot

LOOK_EVERY_MS = 500


class Collector(QObject):
    """The collector runs on whichever thread allocates at the moment, and destroys what it finds there.

    A widget that a worker thread destroys takes the process with it (seen: a closed window in a cycle,
    collected while a lane read a file).  So automatic collection is off while this lives, and the same
    thresholds are looked at from a timer.
    """

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._was_enabled = gc.isenabled()
        gc.disable()
        # What the imports made stays: no collection need walk it, not even now, before the window is there.
        gc.freeze()
        self._timer = QTimer(self, interval=LOOK_EVERY_MS)
        self._timer.timeout.connect(self.look)
        self._timer.start()

    @Slot()
    def look(self) -> None:
        """Collect the oldest generation that is due, as Python itself would."""
        for generation in (2, 1, 0):
            threshold = gc.get_threshold()[generation]
            if threshold and gc.get_count()[generation] > threshold:
                gc.collect(generation)
                return

    def close(self) -> None:
        """Give the collector back as it was."""
        self._timer.stop()
        gc.unfreeze()
        gc.collect()
        if self._was_enabled:
            gc.enable()
