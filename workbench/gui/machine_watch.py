"""Looks at the machine while the window is shown: free memory every two seconds, its speed once."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from workbench.chat.answer import Problem
from workbench.gui.errands import Errands
from workbench.gui.widgets.memory_bar import MemoryStrip

if TYPE_CHECKING:
    from workbench.app import Workbench
    from workbench.chat.comparison import Comparison
    from workbench.gui.memory import Loaded
    from workbench.hardware.facts import Hardware
    from workbench.models.fit import Fit

log = logging.getLogger(__name__)

LOOK_EVERY_MS = 2000
FIRST_LOOK_MS = 100  # it asks llama.cpp in another process: that one starts when the window is there
SETTLED_MS = 15_000  # after it was opened a program is left alone for a moment, or it is in use


class MachineWatch(QObject):
    """``seen`` tells every look and whether it was the first; ``failed`` that looking ended, and why."""

    seen = Signal(object, bool)
    measured = Signal()
    failed = Signal(object)
    ticked = Signal()

    def __init__(
        self, workbench: Workbench, errands: Errands, comparison: Comparison, strip: MemoryStrip, parent: QObject
    ) -> None:
        super().__init__(parent)
        self._bench = workbench
        self._errands = errands
        self._comparison = comparison
        self._strip = strip
        self.machine: Hardware | None = None
        self._looking = self._nameless = False
        self.timer = QTimer(self, interval=LOOK_EVERY_MS)
        self.timer.timeout.connect(self.look)
        self.timer.timeout.connect(self.ticked)
        self._first = QTimer(self, interval=FIRST_LOOK_MS, singleShot=True)
        self._first.timeout.connect(self.look)
        self._quiet = QTimer(self, interval=SETTLED_MS, singleShot=True)
        self._quiet.timeout.connect(self._measure_memory)

    def start(self) -> None:
        self._first.start()
        self.timer.start()
        self._quiet.start()

    def stop(self) -> None:
        for timer in (self._first, self.timer, self._quiet):
            timer.stop()

    @property
    def loaded(self) -> tuple[Loaded, ...]:
        """What is loaded, without names while those are hidden."""
        from workbench.gui.memory import loaded_models, nameless

        found = loaded_models(self._comparison.panes)
        return nameless(found) if self._nameless else found

    def hide_names(self, *, hidden: bool) -> None:
        from workbench.gui.memory import device_memory

        self._nameless = hidden
        if self.machine is not None:
            self._strip.show_memories(device_memory(self.machine, self.loaded))
            self.seen.emit(self.machine, False)

    @Slot()
    def look(self) -> None:
        """Read the machine away from this thread; one look at a time."""
        if self._looking:
            return
        self._looking = True
        self._errands.run("look at the machine", self._bench.look(), self._seen, self._not_seen)

    @Slot(object)
    def show_ghost(self, found: Fit | None) -> None:
        """What the file that is looked at would add to the memory."""
        from workbench.gui.memory import ghost_of

        self._strip.show_ghost(ghost_of(found, self.loaded) if found is not None else None)

    def _seen(self, machine: Hardware) -> None:
        from workbench.gui.memory import device_memory

        self._looking = False
        first, self.machine = self.machine is None, machine
        self._strip.show_memories(device_memory(machine, self.loaded))
        self.seen.emit(machine, first)

    def _not_seen(self, error: Exception) -> None:
        self._looking = False
        self.timer.stop()
        self.failed.emit(Problem.of(error))

    @Slot()
    def _measure_memory(self) -> None:
        """Once on each computer, when nothing of ours is running: expected speeds come from it."""
        if self._comparison.busy:
            self._quiet.start()
            return
        task = self._bench.measure_bandwidth_once()
        self._errands.run("measure memory once", task, self._on_measured, self._on_unmeasured, lane="bandwidth")

    def _on_measured(self, fresh: bool) -> None:
        if fresh:
            self.measured.emit()

    def _on_unmeasured(self, error: Exception) -> None:
        log.info("memory bandwidth was not measured: %s", error)
