"""‹ 2/3 ›: one of several things of a kind, and the way to the others."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QWidget

from workbench.gui.tr import tr
from workbench.gui.widgets.controls import IconButton, label


class Stepper(QWidget):
    """``stepped`` carries the id of the thing that is wished for; hidden where there is only one."""

    stepped = Signal(int)

    def __init__(self, before: str, after: str) -> None:
        super().__init__()
        self._ids: tuple[int, ...] = ()
        self._at = 0
        self.before = IconButton("chevron-left", before)
        self.after = IconButton("chevron-right", after)
        self.place = label(role="muted")
        self.before.clicked.connect(self._back)
        self.after.clicked.connect(self._on)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        for part in (self.before, self.place, self.after):
            row.addWidget(part)
        self.hide()

    @property
    def several(self) -> bool:
        return len(self._ids) > 1

    def draw(self, ids: Sequence[int], shown: int | None) -> None:
        """``shown`` is one of ``ids``, which are in their order."""
        self._ids = tuple(ids) if shown in ids else ()
        self._at = self._ids.index(shown) if shown is not None and self._ids else 0
        self.place.setText(tr("{number}/{count}", number=self._at + 1, count=len(self._ids)))
        self.before.setEnabled(self._at > 0)
        self.after.setEnabled(self._at + 1 < len(self._ids))
        self.setVisible(self.several)

    @Slot()
    def _back(self) -> None:
        if self._at > 0:
            self.stepped.emit(self._ids[self._at - 1])

    @Slot()
    def _on(self) -> None:
        if self._at + 1 < len(self._ids):
            self.stepped.emit(self._ids[self._at + 1])
