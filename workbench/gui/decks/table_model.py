"""Prompts times models: however many prompts there are, only what is seen is drawn."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt
from PySide6.QtGui import QColor

from workbench.gui import names, theme
from workbench.gui.decks.words import TONES, state_words
from workbench.gui.tr import tr

if TYPE_CHECKING:
    from workbench.chat.decks.rows import CellState, DeckTable

_NOWHERE = QModelIndex()
_Index = QModelIndex | QPersistentModelIndex


class DeckTableModel(QAbstractTableModel):
    """The first column is the prompt, then one for each model."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.table: DeckTable | None = None
        self._cells: dict[tuple[int, int], CellState] = {}
        self._rows: dict[int, int] = {}
        self._columns: dict[int, int] = {}

    def show_table(self, table: DeckTable | None) -> None:
        self.beginResetModel()
        self.table = table
        self._cells = dict(table.cells) if table is not None else {}
        self._rows = {row.turn_id: at for at, row in enumerate(table.rows)} if table is not None else {}
        self._columns = {one.slot: at for at, one in enumerate(table.columns, 1)} if table is not None else {}
        self.endResetModel()

    def take(self, cells: Iterable[tuple[int, int, CellState]]) -> None:
        for turn_id, slot, state in cells:
            if turn_id in self._rows and slot in self._columns:
                self._cells[(turn_id, slot)] = state
                place = self.index(self._rows[turn_id], self._columns[slot])
                self.dataChanged.emit(place, place)

    def turn_at(self, row: int) -> int | None:
        if self.table is None or not 0 <= row < len(self.table.rows):
            return None
        return self.table.rows[row].turn_id

    def rowCount(self, parent: _Index = _NOWHERE) -> int:
        return len(self.table.rows) if self.table is not None and not parent.isValid() else 0

    def columnCount(self, parent: _Index = _NOWHERE) -> int:
        return 1 + len(self.table.columns) if self.table is not None and not parent.isValid() else 0

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if self.table is None or role not in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
            return None
        if orientation == Qt.Orientation.Vertical:
            return str(section + 1) if role == Qt.ItemDataRole.DisplayRole else None
        if section == 0:
            return tr("Prompt")
        name = self.table.columns[section - 1].model
        called = names.current().file(name)
        return called if role == Qt.ItemDataRole.DisplayRole or called == name else f"{called}\n{name}"

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        from workbench.chat.decks.rows import CellState

        if self.table is None or not index.isValid():
            return None
        row = self.table.rows[index.row()]
        line = row.name or " ".join(row.beginning.split())
        if index.column() == 0:
            if role == Qt.ItemDataRole.DisplayRole:
                return line
            return row.beginning if role == Qt.ItemDataRole.ToolTipRole else None
        column = self.table.columns[index.column() - 1]
        state = self._cells.get((row.turn_id, column.slot), CellState.TO_DO)
        if role == Qt.ItemDataRole.DisplayRole:
            return state_words(state)
        if role == Qt.ItemDataRole.ForegroundRole:
            return QColor(theme.current().color(TONES[state]))
        if role == Qt.ItemDataRole.AccessibleTextRole:
            called = names.current().file(column.model)
            return tr("{model}, prompt {number}: {state}", model=called, number=index.row() + 1,
                      state=state_words(state))  # fmt: skip
        return None
