"""The LoRA adapters of a pane: files, each with its scale."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QDoubleSpinBox, QFileDialog, QHBoxLayout, QVBoxLayout, QWidget

from workbench.engine.base import Adapter
from workbench.gui.theme import Space
from workbench.gui.tr import later, tr
from workbench.gui.widgets.controls import ElidedLabel, IconButton, label, text_button

MOST_SCALE = 10.0
NONE_YET = later("None: the model as it is.")


class AdapterList(QWidget):
    def __init__(self, adapters: Sequence[Adapter], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.rows: list[_Row] = []
        self._none = label(tr(NONE_YET), role="muted")
        self.add_button = text_button(tr("Add a LoRA (GGUF)…"), kind="small")
        self.add_button.clicked.connect(self._browse)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(Space.XS)
        self._column.addWidget(self._none)
        self._column.addWidget(self.add_button, 0, Qt.AlignmentFlag.AlignLeft)
        for adapter in adapters:
            self.add(adapter)

    @property
    def adapters(self) -> tuple[Adapter, ...]:
        return tuple(row.adapter for row in self.rows)

    def add(self, adapter: Adapter) -> None:
        row = _Row(adapter)
        row.gone.clicked.connect(lambda: self._remove(row))
        self._column.insertWidget(self._column.count() - 1, row)
        self.rows.append(row)
        self._none.hide()

    @Slot()
    def _browse(self) -> None:
        name, _ = QFileDialog.getOpenFileName(
            self, tr("Add a LoRA adapter"), "", tr("GGUF adapters (*.gguf);;All files (*)")
        )
        if name:
            self.add(Adapter(Path(name)))

    def _remove(self, row: _Row) -> None:
        self.rows.remove(row)
        self._column.removeWidget(row)
        row.hide()
        row.deleteLater()
        self._none.setVisible(not self.rows)


class _Row(QWidget):
    def __init__(self, adapter: Adapter) -> None:
        super().__init__()
        self._path = adapter.path
        name = ElidedLabel(Qt.TextElideMode.ElideMiddle)
        name.setText(adapter.path.name)
        name.set_tip(str(adapter.path))
        self.scale = QDoubleSpinBox()
        self.scale.setRange(-MOST_SCALE, MOST_SCALE)
        self.scale.setSingleStep(0.1)
        self.scale.setValue(adapter.scale)
        self.scale.setPrefix("× ")
        self.scale.lineEdit().setTextMargins(Space.XS, 0, 0, 0)  # the style sheet's padding does not reach it
        self.scale.setAccessibleName(tr("Scale of {name}", name=adapter.path.name))
        self.scale.setToolTip(tr("1 is as it was trained, 0 is without it"))
        self.gone = IconButton("close", tr("Leave {name} out", name=adapter.path.name))
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(Space.S)
        row.addWidget(name, 1)
        row.addWidget(self.scale)
        row.addWidget(self.gone)

    @property
    def adapter(self) -> Adapter:
        return Adapter(self._path, self.scale.value())
